package assert

import (
	"spillway/outage"
	"spillway/scenarios"
)

// Judged returns the diagnosis that Check judges: the one acted on, or the last where nobody acted; beside another responder
// the one that the built-in would have acted on. It is nil where there is none.
func Judged(s scenarios.Scenario, h outage.History) *outage.Diagnosis { return newRun(s, h).judged() }

// Blamed returns the services of s whom a finding names, each once, sorted. A name is taken for what stands behind it: the
// connections that the finding shows, or the service that lives at the address, where only one does.
func Blamed(s scenarios.Scenario, h outage.History, f outage.Finding, at outage.Duration) []string {
	return newRun(s, h).accused(f, at)
}
