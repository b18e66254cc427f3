package scenarios

import (
	"time"

	"spillway/outage"
)

// The defaults of a catalogue. Nothing else fills in a value.
const (
	DefaultImage     = "redis:8"
	DefaultResponder = "spillway"
	DefaultInstances = 1
	DefaultRate      = 10.0 // requests a second of an instance that asks anything
	DefaultBursts    = 1.0  // bursts a second of workload bursting
	DefaultPoolSize  = 10
	DefaultWithin    = outage.Duration(30 * time.Second)
	DefaultEvery     = outage.Duration(time.Second)
	DefaultHold      = outage.Duration(3 * time.Second)
)

func (s *Scenario) applyDefaults() {
	orElse(&s.Redis.Image, DefaultImage)
	orElse(&s.Responder, DefaultResponder)
	for i := range s.Fleet {
		s.Fleet[i].applyDefaults()
	}
	for i := range s.Fix {
		s.Fix[i].applyDefaults()
	}
	if s.Until.Refusals > 0 || s.Until.Failures > 0 {
		orElse(&s.Until.Within, DefaultWithin)
	}
	if s.Until.Refusals > 0 {
		if s.Expect.Refusals == nil {
			s.Expect.Refusals = new(true)
		}
	}
	if s.Expect.Cleared != nil {
		orElse(&s.Expect.Cleared.Hold, DefaultHold)
	}
}

func (s *Service) applyDefaults() {
	orElse(&s.Instances, DefaultInstances)
	if !s.Unnamed {
		orElse(&s.ClientName, s.Service)
	}
	if s.Workload == "bursting" {
		orElse(&s.Rate, DefaultBursts)
	}
	if s.asks() {
		orElse(&s.Rate, DefaultRate)
	}
	if s.asks() && !s.crowds() {
		orElse(&s.Pool.Size, DefaultPoolSize)
	}
	if s.Rollout != nil {
		orElse(&s.Rollout.Pool.Size, DefaultPoolSize)
		orElse(&s.Rollout.Every, DefaultEvery)
	}
}

// crowds reports whether the workload opens exactly the connections that it is told to, each for itself.
func (s Service) crowds() bool {
	switch s.Workload {
	case "idle", "subscriber", "blocked", "silent", "reconnecting", "bursting", "transaction":
		return true
	}
	return false
}

// asks reports whether the workload has a rate.
func (s Service) asks() bool {
	switch s.Workload {
	case "reconnecting", "bursting", "transaction":
		return true
	}
	return !s.crowds()
}

func orElse[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}
