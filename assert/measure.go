package assert

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"spillway/outage"
)

// certain is the confidence from which a finding counts as named: above it, it is likelier right than wrong.
const certain = 0.5

func (r *run) measure() {
	r.measureRefusals()
	r.measureServer()
	r.measureResponse()
	r.measureTimes()
	r.measureHarm()
	r.m.Changed = r.changed()
}

func (r *run) measureRefusals() {
	kinds := map[Refusal]int{}
	for at, a := range r.attempts(span{0, r.end()}) {
		if r.m.Onset == nil && a.Outcome == r.s.Expect.Suffer && r.loaded().has(at) {
			r.m.Onset = &at
		}
		if r.s.FailsBy(a.Outcome) && r.loaded().has(at) {
			if r.m.FirstFailure == nil {
				r.m.FirstFailure = &at
			}
			r.m.LastFailure = &at
			r.m.Failures += a.N()
		}
		if !refused(a) {
			continue
		}
		if r.m.FirstRefusal == nil {
			r.m.FirstRefusal = &at
		}
		r.m.LastRefusal = &at
		r.m.Refused += a.N()
		if a.Op != outage.OpRequest {
			r.m.RefusedConnections += a.N()
		}
		kinds[Refusal{Op: a.Op, Said: a.Said, Saw: a.Saw}] += a.N()
	}
	if first := r.first(); first != nil {
		r.m.Onset = first
	}
	for k, n := range kinds {
		k.N = n
		r.m.Refusals = append(r.m.Refusals, k)
	}
	slices.SortFunc(r.m.Refusals, func(a, b Refusal) int {
		return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Op, b.Op), cmp.Compare(a.Said, b.Said), cmp.Compare(a.Saw, b.Saw))
	})
}

// first returns when clients first met the outage that the scenario is about.
func (r *run) first() *outage.Duration {
	if r.failing() {
		return r.m.FirstFailure
	}
	return r.m.FirstRefusal
}

// last returns when clients last met it.
func (r *run) last() *outage.Duration {
	if r.failing() && r.m.LastFailure != nil && (r.m.LastRefusal == nil || *r.m.LastFailure > *r.m.LastRefusal) {
		return r.m.LastFailure
	}
	return r.m.LastRefusal
}

func (r *run) measureServer() {
	load := r.loaded().from
	for at, s := range r.snapshots(span{0, r.end()}) {
		r.m.Snapshots++
		slots, limit := s.Slots(), s.MaxClients()
		if slots > r.m.Peak {
			r.m.Peak, r.m.PeakLimit = slots, limit
		}
		r.m.FinalSlots = slots
		if limit > 0 {
			r.m.MaxClientsEnd = limit
			if at <= load || r.m.MaxClientsStart == 0 {
				r.m.MaxClientsStart = limit
			}
		}
	}
	r.m.RejectedByRedis = r.rejected()
}

// rejected adds up the growth of rejected_connections. Where it fell, a restart or CONFIG RESETSTAT set it to 0, and
// what it shows has grown since.
func (r *run) rejected() *int64 {
	var grown, last int64
	seen := 0
	for _, e := range r.events {
		if e.Snapshot == nil {
			continue
		}
		now, ok := e.Snapshot.Number("rejected_connections")
		if !ok {
			continue
		}
		switch {
		case seen > 0 && now >= last:
			grown += now - last
		case seen > 0:
			grown += now
		}
		last = now
		seen++
	}
	if seen < 2 {
		return nil
	}
	return &grown
}

func (r *run) measureResponse() {
	first := func(at outage.Duration) {
		if r.m.Responded == nil || at < *r.m.Responded {
			r.m.Responded = &at
		}
	}
	for _, e := range r.events {
		switch {
		case did(e):
			first(doneAt(e))
		case e.Command != nil && !looks(e.Command.Args):
			first(e.At)
			r.m.Killed += max(e.Command.Closed, 0)
		}
		if e.Action != nil && (e.Action.State == outage.Done || e.Action.State == outage.Errored) {
			r.m.Killed += len(e.Action.Killed)
		}
	}
	if d := r.judged(); d != nil {
		if top, ok := d.Top(); ok {
			r.m.Cause, r.m.Confidence, r.m.Culprits, r.m.Finding = top.Cause, top.Confidence, culprits(top), top.Summary
		}
	}
	r.m.Diagnoses = len(r.diags)
	if r.plan != nil {
		r.m.ReliefFor = r.plan.ReliefFor
	}
}

func (r *run) measureTimes() {
	m := &r.m
	m.Detected = r.detected()
	m.Mitigated = r.mitigated()
	if m.Onset == nil {
		return
	}
	since := func(at *outage.Duration) *outage.Duration {
		if at == nil {
			return nil
		}
		d := max(0, *at-*m.Onset)
		return &d
	}
	m.TTD, m.TTM = since(m.Detected), since(m.Mitigated)
	if m.Detected != nil && *m.Detected < *m.Onset {
		lead := *m.Onset - *m.Detected
		m.Lead = &lead
	}
	if tries, again, ok := r.relapse(); ok && tries > 0 && again == 0 {
		m.TTR = since(r.last())
	}
}

// changed lists the settings that differ between the last snapshot before the response and the last of all.
func (r *run) changed() []string {
	if r.m.Responded == nil {
		return nil
	}
	var before, after map[string]string
	for _, e := range r.events {
		if e.Snapshot == nil || len(e.Snapshot.Config) == 0 {
			continue
		}
		if before == nil || e.At < *r.m.Responded {
			before = e.Snapshot.Config
		}
		after = e.Snapshot.Config
	}
	var lines []string
	for _, key := range slices.Sorted(maps.Keys(after)) {
		if was, ok := before[key]; ok && was != after[key] {
			lines = append(lines, fmt.Sprintf("%s %s -> %s", key, was, after[key]))
		}
	}
	return lines
}
