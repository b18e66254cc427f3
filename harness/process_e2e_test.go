//go:build e2e

package harness

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"spillway/outage"
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

// Processes of one machine share its loopback, so that no host can vanish: said before anything is started.
func TestProcessTargetCannotCutANetwork(t *testing.T) {
	t.Parallel()
	needServer(t)
	ctx, cancel := context.WithTimeout(t.Context(), runLimit)
	defer cancel()
	begin := time.Now()
	h, err := (&Runner{Seed: 1, Version: "test"}).Run(ctx, scenario(t, "half-open-peers"))
	if err == nil || !strings.Contains(err.Error(), "container") {
		t.Errorf("the error does not say that this needs the container target: %v", err)
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("said after %s", took)
	}
	if n := count(h, func(e outage.Event) bool { return e.Instance != nil }); n > 0 {
		t.Errorf("%d events of instances: it was said too late", n)
	}
}

func TestProcessRestartIsSurvived(t *testing.T) {
	t.Parallel()
	needServer(t)
	survivesRestart(t, Runner{Plan: restarting, Seed: 1, Version: "test"})
}
