//go:build e2e

package harness

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"spillway/assert"
	"spillway/diagnose"
	"spillway/outage"
	"spillway/remedy"
)

// Logic under test that is broken on purpose must turn a run red, at the check that is there for it.

func TestAWrongCauseIsCaught(t *testing.T) {
	t.Parallel()
	wrong := func(window ...outage.Snapshot) outage.Diagnosis {
		return amend(window, func(f *outage.Finding) { f.Cause = outage.IdleNotReaped })
	}
	_, result := play(t, Runner{Diagnose: wrong}, smallLeak(t))
	fails(t, result, "cause", "detect")
}

func TestAWrongCulpritIsCaught(t *testing.T) {
	t.Parallel()
	wrong := func(window ...outage.Snapshot) outage.Diagnosis {
		return amend(window, func(f *outage.Finding) {
			for i := range f.Culprits {
				f.Culprits[i].Service = "web"
			}
		})
	}
	_, result := play(t, Runner{Diagnose: wrong}, smallLeak(t))
	fails(t, result, "culprits")
}

// amend diagnoses and then changes the first finding.
func amend(window []outage.Snapshot, change func(*outage.Finding)) outage.Diagnosis {
	d := diagnose.Diagnose(window...)
	d.Findings = slices.Clone(d.Findings)
	if len(d.Findings) > 0 {
		d.Findings[0].Culprits = slices.Clone(d.Findings[0].Culprits)
		change(&d.Findings[0])
	}
	return d
}

func TestABlindDiagnosisIsCaught(t *testing.T) {
	t.Parallel()
	blind := func(window ...outage.Snapshot) outage.Diagnosis {
		return outage.Diagnosis{At: window[len(window)-1].At}
	}
	_, result := play(t, Runner{Diagnose: blind}, hopeless(smallLeak(t)))
	mustFail(t, result, "cause", "culprits", "detect", "mitigate", "recover", "cleared")
}

func TestAFalseAlarmIsCaught(t *testing.T) {
	t.Parallel()
	alarm := func(window ...outage.Snapshot) outage.Diagnosis {
		d := diagnose.Diagnose(window...)
		d.Findings = append(d.Findings, outage.Finding{Cause: outage.ConnectionLeak, Confidence: .6, Culprits: []outage.Culprit{{Service: "api"}}})
		return d
	}
	s := scenario(t, "healthy-busy")
	s.Until.Duration = outage.Duration(4 * time.Second)
	_, result := play(t, Runner{Diagnose: alarm}, s)
	fails(t, result, "cause")
}

func TestARemedyThatDoesNothingIsCaught(t *testing.T) {
	t.Parallel()
	nothing := func(d outage.Diagnosis, _ outage.Snapshot, _ remedy.Options) outage.Plan {
		return outage.Plan{Cause: d.Findings[0].Cause, Actions: []outage.Action{}}
	}
	h, result := play(t, Runner{Plan: nothing}, hopeless(smallLeak(t)))
	mustFail(t, result, "actions", "mitigate", "recover", "cleared")
	if plans := count(h, func(e outage.Event) bool { return e.Plan != nil }); plans == 0 {
		t.Error("the plan that does nothing was never asked for")
	}
	for _, check := range []string{"cause", "culprits", "detect"} {
		if v := verdict(t, result, check); v.Outcome != assert.Pass {
			t.Errorf("%s: %s, and the diagnosis was right: %s", check, v.Outcome, v.Got)
		}
	}
}

func TestARemedyThatKillsTheHealthyIsCaught(t *testing.T) {
	t.Parallel()
	// The right plan, and beside it every connection of web, which is busy and to be spared.
	greedy := func(d outage.Diagnosis, s outage.Snapshot, o remedy.Options) outage.Plan {
		p := remedy.Plan(d, s, o)
		for i := range p.Actions {
			if p.Actions[i].Kind == outage.KillClients {
				p.Actions[i].Victims = append(p.Actions[i].Victims, connectionsOf(s, "web-1")...)
			}
		}
		return p
	}
	s := smallLeak(t)
	s.Fleet[1].Rate, s.Fleet[1].Hold = 45, outage.Duration(100*time.Millisecond) // all 5 connections are in use
	_, result := play(t, Runner{Plan: greedy}, s)
	mustFail(t, result, "collateral")
	if result.Measures.Collateral == 0 {
		t.Error("healthy connections were killed, and the collateral is 0")
	}
	for _, check := range []string{"cause", "culprits", "actions", "mitigate", "cleared"} {
		if v := verdict(t, result, check); v.Outcome != assert.Pass {
			t.Errorf("%s: %s, and the outage was ended: %s", check, v.Outcome, v.Got)
		}
	}
}

func connectionsOf(s outage.Snapshot, name string) []outage.Victim {
	var victims []outage.Victim
	for _, c := range s.Clients {
		if c.Name == name {
			victims = append(victims, outage.Victim{ID: c.ID, Addr: c.Addr, Name: c.Name, Age: c.Age, Idle: c.Idle})
		}
	}
	return victims
}

// A leak fills whatever it is given: a raise is relief for some seconds, and without the fix it comes back.
func TestARelapseIsCaught(t *testing.T) {
	t.Parallel()
	little := func(d outage.Diagnosis, s outage.Snapshot, _ remedy.Options) outage.Plan {
		more := strconv.Itoa(s.MaxClients() + 50) // some 16 wait to come in, and 16 come each second
		return outage.Plan{Cause: d.Findings[0].Cause, Actions: []outage.Action{
			{Kind: outage.RaiseMaxclients, Relief: true, Param: "maxclients", To: more, Commands: []string{"CONFIG SET maxclients " + more}},
		}}
	}
	s := smallLeak(t)
	s.Redis.Nofile = 1024
	s.Fix = nil
	s.Expect.Actions = &[]outage.ActionKind{outage.RaiseMaxclients}
	_, result := play(t, Runner{Plan: little}, s)
	mustFail(t, result, "recover", "cleared")
	for _, check := range []string{"actions", "mitigate", "collateral"} {
		if v := verdict(t, result, check); v.Outcome != assert.Pass {
			t.Errorf("%s: %s, and there was relief: %s", check, v.Outcome, v.Got)
		}
	}
}

// count counts the events that match.
func count(h outage.History, match func(outage.Event) bool) int {
	n := 0
	for _, e := range h.Events {
		if match(e) {
			n++
		}
	}
	return n
}
