package assert

import (
	"fmt"
	"slices"

	"spillway/outage"
	"spillway/scenarios"
)

// Variations that others are built on.
var (
	neverRefused = lacks("never refused", isRefused)
	nobodyActs   = lacks("nobody acts", func(e outage.Event) bool { return isPlan(e) || isAction(e) })
	nobodySpared = expecting("nobody to spare", func(e *scenarios.Expect) { e.Spare = nil })
	nothingToDo  = expecting("nothing to do", func(e *scenarios.Expect) { e.Actions = &[]outage.ActionKind{} })
	noFix        = variation{"no fix", func(s *story) { s.s.Fix = nil }}
	noUntil      = variation{"no until", func(s *story) { s.s.Until = scenarios.Until{} }}
	fixOfTwo     = variation{"a fix of two", func(s *story) { s.s.Fix = append(s.s.Fix, scenarios.Service{Service: "web"}) }}
)

// variations are how the stories may go differently, by the story: below, at and above each bound that a verdict has.
var variations = map[string][]variation{
	"good-leak": slices.Concat(
		[]variation{
			// Detection.
			sure(.49), sure(.5), sure(.51), sure(.999),
			lacks("named after it began", func(e outage.Event) bool { return e.Diagnosis != nil && e.At == at(4.7) }),
			moved(4.7, 5, hasDiagnosis), moved(4.7, 4.99, hasDiagnosis), moved(4.7, 3, hasDiagnosis), moved(4.7, 2.99, hasDiagnosis),
			both(moved(4.7, 5.2, hasDiagnosis), expecting("detect within 190ms", func(e *scenarios.Expect) { e.Detect = at(.19) })),
			both(moved(4.7, 5.2, hasDiagnosis), expecting("detect within 200ms", func(e *scenarios.Expect) { e.Detect = at(.2) })),
			both(moved(4.7, 5.2, hasDiagnosis), expecting("detect within 210ms", func(e *scenarios.Expect) { e.Detect = at(.21) })),
			expecting("no limit on detect", func(e *scenarios.Expect) { e.Detect = 0 }),
			expecting("nothing is wrong", func(e *scenarios.Expect) { e.Cause, e.Culprits = scenarios.Nothing, nil }),
			with("unsure", func(e *outage.Event) {
				if e.Diagnosis != nil {
					e.Diagnosis.Findings, e.Diagnosis.Unsure = nil, []string{"CLIENT LIST could not be read", "take a second snapshot"}
				}
			}),
			both(neverRefused, lacks("no diagnosis before 5s", func(e outage.Event) bool { return e.Diagnosis != nil && e.At < at(5) })),
			lacks("one diagnosis", func(e outage.Event) bool { return e.Diagnosis != nil && e.At != at(5.7) }),
			lacks("no diagnosis before the plan", func(e outage.Event) bool { return e.Diagnosis != nil && e.At < at(5.9) }),
			moved(5.7, 5.95, hasDiagnosis),
			// Culprits.
			accusing("nobody"), accusing("api twice", outage.Culprit{Service: "api"}, outage.Culprit{Service: "api"}),
			accusing("a stranger too", outage.Culprit{Service: "cron"}, outage.Culprit{Service: "api"}),
			accusing("an address", outage.Culprit{Service: "10.0.0.6", Addr: "10.0.0.6"}),
			accusing("its connections",
				outage.Culprit{Service: "web", Addr: "10.0.0.2", Examples: []string{"10.0.0.5:1", "10.0.0.6:2", "10.0.0.2:3"}}),
			expecting("nobody to blame", func(e *scenarios.Expect) { e.Culprits = nil }),
			expecting("two to blame", func(e *scenarios.Expect) { e.Culprits = []string{"web", "api"}; e.Spare = nil }),
			// Plans and actions.
			expecting("no actions named", func(e *scenarios.Expect) { e.Actions = nil }),
			nothingToDo,
			expecting("actions twice", func(e *scenarios.Expect) {
				e.Actions = &[]outage.ActionKind{outage.SetTimeout, outage.KillClients, outage.SetTimeout}
			}),
			lacks("untold actions", isAction), lacks("unplanned actions", isPlan), nobodyActs,
			both(planned("plans only a kill", func(p *outage.Plan) { p.Actions = p.Actions[:1] }), lacks("untold", isAction)),
			both(planned("plans only advice", func(p *outage.Plan) { p.Actions = p.Actions[2:] }), lacks("untold", isAction)),
			planned("plans nothing", func(p *outage.Plan) { p.Actions = nil }),
			planned("plans another setting", func(p *outage.Plan) { p.Actions[1].Param = "tcp-keepalive" }),
			planned("plans it twice", func(p *outage.Plan) { p.Actions = append(p.Actions, p.Actions[0]) }),
			adding("a plan before", 5.5, outage.Event{Plan: &outage.Plan{Cause: outage.IdleNotReaped, Actions: killPlan().Actions[1:2]}}),
			adding("an empty plan before", 5.5, outage.Event{Plan: &outage.Plan{Cause: outage.IdleNotReaped}}),
			adding("a plan after", 6.5, outage.Event{Plan: &outage.Plan{Cause: outage.IdleNotReaped, Actions: killPlan().Actions[1:2]}}),
			adding("one action more", 6.4, outage.Event{Action: &outage.Action{Kind: outage.RaiseMaxclients, State: outage.Done}}),
			actingOn("a kill that says so itself", outage.KillClients, func(a *outage.Action) { a.Result = "8 closed" }),
			actingOn("a kill that erred half way", outage.KillClients, func(a *outage.Action) { a.State, a.Result = outage.Errored, "-ERR gone" }),
			actingOn("a kill that was skipped", outage.KillClients, func(a *outage.Action) { a.State, a.Result = outage.Skipped, "nobody idle" }),
			actingOn("a kill that was undone", outage.KillClients, func(a *outage.Action) { a.State = outage.Undone }),
			actingOn("a kill that is only planned", outage.KillClients, func(a *outage.Action) { a.State = outage.Planned }),
			actingOn("a setting with a result", outage.SetTimeout, func(a *outage.Action) { a.Result = "+OK" }),
			actingOn("a setting that erred", outage.SetTimeout, func(a *outage.Action) { a.State, a.Result = outage.Errored, "-NOPERM" }),
			actingOn("a setting that took longer", outage.SetTimeout, func(a *outage.Action) { a.At = at(6.2) }),
			with("actions without a time of their own", func(e *outage.Event) {
				if e.Action != nil {
					e.Action.At = 0
				}
			}),
			with("many skipped", func(e *outage.Event) {
				if e.Action != nil {
					e.Action.State, e.Action.Result = outage.Skipped, "too late"
				}
			}),
			both(with("all skipped", func(e *outage.Event) {
				if e.Action != nil {
					e.Action.State, e.Action.Result = outage.Skipped, "too late"
				}
			}), adding("and a fourth", 6.4, outage.Event{Action: &outage.Action{Kind: outage.SetKeepalive, State: outage.Skipped, Result: "why"}})),
			// Harm.
			killedAt(), killedAt("10.0.0.2:1"), killedAt("10.0.0.2:1", "10.0.0.2:2", "10.0.0.5:1"), killedAt("10.0.0.9:1"),
			killedAt("10.0.0.7:1"), killedOf(outage.SetTimeout, "10.0.0.2:1"),
			both(killedAt("10.0.0.2:1", "10.0.0.2:2"), tried(6.4, "web", outage.OpHeld, outage.Reset, 1)),
			both(killedAt("10.0.0.2:1"), tried(6.4, "web", outage.OpHeld, outage.Reset, 2)),
			tried(5.89, "web", outage.OpRequest, outage.Reset, 1), tried(5.9, "web", outage.OpRequest, outage.Reset, 1),
			tried(5.89, "web", outage.OpHeld, outage.TimedOut, 1), tried(5.9, "web", outage.OpHeld, outage.TimedOut, 3),
			tried(14, "web", outage.OpHeld, outage.Reset, 2), tried(14.1, "web", outage.OpHeld, outage.Reset, 2),
			tried(6.5, "web", outage.OpRequest, outage.TimedOut, 2), tried(6.5, "web", outage.OpFresh, outage.Reset, 1),
			tried(6.5, "api", outage.OpRequest, outage.Reset, 2), tried(6.5, "cron", outage.OpRequest, outage.Reset, 2),
			tried(6.5, "", outage.OpRequest, outage.Reset, 2),
			both(tried(6.5, "web", outage.OpRequest, outage.Reset, 3), nobodySpared),
			both(tried(6.5, "web", outage.OpRequest, outage.Reset, 3), suffers(outage.Reset)),
			nobodySpared,
			both(nobodySpared, killedAt("10.0.0.2:1")),
			both(expecting("a low limit, nobody to blame", func(e *scenarios.Expect) { e.Cause, e.Culprits = outage.MaxclientsTooLow, nil }), noFix),
			both(expecting("nobody to blame nor to spare", func(e *scenarios.Expect) { e.Culprits, e.Spare = nil, nil }), noFix),
			expecting("nobody told to blame", func(e *scenarios.Expect) { e.Culprits = nil }),
			both(nobodyActs, expecting("suffers resets", func(e *scenarios.Expect) {
				e.Suffer, e.Actions = outage.Reset, &[]outage.ActionKind{}
			}), tried(6.5, "web", outage.OpRequest, outage.Reset, 3)),
			both(nobodyActs, nothingToDo,
				tried(6.5, "web", outage.OpRequest, outage.Reset, 3)),
			both(nobodyActs, nothingToDo),
			// Mitigation and recovery.
			expecting("no limit on mitigate", func(e *scenarios.Expect) { e.Mitigate = 0 }),
			expecting("no limit on recover", func(e *scenarios.Expect) { e.Recover = 0 }),
			expecting("nothing about cleared", func(e *scenarios.Expect) { e.Cleared = nil }),
			with("canaries that took 0.2 s", func(e *outage.Event) { slowCanary(e, .2) }),
			with("canaries that took 0.21 s", func(e *outage.Event) { slowCanary(e, .21) }),
			with("canaries that took 9 s", func(e *outage.Event) { slowCanary(e, 9) }),
			tried(6.3, "web", outage.OpFresh, outage.OK, 1),
			lacks("no fresh canary from the response on", func(e outage.Event) bool {
				return e.Attempt != nil && e.Attempt.Op == outage.OpFresh && e.At > at(6.3)
			}),
			with("no luck from the response on", func(e *outage.Event) {
				if e.Attempt != nil && e.Attempt.Op == outage.OpFresh && e.At > at(6.3) {
					e.Attempt.Outcome = outage.Refused
				}
			}),
			lacks("nobody asked", func(e outage.Event) bool {
				return isPlan(e) || isAction(e) || e.Phase != nil && *e.Phase == outage.Respond
			}),
			lacks("nobody to ask", func(e outage.Event) bool { return isPlan(e) || isAction(e) || hasDiagnosis(e) }),
			neverRefused,
			tried(8.99, "api", outage.OpConnect, outage.Refused, 1), tried(9, "api", outage.OpConnect, outage.Refused, 1),
			tried(9, "api", outage.OpConnect, outage.Refused, 2),
			tried(14, "api", outage.OpRequest, outage.Refused, 1), tried(9, "api", outage.OpConnect, outage.OK, 1),
			lacks("nobody knocks in the hold phase", func(e outage.Event) bool {
				return e.Attempt != nil && e.Attempt.Op == outage.OpFresh && e.At >= at(9)
			}),
			both(lacks("no fresh canary in the hold phase", func(e outage.Event) bool {
				return e.Attempt != nil && e.Attempt.Op == outage.OpFresh && e.At >= at(9)
			}), tried(10, "api", outage.OpConnect, outage.OK, 1)),
			// Cleared.
			below(19), below(20), below(21), belowPercent(19.9), belowPercent(20), belowPercent(20.9),
			holding(4.99), holding(5), holding(5.01), holding(0),
			seen(9), seen(9, 9.6), seen(9, 9.6, 11.1), seen(9, 9.6, 11.09), seen(9, 9, 14), seen(9, 8.99, 14), seen(9, 9, 10.5),
			seen(9, 9, 10.49), seen(9, 12.5, 14),
			shown("connected_clients", "50", 10, 11), shown("connected_clients", "51", 10, 11),
			shown("connected_clients", "51", 9, 9), shown("connected_clients", "?", 9, 14),
			configured("maxclients", "", 9, 14), configured("maxclients", "0", 9, 14), configured("maxclients", "40", 9, 14),
			configured("maxclients", "39", 9, 14),
			both(configured("maxclients", "", 9, 14), below(20)),
			// What clients and the server say.
			refusalsNeeded(132), refusalsNeeded(133), refusalsNeeded(134),
			both(expecting("refusals without a number", func(e *scenarios.Expect) { yes := true; e.Refusals = &yes }), noUntil),
			both(expecting("no refusals", func(e *scenarios.Expect) { no := false; e.Refusals = &no }), noUntil),
			shown("rejected_connections", "0", 0, 14), shown("rejected_connections", "1", 5, 14),
			shown("rejected_connections", "", 1, 14),
			shown("rejected_connections", "", 2, 14), shown("rejected_connections", "30", 8, 14),
			shown("rejected_connections", "140", 8, 14), shown("rejected_connections", "139", 8, 14),
			shown("connected_clients", "100", 7, 8), shown("connected_clients", "101", 7, 8),
			both(shown("connected_clients", "100", 7, 8), configured("maxclients", "200", 7, 8)),
			shown("connected_clients", "", 13, 14),
			configured("maxclients", "200", 0, 3), configured("maxclients", "200", 3, 14), configured("maxclients", "", 0, 3),
			configured("maxclients", "", 0, 14), configured("maxclients", "0", 0, 3),
			{"a snapshot as the load begins", func(s *story) { s.snapshot(3, 8, 300, 0) }},
			{"a snapshot just after the load begins", func(s *story) { s.snapshot(3.01, 8, 300, 0) }},
			configured("timeout", "60", 6.3, 14), configured("timeout", "60", 6.61, 14), configured("timeout", "60", 6.6, 7),
			configured("hz", "20", 6.6, 14),
			both(configured("timeout", "60", 6.6, 14), configured("maxclients", "500", 6.6, 14)),
			both(configured("maxclients", "", 0, 6.4), configured("timeout", "", 0, 6.4)),
			{"a snapshot at the response", func(s *story) { configured("timeout", "60", 6.3, 14).edit(s.snapshot(6.3, 99, 100, 140)) }},
			both(configured("timeout", "", 0, 14), configured("maxclients", "", 0, 14)),
			tried(5, "web", outage.OpFresh, outage.Refused, 3), tried(4.9, "api", outage.OpRequest, outage.Refused, 1),
			tried(2.9, "api", outage.OpConnect, outage.Refused, 1),
			suffers(outage.TimedOut),
			both(suffers(outage.TimedOut), tried(4, "api", outage.OpRequest, outage.TimedOut, 1)),
			both(suffers(outage.TimedOut), tried(3, "api", outage.OpRequest, outage.TimedOut, 1), neverRefused),
			both(suffers(outage.TimedOut), tried(2.99, "api", outage.OpRequest, outage.TimedOut, 1), neverRefused),
			// The fix.
			noFix,
			fixOfTwo,
			both(fixOfTwo, tried(10, "web", outage.OpRequest, outage.OK, 1)),
			both(fixOfTwo, tried(10, "web", outage.OpRequest, outage.Failed, 1)),
			// The clock and the phases.
			later(14, 14.69, anything), later(14, 14.7, anything), later(14, 14.71, anything),
			later(1, 20, anything),
			both(lacks("no other phase", func(e outage.Event) bool { return isPhase(e) && !isEnd(e) }), moved(14, 0, isEnd)),
			phased(7, outage.Respond), phased(7, outage.Load), phased(2, outage.Load), phased(13, outage.Fix),
			moved(9, 8, isPhase), moved(8, 9, isPhase), moved(6, 2.5, isPhase), moved(14, 9, isPhase), moved(14, 12.5, isPhase),
			moved(14, 12, isPhase),
			moved(6, 6.31, isPhase), moved(6, 5, isPhase),
			// The canaries of a spared service.
			{"a web that starts later", func(s *story) { s.s.Fleet[0].Start = at(1) }},
			note("rig", "an image stood in"), note("", "nobody in particular"), note("observer", "slow"), note("responder", "done"),
			muchPrinted(49), muchPrinted(50), muchPrinted(51),
		},
		shares("web", outage.OpHeld, 1.2, 2.9), shares("web", outage.OpFresh, 1.2, 2.9), shares("web", outage.OpHeld, 5, 5.8),
		shares("web", outage.OpHeld, 6.3, 14), shares("web", outage.OpFresh, 9, 14), shares("api", outage.OpRequest, 9, 14),
	),
	"good-busy": slices.Concat(shares("web", outage.OpHeld, 3, 10), []variation{
		adding("a guess", 7, namedOnce(outage.MaxclientsTooLow, .49)), adding("a name", 7, namedOnce(outage.MaxclientsTooLow, .5)),
		adding("a second guess", 7,
			found(outage.Finding{Cause: outage.IdleNotReaped, Confidence: .4}, outage.Finding{Cause: outage.DeploySurge, Confidence: .6})),
		fewDiagnoses(0), fewDiagnoses(1), fewDiagnoses(2), fewDiagnoses(3), fewDiagnoses(4),
		tried(5, "web", outage.OpConnect, outage.Refused, 1), tried(2, "web", outage.OpConnect, outage.Refused, 1),
		shown("rejected_connections", "1", 5, 14), shown("rejected_connections", "", 2, 14), shown("rejected_connections", "", 0, 14),
		seen(0), seen(0, 5), seen(0, 5, 6), seen(0, 2, 6), seen(0, 3, 10), seen(0, 2.99, 6),
		tried(5, "web", outage.OpRequest, outage.Reset, 1), tried(2.99, "web", outage.OpRequest, outage.Reset, 1),
		tried(3, "web", outage.OpHeld, outage.TimedOut, 1),
		suffers(outage.Reset),
		both(suffers(outage.Reset), tried(5, "web", outage.OpRequest, outage.Reset, 1)),
		lacks("nobody served", func(e outage.Event) bool { return e.Attempt != nil && e.At >= at(3) }),
		both(lacks("nobody served", func(e outage.Event) bool { return e.Attempt != nil && e.At >= at(3) }),
			tried(4, "web", outage.OpConnect, outage.OK, 1)),
		expecting("actions do not matter", func(e *scenarios.Expect) { e.Actions = nil }),
		both(expecting("a kill is wanted", func(e *scenarios.Expect) { e.Actions = &[]outage.ActionKind{outage.KillClients} }),
			tried(5, "web", outage.OpRequest, outage.Reset, 1)),
		adding("an action", 7, outage.Event{Action: &outage.Action{Kind: outage.SetTimeout, State: outage.Done}}),
		adding("advice", 7, outage.Event{Action: &outage.Action{Kind: outage.Advise, State: outage.Done}}),
		adding("an action of nobody", 7, outage.Event{Action: &outage.Action{Kind: outage.KillClients, State: outage.Skipped}}),
		{"a respond and a hold phase", func(s *story) { s.phase(7, outage.Respond).phase(8, outage.Hold) }},
		nobodySpared,
		both(nobodySpared, lacks("nobody served", isAttempt)),
		both(variation{"another responder", func(s *story) { s.h.Header.Responder, s.s.Expect.Spare = "exec:x.sh", nil }},
			lacks("nobody served", isAttempt)),
		{"an unnamed responder", func(s *story) { s.h.Header.Responder = "" }},
	}),
	"bad-few": {fewDiagnoses(3)},
	"bad-untold": {
		planned("plans only advice", func(p *outage.Plan) { p.Actions = p.Actions[2:] }),
		planned("plans only a kill", func(p *outage.Plan) { p.Actions = p.Actions[:1] }),
	},
	"good-roll": {
		peaking("web", 39, 0), peaking("web", 40, 0), peaking("web", 41, 0), peaking("web", 0, 39), peaking("web", 0, 40),
		peaking("web", 0, 40.9), peaking("", 69, 0), peaking("", 70, 0),
		peaking("", 0, 69), peaking("", 0, 70), peaking("api", 5, 0), peaking("", 0, 69.9),
		both(peaking("", 0, 70), configured("maxclients", "", 0, 10)), both(peaking("", 70, 0), configured("maxclients", "", 0, 10)),
		both(peaking("", 0, 70), configured("maxclients", "0", 0, 10)),
		both(peaking("", 80, 0), seen(2, 5)), both(peaking("", 80, 0), seen(2, 5, 6)), both(peaking("", 80, 0), seen(2, 2.99, 6)),
		both(peaking("", 80, 0), seen(2, 3, 10)),
		listing("10.0.0.2:1", "10.0.0.2:2", "10.0.0.3:1"), listing("10.0.0.3:1"),
		both(peaking("web", 1, 0), listing("10.0.0.2:1", "10.0.0.2:2")),
		both(peaking("web", 2, 0), listing("10.0.0.2:1", "10.0.0.2:2")),
		with("counted at two addresses", func(e *outage.Event) {
			if e.Snapshot != nil {
				e.Snapshot.Census = append(e.Snapshot.Census, outage.Census{Host: "10.0.0.2", Count: 1}, outage.Census{Host: "10.0.0.9", Count: 7})
			}
		}),
		with("not counted", func(e *outage.Event) {
			if e.Snapshot != nil {
				e.Snapshot.Census = nil
			}
		}),
	},
	"good-pool": {tried(5.2, "web", outage.OpRequest, outage.PoolTimeout, 1), tried(2.9, "web", outage.OpRequest, outage.PoolTimeout, 1),
		lacks("nobody suffers", func(e outage.Event) bool { return e.Attempt != nil && e.Attempt.Outcome == outage.PoolTimeout }),
		lacks("nobody tries", func(e outage.Event) bool { return e.Attempt != nil && e.At >= at(3) }), sure(.5), sure(.49),
		both(lacks("no diagnosis", hasDiagnosis), adding("named as it began", 5.1, namedOnce(outage.NotAtLimit, .8))),
		both(lacks("no diagnosis", hasDiagnosis), adding("named before it began", 5.09, namedOnce(outage.NotAtLimit, .8))),
	},
	"good-two": {
		alsoFound(outage.FDLimitClamp, .5), alsoFound(outage.FDLimitClamp, .49), alsoFound(outage.IdleNotReaped, .9),
		both(alsoFound(outage.IdleNotReaped, .9),
			expecting("three causes", func(e *scenarios.Expect) { e.Also = append(e.Also, outage.IdleNotReaped) })),
		expecting("three causes", func(e *scenarios.Expect) { e.Also = append(e.Also, outage.IdleNotReaped, outage.HalfOpenPeers) }),
		expecting("the first one twice", func(e *scenarios.Expect) { e.Also = []outage.Cause{outage.ConnectionLeak} }),
		expecting("one cause", func(e *scenarios.Expect) { e.Also = nil }),
		both(alsoFound("", 0), adding("named with the plan", 5.9, namedOnce(outage.FDLimitClamp, .8))),
		both(alsoFound("", 0), adding("named before the plan", 5.89, namedOnce(outage.FDLimitClamp, .8))),
		both(alsoFound("", 0), adding("named as it was held", 9, namedOnce(outage.FDLimitClamp, .8))),
		both(alsoFound("", 0), adding("named in the hold phase", 9.01, namedOnce(outage.FDLimitClamp, .8))),
		both(alsoFound("", 0), adding("named unsurely", 7, namedOnce(outage.FDLimitClamp, .49))),
		both(alsoFound("", 0), adding("named just so", 7, namedOnce(outage.FDLimitClamp, .5))),
		both(alsoFound("", 0), adding("named later", 9.5, namedOnce(outage.FDLimitClamp, .8)), lacks("no hold phase", kinds["hold"])),
		both(alsoFound("", 0), adding("named later", 7, namedOnce(outage.FDLimitClamp, .8)), lacks("no plan", isPlan)),
		both(alsoFound("", 0),
			adding("named behind another", 7,
				found(outage.Finding{Cause: outage.IdleNotReaped, Confidence: .9}, outage.Finding{Cause: outage.FDLimitClamp, Confidence: .7}))),
		both(expecting("the first one too", func(e *scenarios.Expect) { e.Also = append(e.Also, outage.ConnectionLeak) }),
			adding("named again", 7, namedOnce(outage.ConnectionLeak, .8))),
		both(expecting("the first one alone", func(e *scenarios.Expect) { e.Also = []outage.Cause{outage.ConnectionLeak} }),
			adding("named again", 7, namedOnce(outage.ConnectionLeak, .8))),
		lacks("no diagnosis", hasDiagnosis), with("nothing found", func(e *outage.Event) {
			if e.Diagnosis != nil {
				e.Diagnosis.Findings = nil
			}
		}),
		both(expecting("idle ones too", func(e *scenarios.Expect) { e.Also = append(e.Also, outage.IdleNotReaped) }),
			blamedToo(outage.IdleNotReaped)),
		blamedToo(outage.IdleNotReaped), blamedToo(outage.FDLimitClamp),
		both(expecting("a low limit too", func(e *scenarios.Expect) { e.Also = append(e.Also, outage.MaxclientsTooLow) }),
			blamedToo(outage.MaxclientsTooLow)),
	},
	"good-clamp": {tried(5.89, "web", outage.OpRequest, outage.Reset, 1), tried(5.9, "web", outage.OpRequest, outage.Reset, 1),
		actingOn("a restart that erred", outage.RestartRedis, func(a *outage.Action) { a.State = outage.Errored }),
		adding("something done before", 6.5, outage.Event{Action: &outage.Action{Kind: outage.RaiseNofile, State: outage.Done}}),
		both(adding("something done before", 6.5, outage.Event{Action: &outage.Action{Kind: outage.RaiseNofile, State: outage.Done}}),
			tried(6.49, "web", outage.OpRequest, outage.Reset, 1)),
		both(adding("something done before", 6.5, outage.Event{Action: &outage.Action{Kind: outage.RaiseNofile, State: outage.Done}}),
			tried(6.5, "web", outage.OpRequest, outage.Reset, 1)),
		shown("rejected_connections", "60", 7, 14), shown("rejected_connections", "61", 7, 14),
		shown("rejected_connections", "59", 7, 14), tried(7.3, "web", outage.OpHeld, outage.TimedOut, 5),
	},
	"long": {
		tried(16.89, "web", outage.OpRequest, outage.Reset, 1), tried(16.9, "web", outage.OpRequest, outage.Reset, 1),
		tried(16.91, "web", outage.OpRequest, outage.Reset, 1),
		tried(16.9, "web", outage.OpHeld, outage.TimedOut, 5), tried(16.91, "web", outage.OpHeld, outage.TimedOut, 5),
		tried(16.9, "web", outage.OpFresh, outage.TimedOut, 5), tried(16.91, "web", outage.OpFresh, outage.TimedOut, 5),
		with("a restart recorded late", func(e *outage.Event) {
			if e.Action != nil && e.Action.Kind == outage.RestartRedis {
				e.At = at(8)
			}
		}),
	},
	"good-exec": {
		tried(5.29, "web", outage.OpRequest, outage.Reset, 1), tried(5.3, "web", outage.OpRequest, outage.Reset, 1),
		tried(5.29, "web", outage.OpHeld, outage.TimedOut, 1),
		tried(5.3, "web", outage.OpHeld, outage.TimedOut, 1), typing(6.25, ":0", 0, "CLIENT KILL ID 7"),
		typing(6.25, "+OK", -1, "CONFIG SET timeout 0"), typing(4, ":1", 1, "CLIENT KILL ID 7"),
		lacks("a slow diagnosis", func(e outage.Event) bool { return e.Diagnosis != nil && e.At < at(6) }),
		both(lacks("a slow diagnosis", func(e outage.Event) bool { return e.Diagnosis != nil && e.At < at(6) }),
			adding("one as the response began", 6, namedOnce(outage.HalfOpenPeers, .5))),
		both(adding("one as the response began", 6, namedOnce(outage.HalfOpenPeers, .5)),
			adding("one later", 6.5, namedOnce(outage.DeploySurge, .9))),
		both(adding("one before the response began", 5.99, namedOnce(outage.HalfOpenPeers, .5)),
			adding("one later", 6.5, namedOnce(outage.DeploySurge, .9))),
		adding("a guess as the response began", 6, namedOnce(outage.HalfOpenPeers, .49)),
		both(lacks("no attempt of the healthy", func(e outage.Event) bool { return e.Attempt != nil && e.Attempt.Service == "web" }), nobodySpared),
		lacks("nothing typed", kinds["commands"]),
	},
	"good-person": {
		typing(6.2, "+OK", -1, "PING"), typing(6.2, "+OK", -1, "CLIENT"),
		typing(6.2, "-ERR wrong number of arguments", 0, "CLIENT KILL"), typing(6.2, "+OK", 2, "SHUTDOWN"),
		typing(6.2, "+OK", 0, "SHUTDOWN"),
		typing(6.2, "+OK", -1, "CONFIG SET timeout 7"), lacks("nothing typed", kinds["commands"]),
	},
	"bad-published": {
		typing(7, "+OK", -1, "CONFIG SET timeout 0"), typing(7, "+OK", -1, "CONFIG SET timeout 7"),
		typing(7, "+OK", -1, "CONFIG SET timeout 8"), typing(7, "+OK", -1, "CONFIG SET timeout 6"),
		typing(7, "+OK", -1, "CONFIG SET timeout 1"),
		typing(7, "+OK", -1, "CONFIG SET timeout -1"), typing(7, "+OK", -1, "CONFIG SET timeout soon"),
		typing(7, "+OK", -1, "config set tcp-keepalive 60"), typing(7, "+OK", -1, "CONFIG SET hz 20"),
		typing(7, "+OK", -1, "CONFIG SET timeout 300 hz 20"),
		typing(7, "-ERR no", -1, "CONFIG SET timeout 900"), typing(7, "+OK", -1, "CONFIG GET timeout 900"),
		typing(7, "+OK", -1, "CONFIG SET timeout"),
		muchTyped(15), muchTyped(16), muchTyped(17), muchTyped(18), typing(7, ":0", 0, "CLIENT KILL ADDR 10.0.0.5:0"),
		typing(7, ":0", -1, "CLIENT KILL ID 5"), typing(7, ":1", 1, "CLIENT KILL ID 5"),
		typing(7, "-ERR syntax error", 0, "CLIENT KILL ID 5 6"), typing(7, "-ERR syntax error", 0, "CLIENT KILL ID 5 ADDR"),
		typing(7, "-ERR syntax error", 0, "CLIENT KILL ADDR 5 6"), typing(7, "-ERR syntax error", 0, "CLIENT KILL TYPE normal ID 5"),
		typing(7, "-ERR syntax error", 0, "CLIENT KILL TYPE normal ID 5 6"), typing(7, "-NOPERM", 0, "CLIENT KILL MAXAGE 60"),
		typing(7, ":0", 0, "CLIENT KILL MAXAGE 60"), typing(7, ":0", 0, "CLIENT KILL SKIPME no ID 6"),
		typing(7, "-ERR", 0, "CLIENT KILL ADDR"), typing(7, "-ERR", 0, "CLIENT KILL TYPE"), typing(7, "-ERR", 0, "CLIENT KILL :6379"),
		typing(7, "-ERR", 0, "CLIENT KILL /run/redis.sock:0"), typing(7, ":0", 0, "CLIENT KILL ADDR 10.0.0.5:1 ID"),
		typing(7, ":0", 0, "CLIENT KILL USER api"), typing(7, ":0", 0, "CLIENT KILL SKIPME no ID"),
		typing(7, ":0", 0, "CLIENT KILL SKIPME no ADDR web:1"), typing(7, "-ERR syntax error", 0, "CLIENT KILL TYPE normal NOT-ID 5"),
		typing(7, "-ERR syntax error", 0, "CLIENT KILL NOTHING 5"),
		typing(7, "-NOAUTH Authentication required", -1, "CONFIG SET hz 1"), typing(7, "-BUSY Redis is busy", -1, "CONFIG SET hz 1"),
		typing(7, "-ERR unknown command", -1, "CONFIG SET hz 1"),
		typing(7, "-ERR Rewriting config file: Permission denied", -1, "CONFIG REWRITE"),
	},
	"control-yes": {
		canariesAtTheEnd(4, 3), canariesAtTheEnd(4, 4), canariesAtTheEnd(3, 4), canariesAtTheEnd(1, 0), canariesAtTheEnd(0, 1),
		tried(11, "web", outage.OpFresh, outage.OK, 90), tried(10.99, "web", outage.OpFresh, outage.OK, 90),
		tried(14, "web", outage.OpFresh, outage.OK, 90),
		adding("advice", 7, outage.Event{Action: &outage.Action{Kind: outage.Advise, State: outage.Done}}),
		variation{"a short run", func(s *story) {
			s.without(func(e outage.Event) bool { return e.At > at(2) || e.Phase != nil }).refuse(1, 2, "api", 10).
				phase(0, outage.Load).phase(2, outage.End).snapshot(.1, 1, 100, 0).snapshot(1.9, 100, 100, 50)
		}},
	},
	"control-failing": {
		failingUntil(7.99), failingUntil(8), failingUntil(8.01), tried(8, "api", outage.OpConnect, outage.Refused, 1),
		both(failingUntil(7.9), tried(8, "api", outage.OpConnect, outage.TimedOut, 1)),
		both(failingUntil(7.9), tried(7.99, "api", outage.OpConnect, outage.TimedOut, 1)),
		both(failingUntil(7.9), tried(14, "api", outage.OpConnect, outage.TimedOut, 2)),
		both(failingUntil(7.9), tried(9, "api", outage.OpConnect, outage.Failed, 2)),
	},
	"good-failing": {
		failures(35), failures(36), failures(37), both(failures(1), failingUntil(5.1)),
		seen(0), seen(0, 5), seen(0, 5, 6), seen(0, 2.9, 6), seen(0, 3, 14), sure(.5), sure(.49),
		suffers(""), suffers(outage.Reset),
		both(expecting("refusals forbidden", func(e *scenarios.Expect) { no := false; e.Refusals = &no }),
			tried(6, "api", outage.OpConnect, outage.Refused, 1)),
		expecting("refusals forbidden", func(e *scenarios.Expect) { no := false; e.Refusals = &no }),
		expecting("refusals expected", func(e *scenarios.Expect) { yes := true; e.Refusals = &yes }),
		tried(2.9, "api", outage.OpConnect, outage.TimedOut, 1), tried(3, "api", outage.OpConnect, outage.TimedOut, 1),
		tried(4, "api", outage.OpConnect, outage.Refused, 1), tried(14, "api", outage.OpConnect, outage.Refused, 1),
		adding("an action", 7.95, outage.Event{Action: &outage.Action{Kind: outage.RaiseNofile, State: outage.Done}}),
		tried(8, "web", outage.OpHeld, outage.TimedOut, 9), tried(6, "web", outage.OpHeld, outage.TimedOut, 9),
		expecting("it must be over", func(e *scenarios.Expect) { e.Mitigate = at(4) }), nobodySpared,
	},
	"recovering": {
		tried(9, "api", outage.OpConnect, outage.TimedOut, 1), tried(9.5, "api", outage.OpConnect, outage.TimedOut, 2),
		slowFailure(9.5, .5), slowFailure(9.5, .51), slowFailure(9, 0),
		tried(9.5, "api", outage.OpConnect, outage.Refused, 1), tried(10, "api", outage.OpConnect, outage.TimedOut, 1),
		tried(10, "api", outage.OpConnect, outage.TimedOut, 2), slowFailure(10.5, .5), slowFailure(10.5, .51), slowFailure(10, 0),
		tried(6, "api", outage.OpConnect, outage.Refused, 1), tried(8.5, "api", outage.OpConnect, outage.Refused, 1),
		tried(8.6, "api", outage.OpConnect, outage.Refused, 1), tried(8.4, "api", outage.OpConnect, outage.Refused, 1),
		below(39), below(40), lacks("nothing done", isAction),
		expecting("only mitigated", func(e *scenarios.Expect) { e.Cleared, e.Recover = nil, 0 }),
		expecting("nothing about the end", func(e *scenarios.Expect) { e.Cleared, e.Recover, e.Mitigate = nil, 0, 0 }),
	},
	"locked": {
		shown("rejected_connections", "3", 6, 10), tried(6, "web", outage.OpConnect, outage.Refused, 1), shown("rejected_connections", "", 0, 10),
		suffers(""),
		lacks("nobody denied", func(e outage.Event) bool { return e.Attempt != nil && e.Attempt.Outcome == outage.Denied }),
		seen(0, 5), seen(0, 5, 6),
	},
	"cut": {
		killedAt("10.0.0.5:1"), killedAt("10.0.0.8:1"), killedAt("10.0.0.2:1"), killedAt("10.0.0.99:1"),
		killedAt("10.0.0.6:1", "10.0.0.8:1"),
		both(killedAt("10.0.0.5:1"), actingOn("before the cut", outage.KillClients, func(a *outage.Action) { a.At = at(3.99) })),
		both(killedAt("10.0.0.5:1"), actingOn("with the cut", outage.KillClients, func(a *outage.Action) { a.At = at(4) })),
		both(expecting("nobody to blame", func(e *scenarios.Expect) { e.Culprits, e.Spare = nil, nil }),
			tried(7, "api", outage.OpRequest, outage.Reset, 3)),
		both(expecting("nobody to blame", func(e *scenarios.Expect) { e.Culprits, e.Spare = nil, nil }),
			tried(7, "web", outage.OpRequest, outage.Reset, 3)),
		both(expecting("a low limit", func(e *scenarios.Expect) { e.Cause, e.Culprits, e.Spare = outage.MaxclientsTooLow, nil, nil }),
			tried(7, "api", outage.OpRequest, outage.Reset, 3)),
		both(expecting("a low limit", func(e *scenarios.Expect) { e.Cause, e.Culprits, e.Spare = outage.MaxclientsTooLow, nil, nil }),
			variation{"no fault", func(s *story) { s.s.Faults = nil }}, tried(7, "api", outage.OpRequest, outage.Reset, 3)),
	},
	"crowd": {
		lostBy(3), lostBy(4), lostBy(5), lostBy(6),
		lacks("silent jobs", func(e outage.Event) bool { return e.Attempt != nil && e.Attempt.Service != "web" && isCanary(e) }),
		lacks("all silent", isCanary),
		lacks("one job silent", func(e outage.Event) bool { return e.Attempt != nil && e.Attempt.Service == "job-3" && isCanary(e) }),
		killedAt("10.0.1.1:1", "10.0.1.2:1", "10.0.1.3:1", "10.0.1.4:1", "10.0.1.5:1", "10.0.0.2:1", "10.0.0.2:2"),
		killedAt("10.0.1.1:1", "10.0.1.2:1", "10.0.1.3:1", "10.0.1.4:1", "10.0.0.2:1"),
		variation{"jobs that start later", func(s *story) { s.s.Fleet[3].Start = at(1) }},
	},
	"gateway": {
		accusing("the gateway", outage.Culprit{Service: "10.0.0.1", Addr: "10.0.0.1"}),
		accusing("web's ports", outage.Culprit{Service: "10.0.0.1", Addr: "10.0.0.1", Examples: []string{"10.0.0.1:40001"}}),
		accusing("a port that passed on", outage.Culprit{Service: "10.0.0.1", Addr: "10.0.0.1", Examples: []string{"10.0.0.1:2001"}}),
		killedAt("10.0.0.1:40001"), killedAt("10.0.0.1:40000"), killedAt("10.0.0.1:2001"), killedAt("10.0.0.1:5"),
		both(killedAt("10.0.0.1:2001"), actingOn("before it passed on", outage.KillClients, func(a *outage.Action) { a.At = at(3.39) })),
		both(killedAt("10.0.0.1:2001"), actingOn("as it passed on", outage.KillClients, func(a *outage.Action) { a.At = at(3.4) })),
		both(accusing("the gateway, unsurely", outage.Culprit{Service: "10.0.0.1", Addr: "10.0.0.1", Certainty: .5}), unnamed()),
		both(accusing("the gateway, fairly surely", outage.Culprit{Service: "10.0.0.1", Addr: "10.0.0.1", Certainty: .51}), unnamed()),
		accusing("the gateway, unsurely, though names tell", outage.Culprit{Service: "10.0.0.1", Addr: "10.0.0.1", Certainty: .5}),
	},
}

