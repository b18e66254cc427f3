package assert

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"spillway/outage"
)

// attack falsifies a good history in one way. The verdicts must turn, by the check that is there for it.
type attack struct {
	name  string
	base  string // a history in testdata; "real" is the one in examples
	spoil func(h *outage.History)
	want  Outcome
	by    string // the checks that must notice, each with the outcome want
}

func attacks() []attack {
	var list []attack
	for _, base := range []string{"good-leak", "real"} {
		list = append(list,
			attack{"the wrong cause", base, findings(func(f *outage.Finding) { f.Cause = outage.IdleNotReaped }), Fail, "cause detect"},
			attack{"the wrong culprit", base, findings(func(f *outage.Finding) { f.Culprits = []outage.Culprit{{Service: "web"}} }), Fail, "culprits"},
			attack{"a culprit too many", base, findings(func(f *outage.Finding) { f.Culprits = append(f.Culprits, outage.Culprit{Service: "web"}) }), Fail, "culprits"},
			attack{"nobody named", base, findings(func(f *outage.Finding) { f.Culprits = nil }), Fail, "culprits"},
			attack{"the wrong cause, and very sure", base, findings(func(f *outage.Finding) { f.Cause, f.Confidence = outage.HalfOpenPeers, .99 }), Fail, "cause detect"},
			attack{"a guess", base, findings(func(f *outage.Finding) { f.Confidence = .4 }), Fail, "cause detect"},
			attack{"a diagnosis that finds nothing", base, diagnoses(func(d *outage.Diagnosis) { d.Findings = nil }), Fail, "cause culprits detect"},
			attack{"no diagnosis at all", base, without(hasDiagnosis), Inconclusive, "cause culprits detect actions"},
			attack{"a greedy remedy", base, killsHealthy, Fail, "collateral"},
			attack{"a greedy remedy that hides its victims", base, losesHealthy, Fail, "spared collateral"},
			attack{"a remedy that does nothing", base, actionsOf(func(a *outage.Action) { a.State, a.Killed = outage.Skipped, nil }), Fail, "actions mitigate"},
			attack{"a remedy that does something else", base, actionsOf(func(a *outage.Action) {
				if a.Kind == outage.KillClients {
					a.Kind = outage.RaiseMaxclients
				}
			}), Fail, "actions"},
			attack{"a remedy that relapses", base, refusedIn(outage.Hold), Fail, "recover cleared"},
			attack{"slots that fill again", base, in(outage.Hold, snapshots(func(s *outage.Snapshot) {
				s.Info = changedInfo(s, "connected_clients", s.Config["maxclients"])
			})), Fail, "cleared"},
			attack{"a fix that does not work", base, in(outage.Hold, attemptsOf(outage.OpRequest, outage.PoolTimeout)), Fail, "fixed"},
			attack{"a fix that asks nothing", base, dropIn(outage.Hold, func(e outage.Event) bool { return e.Attempt != nil && e.Attempt.Op == outage.OpRequest }), Inconclusive, "fixed"},
			attack{"a blind observer", base, without(hasSnapshot), Inconclusive, "premise"},
			attack{"an observer that sees the same forever", base, frozen, Inconclusive, "premise"},
			attack{"an observer that falls asleep in the hold phase", base, dropIn(outage.Hold, hasSnapshot), Inconclusive, "cleared"},
			attack{"a fleet that never is refused", base, without(func(e outage.Event) bool { return e.Attempt != nil && e.Attempt.Outcome == outage.Refused }), Inconclusive, "premise"},
			attack{"refusals that clients make up", base, snapshots(func(s *outage.Snapshot) { s.Info = changedInfo(s, "rejected_connections", "0") }), Inconclusive, "premise"},
			attack{"attempts lost from the response on", base, dropIn("", func(e outage.Event) bool { return e.Attempt != nil }), Inconclusive, "mitigate recover cleared steady-after"},
			attack{"attempts lost before the load", base, dropIn(outage.Steady, func(e outage.Event) bool { return e.Attempt != nil }), Inconclusive, "steady-before"},
			attack{"a canary that is silent", base, without(isCanary), Inconclusive, "steady-before steady-during mitigate spared steady-after"},
			attack{"a canary that cries wolf", base, in(outage.Hold, attemptsOf(outage.OpFresh, outage.TimedOut)), Fail, "steady-after"},
			attack{"a canary that was ill before", base, in(outage.Steady, attemptsOf(outage.OpHeld, outage.TimedOut)), Inconclusive, "steady-before"},
			attack{"a history cut short", base, func(h *outage.History) { h.Events = h.Events[:len(h.Events)*3/4] }, Inconclusive, "rig"},
			attack{"an empty history", base, func(h *outage.History) { h.Events = nil }, Inconclusive, "rig"},
			attack{"a Redis that stands still, and a responder who cannot act", base, standsStill, Inconclusive, "premise collateral"},
			attack{"a clock that jumps ahead a minute", base, jump(time.Minute), Inconclusive, "rig"},
			attack{"a clock that jumps back ten seconds", base, jump(-10 * time.Second), Inconclusive, "rig"},
			attack{"a rig that broke", base, breaks, Inconclusive, "rig"},
		)
	}
	return append(list,
		attack{"a false alarm", "good-busy", alarm(.6), Fail, "cause"},
		attack{"a false alarm, and very sure", "good-busy", alarm(.99), Fail, "cause"},
		attack{"a remedy for the healthy", "good-busy", func(h *outage.History) {
			insert(h, at(7), outage.Event{Action: &outage.Action{Kind: outage.SetTimeout, State: outage.Done, At: at(7)}})
		}, Fail, "actions"},
		attack{"refusals where none may be", "good-busy", attemptsOf(outage.OpRequest, outage.Refused), Fail, "refusals"},
		attack{"a healthy fleet that does nothing", "good-busy", without(func(e outage.Event) bool { return e.Attempt != nil }), Inconclusive, "premise"},
		attack{"a healthy fleet that nobody looks at", "good-busy", without(hasSnapshot), Inconclusive, "premise"},
		attack{"a diagnosis that slept", "good-busy", without(hasDiagnosis), Inconclusive, "cause"},
		attack{"a rollout that needs twice as many", "good-roll", snapshots(func(s *outage.Snapshot) {
			s.Census = slices.Clone(s.Census)
			s.Census[0].Count *= 2
		}), Fail, "peak"},
		attack{"clients that never suffer", "good-pool", without(func(e outage.Event) bool {
			return e.Attempt != nil && e.Attempt.Outcome == outage.PoolTimeout
		}), Fail, "suffer"},
		attack{"a control that somebody helped", "control-yes", func(h *outage.History) {
			insert(h, at(7), outage.Event{Action: &outage.Action{Kind: outage.SetTimeout, State: outage.Done, At: at(7)}})
		}, Inconclusive, "control"},
		attack{"a control that gets well by itself", "control-yes", in(outage.Hold, attemptsOf(outage.OpFresh, outage.OK)), Inconclusive, "control"},
		attack{"a canary that lies about a remedy that does nothing", "bad-idle-remedy", attemptsOf(outage.OpFresh, outage.OK), Fail, "actions mitigate recover cleared"},
		attack{"a canary that lies about a relapse", "bad-relapse", attemptsOf(outage.OpFresh, outage.OK), Fail, "recover cleared"},
	)
}

