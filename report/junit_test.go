package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spillway/assert"
	"spillway/outage"
)

func readJUnit(t *testing.T, list []assert.Result) testSuites {
	t.Helper()
	var back testSuites
	if err := xml.Unmarshal(write(t, func(b *bytes.Buffer) error { return JUnit(b, list, nil) }), &back); err != nil {
		t.Fatal(err)
	}
	return back
}

// Only what passed may look passed: each other case has a failure, an error or a skip.
func TestJUnitReadBack(t *testing.T) {
	list := catalogue(t)
	back := readJUnit(t, list)
	if len(back.Suites) != len(list) {
		t.Fatalf("%d suites, want %d", len(back.Suites), len(list))
	}
	var all counts
	for i, s := range back.Suites {
		var got counts
		for j, c := range s.Cases {
			got.count(c)
			plain := c.Failure == nil && c.Error == nil && c.Skipped == nil
			if i < len(list)-1 && plain != (list[i].Verdicts[j].Outcome == assert.Pass) {
				t.Errorf("%s: %+v for %+v", c.Name, c, list[i].Verdicts[j])
			}
		}
		got.Time = s.Time
		if got != s.counts {
			t.Errorf("%s counts %+v, holds %+v", s.Name, s.counts, got)
		}
		all.add(got)
	}
	all.Time = back.Time
	if all != back.counts || all.Failures == 0 || all.Errors == 0 || all.Skipped != 1 {
		t.Errorf("the root counts %+v, its suites %+v", back.counts, all)
	}
	first := back.Suites[0].Cases[0]
	want := testCase{Class: "scenarios", Name: "connection-leak/premise", File: "scenarios.yaml", Line: 12, Time: "0.000"}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if back.Suites[0].Time != "14.000" {
		t.Errorf("time %s, want seconds", back.Suites[0].Time)
	}
}

// Nothing checked is an error, never an empty green report.
func TestJUnitOfNothing(t *testing.T) {
	for name, list := range map[string][]assert.Result{"no result": nil, "no verdict": {{Scenario: "x"}}} {
		back := readJUnit(t, list)
		if len(back.Suites) != 1 || back.Errors != 1 || back.Tests != 1 {
			t.Errorf("%s: %+v", name, back)
		}
	}
}

func TestGitHubSendsAtMostTen(t *testing.T) {
	for _, c := range []struct{ bad, lines int }{{1, 1}, {10, 10}, {11, 10}, {40, 10}} {
		var list []assert.Result
		for i := range c.bad {
			list = append(list, assert.Result{Scenario: fmt.Sprint("open-", i)})
		}
		list[c.bad-1].Outcome, list[c.bad-1].Scenario = assert.Fail, "worst"
		lines := strings.Split(strings.TrimSuffix(string(write(t, func(b *bytes.Buffer) error { return GitHub(b, list) })), "\n"), "\n")
		if len(lines) != c.lines || !strings.Contains(lines[0], "worst") {
			t.Errorf("%d bad: %d lines, the first %s", c.bad, len(lines), lines[0])
		}
		if c.bad > 10 && !strings.Contains(lines[9], fmt.Sprintf("::%d more", c.bad-9)) {
			t.Errorf("%d bad: last line %s", c.bad, lines[9])
		}
	}
	passed := []assert.Result{{Outcome: assert.Pass}}
	if got := write(t, func(b *bytes.Buffer) error { return GitHub(b, passed) }); len(got) > 0 {
		t.Errorf("a pass is annotated: %s", got)
	}
	if got := write(t, func(b *bytes.Buffer) error { return GitHub(b, nil) }); !bytes.HasPrefix(got, []byte("::error ")) {
		t.Errorf("a run of nothing is silent: %q", got)
	}
}

func TestMarkdownStaysBelowTheLimit(t *testing.T) {
	long := assert.Result{Scenario: "long", Outcome: assert.Fail}
	for range 20 {
		long.Verdicts = append(long.Verdicts, assert.Verdict{Check: "cause", Outcome: assert.Fail, Want: strings.Repeat("w", 300), Got: strings.Repeat("g", 300), Hint: strings.Repeat("h", 600)})
	}
	list := make([]assert.Result, 200)
	for i := range list {
		list[i] = long
	}
	got := write(t, func(b *bytes.Buffer) error { return Markdown(b, list) })
	if len(got) > 1<<20 || !bytes.Contains(got, []byte("more scenarios are not told here")) {
		t.Errorf("%d bytes", len(got))
	}
}

// Scripts may rely on lists being there: an empty one when nothing is wrong.
func TestDiagnosisJSONHasLists(t *testing.T) {
	for _, d := range []outage.Diagnosis{{}, {Findings: []outage.Finding{{Cause: outage.NotAtLimit}}}} {
		text := string(write(t, func(b *bytes.Buffer) error { return DiagnosisJSON(b, d) }))
		if strings.Contains(text, "null") {
			t.Errorf("null in %s", text)
		}
		var back outage.Diagnosis
		if err := json.Unmarshal([]byte(text), &back); err != nil || len(back.Findings) != len(d.Findings) {
			t.Errorf("%v in %s", err, text)
		}
	}
}

func TestOutcomeLeavesOutWhatWasNotRun(t *testing.T) {
	if got := Outcome([]assert.Result{{Outcome: assert.Pass}, {Skipped: "not selected"}}); got != assert.Pass {
		t.Errorf("got %s", got)
	}
	if got := Outcome([]assert.Result{{Skipped: "not selected"}}); got != assert.Inconclusive {
		t.Errorf("nothing run is %s", got)
	}
}
