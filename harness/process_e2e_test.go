//go:build e2e

package harness

import (
	"context"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"spillway/assert"
	"spillway/outage"
	"spillway/rig"
)

// The tests named TestProcess… need a redis-server on PATH and no Docker: .ci/in-redis runs them where there is one.

func needServer(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Fatalf("%v: the process target needs one, as from apt-get install redis-server", err)
	}
}

func TestProcessTarget(t *testing.T) {
	t.Parallel()
	needServer(t)
	h, result := playOn(t, &Runner{Seed: 1, Version: "test"}, smallLeak(t))
	passes(t, result)
	if h.Header.Target.Kind != "process" || h.Header.Target.Version == "" {
		t.Errorf("the report does not say what ran: %+v", h.Header.Target)
	}
}

// The catalogue without what the container target is tested with. In a network of its own, since every host needs an address
// that is foreign to Redis and can be taken away.
func TestProcessCatalogue(t *testing.T) {
	t.Parallel()
	needServer(t)
	if !rig.OwnNetwork() {
		t.Fatal("it needs a network namespace of its own: .ci/in-redis has one")
	}
	for _, s := range catalogue(t) {
		switch {
		case slices.Contains(contained, s.Name):
			continue
		case s.Name == "incident-replay":
			s = smallIncident(t)
		}
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			_, result := playOn(t, &Runner{Seed: 1, Version: "test"}, s)
			passes(t, result)
		})
	}
}

// controlled are the scenarios whose control is run here: one of each way in which an outage could end by itself. `make
// control` runs those of the whole catalogue, on containers, which takes minutes.
var controlled = []string{"connection-leak", "idle-not-reaped", "half-open-peers", "reconnect-storm", "fd-exhausted", "cluster-slots"}

// Every outage that somebody must end lasts when nobody does, or else it proves nothing about who does.
func TestProcessControl(t *testing.T) {
	t.Parallel()
	needServer(t)
	for _, s := range catalogue(t) {
		if !assert.HasControl(s) {
			continue
		}
		if !s.Recovers() && !s.Expect.Cause.LookAlike() {
			t.Errorf("%s expects an outage and no recovery from it", s.Name)
		}
		if !slices.Contains(controlled, s.Name) {
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			_, result := playOn(t, &Runner{Seed: 1, Version: "test"}, unanswered(s))
			if result.Outcome != assert.Pass {
				t.Errorf("%s, want a pass: it stays broken", result.Outcome)
			}
		})
	}
}

// In a network of their own processes can vanish; elsewhere that is refused before anything is started.
func TestProcessTargetCutsANetwork(t *testing.T) {
	t.Parallel()
	needServer(t)
	r, s := &Runner{Seed: 1, Version: "test"}, scenario(t, "half-open-peers")
	if rig.OwnNetwork() {
		_, result := playOn(t, r, s)
		passes(t, result)
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), runLimit)
	defer cancel()
	h, err := r.Run(ctx, s)
	if err == nil || !strings.Contains(err.Error(), "container") {
		t.Errorf("the error does not say that this needs the container target: %v", err)
	}
	if n := count(h, func(e outage.Event) bool { return e.Instance != nil }); n > 0 {
		t.Errorf("%d events of instances: it was said too late", n)
	}
}

// A fleet inside the harness's process meets the same outage, also where hosts vanish.
func TestProcessHosted(t *testing.T) {
	t.Parallel()
	needServer(t)
	r := &Runner{Seed: 1, Version: "test", Hosted: true}
	h, result := playOn(t, r, smallLeak(t))
	passes(t, result)
	for _, e := range h.Events {
		if e.Phase != nil {
			t.Logf("%-8s %s", *e.Phase, e.At)
		}
	}
	if rig.OwnNetwork() {
		_, result := playOn(t, r, scenario(t, "half-open-peers"))
		passes(t, result)
	}
}

func TestProcessRestartIsSurvived(t *testing.T) {
	t.Parallel()
	needServer(t)
	survivesRestart(t, Runner{Plan: restarting, Seed: 1, Version: "test"})
}
