package watch

import (
	"slices"
	"time"

	"spillway/outage"
)

const (
	sureEnough = 0.5 // confidence; below, it would be a guess
	// forget is how long a finding must be gone before it is new again, and again how long services that join it are gathered
	// before they are told: hosts without a name are a service each, and come one by one.
	forget  = outage.Duration(time.Minute)
	regroup = outage.Duration(30 * time.Second)
)

// known is a cause that was found.
type known struct {
	first, last outage.Duration // when it was seen first and last
	looks       int             // in a row, up to the latest
	told        outage.Duration // when it was told
	services    []string        // that were told with it; nil when it was not told yet
}

// memory is what was found before.
type memory map[outage.Cause]*known

// weigh says of each finding of a diagnosis whether it is sure, and returns those sure ones that are news.
func (m memory) weigh(d outage.Diagnosis) (all []Finding, news []outage.Finding) {
	all = make([]Finding, 0, len(d.Findings))
	for cause, k := range m {
		switch {
		case slices.ContainsFunc(d.Findings, func(f outage.Finding) bool { return f.Cause == cause }):
		case d.At-k.last > forget:
			delete(m, cause)
		default:
			k.looks = 0
		}
	}
	for _, f := range d.Findings {
		k := m[f.Cause]
		if k == nil {
			k = &known{first: d.At}
			m[f.Cause] = k
		}
		k.last = d.At
		k.looks++
		sure := f.Confidence >= sureEnough && k.looks > 1
		if sure && k.news(f, d.At) {
			news = append(news, filled(f))
		}
		all = append(all, Finding{filled(f), sure, k.first})
	}
	return all, news
}

// news reports whether the finding, or a service in it, was not told yet, and notes that it is now.
func (k *known) news(f outage.Finding, at outage.Duration) bool {
	first := k.services == nil
	if !first && at-k.told < regroup {
		return false
	}
	fresh := first
	for _, c := range f.Culprits {
		if !slices.Contains(k.services, c.Service) {
			k.services = append(k.services, c.Service)
			fresh = true
		}
	}
	if fresh {
		k.told = at
		k.services = append([]string{}, k.services...) // not nil: it was told, though it may name nobody
	}
	return fresh
}

// filled makes empty lists of those that are nil: they are there in JSON, and empty.
func filled(f outage.Finding) outage.Finding {
	f.Culprits = append([]outage.Culprit{}, f.Culprits...)
	f.Evidence = append([]outage.Evidence{}, f.Evidence...)
	f.Commands = append([]string{}, f.Commands...)
	return f
}
