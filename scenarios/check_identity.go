package scenarios

import (
	"slices"
	"strings"
)

// RandomArrivals spreads requests as a Poisson process does; the other word, even, is the default.
const RandomArrivals = "random"

// checkIdentity notes what is wrong with how the connections of a service show themselves: name, library, database,
// address.
func (s scene) checkIdentity(p place, svc Service) {
	s.checkClientName(p.key("client-name"), svc.ClientName)
	if svc.Unnamed && svc.ClientName != "" && s.sound(p.key("client-name")) {
		s.add(p.key("client-name"), "leave one of them out", "%s is unnamed and has client-name %q", svc.Service, svc.ClientName)
	}
	if strings.ContainsFunc(svc.LibName, func(r rune) bool { return r <= ' ' || r > '~' }) {
		s.add(p.key("lib-name"), "", "lib-name %q: Redis takes printable ASCII without spaces", svc.LibName)
	}
	if s.given(p.key("arrivals")) && !svc.asks() && s.sound(p) {
		s.add(p.key("arrivals"), "only a workload with a rate has arrivals", "%s has no effect on workload %s", p.key("arrivals"), svc.Workload)
	}
	if svc.Behind != "" && !isGateway(svc.Behind) {
		s.add(p.key("behind"), "", "%s: want lower-case letters, digits and dashes, got %q", p.key("behind"), svc.Behind)
	}
	if svc.Behind != "" && svc.SourcePorts > 0 {
		s.add(p.key("source-ports"), "leave one of them out", "%s shares the ports of gateway %s and has source-ports of its own", svc.Service, svc.Behind)
	}
}

// isGateway reports whether a word can name a container.
func isGateway(name string) bool {
	return !strings.ContainsFunc(name, func(r rune) bool { return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789-", r) }) &&
		!strings.HasPrefix(name, "-")
}

// gatewaysStay refuses to cut a service off that has no network of its own, and a gateway that has a service's name.
func (s scene) gatewaysStay() {
	for i, f := range s.Faults {
		if svc, ok := s.Scenario.Service(f.Cut); ok && svc.Behind != "" {
			s.add(s.at.key("faults").item(i).key("cut"), "leave out its behind", "%s is behind gateway %s and has no network of its own to lose", f.Cut, svc.Behind)
		}
	}
	for i, svc := range s.Fleet {
		p := s.at.key("fleet").item(i).key("behind")
		if svc.Behind != "" && slices.ContainsFunc(s.Fleet, func(other Service) bool { return other.Service == svc.Behind }) {
			s.add(p, "choose another name for the gateway", "%s is behind %s, which is a service", svc.Service, svc.Behind)
		}
	}
}
