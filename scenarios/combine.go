package scenarios

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"spillway/outage"
)

// combinations are the checks of values that are right by themselves and cannot be together, with defaults applied.
var combinations = []func(scene){
	scene.untilOneEnd,
	scene.limitInReach,
	scene.steadyFits,
	scene.startsInTime,
	scene.faultsInTime,
	scene.gatewaysStay,
	scene.nofileLowers,
	scene.rolloutInTime,
	scene.timeoutInTime,
	scene.nothingWrong,
	scene.refusalsAgree,
	scene.failuresAgree,
	scene.limitsAgree,
	scene.sparedOrNot,
	scene.causeFits,
	scene.alsoFits,
	scene.meetsInCluster,
	scene.databasesInCluster,
	scene.clearedFits,
	scene.fixFixes,
	scene.somebodyResponds,
}

func (s scene) untilOneEnd() {
	p := s.at.key("until")
	if !s.given(p) || !s.sound(p) {
		return
	}
	refusals, failures, duration := s.Until.Refusals > 0, s.Until.Failures > 0, s.Until.Duration > 0
	switch {
	case refusals && failures:
		s.add(p.key("failures"), "", "until has refusals and failures: want one of them")
	case refusals && duration:
		s.add(p.key("duration"), "write until.within for a deadline", "until has refusals and duration: want one of them")
	case failures && duration:
		s.add(p.key("duration"), "write until.within for a deadline", "until has failures and duration: want one of them")
	case !refusals && !failures && !duration:
		s.add(p, "", "until is missing refusals, failures or duration")
	case duration && s.given(p.key("within")):
		s.add(p.key("within"), "", "until.within is the deadline of until.refusals, which is missing")
	}
}

// limitInReach refuses a fleet that cannot fill Redis, at all or in time.
func (s scene) limitInReach() {
	until := s.at.key("until")
	if s.Until.Refusals == 0 || !s.sound(s.at.key("redis"), s.at.key("fleet"), s.at.key("faults"), until, s.at.key("expect").key("spare")) {
		return
	}
	limit := s.Redis.Effective()
	worst, bounded := s.Scenario.MaxConnections()
	if bounded && worst <= limit {
		s.add(until.key("refusals"), "lower redis.maxclients or enlarge the fleet",
			"nobody can be refused: at most %d connections, the rig's %d included, of %s", worst, AdminConnections, s.limit())
		return
	}
	if inTime := s.reachable(); inTime <= limit {
		s.add(until.key("refusals"), "raise until.within, or a rate",
			"nobody can be refused in time: at most %d connections after %s, of %s", inTime, s.Until.Within, s.limit())
	}
}

// limit describes the effective maxclients.
func (s scene) limit() string {
	if n := s.Redis.Effective(); n != s.Redis.MaxClients {
		return fmt.Sprintf("%d (maxclients %d, lowered by nofile %d)", n, s.Redis.MaxClients, s.Redis.Nofile)
	}
	return fmt.Sprintf("%d", s.Redis.MaxClients)
}

// steadyFits refuses an outage that is there before the fault.
func (s scene) steadyFits() {
	spare := s.at.key("expect").key("spare")
	if s.Until.Refusals == 0 || !s.sound(s.at.key("redis"), s.at.key("fleet"), spare) {
		return
	}
	n := AdminConnections + FreshCanaries*len(s.Expect.Spare)
	for _, svc := range s.Steady() {
		each, _ := svc.MaxConnections()
		n += svc.Instances * each
	}
	if n > s.Redis.Effective() {
		s.add(spare, "spare fewer services, or give some a start",
			"the outage is there before the load: the spared services need up to %d connections of %s", n, s.limit())
	}
}

func (s scene) startsInTime() {
	if !s.sound(s.at.key("until")) {
		return
	}
	limit := s.LoadLimit()
	for i, svc := range s.Fleet {
		p := s.at.key("fleet").item(i)
		switch start := svc.Start.Std(); {
		case limit == 0 || !s.sound(p.key("start"), p.key("ramp")):
		case start > 0 && start >= limit:
			s.add(p.key("start"), "", "%s starts after %s, when the load has ended (%s)", svc.Service, svc.Start, outage.Duration(limit))
		case start+svc.Ramp.Std() > limit:
			s.add(p.key("ramp"), "", "%s has its full load after %s, when the load has ended (%s)", svc.Service, svc.Start+svc.Ramp, outage.Duration(limit))
		}
	}
}

