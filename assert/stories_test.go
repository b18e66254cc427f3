package assert

import (
	"fmt"
	"testing"

	"spillway/outage"
	"spillway/scenarios"
)

func leakScenario() scenarios.Scenario {
	return scenarios.Scenario{
		Name: "connection-leak", Description: "Two instances of api open a client per request and never close it.",
		Redis: scenarios.Redis{MaxClients: 100},
		Fleet: []scenarios.Service{{Service: "web", Instances: 1, Workload: "pooled"}, {Service: "api", Instances: 2, Workload: "leaky"}},
		Until: scenarios.Until{Refusals: 50},
		Fix:   []scenarios.Service{{Service: "api", Instances: 2, Workload: "pooled"}},
		Expect: scenarios.Expect{
			Cause: outage.ConnectionLeak, Culprits: []string{"api"}, Detect: at(5), Mitigate: at(5), Recover: at(8),
			Actions: &[]outage.ActionKind{outage.KillClients, outage.SetTimeout},
			Cleared: &scenarios.Cleared{Below: scenarios.Amount{Percent: 50}, Hold: at(3)}, Spare: []string{"web"},
		},
	}
}

// victims are connections of api.
func victims(n int) []outage.Victim {
	var list []outage.Victim
	for i := range n {
		list = append(list, outage.Victim{ID: int64(100 + i), Addr: fmt.Sprintf("10.0.0.5:%d", 40000+i), Name: "api-1", Age: 3, Idle: 3})
	}
	return list
}

// outageUntil tells a leak that fills Redis at 5 s, up to the moment it is answered, and canaries to the end.
func outageUntil(responder string, end float64) *story {
	s := tell(leakScenario(), responder)
	s.phase(0, outage.Prepare).phase(1, outage.Steady).phase(3, outage.Load).phase(6, outage.Respond)
	s.instance(1.2, "web", "web-1", "10.0.0.2", outage.Started)
	s.instance(3.2, "api", "api-1", "10.0.0.5", outage.Started).instance(3.2, "api", "api-2", "10.0.0.6", outage.Started)
	s.canaries("web", 1.5, 14, span{at(5), at(end)})
	s.refuse(5, end, "api", 10)
	for i, slots := range []int{3, 8, 8, 40, 100, 100} {
		s.snapshot(.6+float64(i), slots, 100, max(0, i-4)*60)
	}
	for t := 2.7; t < 4; t++ {
		s.diagnose(t, "", 0)
	}
	return s.diagnose(4.7, outage.ConnectionLeak, .7, "api").diagnose(5.7, outage.ConnectionLeak, .9, "api")
}

// calmDown tells the fix, the hold phase and the end.
func (s *story) calmDown(slots int) *story {
	s.phase(8, outage.Fix).phase(9, outage.Hold).phase(14, outage.End)
	s.instance(8.2, "api", "api-3", "10.0.0.7", outage.Started)
	s.attempt(9.5, "api", outage.OpRequest, outage.OK, 200, "", "")
	for t := 6.6; t < 14; t++ {
		s.snapshot(t, slots, 100, 140)
		s.diagnose(t+.1, "", 0)
	}
	return s
}

func killPlan() outage.Plan {
	return outage.Plan{
		Cause: outage.ConnectionLeak, Fix: "deploy api with a pool", ReliefFor: at(40), ConfLines: []string{"timeout 60"},
		Actions: []outage.Action{
			{Kind: outage.KillClients, Relief: true, Reason: "leaked", Commands: []string{"CLIENT KILL ID 100", "CLIENT KILL ID 101"}, Victims: victims(8)},
			{Kind: outage.SetTimeout, Reason: "reap the next ones", Param: "timeout", From: "0", To: "60", Commands: []string{"CONFIG SET timeout 60"}},
			{Kind: outage.Advise, Reason: "deploy a pool"},
		},
	}
}

// remedied tells the plan and its actions.
func (s *story) remedied(killed []outage.Victim) *story {
	plan := killPlan()
	s.add(5.9, "responder", outage.Event{Plan: &plan})
	kill, timeout, advice := plan.Actions[0], plan.Actions[1], plan.Actions[2]
	kill.Killed = killed
	return s.act(6.3, kill).act(6.35, timeout).act(6.36, advice)
}

