package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"spillway/assert"
	"spillway/outage"
)

// poisoned is a result in which every text from outside is hostile.
func poisoned(t *rapid.T) assert.Result {
	bad := func(label string) string { return hostile(t, label) }
	at := outage.Duration(1e9)
	return assert.Result{
		Scenario: bad("scenario"), Description: bad("description"), File: bad("file"), Line: 3,
		Outcome: assert.Fail,
		Verdicts: []assert.Verdict{
			{Check: "cause", Outcome: assert.Fail, Want: bad("want"), Got: bad("got"), Hint: bad("hint")},
			{Check: "detect", Want: bad("want"), Got: bad("got"), Blocked: "premise"},
			{Check: "collateral", Outcome: assert.Pass, Want: "0", Got: bad("got")},
		},
		Measures: assert.Measures{
			Refused: 3, FirstRefusal: &at, Onset: &at, Diagnoses: 1, Cause: outage.Cause(bad("cause")), Culprits: []string{bad("culprit")},
			Refusals: []assert.Refusal{{Op: outage.OpConnect, Said: bad("said"), Saw: bad("saw"), N: 3}},
			Changed:  []string{bad("setting")}, Held: []assert.Held{{Service: bad("held"), OK: 1}},
		},
		Header: outage.Header{Responder: bad("responder"), Spillway: bad("version"), Target: outage.Target{
			Kind: "container", Image: bad("image"), Asked: bad("asked"), Digest: bad("digest"), Product: "redis", Version: bad("version"), Note: bad("note")}},
		Plan: &outage.Plan{
			Fix: bad("fix"), Rewrite: bad("rewrite"), ConfLines: []string{bad("conf")}, Warnings: []string{bad("warning")},
			Actions: []outage.Action{{Kind: outage.SetTimeout, State: outage.Done, Param: bad("param"), From: bad("from"), To: bad("to"), Result: bad("result"), Commands: []string{bad("command")}}},
		},
		Ineffective: []string{bad("line")}, Notes: []string{bad("note")}, Output: []string{bad("output")},
	}
}

// oneLiners fails when a text holds anything that a terminal acts on.
func oneLiners(t *rapid.T, text string) {
	for _, r := range text {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Fatalf("%U in %q", r, text)
		}
	}
}

func TestHostileNamesBreakNoOutput(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := poisoned(t)
		one, two := []assert.Result{r}, []assert.Result{r, r}
		out := func(f func(io.Writer) error) string {
			var b bytes.Buffer
			if err := f(&b); err != nil {
				t.Fatal(err)
			}
			return b.String()
		}
		oneLiners(t, out(func(w io.Writer) error { return Text(w, one, Options{}) }))
		oneLiners(t, out(func(w io.Writer) error { return Text(w, two, Options{}) }))
		oneLiners(t, out(func(w io.Writer) error {
			return Diagnosis(w, outage.Diagnosis{Findings: []outage.Finding{{
				Cause: outage.Cause(r.Scenario), Summary: r.Description, Commands: []string{r.File}, Evidence: []outage.Evidence{{Text: r.File, Command: r.Scenario}},
				Culprits: []outage.Culprit{{Service: r.Scenario, Name: r.File, Addr: r.Description}},
			}}, Unsure: []string{r.File}}, Options{})
		}))

		actions := out(func(w io.Writer) error { return GitHub(w, two) })
		oneLiners(t, actions)
		for line := range strings.Lines(actions) {
			if !strings.HasPrefix(line, "::error file=") || strings.Count(line[:strings.Index(line, ",title=")], ",") != 1 {
				t.Fatalf("a name escaped from its annotation: %q", line)
			}
		}
		if n := strings.Count(actions, "\n"); n != 2 {
			t.Fatalf("%d lines for 2 annotations", n)
		}

		summary := out(func(w io.Writer) error { return Markdown(w, two) })
		oneLiners(t, summary)
		bare := strings.NewReplacer(`\\`, "", `\]`, "").Replace(summary) // what stays unescaped
		for _, bad := range []string{"<script>", "](http"} {
			if strings.Contains(bare, bad) {
				t.Fatalf("%s in %q", bad, summary)
			}
		}

		junit := out(func(w io.Writer) error { return JUnit(w, two, map[string]string{r.File: r.Scenario}) })
		var back testSuites
		if err := xml.Unmarshal([]byte(junit), &back); err != nil {
			t.Fatalf("%v in %s", err, junit)
		}
		if len(back.Suites) != 2 || back.Suites[0].Name != Clean(r.Scenario, 0) || len(back.Suites[0].Cases) != 3 {
			t.Fatalf("read back as %+v", back)
		}
		if machine := out(func(w io.Writer) error { return JSON(w, two) }); !json.Valid([]byte(machine)) {
			t.Fatalf("no JSON: %s", machine)
		}
	})
}
