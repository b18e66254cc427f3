package scenarios

import (
	"math"
	"slices"
	"time"

	"spillway/outage"
)

// What the rig itself adds to a run. Validation counts with these, and so should whoever sizes a scenario.
const (
	// AdminConnections is how many connections the rig keeps open on Redis: the observer's and the responder's. A runbook
	// or a person is lent others, 3 more.
	AdminConnections = 2
	// HeldCanaries is how many connections each instance keeps for its held canary, beside its own load.
	HeldCanaries = 1
	// FreshCanaries is how many connections a spared service may have open for its fresh canary.
	FreshCanaries = 1
	// ReservedFiles is how many file descriptors Redis keeps for itself: it lowers maxclients to nofile - 32.
	ReservedFiles = 32
)

// Patience is how long a recovery may take where expect sets no limit, and Margins is what a run needs
// beside its load and its recovery: the steady phases before and after.
const (
	Patience = 30 * time.Second
	Margins  = 10 * time.Second
)

// Effective returns the maxclients that Redis runs with: the directive, unless nofile made Redis lower it at start.
// Soft and hard limit are the same here, so that Redis cannot raise the one to the other.
func (r Redis) Effective() int {
	if r.Nofile > 0 && r.Nofile < r.MaxClients+ReservedFiles {
		return r.Nofile - ReservedFiles
	}
	return r.MaxClients
}

// MaxConnections returns the most connections that one instance of s ever has open, its held canary included.
// bounded is false when it has no bound: a leak without connections.
func (s Service) MaxConnections() (n int, bounded bool) {
	switch s.Workload {
	case "pooled":
		return s.Pool.Size + HeldCanaries, true
	case "slow":
		return 1 + HeldCanaries, true
	case "leaky":
		return s.Connections + HeldCanaries, s.Connections > 0
	default:
		return s.Connections + HeldCanaries, true
	}
}

// Peak returns the most connections that all instances of s have open at once, a rollout with its surge included.
func (s Service) Peak() (n int, bounded bool) {
	each, bounded := s.MaxConnections()
	n = s.Instances * each
	if s.Rollout == nil {
		return n, bounded
	}
	after := s
	after.Pool = s.Rollout.Pool
	eachAfter, _ := after.MaxConnections()
	for replaced := range s.Instances + 1 {
		old := min(s.Instances, s.Instances+s.Rollout.Surge-replaced)
		n = max(n, replaced*eachAfter+old*each)
	}
	return n, bounded
}

// reachedBy bounds what s can have open after d of the load phase: a leak takes its time, and so do clients that
// connect at a rate.
func (s Service) reachedBy(d time.Duration) int {
	n, bounded := s.Peak()
	if s.Workload != "leaky" && s.Workload != "reconnecting" {
		return n
	}
	opened := s.Rate * max(0, d-s.Start.Std()).Seconds()
	if !bounded || opened < float64(s.Connections) {
		return s.Instances * (int(math.Ceil(min(opened, math.MaxInt32))) + HeldCanaries)
	}
	return n
}

// Service returns the service of that name.
func (s Scenario) Service(name string) (Service, bool) {
	for _, svc := range s.Fleet {
		if svc.Service == name {
			return svc, true
		}
	}
	return Service{}, false
}

// Healthy returns the names of the services that must be spared.
func (s Scenario) Healthy() []string { return s.Expect.Spare }

// Steady returns the services that start before the load phase: the healthy ones without a start of their own.
func (s Scenario) Steady() []Service {
	var steady []Service
	for _, name := range s.Healthy() {
		if svc, ok := s.Service(name); ok && svc.Start == 0 {
			steady = append(steady, svc)
		}
	}
	return steady
}

// replacements returns how many instances the faults start beside those of the service that they cut off.
// What is cut off keeps its slots.
func (s Scenario) replacements(service string) int {
	n := 0
	for _, f := range s.Faults {
		if svc, ok := s.Service(f.Cut); ok && f.Cut == service && f.Replace {
			n += svc.Instances
		}
	}
	return n
}

// MaxConnections returns the most connections that Redis can be asked to hold before the fix: the whole fleet at
// its worst, what a cut left behind, the canaries and the rig's own. bounded is false when a leak has no bound.
func (s Scenario) MaxConnections() (n int, bounded bool) {
	n, bounded = AdminConnections+FreshCanaries*len(s.Healthy()), true
	for _, svc := range s.Fleet {
		peak, isBounded := svc.Peak()
		each, _ := svc.MaxConnections()
		n += peak + s.replacements(svc.Service)*each
		bounded = bounded && isBounded
	}
	return n, bounded
}

// reachable bounds MaxConnections by what a leak can open before the load phase ends.
func (s Scenario) reachable() int {
	n := AdminConnections + FreshCanaries*len(s.Healthy())
	for _, svc := range s.Fleet {
		each, _ := svc.MaxConnections()
		n += svc.reachedBy(s.LoadLimit()) + s.replacements(svc.Service)*each
	}
	return n
}

// LoadLimit returns the longest that the load phase may take.
func (s Scenario) LoadLimit() time.Duration {
	if s.Until.Refusals > 0 || s.Until.Failures > 0 {
		return s.Until.Within.Std()
	}
	return s.Until.Duration.Std()
}

// Recovers reports whether the outage must be over at the end. Such a scenario must stay broken when nobody responds.
func (s Scenario) Recovers() bool {
	return s.Expect.Cleared != nil || s.Expect.Mitigate > 0 || s.Expect.Recover > 0
}

// ExpectsRefusals reports whether clients must be refused.
func (s Scenario) ExpectsRefusals() bool {
	if s.Expect.Refusals != nil {
		return *s.Expect.Refusals
	}
	return s.Until.Refusals > 0
}

// mayDo reports whether the responder may carry out an action of any of the kinds; true when expect does not say.
func (s Scenario) mayDo(kinds ...outage.ActionKind) bool {
	return s.Expect.Actions == nil || slices.ContainsFunc(*s.Expect.Actions, func(k outage.ActionKind) bool {
		return slices.Contains(kinds, k)
	})
}

// Longest returns how long a run can take at worst, from the steady phase to its end, without the time to start Redis.
func (s Scenario) Longest() time.Duration {
	d := Margins + s.LoadLimit()
	if s.Recovers() || s.Until.Failures > 0 { // advice may be all there is: it is waited for all the same
		limit := max(s.Expect.Mitigate, s.Expect.Recover).Std()
		if limit == 0 {
			limit = Patience
		}
		d += limit
	}
	if s.Expect.Cleared != nil {
		d += s.Expect.Cleared.Hold.Std()
	}
	return d
}
