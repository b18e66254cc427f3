//go:build e2e

package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"spillway"
	"spillway/assert"
	"spillway/outage"
	"spillway/scenarios"
)

// catalogue returns the embedded catalogue. Each call parses it again, so that tests may change what they get.
func catalogue(t *testing.T) []scenarios.Scenario {
	t.Helper()
	c, err := scenarios.Parse("scenarios.yaml", spillway.Catalogue)
	if err != nil {
		t.Fatal(err)
	}
	return c.Scenarios
}

// scenario returns one scenario of the catalogue.
func scenario(t *testing.T, name string) scenarios.Scenario {
	t.Helper()
	for _, s := range catalogue(t) {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("no scenario %s in the catalogue", name)
	return scenarios.Scenario{}
}

// runLimit bounds a run. The longest scenario of the catalogue takes half a minute on two free cores.
const runLimit = 2 * time.Minute

// play runs a scenario on containers and judges it.
func play(t *testing.T, r Runner, s scenarios.Scenario) (outage.History, assert.Result) {
	t.Helper()
	r.Docker, r.Seed, r.Version = docker, 1, "test"
	return playOn(t, &r, s)
}

// playOn runs a scenario where r says, judges it, and judges its saved history again: the verdicts must be the same.
func playOn(t *testing.T, r *Runner, s scenarios.Scenario) (outage.History, assert.Result) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), runLimit)
	defer cancel()
	h, err := r.Run(ctx, s)
	result := assert.Check(s, h)
	if s.Responder == "none" {
		result = assert.Control(s, h)
	}
	t.Cleanup(func() {
		if t.Failed() {
			keep(t, h, result)
		}
	})
	if err != nil {
		t.Fatalf("the rig broke: %v", err)
	}
	judgedAgain(t, h, result)
	return h, result
}

// judgedAgain fails the test when a history that was written and read again is judged differently.
func judgedAgain(t *testing.T, h outage.History, want assert.Result) {
	t.Helper()
	var file bytes.Buffer
	if err := h.Write(&file); err != nil {
		t.Fatal(err)
	}
	read, err := outage.ReadHistory(&file)
	if err != nil {
		t.Fatal(err)
	}
	got, err := assert.Judge(read)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("the saved history is judged differently (-now +saved):\n%s", diff)
	}
}

// artifacts is the folder that histories of failed tests are kept in.
var artifacts string

// keep saves a history for whoever looks at the failure, and logs what was judged.
func keep(t *testing.T, h outage.History, r assert.Result) {
	var text strings.Builder
	for _, v := range r.Verdicts {
		fmt.Fprintf(&text, "\n%-14s %-12s want %s; got %s; %s", v.Check, v.Outcome, v.Want, v.Got, v.Hint)
	}
	for _, line := range slices.Concat(r.Notes, r.Ineffective, r.Output) {
		fmt.Fprintf(&text, "\n  %s", line)
	}
	path := filepath.Join(artifacts, "spillway-"+strings.ReplaceAll(t.Name(), "/", "-")+".jsonl")
	f, err := os.Create(path)
	if err != nil {
		t.Log(err)
		return
	}
	if err := errors.Join(h.Write(f), f.Close()); err != nil {
		t.Log(err)
	}
	t.Logf("%s: %s; history kept in %s%s", r.Scenario, r.Outcome, path, text.String())
}

// passes fails the test unless every check passed and nobody healthy was harmed.
func passes(t *testing.T, r assert.Result) {
	t.Helper()
	if r.Outcome != assert.Pass || r.Measures.Collateral != 0 {
		t.Errorf("%s: %s with a collateral of %d, want a pass with none", r.Scenario, r.Outcome, r.Measures.Collateral)
	}
}

// fails fails the test unless exactly these checks failed and all others passed.
func fails(t *testing.T, r assert.Result, checks ...string) {
	t.Helper()
	var got []string
	for _, v := range r.Verdicts {
		if v.Outcome != assert.Pass {
			got = append(got, v.Check+" "+v.Outcome.String())
		}
	}
	var want []string
	for _, c := range checks {
		want = append(want, c+" fail")
	}
	caught(t, r)
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" || r.Outcome != assert.Fail {
		t.Errorf("%s: %s; checks that did not pass (-want +got):\n%s", r.Scenario, r.Outcome, diff)
	}
}

// mustFail fails the test unless the run is red and these checks, at least, failed.
func mustFail(t *testing.T, r assert.Result, checks ...string) {
	t.Helper()
	caught(t, r)
	if r.Outcome != assert.Fail {
		t.Errorf("%s: %s, want a fail", r.Scenario, r.Outcome)
	}
	for _, check := range checks {
		if v := verdict(t, r, check); v.Outcome != assert.Fail {
			t.Errorf("%s: %s, want a fail; got %s", check, v.Outcome, v.Got)
		}
	}
}

// caught writes the line of `make sabotage`: which checks noticed.
func caught(t *testing.T, r assert.Result) {
	t.Helper()
	var by []string
	for _, v := range r.Verdicts {
		if v.Outcome != assert.Pass && v.Blocked == "" {
			by = append(by, v.Check)
		}
	}
	what := strings.TrimSuffix(strings.TrimPrefix(t.Name(), "Test"), "IsCaught")
	t.Logf("SABOTAGE | %s | %s | %s |", words(what), r.Outcome, strings.Join(by, ", "))
}

// words takes a test's name apart: "ARemedyThatDoesNothing" is "a remedy that does nothing".
func words(name string) string {
	var b strings.Builder
	for i, c := range name {
		if i > 0 && unicode.IsUpper(c) {
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}

// verdict returns the verdict of one check.
func verdict(t *testing.T, r assert.Result, check string) assert.Verdict {
	t.Helper()
	for _, v := range r.Verdicts {
		if v.Check == check {
			return v
		}
	}
	t.Fatalf("%s: %s was not judged", r.Scenario, check)
	return assert.Verdict{}
}

// smallLeak is connection-leak with half of the connections and without one of the healthy services. Like there it takes
// 4 s to fill: a leak that is faster has too few ages to be told from a crowd.
func smallLeak(t *testing.T) scenarios.Scenario {
	s := scenario(t, "connection-leak")
	s.Redis.MaxClients = 80 // web 6 + 1 fresh + 4 of the rig leave 69 slots, for 16/s
	s.Fleet[0].Rate = 8
	s.Fleet = slices.DeleteFunc(s.Fleet, func(f scenarios.Service) bool { return f.Service == "worker" })
	s.Fleet[1].Instances = 1
	s.Until.Refusals = 10
	s.Expect.Spare = []string{"web"}
	s.Expect.Cleared.Hold = outage.Duration(2 * time.Second)
	return s
}

// hopeless shortens the wait for a responder that will not help.
func hopeless(s scenarios.Scenario) scenarios.Scenario {
	s.Expect.Mitigate = outage.Duration(3 * time.Second)
	return s
}

// patient lets a runbook that ends by itself take as long as a busy machine needs to start its programs.
func patient(s scenarios.Scenario) scenarios.Scenario {
	s.Expect.Mitigate, s.Expect.Recover = outage.Duration(40*time.Second), outage.Duration(40*time.Second)
	return s
}