// TestSabotage is the table of `make sabotage`: each attack must be caught, by the checks that are there for it.
func TestSabotage(t *testing.T) {
	for _, a := range attacks() {
		t.Run(a.base+"/"+a.name, func(t *testing.T) {
			h := base(t, a.base)
			a.spoil(&h)
			result, err := Judge(h)
			if err != nil {
				t.Fatal(err)
			}
			var caught []string
			for _, v := range result.Verdicts {
				if v.Outcome != Pass && v.Blocked == "" {
					caught = append(caught, v.Check)
				}
			}
			t.Logf("SABOTAGE | %s | %s | %s | %s |", a.name, a.base, result.Outcome, strings.Join(caught, ", "))
			if result.Outcome != a.want {
				t.Errorf("it comes to %s, want %s", result.Outcome, a.want)
			}
			for _, check := range strings.Fields(a.by) {
				i := slices.IndexFunc(result.Verdicts, func(v Verdict) bool { return v.Check == check })
				if i < 0 || result.Verdicts[i].Outcome != a.want {
					t.Errorf("%s did not notice: %+v", check, result.Verdicts)
				}
			}
		})
	}
}

// TestSabotageBeginsWithGoodHistories keeps the table honest: what was not spoiled passes.
func TestSabotageBeginsWithGoodHistories(t *testing.T) {
	seen := map[string]bool{}
	for _, a := range attacks() {
		if strings.HasPrefix(a.base, "bad-") || seen[a.base] {
			continue
		}
		seen[a.base] = true
		if result, err := Judge(base(t, a.base)); err != nil || result.Outcome != Pass {
			t.Errorf("%s: %s, %v, and nobody has touched it: %+v", a.base, result.Outcome, err, result.Verdicts)
		}
	}
}