func goodLeak() *story { return outageUntil("spillway", 6.3).remedied(victims(8)).calmDown(20) }

func idleRemedy() *story {
	s := outageUntil("spillway", 14)
	plan := killPlan()
	s.add(5.9, "responder", outage.Event{Plan: &plan})
	for i, a := range plan.Actions[:2] {
		a.State, a.Result = outage.Skipped, "nobody was idle for longer than 10 s"
		s.act(6.3+float64(i)/10, a)
	}
	return s.calmDown(100)
}

func relapse() *story {
	s := goodLeak().refuse(11, 11.4, "api", 3)
	return s.change(func(e *outage.Event) {
		if e.Snapshot != nil && e.At > at(10) {
			e.Snapshot.Info["connected_clients"] = "98"
		}
	})
}

// published is the advice of the web, written down faithfully.
func published() *story {
	s := outageUntil("exec:published.sh", 14)
	s.command(6.2, "$25600", -1, "CLIENT", "LIST")
	s.command(6.3, ":0", 0, "CLIENT", "KILL", "ADDR", "10.0.0.5:0").command(6.4, ":0", 0, "CLIENT", "KILL", "ADDR", "10.0.0.6:0")
	s.command(6.5, "-ERR CONFIG SET failed (possibly related to argument 'maxclients') - The operating system is not able to handle the specified number of clients, try with 992", -1, "CONFIG", "SET", "maxclients", "20000")
	s.command(6.6, "+OK", -1, "CONFIG", "SET", "timeout", "300")
	s.add(6.7, "responder", outage.Event{Note: &outage.Note{Text: "done, all clear"}})
	return s.calmDown(100)
}

func corrected() *story {
	s := outageUntil("exec:corrected.sh", 6.3)
	for i := range 10 {
		s.command(6.3+float64(i)/1000, ":1", 1, "CLIENT", "KILL", "ID", fmt.Sprint(100+i))
	}
	return s.command(6.35, "+OK", -1, "CONFIG", "SET", "timeout", "300").calmDown(20)
}

// wild is a runbook that kills everybody: Redis reports no victim, so only the clients know.
func wild() *story {
	s := outageUntil("exec:wild.sh", 6.3).command(6.3, ":99", 99, "CLIENT", "KILL", "TYPE", "normal").calmDown(20)
	return s.attempt(6.4, "web", outage.OpHeld, outage.Reset, 1, "", "EOF").attempt(6.4, "web", outage.OpRequest, outage.Reset, 2, "", "EOF")
}

func greedy() *story {
	healthy := outage.Victim{ID: 9, Addr: "10.0.0.2:41000", Name: "web-1"}
	return outageUntil("spillway", 6.3).remedied(append(victims(8), healthy)).calmDown(20)
}

// busy tells a fleet at 70 of 100 that nobody refuses.
func busy(s scenarios.Scenario) *story {
	st := tell(s, "spillway").phase(0, outage.Prepare).phase(1, outage.Steady).phase(3, outage.Load).phase(10, outage.End)
	st.instance(1.2, "web", "web-1", "10.0.0.2", outage.Started).canaries("web", 1.5, 10, span{})
	for t := 3.05; t < 10; t += .5 {
		st.attempt(t, "web", outage.OpRequest, outage.OK, 50, "", "")
	}
	for t := 1.6; t < 10; t++ {
		st.snapshot(t, 70, 100, 0, outage.Census{Name: "web-1", Host: "10.0.0.2", Count: 40})
		st.diagnose(t+.1, "", 0)
	}
	return st
}

func calmScenario(name string) scenarios.Scenario {
	return scenarios.Scenario{
		Name: name, Description: "A pooled fleet at work.", Redis: scenarios.Redis{MaxClients: 100},
		Fleet: []scenarios.Service{{Service: "web", Instances: 1, Workload: "pooled"}}, Until: scenarios.Until{Duration: at(7)},
		Expect: scenarios.Expect{Cause: scenarios.Nothing, Actions: &[]outage.ActionKind{}, Spare: []string{"web"}},
	}
}

