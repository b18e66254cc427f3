//go:build e2e

package harness

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"spillway/assert"
	"spillway/outage"
	"spillway/scenarios"
)

func TestRunsInARowAgree(t *testing.T) {
	t.Parallel()
	var first map[string]string
	for i := range 3 {
		_, result := play(t, Runner{}, smallLeak(t))
		passes(t, result)
		got := outcomesOf(result)
		if i == 0 {
			first = got
		}
		if diff := cmp.Diff(first, got); diff != "" {
			t.Errorf("run %d and the first (-first +now):\n%s", i+1, diff)
		}
	}
}

func outcomesOf(r assert.Result) map[string]string {
	found := map[string]string{}
	for _, v := range r.Verdicts {
		found[v.Check] = v.Outcome.String()
	}
	return found
}

// Side by side with an outage a healthy fleet is as well as alone, and neither sees anything of the other.
func TestRunsSideBySideAreStrangers(t *testing.T) {
	t.Parallel()
	healthy := scenario(t, "healthy-busy")
	healthy.Until.Duration = outage.Duration(8 * time.Second) // the outage beside it comes and goes in that time
	runner := &Runner{Docker: docker, Seed: 1, Version: "test"}
	both := []scenarios.Scenario{smallLeak(t), healthy}
	histories := make([]outage.History, len(both))
	var running errgroup.Group
	for i, s := range both {
		running.Go(func() (err error) {
			histories[i], err = runner.Run(t.Context(), s)
			return err
		})
	}
	if err := running.Wait(); err != nil {
		t.Fatal(err)
	}
	for i, s := range both {
		result := assert.Check(s, histories[i])
		t.Cleanup(func() {
			if t.Failed() {
				keep(t, histories[i], result)
			}
		})
		passes(t, result)
		strangers(t, s.Name, histories[i])
	}
}

// strangers fails the test when Redis was seen to serve a host that is none of the run's own.
func strangers(t *testing.T, name string, h outage.History) {
	t.Helper()
	own := map[string]bool{}
	for _, e := range h.Events {
		if e.Instance != nil {
			own[e.Instance.Addr] = true
		}
	}
	guests := 0
	for _, e := range h.Events {
		if e.Snapshot == nil {
			continue
		}
		for _, c := range e.Snapshot.Census {
			if client := (outage.Client{Name: c.Name}); client.Ours() {
				continue
			}
			guests++
			if !own[c.Host] {
				t.Errorf("%s at %s: %s at %s is no instance of this run", name, e.At, c.Name, c.Host)
			}
		}
	}
	if guests == 0 {
		t.Errorf("%s: no snapshot counted a client", name)
	}
}