// TestEveryCheckCatchesSomething finds an attack for each check that there is.
func TestEveryCheckCatchesSomething(t *testing.T) {
	caught := map[string]bool{}
	for _, a := range attacks() {
		for _, check := range strings.Fields(a.by) {
			caught[check] = true
		}
	}
	for _, c := range append(checks(), controls()...) {
		if !caught[c.name] {
			t.Errorf("no attack is caught by %s", c.name)
		}
	}
}

func base(t *testing.T, name string) outage.History {
	t.Helper()
	path := filepath.Join("testdata", name+".jsonl")
	if name == "real" {
		path = filepath.Join("..", "examples", "histories", "leak", "history.jsonl")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	h, err := outage.ReadHistory(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// Ways to spoil a history.

func events(change func(*outage.Event)) func(*outage.History) {
	return func(h *outage.History) {
		for i := range h.Events {
			change(&h.Events[i])
		}
	}
}

func diagnoses(change func(*outage.Diagnosis)) func(*outage.History) {
	return events(func(e *outage.Event) {
		if e.Diagnosis != nil {
			change(e.Diagnosis)
		}
	})
}

// findings changes the first finding of each diagnosis.
func findings(change func(*outage.Finding)) func(*outage.History) {
	return diagnoses(func(d *outage.Diagnosis) {
		if len(d.Findings) > 0 {
			change(&d.Findings[0])
		}
	})
}

func snapshots(change func(*outage.Snapshot)) func(*outage.History) {
	return events(func(e *outage.Event) {
		if e.Snapshot != nil {
			change(e.Snapshot)
		}
	})
}

func changedInfo(s *outage.Snapshot, key, value string) map[string]string {
	info := maps.Clone(s.Info)
	info[key] = value
	return info
}

func actionsOf(change func(*outage.Action)) func(*outage.History) {
	return events(func(e *outage.Event) {
		if e.Action != nil && e.Action.Kind != outage.Advise {
			change(e.Action)
		}
	})
}

// attemptsOf gives all attempts of a kind another outcome.
func attemptsOf(op outage.Op, o outage.Outcome) func(*outage.History) {
	return events(func(e *outage.Event) {
		if e.Attempt != nil && e.Attempt.Op == op {
			e.Attempt.Outcome = o
		}
	})
}

func without(drop func(outage.Event) bool) func(*outage.History) {
	return func(h *outage.History) { h.Events = slices.DeleteFunc(h.Events, drop) }
}

// stretch returns when a phase began and ended; "" is all from the responder's first action on.
func stretch(h *outage.History, p outage.Phase) span {
	found := span{-1, -1}
	for _, e := range h.Events {
		switch {
		case p == "" && found.from < 0 && e.Action != nil:
			found.from = e.At
		case e.Phase == nil:
		case *e.Phase == p:
			found.from = e.At
		case p != "" && found.from >= 0 && found.to < 0:
			found.to = e.At
		}
	}
	if found.to < 0 {
		found.to = h.Events[len(h.Events)-1].At
	}
	return found
}

// in spoils only what happens in one phase.
func in(p outage.Phase, spoil func(*outage.History)) func(*outage.History) {
	return func(h *outage.History) {
		within := stretch(h, p)
		part := &outage.History{}
		for i, e := range h.Events {
			if within.has(e.At) {
				part.Events = append(part.Events, h.Events[i]) // what an event points to is shared
			}
		}
		spoil(part)
	}
}

func dropIn(p outage.Phase, drop func(outage.Event) bool) func(*outage.History) {
	return func(h *outage.History) {
		within := stretch(h, p)
		without(func(e outage.Event) bool { return within.has(e.At) && drop(e) })(h)
	}
}

func insert(h *outage.History, when outage.Duration, e outage.Event) {
	e.At, e.Actor = when, "saboteur"
	h.Events = append(h.Events, e)
}

func alarm(confidence float64) func(*outage.History) {
	return func(h *outage.History) {
		insert(h, at(7), outage.Event{Diagnosis: &outage.Diagnosis{At: at(7), Findings: []outage.Finding{
			{Cause: outage.MaxclientsTooLow, Confidence: confidence},
		}}})
	}
}

// killsHealthy lets the remedy report a victim at the address of a spared service.
func killsHealthy(h *outage.History) {
	home := ""
	for _, e := range h.Events {
		if e.Instance != nil && e.Instance.Service == "web" {
			home = e.Instance.Addr
		}
	}
	actionsOf(func(a *outage.Action) {
		if a.Kind == outage.KillClients {
			a.Killed = append(a.Killed, outage.Victim{ID: 9, Addr: home + ":41000", Name: "web-1"})
		}
	})(h)
}

// losesHealthy lets clients of a spared service lose their connections as the remedy acts, and nobody says so.
func losesHealthy(h *outage.History) {
	acted := stretch(h, "").from
	for i := range 4 {
		insert(h, acted+outage.Duration(i)*at(.1), outage.Event{Attempt: &outage.Attempt{
			Service: "web", Instance: "web-1", Op: outage.OpHeld, Outcome: outage.Reset, Count: 1, Saw: "EOF",
		}})
	}
}

// standsStill lets nobody be refused and every open connection fail from the load on: nobody has acted, so nobody did the harm.
func standsStill(h *outage.History) {
	without(func(e outage.Event) bool {
		refused := e.Attempt != nil && e.Attempt.Outcome == outage.Refused
		later := e.Phase != nil && (*e.Phase == outage.Respond || *e.Phase == outage.Fix || *e.Phase == outage.Hold)
		return refused || later || e.Action != nil || e.Plan != nil
	})(h)
	in(outage.Load, attemptsOf(outage.OpHeld, outage.Reset))(h)
}

// refusedIn lets connections be refused in the middle of a phase.
func refusedIn(p outage.Phase) func(*outage.History) {
	return func(h *outage.History) {
		within := stretch(h, p)
		insert(h, within.from+within.length()/2, outage.Event{Attempt: &outage.Attempt{
			Service: "api", Instance: "api-1", Op: outage.OpConnect, Outcome: outage.Refused, Count: 3, Said: reached,
		}})
	}
}

// frozen shows the first reading over and over.
func frozen(h *outage.History) {
	var first *outage.Snapshot
	snapshots(func(s *outage.Snapshot) {
		if first == nil {
			first = s
		}
		when := s.At
		*s = *first
		s.At = when
	})(h)
}

// jump moves the clock on, or back, in the middle of the hold phase or, backwards, just before it.
func jump(by time.Duration) func(*outage.History) {
	return func(h *outage.History) {
		hold := stretch(h, outage.Hold)
		moment := hold.from + hold.length()/2
		if by < 0 {
			moment = hold.from
		}
		events(func(e *outage.Event) {
			if e.At >= moment {
				e.At += outage.Duration(by)
			}
		})(h)
	}
}

func breaks(h *outage.History) {
	insert(h, h.Events[len(h.Events)-1].At, outage.Event{Note: &outage.Note{Text: "a worker ended by itself", Broken: true}})
}

// The header is evidence too: without its scenario nothing can be judged, and that is an error, not a pass.
func TestSabotagedHeader(t *testing.T) {
	h := base(t, "good-leak")
	for _, definition := range []string{"", "null garbage", "[]"} {
		h.Header.Definition = json.RawMessage(definition)
		if result, err := Judge(h); err == nil && result.Outcome == Pass {
			t.Errorf("%q: judged %s", definition, result.Outcome)
		}
	}
}
