package assert

import (
	"slices"

	"spillway/outage"
)

// unsure is the certainty up to which a finding may leave open who it is behind a gateway, where nothing tells.
const unsure = 0.5

// accused returns the services that a finding means, each once, sorted. What a finding calls a service need not be its
// name: connections have none, or a wrong one. So they are known by the connections it shows, or else by their address.
func (r *run) accused(f outage.Finding, at outage.Duration) []string {
	var names []string
	for _, c := range f.Culprits {
		names = append(names, r.meant(c, at)...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// meant returns the services that a culprit stands for.
func (r *run) meant(c outage.Culprit, at outage.Duration) []string {
	owners := r.owners(c.Examples, at)
	if len(owners) == 0 && c.Addr != "" && !r.homes.shared(c.Addr) {
		if owner := r.homes.at(c.Addr, at).service; owner != "" {
			owners = []string{owner}
		}
	}
	_, known := r.s.Service(c.Service)
	switch {
	case len(owners) == 1 && known && !r.bears(owners[0], c.Service):
		return []string{c.Service} // it names somebody else, whatever it shows
	case len(owners) > 0:
		return owners
	}
	if bearers := r.bearers(c.Service); len(bearers) == 1 {
		return bearers
	}
	if c.Certainty > 0 && c.Certainty <= unsure && r.alike(c.Addr) {
		return slices.DeleteFunc(r.homes.services(c.Addr), func(s string) bool { return !slices.Contains(r.s.Expect.Culprits, s) })
	}
	return []string{c.Service}
}

// owners returns who most of the connections belong to; several in a tie.
func (r *run) owners(addrs []string, at outage.Duration) []string {
	counts := map[string]int{}
	most := 0
	for _, addr := range addrs {
		if owner := r.homes.of(addr, at).service; owner != "" {
			counts[owner]++
			most = max(most, counts[owner])
		}
	}
	var list []string
	for owner, n := range counts {
		if n == most {
			list = append(list, owner)
		}
	}
	slices.Sort(list)
	return list
}

// bears reports whether connections of a service may go by a name.
func (r *run) bears(service, name string) bool {
	s, ok := r.s.Service(service)
	return service == name || ok && s.ClientName == name
}

// bearers returns the services whose connections may go by a name.
func (r *run) bearers(name string) []string {
	var list []string
	for _, s := range r.s.Fleet {
		if s.ClientName == name || s.ClientName == "" && s.Service == name && !s.Unnamed {
			list = append(list, s.Service)
		}
	}
	return list
}

// alike reports whether nothing in CLIENT LIST can tell the services behind an address apart: they show the same name,
// user, library and database.
func (r *run) alike(host string) bool {
	type looks struct {
		name, user, lib string
		db              int
	}
	seen := map[looks]bool{}
	for _, name := range r.homes.services(host) {
		s, _ := r.s.Service(name)
		l := looks{s.ClientName, s.User, s.LibName, s.DB}
		if s.ClientName == "" && !s.Unnamed {
			l.name = s.Service
		}
		seen[l] = true
	}
	return len(seen) == 1
}