func isPhase(e outage.Event) bool { return e.Phase != nil }

func slowCanary(e *outage.Event, took float64) {
	if e.Attempt != nil && e.Attempt.Op == outage.OpFresh {
		e.Attempt.Latency = at(took)
	}
}

func slowFailure(t, took float64) variation {
	return variation{fmt.Sprintf("a failure at %g s that took %g s", t, took), func(s *story) {
		a := outage.Attempt{Service: "api", Instance: "api-1", Op: outage.OpConnect, Outcome: outage.TimedOut, Latency: at(took)}
		s.add(t, "api-1", outage.Event{Attempt: &a})
	}}
}

func below(n int) variation {
	return expecting(fmt.Sprintf("cleared below %d", n), func(e *scenarios.Expect) {
		e.Cleared = &scenarios.Cleared{Below: scenarios.Amount{Count: n}, Hold: at(3)}
	})
}

func belowPercent(percent float64) variation {
	return expecting(fmt.Sprintf("cleared below %g%%", percent), func(e *scenarios.Expect) {
		e.Cleared = &scenarios.Cleared{Below: scenarios.Amount{Percent: percent}, Hold: at(3)}
	})
}

func holding(seconds float64) variation {
	return expecting(fmt.Sprintf("cleared for %g s", seconds), func(e *scenarios.Expect) {
		e.Cleared = &scenarios.Cleared{Below: scenarios.Amount{Percent: 50}, Hold: at(seconds)}
	})
}

