package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"spillway/outage"
)

// How sure it is that the connections named are one service, and this one. A name that nothing contradicts needs no such
// figure: it has 0.
const (
	lyingName  = 0.6  // the name is also that of connections that differ
	sharedName = 0.7  // the name is also that of hosts that behave
	ownUser    = 0.8  // an ACL user is made for one service, mostly
	ownAddress = 0.75 // nothing else is seen at the address, but NAT shows nothing of itself
	ownLibrary = 0.7  // a library is shared by all services in one language
	behindOne  = 0.1  // less, where several programs share the address
	ageOnly    = 0.5  // others at the address look the same, and only how they are used tells them apart
	otherDB    = 0.6
	otherDuty  = 0.6
)

// shared is how many other connections of a group make it one of several programs. One may be a person's.
const shared = 2

// attribute says of each culprit of f what told it apart, how sure that is, and why.
func (v *view) attribute(f *outage.Finding) {
	at := make(map[string]*group, len(v.conns))
	for _, g := range v.groups {
		for _, c := range g.conns {
			at[c.Addr] = g
		}
	}
	blamed := map[*group]bool{}
	groups := make([]*group, len(f.Culprits))
	for i, c := range f.Culprits {
		if len(c.Examples) > 0 {
			groups[i] = at[c.Examples[0]]
			blamed[groups[i]] = true
		}
	}
	for i := range f.Culprits {
		g := groups[i]
		if g == nil {
			continue
		}
		c := &f.Culprits[i]
		by, certainty, why := v.withoutName(g, c.IDs)
		if g.service.label == byName {
			by, certainty, why = v.byItsName(g, f.Cause, blamed)
		}
		if c.By == "" || certainty > 0 && certainty < c.Certainty { // the rule's own doubt may be the greater one
			c.By, c.Certainty, c.Why = by, certainty, why
		}
	}
}

// byItsName doubts a name that others bear too.
func (v *view) byItsName(g *group, cause outage.Cause, blamed map[*group]bool) (by string, certainty float64, why string) {
	for _, s := range v.services {
		if s == g.service || s.label != byName || s.who.name != g.service.who.name {
			continue
		}
		by, differ := difference(g.service.who, s.who)
		return by, lyingName, fmt.Sprintf("the name is also that of %s at %s with %s: it may be shared or wrong, and only those at %s are meant",
			count(s.size(), "connection"), s.where(), differ, clean(g.host))
	}
	if !personal(cause) {
		return "", 0, ""
	}
	var well []*group
	for _, other := range g.service.groups {
		if !blamed[other] && other.reused() >= shared {
			well = append(well, other)
		}
	}
	if len(well) == 0 {
		return "", 0, ""
	}
	return "address", sharedName, fmt.Sprintf("the name is also that of %s, such as %s, where this is not so: it may be two programs, and only %s is meant",
		count(len(well), "other host"), clean(well[0].host), clean(g.host))
}

// personal reports whether a cause is about what one program does wrong at each of its hosts.
func personal(c outage.Cause) bool {
	switch c {
	case outage.ConnectionLeak, outage.IdleNotReaped, outage.SilentConnections, outage.PubSubPileUp, outage.BlockedWorkers,
		outage.ReconnectStorm, outage.OversizedPool:
		return true
	}
	return false
}

// difference names the first thing in which two identities differ, and what the other one has.
func difference(a, b identity) (by, other string) {
	switch {
	case a.user != b.user && b.user == "":
		return "user", "the default user"
	case a.user != b.user:
		return "user", "user " + clean(b.user)
	case a.lib != b.lib && b.lib == "":
		return "lib-name", "no library named"
	case a.lib != b.lib:
		return "lib-name", "library " + clean(b.lib)
	}
	return "db", fmt.Sprintf("database %d", b.db)
}