func healthyBusy() *story { return busy(calmScenario("healthy-busy")) }

func rollout() *story {
	s := calmScenario("pool-rollout")
	s.Expect.Peak = &scenarios.Peak{Service: "web", AtMost: scenarios.Amount{Count: 40}}
	return busy(s)
}

func rolloutTooLarge() *story {
	return rollout().refuse(6, 6.3, "web", 2).change(func(e *outage.Event) {
		if e.Snapshot != nil && e.At > at(6) {
			e.Snapshot.Info["rejected_connections"] = "6"
			e.Snapshot.Census[0].Count = 60
		}
	})
}

func poolExhausted() *story {
	s := calmScenario("pool-exhausted")
	s.Expect.Cause, s.Expect.Suffer, s.Expect.Detect = outage.NotAtLimit, outage.PoolTimeout, at(5)
	st := busy(s).attempt(5.1, "web", outage.OpRequest, outage.PoolTimeout, 3, "", "redis: connection pool timeout")
	return st.without(hasDiagnosis).diagnose(4.7, "", 0).diagnose(6.7, outage.NotAtLimit, .8).diagnose(8.7, outage.NotAtLimit, .8)
}

// restarted tells a remedy that restarts Redis: everybody is interrupted once, and the counter begins at 0.
func restarted() *story {
	s := outageUntil("spillway", 6.4)
	s.s.Name, s.s.Expect.Cause, s.s.Expect.Culprits = "fd-limit-clamp", outage.FDLimitClamp, nil
	s.s.Expect.Actions = &[]outage.ActionKind{outage.RestartRedis}
	s.without(hasDiagnosis).diagnose(4.7, outage.FDLimitClamp, .9).diagnose(5.7, outage.FDLimitClamp, .9)
	restart := outage.Action{Kind: outage.RestartRedis, Relief: true, Reason: "the hard limit holds it at 100"}
	s.add(5.9, "responder", outage.Event{Plan: &outage.Plan{Cause: outage.FDLimitClamp, Actions: []outage.Action{restart}}})
	s.act(6.9, restart).calmDown(20)
	s.attempt(6.6, "web", outage.OpHeld, outage.Reset, 1, "", "EOF").attempt(7.2, "web", outage.OpRequest, outage.Reset, 2, "", "EOF")
	return s.change(func(e *outage.Event) {
		if e.Snapshot != nil && e.At > at(7) {
			e.Snapshot.Info["rejected_connections"], e.Snapshot.Config["maxclients"] = "0", "1000"
		}
	})
}

// failing tells a look-alike: from 5 s on api's connects time out, until end; Redis is not full, and the answer is advice.
func failing(responder string, end float64) *story {
	s := calmScenario("fd-exhausted")
	s.Until, s.Expect.Cause, s.Expect.Suffer, s.Expect.Detect = scenarios.Until{Failures: 10}, outage.FDExhausted, outage.TimedOut, at(5)
	s.Fleet = append(s.Fleet, scenarios.Service{Service: "api", Instances: 1, Workload: "leaky"})
	st := tell(s, responder).phase(0, outage.Prepare).phase(1, outage.Steady).phase(3, outage.Load).phase(7, outage.Respond)
	st.phase(10, outage.Hold).phase(14, outage.End)
	st.instance(1.2, "web", "web-1", "10.0.0.2", outage.Started).canaries("web", 1.5, 14, span{})
	for t := 5.0; t < end; t += .5 {
		st.attempt(t, "api", outage.OpConnect, outage.TimedOut, 2, "", "dial: i/o timeout")
	}
	for t := 1.6; t < 14; t++ {
		st.snapshot(t, 40, 100, 0)
		if t < 6 {
			st.diagnose(t+.1, "", 0)
		} else {
			st.diagnose(t+.1, outage.FDExhausted, .9)
		}
	}
	if responder == "none" {
		return st
	}
	advice := outage.Action{Kind: outage.Advise, Reason: "raise the limit"}
	st.add(7.8, "responder", outage.Event{Plan: &outage.Plan{Cause: outage.FDExhausted, Actions: []outage.Action{advice}}})
	return st.act(7.9, advice)
}