func suffers(o outage.Outcome) variation {
	return expecting(fmt.Sprintf("suffers %q", o), func(e *scenarios.Expect) { e.Suffer = o })
}

func refusalsNeeded(n int) variation {
	return variation{fmt.Sprintf("%d refusals needed", n), func(s *story) { s.s.Until.Refusals = n }}
}

func failures(n int) variation {
	return variation{fmt.Sprintf("%d failures needed", n), func(s *story) { s.s.Until.Failures = n }}
}

func failingUntil(t float64) variation {
	return lacks(fmt.Sprintf("failing until %g s", t), func(e outage.Event) bool {
		return e.Attempt != nil && e.Attempt.Outcome == outage.TimedOut && e.At >= at(t)
	})
}

func namedOnce(c outage.Cause, confidence float64) outage.Event {
	return found(outage.Finding{Cause: c, Confidence: confidence})
}

func found(findings ...outage.Finding) outage.Event {
	return outage.Event{Diagnosis: &outage.Diagnosis{Findings: findings}}
}

func fewDiagnoses(n int) variation {
	return variation{fmt.Sprintf("%d diagnoses", n), func(s *story) {
		s.without(hasDiagnosis)
		for i := range n {
			s.diagnose(4+float64(i), "", 0)
		}
	}}
}