// withoutName says what an unnamed group was told by; against are those of its connections that the evidence speaks against.
func (v *view) withoutName(g *group, against []int64) (by string, certainty float64, why string) {
	beside := v.beside(g)
	alike := 0
	if len(against) > 0 {
		alike = g.reused(against...)
	}
	who := g.service.who
	none, neither := "no name", "neither name nor library nor a user of their own"
	for _, c := range g.conns {
		switch {
		case c.Name == "":
		case serviceName(c.Name) == "":
			none, neither = "no name but an id", "no name but an id, no library and no user of their own"
		default:
			none, neither = "each a name of its own", "each a name of its own, and no library and no user in common"
		}
	}
	switch who.label {
	case byUser:
		by, certainty, why = "user", ownUser, "they have "+none+", but user "+clean(who.user)
	case byLibrary:
		by, certainty, why = "lib-name", ownLibrary, "they have "+none+", but library "+clean(who.lib)
	default:
		by, certainty, why = "address", ownAddress, "they have "+neither+", and nothing else is seen at this address"
	}
	if alike >= shared {
		return "ages", ageOnly, fmt.Sprintf("%s at this address look the same but for how they are used: several programs may share it, and only the %d that were not used again are meant",
			count(alike, "other connection"), len(against))
	}
	if len(beside) == 0 {
		return by, certainty, why
	}
	certainty = round(certainty - behindOne)
	switch {
	case differsIn(g, beside, func(i identity) string { return i.user }):
	case differsIn(g, beside, func(i identity) string { return i.lib }):
		if who.label == byAddress {
			by, certainty, why = "lib-name", round(ownLibrary-behindOne), "they have "+none+" and no library"
		}
	case differsIn(g, beside, func(i identity) string { return fmt.Sprint(i.db) }):
		by, certainty, why = "db", otherDB, fmt.Sprintf("they have %s, but database %d alone", none, who.db)
	case differsIn(g, beside, func(i identity) string { return fmt.Sprint(i.does) }):
		by, certainty, why = "command", otherDuty, "they have "+none+", but do what the others do not"
	default: // those with a name
		by, why = "address", "they alone have "+none
	}
	return by, certainty, fmt.Sprintf("%s; %s at the same address, so that several programs share it", why, others(beside))
}

// beside returns the other groups at the address of g that are more than a probe.
func (v *view) beside(g *group) []*group {
	var found []*group
	for _, other := range v.groups {
		if other != g && other.host == g.host && slices.ContainsFunc(other.conns, func(c *conn) bool { return !greeting(c.Cmd) && !probe(c) }) {
			found = append(found, other)
		}
	}
	return found
}

// differsIn reports whether g differs in one thing from all the unnamed groups beside it, and there are any.
func differsIn(g *group, beside []*group, in func(identity) string) bool {
	found := false
	for _, other := range beside {
		if other.service.label == byName {
			continue
		}
		found = true
		if in(other.service.who) == in(g.service.who) {
			return false
		}
	}
	return found
}

// others counts the connections of other services at an address.
func others(beside []*group) string {
	n := 0
	for _, g := range beside {
		n += len(g.conns)
	}
	if n == 1 {
		return "1 connection of " + names(beside) + " is"
	}
	return fmt.Sprintf("%d connections of %s are", n, names(beside))
}

// reused counts the connections that did more than one thing, or wait for it, but for some whose ids are sorted.
func (g *group) reused(but ...int64) int {
	n := 0
	for _, c := range g.conns {
		if _, left := slices.BinarySearch(but, c.ID); !left && !probe(c) && !greeting(c.Cmd) && (c.exempt() || c.woke || !c.usedOnce()) {
			n++
		}
	}
	return n
}

func (s *service) size() int {
	n := 0
	for _, g := range s.groups {
		n += len(g.conns)
	}
	return n
}

// where names the hosts of a service, the first few of them.
func (s *service) where() string {
	var hosts []string
	for i, g := range s.groups {
		if i == 2 {
			hosts = append(hosts, fmt.Sprintf("%d more", len(s.groups)-i))
			break
		}
		hosts = append(hosts, clean(g.host))
	}
	return strings.Join(hosts, ", ")
}

// mostExamples is how many connections are named for whoever owns the host to find the program.
const mostExamples = 3

// examples names some of the connections that the evidence speaks against, or else some that are no probes.
func examples(g *group, against []*conn) []string {
	if len(against) == 0 {
		against = slices.DeleteFunc(slices.Clone(g.conns), func(c *conn) bool { return probe(c) || greeting(c.Cmd) })
	}
	if len(against) == 0 {
		against = g.conns
	}
	var list []string
	for _, c := range against[:min(mostExamples, len(against))] {
		list = append(list, c.Addr)
	}
	return list
}
