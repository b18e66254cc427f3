package assert

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spillway/outage"
)

var update = flag.Bool("update", false, "write the histories in testdata anew")

// want is what each saved history must come to. A check that is not named must pass.
var want = map[string]struct {
	outcome Outcome
	checks  string // the checks judged, in order
	fail    string
	open    string // inconclusive
}{
	"good-leak":   {Pass, outageChecks, "", ""},
	"good-busy":   {Pass, calmChecks, "", ""},
	"good-roll":   {Pass, "premise steady-before cause steady-during actions collateral peak refusals", "", ""},
	"good-pool":   {Pass, "premise steady-before cause detect steady-during actions collateral refusals suffer", "", ""},
	"good-clamp":  {Pass, "premise steady-before cause detect steady-during actions mitigate recover cleared spared collateral steady-after fixed", "", ""},
	"good-exec":   {Pass, execChecks, "", ""},
	"control-yes": {Pass, "premise control", "", ""},
	"control-no":  {Inconclusive, "premise control", "", "control"},

	"good-failing":    {Pass, failingChecks, "", ""},
	"control-failing": {Pass, "premise control", "", ""},
	"control-failed":  {Inconclusive, "premise control", "", "control"},
	"bad-failing":     {Inconclusive, failingChecks, "", "premise cause detect steady-during actions collateral suffer"},

	"bad-wrong-cause": {Fail, outageChecks, "cause culprits detect", ""},
	"bad-guess":       {Fail, outageChecks, "cause detect", ""},
	"bad-no-outage":   {Inconclusive, outageChecks, "", all("premise", but("steady-before"))},
	"bad-no-rejects":  {Inconclusive, outageChecks, "", all("premise", but("steady-before"))},
	"bad-blind":       {Inconclusive, outageChecks, "", all("premise", but("steady-before"))},
	"bad-no-diagnose": {Inconclusive, outageChecks, "", "cause culprits detect actions"},
	"bad-greedy":      {Fail, outageChecks, "collateral", ""},
	"bad-wild":        {Fail, execChecks, "spared collateral", ""},
	"bad-idle-remedy": {Fail, outageChecks, "actions mitigate recover cleared steady-after fixed", "spared collateral"},
	"bad-relapse":     {Fail, outageChecks, "recover cleared fixed", ""},
	"bad-published":   {Fail, execChecks, "mitigate recover cleared steady-after fixed", ""},
	"bad-broken-rig":  {Inconclusive, "rig " + outageChecks, "", "rig " + outageChecks},
	"bad-truncated":   {Inconclusive, "rig " + outageChecks, "", "rig " + outageChecks},
	"bad-alarm":       {Fail, calmChecks, "cause", ""},
	"bad-few":         {Inconclusive, calmChecks, "", "cause"},
	"bad-roll":        {Fail, "premise steady-before cause steady-during actions collateral peak refusals", "peak refusals", ""},
	"bad-untold":      {Inconclusive, calmChecks, "", "actions collateral"},
	"bad-fix":         {Fail, outageChecks, "fixed", ""},
	"bad-fix-silent":  {Inconclusive, outageChecks, "", "fixed"},
	"bad-held":        {Fail, outageChecks, "steady-during", ""},
	"bad-no-watch":    {Inconclusive, outageChecks, "", "steady-before steady-during mitigate recover cleared spared collateral steady-after"},
}

const (
	outageChecks = "premise steady-before cause culprits detect steady-during actions mitigate recover cleared spared collateral steady-after fixed"
	execChecks   = "premise steady-before steady-during mitigate recover cleared spared collateral steady-after fixed"
	// A look-alike that only advice can end: nothing must be over at the end.
	failingChecks = "premise steady-before cause detect steady-during actions collateral suffer"
	calmChecks    = "premise steady-before cause steady-during actions collateral refusals"
)

// all is every check of an outage but some.
func all(first string, but []string) string {
	return strings.Join(slices.DeleteFunc(strings.Fields(outageChecks), func(c string) bool { return c != first && slices.Contains(but, c) }), " ")
}

func but(names ...string) []string { return names }

func TestSavedHistories(t *testing.T) {
	for name, make := range stories() {
		t.Run(name, func(t *testing.T) {
			expect, ok := want[name]
			if !ok {
				t.Fatal("nothing says what it must come to")
			}
			result, err := Judge(saved(t, name, make().done(t)))
			if err != nil {
				t.Fatal(err)
			}
			if result.Outcome != expect.outcome {
				t.Errorf("outcome: got %s, want %s", result.Outcome, expect.outcome)
			}
			var checks []string
			got := map[Outcome][]string{}
			for _, v := range result.Verdicts {
				checks = append(checks, v.Check)
				got[v.Outcome] = append(got[v.Outcome], v.Check)
				if v.Want == "" || v.Got == "" {
					t.Errorf("%s says nothing: %+v", v.Check, v)
				}
			}
			for what, pair := range map[string][2]string{
				"checks": {expect.checks, strings.Join(checks, " ")}, "fail": {expect.fail, strings.Join(got[Fail], " ")},
				"inconclusive": {expect.open, strings.Join(got[Inconclusive], " ")},
			} {
				if diff := cmp.Diff(pair[0], pair[1]); diff != "" {
					t.Errorf("%s: -want +got\n%s\n%+v", what, diff, result.Verdicts)
				}
			}
		})
	}
	if len(want) != len(stories()) {
		t.Errorf("%d histories, %d expectations", len(stories()), len(want))
	}
}

// saved reads a history from testdata, and holds it against the story that it was made of.
func saved(t *testing.T, name string, told outage.History) outage.History {
	t.Helper()
	path := filepath.Join("testdata", name+".jsonl")
	var b bytes.Buffer
	if err := told.Write(&b); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	onDisk, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(onDisk), b.String()); diff != "" {
		t.Errorf("the story has changed; look at the difference, then run with -update\n%s", diff)
	}
	h, err := outage.ReadHistory(bytes.NewReader(onDisk))
	if err != nil {
		t.Fatal(err)
	}
	return h
}