func (s scene) faultsInTime() {
	limit := s.LoadLimit()
	for i, f := range s.Faults {
		p := s.at.key("faults").item(i)
		if !s.sound(p, s.at.key("until")) || limit == 0 {
			continue
		}
		if f.At.Std() >= limit {
			s.add(p.key("at"), "", "%s after %s, when the load has ended (%s)", f.happens(), f.At, outage.Duration(limit))
		}
		if svc, ok := s.Scenario.Service(f.Cut); ok && f.At < svc.Start {
			s.add(p.key("at"), "", "%s is cut after %s, before it starts (%s)", f.Cut, f.At, svc.Start)
		}
	}
}

func (s scene) rolloutInTime() {
	limit := s.LoadLimit()
	for i, svc := range s.Fleet {
		p := s.at.key("fleet").item(i)
		if svc.Rollout == nil || limit == 0 || !s.sound(p, s.at.key("until")) {
			continue
		}
		batch := max(1, svc.Rollout.Surge)
		batches := (svc.Instances + batch - 1) / batch
		d := svc.Start.Std() + svc.Rollout.After.Std() + time.Duration(batches)*svc.Rollout.Every.Std()
		if s.Until.Refusals == 0 { // what overlaps too much may drain on when clients are refused
			d += svc.Rollout.Drain.Std()
		}
		if d >= limit {
			s.add(p.key("rollout").key("every"), "", "the rollout of %s takes until %s, and the load ends after %s",
				svc.Service, outage.Duration(d), outage.Duration(limit))
		}
	}
}

// timeoutInTime refuses a timeout that cannot close anything before the run is over.
func (s scene) timeoutInTime() {
	p := s.at.key("redis").key("timeout")
	if s.Redis.Timeout.Std() <= s.Longest() || !s.sound(p, s.at.key("until"), s.at.key("expect")) {
		return
	}
	s.add(p, "leave it out, or make it shorter", "timeout %s has no effect: the run takes at most %s",
		s.Redis.Timeout, outage.Duration(s.Longest()))
}

// sparedOrNot refuses services that are expected to stay well and to suffer.
func (s scene) sparedOrNot() {
	expect := s.at.key("expect")
	for i, name := range s.Expect.Spare {
		p := expect.key("spare").item(i)
		svc, ok := s.Scenario.Service(name)
		switch {
		case !ok:
		case slices.Contains(s.Expect.Culprits, name):
			s.add(p, "", "%s is a culprit and is to be spared", name)
		case svc.Workload == "leaky":
			s.add(p, "", "%s leaks and is to be spared as healthy", name)
		case slices.ContainsFunc(s.Faults, func(f Fault) bool { return f.Cut == name }):
			s.add(p, "", "%s is cut off and is to be spared", name)
		case slices.ContainsFunc(s.Fix, func(f Service) bool { return f.Service == name }):
			s.add(p, "", "%s is redeployed by the fix: its connections cannot work throughout", name)
		}
	}
}

// fixFixes refuses a fix that brings the outage back.
func (s scene) fixFixes() {
	for i, svc := range s.Fix {
		p := s.at.key("fix").item(i)
		if svc.Workload == "leaky" && svc.Connections == 0 && s.sound(p) {
			s.add(p.key("workload"), "deploy it pooled, or bound it with connections", "the fix of %s leaks again without bound", svc.Service)
		}
		for _, key := range []string{"start", "rollout"} {
			if s.given(p.key(key)) {
				s.add(p.key(key), "", "%s has no effect: a fix is deployed at once, after the relief", p.key(key))
			}
		}
	}
}

// somebodyResponds refuses what the responder at hand cannot do.
func (s scene) somebodyResponds() {
	p, expect := s.at.key("responder"), s.at.key("expect")
	if !s.sound(p) {
		return
	}
	acts := s.Expect.Actions != nil && len(*s.Expect.Actions) > 0
	switch builtIn := s.Responder == DefaultResponder; {
	case s.Responder == "none" && (s.Recovers() || acts):
		s.add(p, "leave it out: --control runs a scenario without responder", "nobody responds, and the outage is to be over")
	case !builtIn && acts:
		s.add(expect.key("actions"), "", "actions are those of the built-in responder, and this is %s",
			strings.SplitN(s.Responder, ":", 2)[0])
	}
}
