package scenarios

import (
	"slices"

	"spillway/outage"
)

// nothingWrong refuses a scenario that expects no fault and its consequences.
func (s scene) nothingWrong() {
	expect := s.at.key("expect")
	if s.Expect.Cause != Nothing || !s.sound(expect.key("cause")) {
		return
	}
	if len(s.Expect.Culprits) > 0 {
		s.add(expect.key("culprits"), "", "expect.cause is nothing: nobody is a culprit")
	}
	if s.Expect.Actions != nil && len(*s.Expect.Actions) > 0 {
		s.add(expect.key("actions"), "write [] to demand that nothing is changed", "expect.cause is nothing: there is nothing to do")
	}
	for _, key := range []string{"detect", "mitigate", "recover", "cleared"} {
		if s.given(expect.key(key)) {
			s.add(expect.key(key), "", "expect.cause is nothing: %s has nothing to count from", key)
		}
	}
	if len(s.Fix) > 0 {
		s.add(s.at.key("fix"), "", "expect.cause is nothing: there is nothing to fix")
	}
}

// refusalsAgree refuses answers to "are clients refused" that contradict each other.
func (s scene) refusalsAgree() {
	until, expect := s.at.key("until"), s.at.key("expect")
	if !s.sound(until, expect.key("cause"), expect.key("refusals")) {
		return
	}
	calm := s.Expect.Cause == Nothing || s.Expect.Cause == outage.NotAtLimit
	none := s.Expect.Refusals != nil && !*s.Expect.Refusals
	switch {
	case calm && s.Until.Refusals > 0:
		s.add(until.key("refusals"), "write until.duration", "expect.cause is %s: nobody is to be refused", s.Expect.Cause)
	case calm && s.ExpectsRefusals():
		s.add(expect.key("refusals"), "", "expect.cause is %s: nobody is to be refused", s.Expect.Cause)
	case none && s.Until.Refusals > 0:
		s.add(expect.key("refusals"), "", "until.refusals waits for refusals, and expect.refusals forbids them")
	case none && s.Expect.Suffer == outage.Refused:
		s.add(expect.key("suffer"), "", "clients are to suffer refusals, and expect.refusals forbids them")
	}
	if !none || s.Expect.Cause == Nothing || s.Until.Failures > 0 { // of nothing, nothingWrong says it
		return
	}
	for _, key := range []string{"detect", "mitigate", "recover"} {
		if s.given(expect.key(key)) {
			s.add(expect.key(key), "", "%s is counted from the first refusal, and nobody is to be refused", key)
		}
	}
}

// limitsAgree refuses time limits without the state that they end with.
func (s scene) limitsAgree() {
	expect := s.at.key("expect")
	if !s.sound(expect.key("detect"), expect.key("recover"), expect.key("cleared")) {
		return
	}
	e := s.Expect
	if e.Recover > 0 && e.Cleared == nil {
		s.add(expect.key("recover"), "add expect.cleared", "expect.recover without expect.cleared: what is recovered?")
	}
	if e.Recover > 0 && e.Detect > e.Recover {
		s.add(expect.key("detect"), "", "expect.detect %s is after expect.recover %s", e.Detect, e.Recover)
	}
}

// causeFits refuses a cause that nothing in the scenario brings about, or that ends by itself: its control would pass.
func (s scene) causeFits() {
	if s.sound(s.at) {
		s.causeComesAbout(s.Expect.Cause, s.at.key("expect").key("cause"))
	}
}

// causeComesAbout notes at p where nothing brings a cause about.
func (s scene) causeComesAbout(which outage.Cause, cause place) {
	switch which {
	case outage.ConnectionLeak:
		s.leakFits(cause)
	case outage.FDLimitClamp:
		if s.Redis.Effective() == s.Redis.MaxClients {
			s.add(cause, "lower redis.nofile", "nothing is clamped: nofile leaves maxclients at %d", s.Redis.MaxClients)
		}
	case outage.IdleNotReaped:
		if t := s.Redis.Timeout; t > 0 {
			s.add(s.at.key("redis").key("timeout"), "", "timeout %s reaps idle clients by itself: the control would recover", t)
		}
	case outage.HalfOpenPeers:
		s.halfOpenFits(cause)
	case outage.DeploySurge:
		s.overlapFits(cause)
	case outage.ReplicaOrClusterSlots:
		s.linksFit(cause)
	}
}

func (s scene) leakFits(cause place) {
	expect := s.at.key("expect")
	if !slices.ContainsFunc(s.Fleet, func(svc Service) bool { return svc.Workload == "leaky" }) {
		s.add(cause, "give a service workload leaky", "nothing in the fleet leaks")
		return
	}
	for i, name := range s.Expect.Culprits {
		if svc, ok := s.Scenario.Service(name); ok && svc.Workload != "leaky" && len(s.Expect.Also) == 0 {
			s.add(expect.key("culprits").item(i), "", "%s is %s: it does not leak", name, svc.Workload)
		}
	}
}

func (s scene) halfOpenFits(cause place) {
	if !slices.ContainsFunc(s.Faults, func(f Fault) bool { return f.Cut != "" }) {
		s.add(cause, "add a fault with cut", "no peer vanishes: there is no fault")
		return
	}
	keepalive := s.Redis.TCPKeepalive
	// Redis probes after n, then every n/3: a peer that vanished is dropped after 2n.
	if keepalive == nil || *keepalive == 0 || 2*keepalive.Std() > s.Longest() {
		return
	}
	s.add(s.at.key("redis").key("tcp-keepalive"), "leave it out: Redis's own default is 5m",
		"tcp-keepalive %s drops vanished peers after %s by itself: the control would recover", *keepalive, 2**keepalive)
}

// clearedFits refuses a recovery that cannot be, or that always is.
func (s scene) clearedFits() {
	c, p := s.Expect.Cleared, s.at.key("expect").key("cleared").key("below")
	if c == nil || !s.sound(s.at) {
		return
	}
	limit := s.Redis.Effective()
	if floor := s.floor(); c.Below.Of(limit) <= floor {
		s.add(p, "", "cleared below %s cannot be: the rig and the canaries of the healthy keep %d connections", c.Below, floor)
	}
	raises := s.mayDo(outage.RaiseMaxclients, outage.RaiseNofile, outage.RestartRedis)
	if s.ExpectsRefusals() && !raises && c.Below.Count > limit {
		s.add(p, "", "cleared below %s always holds: maxclients is %s, and no action raises it", c.Below, s.limit())
	}
}

// floor is what stays connected in any case: the rig, and a held canary of every instance that nobody blames.
func (s scene) floor() int {
	n := AdminConnections
	for _, svc := range s.Fleet {
		if !slices.Contains(s.Expect.Culprits, svc.Service) {
			n += svc.Instances * HeldCanaries
		}
	}
	return n
}
