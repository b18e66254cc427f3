package assert

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"time"

	"spillway/outage"
	"spillway/scenarios"
)

// run is a history made ready for questions: its events in order, up to the end, with its phases found.
type run struct {
	s      scenarios.Scenario
	header outage.Header
	all    []outage.Event // in order
	events []outage.Event // all, up to the end phase
	phases map[outage.Phase]span
	homes  homes
	breaks []span // when a planned restart interrupts everybody
	diags  []said // the diagnoses
	acted  *said  // the diagnosis that the first plan follows
	plan   *outage.Plan
	planAt outage.Duration
	m      Measures
}

// said is a diagnosis and its place among the events.
type said struct {
	*outage.Diagnosis
	index int
}

// span is a stretch of the run, both ends included.
type span struct{ from, to outage.Duration }

func (p span) has(at outage.Duration) bool { return p.from <= at && at <= p.to }
func (p span) length() outage.Duration     { return p.to - p.from }

func newRun(s scenarios.Scenario, h outage.History) *run {
	r := &run{s: s, header: h.Header, all: slices.Clone(h.Events)}
	slices.SortStableFunc(r.all, func(a, b outage.Event) int { return cmp.Compare(a.At, b.At) })
	r.events = r.all
	if i := slices.IndexFunc(r.all, isEnd); i >= 0 {
		r.events = r.all[:i+1]
	}
	r.phases = phases(r.events)
	r.homes = addresses(r.events)
	r.findDiagnoses()
	r.breaks = restarts(r.events)
	r.measure()
	return r
}

func isEnd(e outage.Event) bool { return e.Phase != nil && *e.Phase == outage.End }

func phases(events []outage.Event) map[outage.Phase]span {
	found := map[outage.Phase]span{}
	var current outage.Phase
	for _, e := range events {
		if e.Phase == nil {
			continue
		}
		if current != "" {
			found[current] = span{found[current].from, e.At}
		}
		current = *e.Phase
		if _, again := found[current]; !again {
			found[current] = span{e.At, e.At}
		}
	}
	if current != "" && current != outage.End {
		found[current] = span{found[current].from, events[len(events)-1].At}
	}
	return found
}

// unsound says why nothing can be concluded from the run; empty when something can.
func (r *run) unsound() string {
	for _, e := range r.all {
		if e.Note != nil && e.Note.Broken {
			return "the rig broke: " + e.Note.Text
		}
	}
	if len(r.events) == 0 {
		return "the history is empty"
	}
	if last := r.events[len(r.events)-1]; !isEnd(last) {
		return fmt.Sprintf("the history stops at %s, before the end phase", short(last.At))
	}
	return r.jumped()
}

// builtin reports whether the responder was Spillway's own.
func (r *run) builtin() bool {
	return r.header.Responder == "" || r.header.Responder == scenarios.DefaultResponder
}

// calm reports whether the scenario expects no outage, neither this one nor a look-alike.
func (r *run) calm() bool { return refusalsWanted(r.s) == 0 && !r.failing() }

// failing reports whether the scenario is about a look-alike: clients must fail in another way than refused.
func (r *run) failing() bool { return r.s.Until.Failures > 0 }

// hurt reports whether an attempt met the outage that the scenario is about.
func (r *run) hurt(a *outage.Attempt) bool { return refused(a) || r.s.FailsBy(a.Outcome) }

func refusalsWanted(s scenarios.Scenario) int {
	if s.Until.Refusals == 0 && s.Expect.Refusals != nil && *s.Expect.Refusals {
		return 1
	}
	return s.Until.Refusals
}

func (r *run) phase(p outage.Phase) (span, bool) {
	found, ok := r.phases[p]
	return found, ok
}

// end returns the time of the last event.
func (r *run) end() outage.Duration {
	if len(r.events) == 0 {
		return 0
	}
	return r.events[len(r.events)-1].At
}

// loaded returns the run from the start of the load on, or all of it where that start is not known.
func (r *run) loaded() span {
	load, _ := r.phase(outage.Load)
	return span{load.from, r.end()}
}

// attempts yields the attempts of a stretch.
func (r *run) attempts(within span) iter.Seq2[outage.Duration, *outage.Attempt] {
	return func(yield func(outage.Duration, *outage.Attempt) bool) {
		for _, e := range r.events {
			if e.Attempt != nil && within.has(e.At) && !yield(e.At, e.Attempt) {
				return
			}
		}
	}
}

// snapshots yields the snapshots of a stretch that could count the connections.
func (r *run) snapshots(within span) iter.Seq2[outage.Duration, *outage.Snapshot] {
	return func(yield func(outage.Duration, *outage.Snapshot) bool) {
		for _, e := range r.events {
			if e.Snapshot == nil || !within.has(e.At) {
				continue
			}
			if _, ok := e.Snapshot.Number("connected_clients"); ok && !yield(e.At, e.Snapshot) {
				return
			}
		}
	}
}

// count adds up the attempts of a stretch that match.
func (r *run) count(within span, match func(*outage.Attempt) bool) int {
	n := 0
	for _, a := range r.attempts(within) {
		if match(a) {
			n += a.N()
		}
	}
	return n
}

func refused(a *outage.Attempt) bool { return a.Outcome == outage.Refused }

// doneAt is when an action was finished.
func doneAt(e outage.Event) outage.Duration { return cmp.Or(e.Action.At, e.At) }

// did reports whether e is an action that changed something.
func did(e outage.Event) bool {
	return e.Action != nil && e.Action.State == outage.Done && e.Action.Kind != outage.Advise
}

// short writes a duration for people, to a hundredth of a second.
func short(d outage.Duration) string {
	return outage.Duration(d.Std().Round(10 * time.Millisecond)).String()
}
