package assert

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"spillway/outage"
	"spillway/scenarios"
)

// judgedCase is a history, and what distinguishes it from the first of its kind.
type judgedCase struct {
	name string
	h    outage.History
}

// TestJudged holds every word of the judgement of each story, as it was told and as it went a little differently, against what
// was judged before: a bound that moved shows here even where the verdict stays the same. After a change that is meant, look at
// the difference that `go test ./assert -run TestJudged -update` makes, and commit it.
func TestJudged(t *testing.T) {
	all := varied(t)
	for _, name := range append(names(all), "real") {
		t.Run(name, func(t *testing.T) { judgedBefore(t, name, differently(t, judgedCases(t, name, all[name]))) })
	}
	if files, _ := filepath.Glob("testdata/judged/*.txt"); len(files) != len(all)+1 {
		t.Errorf("%d stories, and %d are judged: remove those whose story is gone", len(all)+1, len(files))
	}
}

// judgedCases are a story as told, the attacks on it, and its variations.
func judgedCases(t *testing.T, name string, tell func() *story) []judgedCase {
	var cases []judgedCase
	if tell == nil {
		cases = append(cases, judgedCase{"as it was", base(t, name)})
	} else {
		cases = append(cases, judgedCase{"as told", tell().done(t)})
		told, err := Judge(cases[0].h)
		if err != nil {
			t.Fatal(err)
		}
		more := slices.Concat(variations[name], limits(told))
		if _, saved := stories()[name]; saved && !strings.HasPrefix(name, "bad-") {
			more = append(more, silenced(cases[0].h.Events)...)
		}
		for _, v := range more {
			s := tell()
			v.edit(s)
			cases = append(cases, judgedCase{v.name, s.done(t)})
		}
	}
	for _, a := range attacks() {
		if a.base == name {
			h := base(t, name)
			a.spoil(&h)
			cases = append(cases, judgedCase{a.name, h})
		}
	}
	return cases
}

// differently writes what is judged of the first history, and of the others what differs from it.
func differently(t *testing.T, cases []judgedCase) string {
	var b strings.Builder
	first := judgement(t, cases[0].h)
	for i, c := range cases {
		lines := judgement(t, c.h)
		fmt.Fprintf(&b, "== %s\n", c.name)
		for _, line := range lines {
			if i == 0 || !slices.Contains(first, line) {
				fmt.Fprintf(&b, "%s: %s\n", line.about, line.text)
			}
		}
		for _, line := range first {
			if !slices.ContainsFunc(lines, func(l remark) bool { return l.about == line.about }) {
				fmt.Fprintf(&b, "no %s\n", line.about)
			}
		}
	}
	return b.String()
}

// remark is one thing that is said of a run.
type remark struct{ about, text string }

// judgement is everything that is said of a run, a line each.
func judgement(t *testing.T, h outage.History) []remark {
	r, err := Judge(h)
	if err != nil {
		t.Fatal(err)
	}
	lines := []remark{{"outcome", fmt.Sprintf("%s of %s after %s", r.Outcome, r.Scenario, r.Took)}}
	add := func(about, format string, args ...any) {
		lines = append(lines, remark{about, fmt.Sprintf(format, args...)})
	}
	for _, v := range r.Verdicts {
		text := fmt.Sprintf("%s: want %s; got %s", v.Outcome, v.Want, v.Got)
		if v.Hint != "" {
			text += " (" + v.Hint + ")"
		}
		if v.Blocked != "" {
			text += ", blocked by " + v.Blocked
		}
		add("verdict on "+v.Check, "%s", text)
	}
	measures := map[string]json.RawMessage{}
	data, err := json.Marshal(r.Measures)
	if err == nil {
		err = json.Unmarshal(data, &measures)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range names(measures) {
		add(key, "%s", measures[key])
	}
	if r.Plan != nil {
		add("plan", "against %s, fix %q, relief for %s", r.Plan.Cause, r.Plan.Fix, r.Plan.ReliefFor)
		for i, a := range r.Plan.Actions {
			add(fmt.Sprint("action ", i+1), "%s %s at %s: %q; %s", a.Kind, a.State, a.At, a.Result, a.Reason)
		}
	}
	said := func(about string, list []string) {
		for i, text := range list {
			add(fmt.Sprint(about, " ", i+1), "%s", text)
		}
	}
	said("ineffective", r.Ineffective)
	said("note", r.Notes)
	said("output", r.Output)
	var s scenarios.Scenario
	if err := json.Unmarshal(h.Header.Definition, &s); err != nil {
		t.Fatal(err)
	}
	if d := Judged(s, h); d != nil {
		add("judged", "the diagnosis of %s with %s means %v", d.At, plural(len(d.Findings), "finding", "findings"), Blamed(s, h, d.Findings, d.At))
	}
	return lines
}

// judgedBefore holds what is judged of a story against the file of it, and shows the first cases that differ.
func judgedBefore(t *testing.T, name, now string) {
	t.Helper()
	path := filepath.Join("testdata", "judged", name+".txt")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(now), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v: run with -update, and look at what it says", err)
	}
	if string(before) == now {
		return
	}
	was, is := strings.Split(string(before), "== "), strings.Split(now, "== ")
	if len(was) != len(is) {
		t.Errorf("%d cases, and %s has %d: run with -update", len(is)-1, path, len(was)-1)
	}
	shown := 0
	for i := 0; i < min(len(was), len(is)) && shown < 3; i++ {
		if was[i] != is[i] {
			t.Errorf("judged differently; if that is meant, run with -update.\nbefore: %snow: %s", was[i], is[i])
			shown++
		}
	}
}
