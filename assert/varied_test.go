package assert

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"spillway/outage"
	"spillway/scenarios"
)

// variation lets a story go a little differently.
type variation struct {
	name string
	edit func(*story)
}

// varied are the stories that are judged in many variations: those that are saved, and some that have no file of their own.
func varied(t *testing.T) map[string]func() *story {
	all := stories()
	maps.Copy(all, map[string]func() *story{
		"good-two": func() *story {
			h := goodTwo(t)
			return &story{s: two(nil, nil).s, h: h}
		},
		"cut":         cutOff,
		"crowd":       crowd,
		"gateway":     throughGateway,
		"recovering":  func() *story { return recovering(9) },
		"locked":      lockedOut,
		"long":        longRestart,
		"good-person": func() *story { return byHand("human") },
	})
	return all
}

// cutOff tells of hosts that vanished, whose dead connections are killed.
func cutOff() *story {
	s := outageUntil("spillway", 6.3).instance(4, "api", "api-1", "10.0.0.5", outage.Cut).
		instance(4.5, "api", "api-3", "10.0.0.8", outage.Started).remedied(victims(3)).calmDown(20)
	s.s.Expect.Cause, s.s.Faults, s.s.Fix = outage.HalfOpenPeers, []scenarios.Fault{{Cut: "api", At: at(1), Replace: true}}, nil
	return s
}

// crowd is a leak beside six healthy services.
func crowd() *story {
	s := goodLeak()
	for i := range 5 {
		name := fmt.Sprint("job-", i+1)
		s.s.Fleet = append(s.s.Fleet, scenarios.Service{Service: name, Instances: 1, Workload: "pooled"})
		s.s.Expect.Spare = append(s.s.Expect.Spare, name)
		s.instance(1.3, name, name+"-1", fmt.Sprint("10.0.1.", i+1), outage.Started).canaries(name, 1.5, 14, span{at(5), at(6.3)})
	}
	return s
}

// throughGateway is a leak behind an address that a healthy service shares.
func throughGateway() *story {
	s := goodLeak()
	s.s.Fleet[0].Behind, s.s.Fleet[1].Behind = "nat", "nat"
	return s.change(func(e *outage.Event) {
		if e.Instance != nil {
			e.Instance.Addr = "10.0.0.1"
		}
	}).add(1.4, "web-1", outage.Event{Opened: &outage.Opened{Service: "web", Instance: "web-1", Ports: []int{2001, 40001}}}).
		add(3.4, "api-1", outage.Event{Opened: &outage.Opened{Service: "api", Instance: "api-1", Ports: []int{40000, 40002, 2001}}}).
		change(func(e *outage.Event) {
			if e.Diagnosis != nil && len(e.Diagnosis.Findings) > 0 {
				examples := []string{"10.0.0.1:40000", "10.0.0.1:40002"}
				e.Diagnosis.Findings[0].Culprits = []outage.Culprit{{Service: "10.0.0.1", Addr: "10.0.0.1", Examples: examples}}
			}
			if e.Action != nil {
				for i := range e.Action.Killed {
					e.Action.Killed[i].Addr = fmt.Sprint("10.0.0.1:", 40000+2*i)
				}
			}
		})
}

// recovering tells a look-alike that an action ends: clients fail until then.
func recovering(until float64) *story {
	s := failing("spillway", until)
	s.s.Expect.Actions = &[]outage.ActionKind{outage.RaiseNofile}
	s.s.Expect.Mitigate, s.s.Expect.Recover = at(8), at(8)
	s.s.Expect.Cleared = &scenarios.Cleared{Below: scenarios.Amount{Count: 60}, Hold: at(3)}
	return s.act(7.9, outage.Action{Kind: outage.RaiseNofile, Reason: "the limit is reached"})
}

// lockedOut tells of a server that turns everybody away, though it has slots.
func lockedOut() *story {
	s := calmScenario("protected-mode")
	s.Expect.Cause, s.Expect.Suffer = outage.AccessDenied, outage.Denied
	st := busy(s).without(hasDiagnosis).diagnose(6.7, outage.AccessDenied, .9)
	return st.attempt(5.1, "web", outage.OpConnect, outage.Denied, 3, "-DENIED Redis is running in protected mode", "")
}

// longRestart is a restart with a long time after it.
func longRestart() *story {
	return restarted().without(isEnd).canaries("web", 14, 30, span{}).phase(30, outage.End)
}