func untouched() *story { return outageUntil("none", 14).calmDown(100) }
func selfHealed() *story {
	return outageUntil("none", 8).calmDown(20)
}

// stories are the saved histories, by file name.
func stories() map[string]func() *story {
	return map[string]func() *story{
		"good-leak":   goodLeak,
		"good-busy":   healthyBusy,
		"good-roll":   rollout,
		"good-pool":   poolExhausted,
		"good-clamp":  restarted,
		"good-exec":   corrected,
		"control-yes": untouched,
		"control-no":  selfHealed,

		"good-failing":    func() *story { return failing("spillway", 14) },
		"control-failing": func() *story { return failing("none", 14) },
		"control-failed":  func() *story { return failing("none", 7.6) },
		"bad-failing":     func() *story { return failing("spillway", 5.1) },

		"bad-wrong-cause": func() *story {
			return goodLeak().change(func(e *outage.Event) {
				if e.Diagnosis != nil && len(e.Diagnosis.Findings) > 0 {
					e.Diagnosis.Findings[0].Cause, e.Diagnosis.Findings[0].Culprits[0].Service = outage.IdleNotReaped, "web"
				}
			})
		},
		"bad-guess": func() *story {
			return goodLeak().change(func(e *outage.Event) {
				if e.Diagnosis != nil && len(e.Diagnosis.Findings) > 0 {
					e.Diagnosis.Findings[0].Confidence = .4
				}
			})
		},
		"bad-no-outage": func() *story {
			return goodLeak().without(func(e outage.Event) bool { return e.Attempt != nil && e.Attempt.Outcome == outage.Refused }).change(noRejects)
		},
		"bad-no-rejects":  func() *story { return goodLeak().change(noRejects) },
		"bad-blind":       func() *story { return goodLeak().without(hasSnapshot).without(hasDiagnosis) },
		"bad-no-diagnose": func() *story { return goodLeak().without(hasDiagnosis) },
		"bad-greedy":      greedy,
		"bad-wild":        wild,
		"bad-idle-remedy": idleRemedy,
		"bad-relapse":     relapse,
		"bad-published":   published,
		"bad-broken-rig": func() *story {
			return goodLeak().add(14.1, "rig", outage.Event{Note: &outage.Note{Text: "api-1 ended by itself", Broken: true}})
		},
		"bad-truncated": func() *story {
			return goodLeak().without(func(e outage.Event) bool { return e.At > at(10) })
		},
		"bad-alarm": func() *story { return healthyBusy().diagnose(7, outage.MaxclientsTooLow, .6, "web") },
		"bad-few":   func() *story { return healthyBusy().without(hasDiagnosis).diagnose(5, "", 0).diagnose(6, "", 0) },
		"bad-roll":  rolloutTooLarge,
		"bad-untold": func() *story {
			plan := killPlan()
			return healthyBusy().add(7, "responder", outage.Event{Plan: &plan})
		},
		"bad-fix": func() *story {
			return goodLeak().attempt(10.5, "api", outage.OpRequest, outage.PoolTimeout, 20, "", "redis: connection pool timeout")
		},
		"bad-fix-silent": func() *story {
			return goodLeak().without(func(e outage.Event) bool {
				return e.Attempt != nil && e.Attempt.Service == "api" && e.At > at(9)
			})
		},
		"bad-held":     func() *story { return goodLeak().change(lostHeld) },
		"bad-no-watch": func() *story { return goodLeak().without(isCanary) },
	}
}

func noRejects(e *outage.Event) {
	if e.Snapshot != nil {
		e.Snapshot.Info["rejected_connections"] = "140" // a burst of the past: only growth says anything
	}
}

// lostHeld lets the held canary of web time out during the outage.
func lostHeld(e *outage.Event) {
	if e.Attempt != nil && e.Attempt.Op == outage.OpHeld && e.At > at(5) && e.At < at(6) {
		e.Attempt.Outcome = outage.TimedOut
	}
}

func isCanary(e outage.Event) bool {
	return e.Attempt != nil && (e.Attempt.Op == outage.OpHeld || e.Attempt.Op == outage.OpFresh)
}

func history(t testing.TB, name string) outage.History { return stories()[name]().done(t) }
