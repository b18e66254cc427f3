package diagnose

import (
	"cmp"
	"slices"

	"spillway/outage"
)

// Service is how many connections a service holds.
type Service struct {
	Name        string // as in Culprit.Service, but for what tells unnamed services of one kind apart
	Connections int
	Hosts       int
}

// Services counts the connections of one look by service, largest first, without Spillway's own; nil where the clients are not
// listed. Services that share a name, library, user or address are counted together, whoever else is there: counts of several
// looks can be compared.
func Services(s outage.Snapshot) []Service {
	if len(s.Clients) == 0 {
		return nil
	}
	byName := map[string]*Service{}
	hosts := map[[2]string]bool{}
	for _, g := range look([]outage.Snapshot{s}).groups {
		name := g.service.who.base()
		count := byName[name]
		if count == nil {
			count = &Service{Name: name}
			byName[name] = count
		}
		count.Connections += len(g.conns)
		if at := [2]string{name, g.host}; !hosts[at] {
			hosts[at] = true
			count.Hosts++
		}
	}
	list := make([]Service, 0, len(byName))
	for _, count := range byName {
		list = append(list, *count)
	}
	slices.SortFunc(list, func(a, b Service) int {
		return cmp.Or(cmp.Compare(b.Connections, a.Connections), cmp.Compare(a.Name, b.Name))
	})
	return list
}

// ample is the part of the limit below which no gap in the evidence can hide an outage. It leaves as much room again as
// is taken: what is unsure, such as growth, may then be true, and still nobody is refused for lack of a slot.
const ample = 0.5

// Healthy reports whether nothing is wrong by d, of which last is the latest snapshot, or nothing that matters is unsure: a
// managed Redis may forbid CONFIG and CLIENT LIST, and INFO alone can show that it is far from full.
func Healthy(d outage.Diagnosis, last outage.Snapshot) bool {
	if len(d.Findings) > 0 {
		return false
	}
	if len(d.Unsure) == 0 {
		return true
	}
	_, told := last.Number("connected_clients")
	return told && d.MaxClients > 0 && !d.Rejecting && float64(d.Slots) < ample*float64(d.MaxClients)
}