// byHand tells of a person at the keyboard.
func byHand(responder string) *story {
	return outageUntil(responder, 6.3).command(6.1, "$100", -1, "INFO").command(6.3, ":8", 8, "client", "kill", "addr", "10.0.0.5:1").
		command(6.4, "+OK", -1, "config", "set", "timeout", "4").calmDown(20)
}

// limits sets each time limit that was judged just below, at and just above what the story took.
func limits(r Result) []variation {
	var list []variation
	for _, limit := range []struct {
		check string
		took  *outage.Duration
		of    func(*scenarios.Expect) *outage.Duration
	}{
		{"detect", r.Measures.TTD, func(e *scenarios.Expect) *outage.Duration { return &e.Detect }},
		{"mitigate", r.Measures.TTM, func(e *scenarios.Expect) *outage.Duration { return &e.Mitigate }},
		{"recover", r.Measures.TTR, func(e *scenarios.Expect) *outage.Duration { return &e.Recover }},
	} {
		if limit.took == nil || !slices.ContainsFunc(r.Verdicts, func(v Verdict) bool { return v.Check == limit.check }) {
			continue
		}
		for _, off := range []float64{-.01, 0, .01} {
			if d := *limit.took + at(off); d > 0 {
				list = append(list, expecting(fmt.Sprintf("%s within %s", limit.check, d), func(e *scenarios.Expect) { *limit.of(e) = d }))
			}
		}
	}
	return list
}

// expecting holds the same story against another expectation.
func expecting(name string, change func(*scenarios.Expect)) variation {
	return variation{name, func(s *story) { change(&s.s.Expect) }}
}

// lacks leaves events out of a story.
func lacks(name string, drop func(outage.Event) bool) variation {
	return variation{name, func(s *story) { s.without(drop) }}
}

// with changes the events of a story.
func with(name string, change func(*outage.Event)) variation {
	return variation{name, func(s *story) { s.change(change) }}
}

// adding tells one thing more.
func adding(name string, t float64, e outage.Event) variation {
	return variation{name, func(s *story) { s.add(t, "somebody", e) }}
}

// tried adds like attempts of a client.
func tried(t float64, service string, op outage.Op, o outage.Outcome, n int) variation {
	return variation{fmt.Sprintf("%d %s of %s at %g s %s", n, op, service, t, o), func(s *story) { s.attempt(t, service, op, o, n, "", "") }}
}

// both is one variation on top of another, or of several.
func both(list ...variation) variation {
	var names []string
	for _, v := range list {
		names = append(names, v.name)
	}
	return variation{strings.Join(names, ", "), func(s *story) {
		for _, v := range list {
			v.edit(s)
		}
	}}
}

// silenced is a story without the events of one kind, for each kind that it has.
func silenced(events []outage.Event) []variation {
	var list []variation
	add := func(name string, kind func(outage.Event) bool) {
		if slices.ContainsFunc(events, kind) {
			list = append(list, lacks("no "+name, kind))
		}
	}
	for _, kind := range names(kinds) {
		add(kind, kinds[kind])
	}
	for _, p := range order {
		add(string(p)+" phase", func(e outage.Event) bool { return e.Phase != nil && *e.Phase == p })
	}
	return list
}

// moved has the events of a moment at another one.
func moved(from, to float64, kind func(outage.Event) bool) variation {
	return with(fmt.Sprintf("what was at %g s comes at %g s", from, to), func(e *outage.Event) {
		if e.At == at(from) && kind(*e) {
			e.At = at(to)
		}
	})
}

// answered gives the canaries of a service in a stretch this share of answers.
func answered(service string, op outage.Op, from, to float64, ok, failed int) variation {
	return variation{fmt.Sprintf("%d of %d %s of %s from %g s", ok, ok+failed, op, service, from), func(s *story) {
		s.without(func(e outage.Event) bool {
			return e.Attempt != nil && e.Attempt.Service == service && e.Attempt.Op == op && e.At >= at(from) && e.At <= at(to)
		})
		if ok > 0 {
			s.attempt((from+to)/2, service, op, outage.OK, ok, "", "")
		}
		if failed > 0 {
			s.attempt((from+to)/2, service, op, outage.TimedOut, failed, "", "")
		}
	}}
}

// shares are those just above, at and below what is enough.
func shares(service string, op outage.Op, from, to float64) []variation {
	var list []variation
	for _, n := range [][2]int{{100, 1}, {99, 1}, {98, 1}, {1, 0}, {0, 1}, {0, 0}} {
		list = append(list, answered(service, op, from, to, n[0], n[1]))
	}
	return list
}

