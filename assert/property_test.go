package assert

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"spillway/outage"
)

// What is missing from a history must never make it greener. A single refusal that is lost cannot be noticed, but a
// witness that fell silent, or an end that was never written, is.

// outcomes maps the checks of a result.
func outcomes(r Result) map[string]Outcome {
	found := map[string]Outcome{}
	for _, v := range r.Verdicts {
		found[v.Check] = v.Outcome
	}
	return found
}

// noGreener fails when a check passes that did not before, or was not made before.
func noGreener(t *rapid.T, before, after Result) {
	was := outcomes(before)
	for check, now := range outcomes(after) {
		if now == Pass && was[check] != Pass {
			t.Fatalf("%s was %s and passes with less to go by", check, was[check])
		}
	}
	if after.Outcome == Pass && before.Outcome != Pass {
		t.Fatalf("the run was %s and passes with less to go by", before.Outcome)
	}
}

// outages are the saved histories in which something was expected of a responder.
func outages(t *testing.T) map[string]outage.History {
	list := map[string]outage.History{}
	for name, make := range stories() {
		if s := make(); HasControl(s.s) {
			list[name] = s.done(t)
		}
	}
	return list
}

// kinds of event that a witness gives.
var kinds = map[string]func(outage.Event) bool{
	"attempts":  func(e outage.Event) bool { return e.Attempt != nil },
	"canaries":  isCanary,
	"fresh":     func(e outage.Event) bool { return e.Attempt != nil && e.Attempt.Op == outage.OpFresh },
	"snapshots": hasSnapshot,
	"diagnoses": hasDiagnosis,
	"actions":   func(e outage.Event) bool { return e.Action != nil },
	"plans":     func(e outage.Event) bool { return e.Plan != nil },
	"commands":  func(e outage.Event) bool { return e.Command != nil },
	"phases":    func(e outage.Event) bool { return e.Phase != nil },
	"hold":      func(e outage.Event) bool { return e.Phase != nil && *e.Phase == outage.Hold },
}

func names[V any](m map[string]V) []string {
	var list []string
	for name := range m {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

func judged(t *rapid.T, h outage.History) Result {
	r, err := Judge(h)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestASilentWitnessMakesNothingGreener(t *testing.T) {
	histories := outages(t)
	rapid.Check(t, func(t *rapid.T) {
		h := histories[rapid.SampledFrom(names(histories)).Draw(t, "history")]
		before := judged(t, h)
		h.Events = slices.Clone(h.Events)
		for _, kind := range rapid.SliceOfNDistinct(rapid.SampledFrom(names(kinds)), 1, 4, rapid.ID[string]).Draw(t, "silent") {
			h.Events = slices.DeleteFunc(h.Events, kinds[kind])
		}
		noGreener(t, before, judged(t, h))
	})
}

func TestACutHistoryIsNeverGreen(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		name := rapid.SampledFrom(names(stories())).Draw(rt, "history")
		h := history(t, name)
		h.Events = h.Events[:rapid.IntRange(0, len(h.Events)-1).Draw(rt, "kept")]
		if end := slices.IndexFunc(h.Events, isEnd); end >= 0 {
			return
		}
		for check, o := range outcomes(judged(rt, h)) {
			if o != Inconclusive {
				rt.Fatalf("%s is %s in a history without an end", check, o)
			}
		}
	})
}

// Fewer refusals or failures, down to none, never prove more: the premise holds or what depends on it is open.
func TestFewerRefusalsProveNothing(t *testing.T) {
	histories := outages(t)
	rapid.Check(t, func(t *rapid.T) {
		h := histories[rapid.SampledFrom(names(histories)).Draw(t, "history")]
		keep := rapid.IntRange(0, 3).Draw(t, "kept")
		h.Events = slices.DeleteFunc(slices.Clone(h.Events), func(e outage.Event) bool {
			if e.Attempt == nil || e.Attempt.Outcome != outage.Refused && e.Attempt.Outcome != outage.TimedOut {
				return false
			}
			keep--
			return keep < 0
		})
		r := judged(t, h)
		for _, v := range r.Verdicts {
			if v.Outcome == Pass && v.Check != "steady-before" {
				t.Fatalf("%s passes although there was no outage", v.Check)
			}
		}
	})
}
