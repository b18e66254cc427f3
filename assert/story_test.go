package assert

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"testing"
	"time"

	"spillway/outage"
	"spillway/scenarios"
)

// story builds a history by telling what happened. Times are seconds.
type story struct {
	s scenarios.Scenario
	h outage.History
}

func at(seconds float64) outage.Duration {
	return outage.Duration(time.Duration(seconds * float64(time.Second)).Round(time.Millisecond))
}

func tell(s scenarios.Scenario, responder string) *story {
	s.File, s.Line = "scenarios.yaml", 12
	return &story{s: s, h: outage.History{Header: outage.Header{
		Version: 1, Scenario: s.Name, Seed: 7, Started: time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC), Spillway: "test", Responder: responder,
		Target: outage.Target{Kind: "container", Image: "redis:8", Asked: "redis:8", Digest: "sha256:0123456789abcdef", Product: "redis", Version: "7.0.15"},
	}}}
}

func (s *story) add(t float64, actor string, e outage.Event) *story {
	e.At, e.Actor = at(t), actor
	s.h.Events = append(s.h.Events, e)
	return s
}

func (s *story) phase(t float64, p outage.Phase) *story {
	return s.add(t, "rig", outage.Event{Phase: &p})
}

func (s *story) instance(t float64, service, name, addr string, state outage.InstanceState) *story {
	return s.add(t, name, outage.Event{Instance: &outage.Instance{Service: service, Name: name, Addr: addr, Workload: "pooled", State: state}})
}

// attempt tells n like attempts; said and saw may be empty.
func (s *story) attempt(t float64, service string, op outage.Op, o outage.Outcome, n int, said, saw string) *story {
	return s.add(t, service+"-1", outage.Event{Attempt: &outage.Attempt{Service: service, Instance: service + "-1", Op: op, Outcome: o, Said: said, Saw: saw, Count: n, Latency: at(.001)}})
}

const reached = "-ERR max number of clients reached"

// refuse tells refused connections and requests, each tenth of a second of a stretch.
func (s *story) refuse(from, to float64, service string, n int) *story {
	for i := range int(math.Round((to - from) * 10)) {
		t := from + float64(i)/10
		s.attempt(t, service, outage.OpConnect, outage.Refused, n, reached, "")
		s.attempt(t, service, outage.OpRequest, outage.Refused, 1, reached, "write: broken pipe")
	}
	return s
}

// canaries tells the canaries of a service, twice a second; refused is when fresh ones were.
func (s *story) canaries(service string, from, to float64, refused span) *story {
	for t := from; t < to; t += .5 {
		s.attempt(t, service, outage.OpHeld, outage.OK, 1, "", "")
		if refused.has(at(t)) && refused.to > 0 {
			s.attempt(t, service, outage.OpFresh, outage.Refused, 1, reached, "EOF")
		} else {
			s.attempt(t, service, outage.OpFresh, outage.OK, 1, "", "")
		}
	}
	return s
}

func (s *story) snapshot(t float64, slots, limit, rejected int, census ...outage.Census) *story {
	return s.add(t, "observer", outage.Event{Snapshot: &outage.Snapshot{
		At:     at(t),
		Info:   map[string]string{"connected_clients": strconv.Itoa(slots), "rejected_connections": strconv.Itoa(rejected)},
		Config: map[string]string{"maxclients": strconv.Itoa(limit), "timeout": "0"}, Census: census,
	}})
}

// diagnose tells a diagnosis of one finding; none without a cause.
func (s *story) diagnose(t float64, c outage.Cause, confidence float64, services ...string) *story {
	d := outage.Diagnosis{At: at(t)}
	if c != "" {
		f := outage.Finding{Cause: c, Confidence: confidence, Summary: "as it was told"}
		for _, name := range services {
			f.Culprits = append(f.Culprits, outage.Culprit{Service: name, Name: name + "-1"})
		}
		d.Findings = []outage.Finding{f}
	}
	return s.add(t, "spillway", outage.Event{Diagnosis: &d})
}

func (s *story) act(t float64, a outage.Action) *story {
	if a.State == outage.Planned {
		a.State = outage.Done
	}
	a.At = at(t)
	return s.add(t, "responder", outage.Event{Action: &a})
}

func (s *story) command(t float64, reply string, closed int, args ...string) *story {
	return s.add(t, "responder", outage.Event{Command: &outage.Command{Args: args, Reply: reply, Error: reply[0] == '-', Closed: closed}})
}

// done orders the events and writes the scenario into the header.
func (s *story) done(t testing.TB) outage.History {
	t.Helper()
	definition, err := json.Marshal(s.s)
	if err != nil {
		t.Fatal(err)
	}
	s.h.Header.Definition = definition
	slices.SortStableFunc(s.h.Events, func(a, b outage.Event) int { return int(a.At - b.At) })
	return s.h
}

// without drops events.
func (s *story) without(drop func(outage.Event) bool) *story {
	s.h.Events = slices.DeleteFunc(s.h.Events, drop)
	return s
}

// change lets a story go differently: it may edit each event in place.
func (s *story) change(edit func(*outage.Event)) *story {
	for i := range s.h.Events {
		edit(&s.h.Events[i])
	}
	return s
}

func hasDiagnosis(e outage.Event) bool { return e.Diagnosis != nil }
func hasSnapshot(e outage.Event) bool  { return e.Snapshot != nil }
