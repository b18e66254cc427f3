package remedy_test

import (
	"bytes"
	"strings"
	"testing"

	"spillway/outage"
	"spillway/remedy"
)

// Edges that mutation testing found open: each of these once stayed green with a comparison turned round.

func TestNoFileLimitOfZero(t *testing.T) {
	for _, to := range []string{"0", "-1", "many"} {
		h := &host{}
		actions := apply(t, remedy.Applier{Redis: newFake(), Host: h}, planOf(sets(outage.RaiseNofile, "nofile", to)))
		if actions[0].State == outage.Done || len(h.did) > 0 {
			t.Errorf("nofile %s: %q, and the host did %q", to, outcomes(actions), h.did)
		}
	}
}

// The journal leaves out the thousands of commands that close connections, and keeps the few that set something.
func TestJournalKeepsCommands(t *testing.T) {
	p := kills(many(2)...)
	p.Actions[0].Commands = []string{"CLIENT KILL ID 100"}
	timeout := setTimeout
	timeout.Commands = []string{"CONFIG SET timeout 300"}
	p.Actions = append(p.Actions, timeout)
	var journal bytes.Buffer
	apply(t, remedy.Applier{Redis: newFake(many(2)...), Journal: &journal}, p)
	if got := journal.String(); strings.Contains(got, "CLIENT KILL ID") || !strings.Contains(got, "CONFIG SET timeout 300") {
		t.Errorf("the journal:\n%s", got)
	}
}

// A cushion that the user bounds at the limit in force, or below it, is none.
func TestNoRaiseToTheSame(t *testing.T) {
	d, s := leak()
	hard(&s, 10_000)
	for most, wanted := range map[int]bool{99: false, 100: false, 101: true} {
		raised := false
		for _, a := range remedy.Plan(d, s, remedy.Options{MaxClients: most}).Actions {
			raised = raised || a.Kind == outage.RaiseMaxclients
		}
		if raised != wanted {
			t.Errorf("at most %d of 100: raised %v, want %v", most, raised, wanted)
		}
	}
}