// seen leaves only these snapshots from a time on.
func seen(from float64, times ...float64) variation {
	return variation{fmt.Sprintf("from %g s on only snapshots at %v", from, times), func(s *story) {
		s.without(func(e outage.Event) bool { return e.Snapshot != nil && e.At >= at(from) })
		for _, t := range times {
			s.snapshot(t, 20, 100, 140)
		}
	}}
}

// shown sets a field of INFO in the snapshots of a stretch.
func shown(field, value string, from, to float64) variation {
	return with(fmt.Sprintf("%s %q from %g to %g s", field, value, from, to), func(e *outage.Event) {
		if e.Snapshot != nil && e.At >= at(from) && e.At <= at(to) {
			e.Snapshot.Info[field] = value
		}
	})
}

// configured sets a directive in the snapshots of a stretch.
func configured(key, value string, from, to float64) variation {
	return with(fmt.Sprintf("%s = %q from %g to %g s", key, value, from, to), func(e *outage.Event) {
		if e.Snapshot == nil || e.At < at(from) || e.At > at(to) {
			return
		}
		e.Snapshot.Config = maps.Clone(e.Snapshot.Config)
		if value == "" {
			delete(e.Snapshot.Config, key)
		} else {
			e.Snapshot.Config[key] = value
		}
	})
}

// finding changes the first finding of each diagnosis.
func finding(name string, change func(*outage.Finding)) variation {
	return with(name, func(e *outage.Event) {
		if e.Diagnosis != nil && len(e.Diagnosis.Findings) > 0 {
			change(&e.Diagnosis.Findings[0])
		}
	})
}

func sure(confidence float64) variation {
	return finding(fmt.Sprintf("a confidence of %g", confidence), func(f *outage.Finding) { f.Confidence = confidence })
}

// accusing names other culprits.
func accusing(name string, culprits ...outage.Culprit) variation {
	return finding("blames "+name, func(f *outage.Finding) { f.Culprits = culprits })
}

// actingOn changes the actions of the responder.
func actingOn(name string, kind outage.ActionKind, change func(*outage.Action)) variation {
	return with(name, func(e *outage.Event) {
		if e.Action != nil && e.Action.Kind == kind {
			change(e.Action)
		}
	})
}

// planned changes the plans.
func planned(name string, change func(*outage.Plan)) variation {
	return with(name, func(e *outage.Event) {
		if e.Plan != nil {
			change(e.Plan)
		}
	})
}

// typing adds a command, whose reply may be an error and says how many it closed.
func typing(t float64, reply string, closed int, line string) variation {
	return variation{line + " -> " + reply, func(s *story) { s.command(t, reply, closed, strings.Fields(line)...) }}
}

// muchTyped adds as many commands that do nothing.
func muchTyped(n int) variation {
	return variation{fmt.Sprintf("%d kills of nobody", n), func(s *story) {
		for i := range n {
			s.command(7+float64(i)/100, ":0", 0, "CLIENT", "KILL", "ID", strconv.Itoa(9000+i))
		}
	}}
}

// muchPrinted adds as many lines of output.
func muchPrinted(n int) variation {
	return variation{fmt.Sprintf("%d lines of output", n), func(s *story) {
		for i := range n {
			s.add(7+float64(i)/100, "responder", outage.Event{Note: &outage.Note{Text: fmt.Sprint("line ", i+1)}})
		}
	}}
}

// later lets everything from a time on come that much later.
func later(from, by float64, kind func(outage.Event) bool) variation {
	return with(fmt.Sprintf("all from %g s on %g s later", from, by), func(e *outage.Event) {
		if e.At >= at(from) && kind(*e) {
			e.At += at(by)
		}
	})
}

func anything(outage.Event) bool         { return true }
func isPlan(e outage.Event) bool         { return e.Plan != nil }
func isAction(e outage.Event) bool       { return e.Action != nil }
func isRefused(e outage.Event) bool      { return e.Attempt != nil && e.Attempt.Outcome == outage.Refused }
func isAttempt(e outage.Event) bool      { return e.Attempt != nil }
func killedAt(addrs ...string) variation { return killedOf(outage.KillClients, addrs...) }
func killedOf(kind outage.ActionKind, addrs ...string) variation {
	return actingOn(fmt.Sprintf("kills %v", addrs), kind, func(a *outage.Action) {
		a.Killed = nil
		for i, addr := range addrs {
			a.Killed = append(a.Killed, outage.Victim{ID: int64(i + 1), Addr: addr})
		}
	})
}

// phased is a phase that begins where none did.
func phased(t float64, p outage.Phase) variation {
	return variation{fmt.Sprintf("%s again at %g s", p, t), func(s *story) { s.phase(t, p) }}
}
