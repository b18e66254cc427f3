//go:build e2e

package harness

import (
	"slices"
	"testing"
	"time"

	"spillway/outage"
	"spillway/remedy"
)

// restarting plans as if nobody could raise the limit of a running server.
func restarting(d outage.Diagnosis, s outage.Snapshot, o remedy.Options) outage.Plan {
	o.CanRaiseNofile = false
	return remedy.Plan(d, s, o)
}

// The server is replaced in the middle of the run, and observer, responder and fleet find the new one.
func TestARestartIsSurvived(t *testing.T) {
	t.Parallel()
	survivesRestart(t, Runner{Docker: docker, Plan: restarting, Seed: 1, Version: "test"})
}

func survivesRestart(t *testing.T, target Runner) {
	h, result := playOn(t, &target, scenario(t, "fd-limit-clamp"))
	passes(t, result)
	if !slices.ContainsFunc(h.Events, func(e outage.Event) bool {
		return e.Action != nil && e.Action.Kind == outage.RestartRedis && e.Action.State == outage.Done
	}) {
		t.Error("nothing was restarted")
	}
}

// Redis reaps whoever is idle for longer than its timeout, and the responder is, until it is needed.
func TestATimeoutDoesNotReapTheResponder(t *testing.T) {
	t.Parallel()
	s := scenario(t, "maxclients-too-low")
	s.Redis.Timeout = outage.Duration(2 * time.Second)
	_, result := play(t, Runner{}, s)
	passes(t, result)
}
