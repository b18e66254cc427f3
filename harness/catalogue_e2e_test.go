//go:build e2e

package harness

import (
	"slices"
	"testing"
	"time"

	"spillway/assert"
	"spillway/outage"
	"spillway/scenarios"
)

// contained are the scenarios that are run on containers here: one for each thing that a container does differently from a
// process of one machine. TestProcessCatalogue runs all others, and `make demo` all of them on containers.
var contained = []string{
	"connection-leak", "fd-limit-clamp", "half-open-peers", "leak-behind-nat", "port-exhaustion", "fd-exhausted",
	"backlog-overflow", "denied", "cluster-slots", "deploy-surge", "healthy-busy",
}

func TestCatalogue(t *testing.T) {
	t.Parallel()
	for _, s := range catalogue(t) {
		if !slices.Contains(contained, s.Name) {
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			_, result := play(t, Runner{}, s)
			passes(t, result)
		})
	}
}

// smallIncident is incident-replay at a tenth of its size, full after 4 s; `make demo` runs it in full.
func smallIncident(t *testing.T) scenarios.Scenario {
	s := scenario(t, "incident-replay")
	s.Redis.MaxClients, s.Redis.Nofile = 1000, 2100
	s.Fleet[0].Rate, s.Fleet[0].Connections = 80, 400
	s.Until.Refusals = 50
	return s
}

// unanswered is a scenario with nobody to respond, and less time in which nobody does.
func unanswered(s scenarios.Scenario) scenarios.Scenario {
	s.Responder = "none"
	s.Expect.Mitigate = outage.Duration(2 * time.Second)
	s.Expect.Cleared.Hold = outage.Duration(2 * time.Second)
	return s
}

// Redis itself reaps the idle clients of reports here, so batch finds room without any remedy.
func TestAnOutageThatEndsByItselfProvesNothing(t *testing.T) {
	t.Parallel()
	s := unanswered(scenario(t, "idle-not-reaped"))
	s.Redis.Timeout = outage.Duration(5 * time.Second)
	s.Fleet[2].Start = outage.Duration(2 * time.Second)
	s.Expect.Mitigate = outage.Duration(6 * time.Second)
	_, result := play(t, Runner{}, s)
	v := verdict(t, result, "control")
	if result.Outcome != assert.Inconclusive || v.Outcome != assert.Inconclusive || v.Blocked != "" {
		t.Errorf("%s, want inconclusive: it got well by itself; %+v", result.Outcome, v)
	}
	if p := verdict(t, result, "premise"); p.Outcome != assert.Pass {
		t.Errorf("the outage never was: %+v", p)
	}
}

// A pool of 11 needs 6 connections more than the catalogue's 10, at the last step of the rollout: 87 of 84.
func TestAPoolOneTooLargeDoesNotFit(t *testing.T) {
	t.Parallel()
	s := scenario(t, "pool-rollout")
	s.Fleet[1].Rollout.Pool.Size = 11
	_, result := play(t, Runner{}, s)
	mustFail(t, result, "refusals", "peak")
	if v := verdict(t, result, "collateral"); v.Outcome == assert.Fail {
		t.Errorf("nobody acted, and it is called collateral: %s", v.Got)
	}
}
