package assert

import (
	"fmt"
	"slices"
	"strings"

	"spillway/outage"
)

func namesAlso(r *run) bool { return r.builtin() && len(r.s.Expect.Also) > 0 }

// alsoNamed judges the further causes of troubles that came together: each must be named, behind the first one. A second
// trouble may be hidden by the first, as hosts are that got no connection at all: then it may be named once the first is
// answered, and before it is called cleared.
func alsoNamed(r *run) Verdict {
	want := "also " + causeList(r.s.Expect.Also)
	d := r.judged()
	if d == nil {
		return missing(want, "no diagnosis to judge", "")
	}
	var got []string
	var lacks []outage.Cause
	for i, f := range d.Findings {
		if i > 0 {
			got = append(got, named(f))
		}
	}
	for _, c := range r.s.Expect.Also {
		i := slices.IndexFunc(d.Findings, naming(c))
		later := r.namedLater(c)
		if i < 0 && later != "" {
			got = append(got, later)
		}
		if i == 0 || i < 0 && later == "" {
			lacks = append(lacks, c)
		}
	}
	v := Verdict{Outcome: passIf(len(lacks) == 0), Want: want, Got: list(got)}
	if len(lacks) > 0 {
		v.Hint = fmt.Sprintf("not named behind the first finding, or once that was answered, with a confidence of %g or more: %s", certain, causeList(lacks))
	}
	return v
}

func naming(c outage.Cause) func(outage.Finding) bool {
	return func(f outage.Finding) bool { return f.Cause == c && f.Confidence >= certain }
}

// namedLater returns when a cause was first named after the first response and before the hold phase; empty for never.
func (r *run) namedLater(c outage.Cause) string {
	hold, held := r.phase(outage.Hold)
	for _, d := range r.diags {
		at := r.events[d.index].At
		if r.plan == nil || at < r.planAt || held && at > hold.from {
			continue
		}
		if i := slices.IndexFunc(d.Findings, naming(c)); i >= 0 {
			return fmt.Sprintf("%s at %s", named(d.Findings[i]), short(at))
		}
	}
	return ""
}

func causeList(causes []outage.Cause) string {
	words := make([]string, len(causes))
	for i, c := range causes {
		words[i] = string(c)
	}
	return strings.Join(words, ", ")
}

// blaming returns the findings of d that the expected culprits are held against: the first, and those that the scenario
// expects beside it. Where troubles come together, those that are about the server or the fleet as a whole blame nobody.
func (r *run) blaming(d *outage.Diagnosis) []outage.Finding {
	if len(r.s.Expect.Also) == 0 {
		return d.Findings[:min(1, len(d.Findings))]
	}
	var found []outage.Finding
	for i, f := range d.Findings {
		whole := f.Cause == outage.MaxclientsTooLow || f.Cause == outage.FDLimitClamp
		if (i == 0 || slices.Contains(r.s.Expect.Also, f.Cause)) && !whole {
			found = append(found, f)
		}
	}
	return found
}

// blamed returns the services that d blames, each once, sorted.
func (r *run) blamed(d *outage.Diagnosis) []string {
	var names []string
	for _, f := range r.blaming(d) {
		names = append(names, r.accused(f, d.At)...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
