package assert

import (
	"spillway/outage"
	"spillway/scenarios"
)

// Judged returns the diagnosis that Check judges: the one acted on, or the last where nobody acted; beside another responder
// the one that the built-in would have acted on. It is nil where there is none.
func Judged(s scenarios.Scenario, h outage.History) *outage.Diagnosis { return newRun(s, h).judged() }

// Blamed returns whom each finding of a diagnosis means, as Check takes it: services of s, each once, sorted. At is when it
// was made, on the clock of the run.
func Blamed(s scenarios.Scenario, h outage.History, findings []outage.Finding, at outage.Duration) [][]string {
	r := newRun(s, h)
	meant := make([][]string, len(findings))
	for i, f := range findings {
		meant[i] = r.accused(f, at)
	}
	return meant
}
