package assert

import (
	"fmt"
	"slices"
	"strings"

	"spillway/outage"
	"spillway/scenarios"
)

// enoughDiagnoses is how many must have kept silent before silence proves anything: a rate needs two snapshots, so the
// first diagnosis is half blind, and three leave two that saw growth or its absence.
const enoughDiagnoses = 3

func (r *run) findDiagnoses() {
	for i, e := range r.events {
		switch {
		case e.Diagnosis != nil:
			r.diags = append(r.diags, said{e.Diagnosis, i})
		case e.Plan != nil && r.plan == nil && len(e.Plan.Actions) > 0:
			r.plan, r.planAt = e.Plan, e.At
			if n := len(r.diags); n > 0 {
				r.acted = &r.diags[n-1]
			}
		}
	}
}

// judged returns the diagnosis that counts: the one acted on, or the last where nobody acted; nil where there is none.
// Beside another responder it is the one that the built-in would have acted on.
func (r *run) judged() *outage.Diagnosis {
	switch {
	case r.acted != nil || r.plan != nil && r.builtin():
		return r.acted.orNil()
	case len(r.diags) == 0:
		return nil
	case r.builtin():
		return r.diags[len(r.diags)-1].Diagnosis
	}
	return r.wouldAct().orNil()
}

// wouldAct returns the first diagnosis of the respond phase that names something, or else the last one that did before.
func (r *run) wouldAct() *said {
	respond, _ := r.phase(outage.Respond)
	found := &r.diags[len(r.diags)-1]
	for i, d := range r.diags {
		top, ok := d.Top()
		if !ok || top.Confidence < certain {
			continue
		}
		found = &r.diags[i]
		if r.events[d.index].At >= respond.from {
			break
		}
	}
	return found
}

func (s *said) orNil() *outage.Diagnosis {
	if s == nil {
		return nil
	}
	return s.Diagnosis
}

// detected returns when the expected cause was first named, counting from the start of the load.
func (r *run) detected() *outage.Duration {
	for _, d := range r.diags {
		at := r.events[d.index].At
		if top, ok := d.Top(); ok && top.Cause == r.s.Expect.Cause && top.Confidence >= certain && at >= r.loaded().from {
			return &at
		}
	}
	return nil
}

func cause(r *run) Verdict {
	if r.s.Expect.Cause == scenarios.Nothing {
		return silence(r)
	}
	want := string(r.s.Expect.Cause)
	d := r.judged()
	if d == nil {
		return missing(want, "no diagnosis to judge", "the history holds none before the plan; was the observer blind?")
	}
	top, ok := d.Top()
	if !ok {
		return lacking(Fail, want, "nothing", strings.Join(d.Unsure, "; "))
	}
	got := named(top)
	if top.Confidence < certain {
		return lacking(Fail, want, got, fmt.Sprintf("below a confidence of %g a cause is a guess, not a name", certain))
	}
	return Verdict{Outcome: passIf(top.Cause == r.s.Expect.Cause), Want: want, Got: got}
}

// silence judges a scenario in which nothing is wrong: no diagnosis of the run may have named anything.
func silence(r *run) Verdict {
	want := fmt.Sprintf("nothing named, in at least %d diagnoses", enoughDiagnoses)
	for _, d := range r.diags {
		for _, f := range d.Findings {
			if f.Confidence >= certain {
				return Verdict{Outcome: Fail, Want: want, Got: fmt.Sprintf("%s at %s", named(f), short(r.events[d.index].At))}
			}
		}
	}
	if len(r.diags) < enoughDiagnoses {
		return missing(want, fmt.Sprintf("nothing named, in %d", len(r.diags)), "silence of so few diagnoses proves nothing")
	}
	return Verdict{Outcome: Pass, Want: want, Got: fmt.Sprintf("nothing named, in %d", len(r.diags))}
}

func named(f outage.Finding) string { return fmt.Sprintf("%s (%.2f)", f.Cause, f.Confidence) }

func culpritsNamed(r *run) Verdict {
	want := list(slices.Sorted(slices.Values(r.s.Expect.Culprits)))
	d := r.judged()
	if d == nil {
		return missing(want, "no diagnosis to judge", "")
	}
	top, ok := d.Top()
	if !ok {
		return Verdict{Outcome: Fail, Want: want, Got: "nobody"}
	}
	got := list(r.accused(top, d.At))
	return Verdict{Outcome: passIf(got == want), Want: want, Got: got}
}

// culprits returns the names of a finding, each once, sorted.
func culprits(f outage.Finding) []string {
	var names []string
	for _, c := range f.Culprits {
		names = append(names, c.Service)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func detect(r *run) Verdict {
	want := fmt.Sprintf("%s named within %s", r.s.Expect.Cause, r.s.Expect.Detect)
	switch {
	case len(r.diags) == 0:
		return missing(want, "no diagnosis in the history", "")
	case r.m.Detected == nil:
		return Verdict{Outcome: Fail, Want: want, Got: fmt.Sprintf("never, in %s", plural(len(r.diags), "diagnosis", "diagnoses"))}
	case r.m.Onset == nil:
		return missing(want, "named at "+short(*r.m.Detected), "clients never suffered, so there is no moment to count from")
	case r.m.Lead != nil:
		return Verdict{Outcome: Pass, Want: want, Got: short(*r.m.Lead) + " before clients suffered"}
	}
	return within(*r.m.TTD, r.s.Expect.Detect, want)
}