func note(actor, text string) variation {
	return variation{fmt.Sprintf("a note of %q", actor), func(s *story) { s.add(7, actor, outage.Event{Note: &outage.Note{Text: text}}) }}
}

func peaking(service string, n int, percent float64) variation {
	return expecting(fmt.Sprintf("a peak of %q at %d or %g%%", service, n, percent), func(e *scenarios.Expect) {
		e.Peak = &scenarios.Peak{Service: service, AtMost: scenarios.Amount{Count: n, Percent: percent}}
	})
}

// listing shows connections one by one, not counted.
func listing(addrs ...string) variation {
	return with(fmt.Sprintf("listed %v", addrs), func(e *outage.Event) {
		if e.Snapshot != nil {
			e.Snapshot.Clients = nil
			for _, addr := range addrs {
				e.Snapshot.Clients = append(e.Snapshot.Clients, outage.Client{Addr: addr})
			}
		}
	})
}

// alsoFound changes the second finding; none without a cause.
func alsoFound(c outage.Cause, confidence float64) variation {
	return with(fmt.Sprintf("the second finding is %q (%g)", c, confidence), func(e *outage.Event) {
		if d := e.Diagnosis; d != nil && len(d.Findings) > 1 {
			if d.Findings = d.Findings[:1]; c != "" {
				d.Findings = append(d.Findings, outage.Finding{Cause: c, Confidence: confidence})
			}
		}
	})
}

