package watch

import (
	"slices"
	"time"

	"spillway/diagnose"
	"spillway/outage"
)

const (
	// growsOver is how far back the growth of a service is told: long enough for a slow one, short enough to be of now.
	growsOver = outage.Duration(30 * time.Second)
	// fewestLists show a growth and not a moment.
	fewestLists = 4
	// mostServices are told apart; hostile clients may each have a name of their own.
	mostServices = 200
)

// counts are the services of one list of clients.
type counts struct {
	at       outage.Duration
	services []diagnose.Service
}

// grown returns the services of the latest list and how each grew in the time given, or as far back as is in sight. One that is
// gone is told as long as its loss is in sight.
func grown(lists []counts, within outage.Duration) ([]Service, outage.Duration) {
	if len(lists) == 0 {
		return nil, 0
	}
	for len(lists) > fewestLists && lists[0].at < lists[len(lists)-1].at-within {
		lists = lists[1:]
	}
	first, last := lists[0], lists[len(lists)-1]
	before := map[string]int{}
	for _, s := range first.services {
		before[s.Name] = s.Connections
	}
	over := last.at - first.at
	growth := func(n int) float64 {
		if over <= 0 {
			return 0
		}
		return round(float64(n) / over.Seconds())
	}
	rows := make([]Service, 0, len(last.services))
	for _, s := range last.services[:min(mostServices, len(last.services))] {
		rows = append(rows, Service{s.Name, s.Connections, s.Hosts, growth(s.Connections - before[s.Name])})
	}
	for _, s := range first.services[:min(mostServices, len(first.services))] {
		if !slices.ContainsFunc(last.services, func(l diagnose.Service) bool { return l.Name == s.Name }) {
			rows = append(rows, Service{Service: s.Name, Growth: growth(-s.Connections)})
		}
	}
	return rows, over
}

// recent drops lists that are too old to compare with, and keeps two.
func recent(lists []counts) []counts {
	last := lists[len(lists)-1].at
	for len(lists) > 2 && lists[0].at < last-growsOver {
		lists = lists[1:]
	}
	return lists
}
