package trials

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"spillway/scenarios"
)

// TestEveryDrawnScenarioIsValid draws what many campaigns would: Draw reads each back through the catalogue's validation.
func TestEveryDrawnScenarioIsValid(t *testing.T) {
	seen := map[string]int{}
	disguised := map[string]int{}
	for number := 1; number <= 2000; number++ {
		for _, healthy := range []bool{false, true} {
			trial, err := Draw(int64(number%7), number, healthy)
			if err != nil {
				t.Fatalf("%v\n%s", err, trial.YAML)
			}
			seen[trial.Kind]++
			disguised[trial.Disguise]++
			s := trial.Scenario
			limit := s.Redis.Effective()
			if n := len(s.Fleet); n < 2 && !healthy || n < 1 || n > 8 {
				t.Errorf("trial %s, %s: %d services", trial.ID(), trial.Kind, n)
			}
			if limit < 30 || limit > 2000 {
				t.Errorf("trial %s, %s: a limit of %d", trial.ID(), trial.Kind, limit)
			}
			if worst, bounded := s.MaxConnections(); healthy && (!bounded || worst > limit*19/20) {
				t.Errorf("trial %s, %s: %d of %d and nothing is to be wrong\n%s", trial.ID(), trial.Kind, worst, limit, trial.YAML)
			}
			if c := s.Expect.Cleared; c != nil && c.Below.Percent == 0 && c.Below.Count >= limit {
				t.Errorf("trial %s, %s: cleared below %s of %d proves nothing\n%s", trial.ID(), trial.Kind, c.Below, limit, trial.YAML)
			}
		}
	}
	for _, k := range Kinds() {
		if k.Off == "" && seen[k.Name] == 0 {
			t.Errorf("%s is never drawn", k.Name)
		}
	}
	t.Log(seen, disguised)
}

// TestDrawIsDeterministic draws twice, in another order.
func TestDrawIsDeterministic(t *testing.T) {
	first := map[int]Trial{}
	for number := 1; number <= 60; number++ {
		trial, err := Draw(7, number, number%3 == 0)
		if err != nil {
			t.Fatal(err)
		}
		first[number] = trial
	}
	for number := 60; number >= 1; number-- {
		again, err := Draw(7, number, number%3 == 0)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(first[number], again); diff != "" {
			t.Fatalf("trial %d: -first +again\n%s", number, diff)
		}
	}
	other, err := Draw(8, 1, false)
	if err != nil {
		t.Fatal(err)
	}
	if string(other.YAML) == string(first[1].YAML) {
		t.Error("another seed draws the same trial")
	}
}

// TestEachBlockHasEveryKind: no cause is measured on a handful only.
func TestEachBlockHasEveryKind(t *testing.T) {
	kinds := 0
	for _, k := range Kinds() {
		if k.Off == "" && !k.Healthy {
			kinds += max(1, k.Weight)
		}
	}
	seen := map[string]int{}
	for number := 1; number <= 3*kinds; number++ {
		seen[kindOf(5, number, false).Name]++
	}
	for _, k := range Kinds() {
		if want := 3 * max(1, k.Weight); k.Off == "" && !k.Healthy && seen[k.Name] != want {
			t.Errorf("%s: drawn %d times in three blocks, want %d", k.Name, seen[k.Name], want)
		}
	}
}

func TestCampaign(t *testing.T) {
	all, err := Campaign{N: 6, Healthy: 3, Seed: 2}.Draw()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 9 {
		t.Fatalf("%d trials, want 9", len(all))
	}
	leaks, err := Campaign{N: 3, Healthy: 3, Seed: 2, Only: []string{"connection-leak"}}.Draw()
	if err != nil {
		t.Fatal(err)
	}
	if len(leaks) != 3 {
		t.Fatalf("%d trials, want 3 leaks and no healthy one", len(leaks))
	}
	for _, leak := range leaks {
		again, err := Campaign{Seed: 2, Number: leak.ID()}.Draw()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]Trial{leak}, again); diff != "" {
			t.Errorf("-drawn +replayed\n%s", diff)
		}
	}
	if _, err := (Campaign{Number: "h0"}).Draw(); err == nil {
		t.Error("trial h0 was drawn")
	}
}

// TestKindsNameTheirCause: what is drawn expects what its kind says.
func TestKindsNameTheirCause(t *testing.T) {
	for number := 1; number <= 100; number++ {
		trial, err := Draw(3, number, false)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range Kinds() {
			if k.Name != trial.Kind {
				continue
			}
			if diff := cmp.Diff(Truth{Cause: k.Cause, Also: k.Also, Culprits: trial.Truth.Culprits}, trial.Truth); diff != "" {
				t.Errorf("%s: %s", k.Name, diff)
			}
			if k.Cause == scenarios.Nothing {
				t.Errorf("%s is an outage with nothing wrong", k.Name)
			}
		}
	}
}
