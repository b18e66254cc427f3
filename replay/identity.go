package replay

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"spillway/outage"
	"spillway/scenarios"
)

var (
	notPlain  = regexp.MustCompile(`[^a-z0-9]+`)
	printable = regexp.MustCompile(`^[!-~]{1,64}$`)
)

// slug makes a name of a scenario or a service of any text; empty where nothing of it can be kept.
func slug(text string) string {
	s := strings.Trim(notPlain.ReplaceAllString(strings.ToLower(text), "-"), "-")
	return strings.TrimRight(s[:min(len(s), 40)], "-")
}

// name calls the scenario.
func (b *builder) name(captured string) {
	b.s.Name = "replay"
	if s := slug(captured); s != "" {
		b.s.Name = "replay-" + s
	}
}

// call gives a service a name that no other has.
func (b *builder) call(wanted string) string {
	if wanted == "" {
		wanted = "clients"
	}
	name := wanted
	for i := 2; b.isTaken(name); i++ {
		name = fmt.Sprintf("%s-%d", wanted, i)
	}
	return name
}

func (b *builder) isTaken(name string) bool {
	return slices.ContainsFunc(b.s.Fleet, func(s scenarios.Service) bool { return s.Service == name }) ||
		slices.ContainsFunc(b.parties, func(p *part) bool { return p.called == name })
}

// anonymous writes no address of the incident: a scenario may be published, and its hosts have others.
func (b *builder) anonymous(text string) string {
	var addrs []string
	for _, p := range b.parties {
		for _, h := range p.hosts {
			addrs = append(addrs, h.addr)
		}
	}
	for _, f := range b.diagnosis.Findings {
		for _, c := range f.Culprits {
			addrs = append(addrs, c.Addr)
		}
	}
	addrs = slices.DeleteFunc(addrs, func(a string) bool { return a == "" })
	slices.SortStableFunc(addrs, func(a, c string) int { return cmp.Or(len(c)-len(a), cmp.Compare(a, c)) }) // 10.0.0.12 before 10.0.0.1
	var pairs []string
	for i, a := range slices.Compact(addrs) {
		pairs = append(pairs, a, fmt.Sprintf("(host %d)", i+1))
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// mostStrangers is how many addresses that show nothing else are told apart.
const mostStrangers = 6

// mergeStrangers makes one service of hosts that show nothing but their address and do the same, where there are many.
func (b *builder) mergeStrangers() {
	kinds := map[trait][]*part{}
	for _, p := range b.parties {
		if b.isStranger(p) {
			k := trait{p.does, p.blamed}
			kinds[k] = append(kinds[k], p)
		}
	}
	for _, alike := range kinds {
		if len(alike) <= mostStrangers {
			continue
		}
		for _, p := range alike[1:] {
			alike[0].hosts = append(alike[0].hosts, p.hosts...)
		}
		b.parties = slices.DeleteFunc(b.parties, func(p *part) bool { return slices.Contains(alike[1:], p) })
		b.note("scaled: %d hosts that show nothing but their address are one service", len(alike))
	}
}

func (b *builder) isStranger(p *part) bool {
	return !p.named && strings.HasPrefix(p.service, p.hosts[0].addr)
}

// christen gives each part a name of its own, those that are blamed first.
func (b *builder) christen() {
	taken := map[string]bool{}
	hosts := 0
	for _, p := range slices.Concat(b.culprits(), b.others()) {
		wanted := slug(p.service)
		if b.isStranger(p) || wanted == "" {
			hosts++
			wanted = fmt.Sprintf("host-%d", hosts) // no address of the incident is in a scenario
		}
		p.called = wanted
		for i := 2; taken[p.called]; i++ {
			p.called = fmt.Sprintf("%s-%d", wanted, i)
		}
		taken[p.called] = true
	}
}

// identify has the connections of s show what those of the part did.
func (b *builder) identify(s *scenarios.Service, p *part) {
	s.Service = p.called
	switch {
	case p.named:
		s.ClientName = clientName(s.Service, p)
	default:
		s.Unnamed = true
	}
	b.library(s, p)
	if n := p.first().DB; n > 0 && n <= 15 && s.Workload != "silent" && s.Workload != "replica" {
		s.DB = n
	}
	s.Behind = b.gateway(p)
}

// clientName is the name that all connections of a part bear; empty where each instance has its own, service-1 and so on.
func clientName(service string, p *part) string {
	name := p.service
	if all := p.names(); len(all) == 1 && len(p.hosts) > 1 {
		name = all[0]
	}
	if name == service || !printable.MatchString(name) || strings.HasPrefix(name, "spillway:") {
		return ""
	}
	return name
}

// ownLibrary begins what the fleet's own library calls itself.
const ownLibrary = "go-redis("

// library has unnamed connections show what told them apart: a library, a user, or nothing but their address.
func (b *builder) library(s *scenarios.Service, p *part) {
	lib := p.common(func(c outage.Client) string { return c.LibName })
	user := p.common(func(c outage.Client) string { return c.User })
	switch {
	case s.Workload == "silent" || s.Workload == "replica":
	case !p.named && user != "" && user != "default" && printable.MatchString(user):
		s.LibName = user
		b.assume("what told %s by its ACL user is told by a lib-name here, since the rig has no users", s.Service)
	case lib != "" && !strings.HasPrefix(lib, ownLibrary) && printable.MatchString(lib):
		s.LibName = lib
	case lib == "" && !p.named:
		s.LibName = s.Service
		b.assume("%s shows a lib-name here, since it had nothing to be told by but its address", s.Service)
	}
}

// gateway is the gateway that a part is behind: connections of several kinds at the one address that it has.
func (b *builder) gateway(p *part) string {
	if len(p.hosts) != 1 || b.top.Cause == outage.HalfOpenPeers || b.top.Cause == outage.PortExhaustion {
		return ""
	}
	addr, beside := p.hosts[0].addr, 0
	for _, other := range b.parties {
		if len(other.hosts) == 1 && other.hosts[0].addr == addr {
			beside++
		}
	}
	if beside < 2 {
		return ""
	}
	if b.gateways == nil {
		b.gateways = map[string]string{}
	}
	if b.gateways[addr] == "" {
		b.gateways[addr] = fmt.Sprintf("gateway-%d", len(b.gateways)+1)
		b.assume("what shares an address is behind a gateway, one instance each")
	}
	return b.gateways[addr]
}

func join(names []string) string {
	if n := len(names); n > 4 {
		return strings.Join(names[:4], ", ") + fmt.Sprintf(" and %d more", n-4)
	}
	return strings.Join(names, ", ")
}
