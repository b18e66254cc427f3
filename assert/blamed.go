package assert

import (
	"spillway/outage"
	"spillway/scenarios"
)

// Judged returns the diagnosis that Check judges: the one acted on, or the last where nobody acted; beside another responder
// the one that the built-in would have acted on. It is nil where there is none.
func Judged(s scenarios.Scenario, h outage.History) *outage.Diagnosis { return newRun(s, h).judged() }

// Blamed returns the services of s whom a finding of a diagnosis made at that time means, each once, sorted, as the
// culprits verdict reads it.
func Blamed(s scenarios.Scenario, h outage.History, f outage.Finding, at outage.Duration) []string {
	return newRun(s, h).accused(f, at)
}