// blamedToo adds a finding that blames web.
func blamedToo(c outage.Cause) variation {
	return with("web is blamed of "+string(c), func(e *outage.Event) {
		if d := e.Diagnosis; d != nil && len(d.Findings) > 1 {
			d.Findings = append(d.Findings, outage.Finding{Cause: c, Confidence: .7, Culprits: []outage.Culprit{{Service: "web"}}})
		}
	})
}

// canariesAtTheEnd gives the last seconds of a control so many fresh canaries that were turned away and that got in.
func canariesAtTheEnd(turned, in int) variation {
	return variation{fmt.Sprintf("%d canaries turned away at the end, and %d not", turned, in), func(s *story) {
		s.without(func(e outage.Event) bool { return isCanary(e) && e.At >= at(11) })
		if turned > 0 {
			s.attempt(12, "web", outage.OpFresh, outage.Refused, turned, reached, "EOF")
		}
		if in > 0 {
			s.attempt(12, "web", outage.OpFresh, outage.OK, in, "", "")
		}
	}}
}

// lostBy lets the first so many services lose their canaries in the hold phase.
func lostBy(n int) variation {
	return with(fmt.Sprintf("%d services lose", n), func(e *outage.Event) {
		services := []string{"web", "job-1", "job-2", "job-3", "job-4", "job-5"}[:n]
		if isCanary(*e) && e.At > at(9) && slices.Contains(services, e.Attempt.Service) {
			e.Attempt.Outcome = outage.Reset
		}
	})
}

func unnamed() variation {
	return variation{"nobody has a name", func(s *story) { s.s.Fleet[0].Unnamed, s.s.Fleet[1].Unnamed = true, true }}
}
