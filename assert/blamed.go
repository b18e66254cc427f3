package assert

import (
	"slices"

	"spillway/outage"
	"spillway/scenarios"
)

// Judged returns the diagnosis that Check judges: the one acted on, or the last where nobody acted; beside another responder
// the one that the built-in would have acted on. It is nil where there is none.
func Judged(s scenarios.Scenario, h outage.History) *outage.Diagnosis { return newRun(s, h).judged() }

// Blamed returns the services of s whom a finding names, each once, sorted. A name is taken for what stands behind it: it
// is the service that lives at the address, where only one does.
func Blamed(s scenarios.Scenario, h outage.History, f outage.Finding, at outage.Duration) []string {
	r := newRun(s, h)
	var names []string
	for _, c := range f.Culprits {
		names = append(names, r.whois(c, at))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// whois returns the service that a culprit is, or else what the diagnosis called it.
func (r *run) whois(c outage.Culprit, at outage.Duration) string {
	lived := r.neighbours(c.Addr, at)
	if len(lived) == 1 {
		return lived[0]
	}
	return c.Service
}

// neighbours returns the services that had instances at an address until then.
func (r *run) neighbours(host string, at outage.Duration) []string {
	var services []string
	for _, l := range r.homes[host] {
		if l.since <= at && !slices.Contains(services, l.service) {
			services = append(services, l.service)
		}
	}
	return services
}
