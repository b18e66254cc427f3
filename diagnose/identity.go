package diagnose

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"spillway/outage"
)

// identity is what tells the connections of one service from those of others. With a client name it is that, unless the
// name lies; without, or where names are nothing but ids or each connection has another, all that CLIENT LIST shows of who a
// client is.
type identity struct {
	label label
	name  string // the client name without what tells instances apart; empty for unnamed ones
	user  string // empty for the default user
	lib   string // the library; of a named service only where its name lies
	db    int
	does  duty
	host  string // of an unnamed one that shows neither user nor library: each host is a service of its own
}

// duty is what a connection is there for, as far as that does not change from one command to the next.
type duty int

const (
	asks duty = iota
	listens
	waits
)

func (i identity) compare(j identity) int {
	return cmp.Or(cmp.Compare(i.label, j.label), cmp.Compare(i.name, j.name), cmp.Compare(i.user, j.user), cmp.Compare(i.lib, j.lib),
		cmp.Compare(i.db, j.db), cmp.Compare(i.does, j.does), cmp.Compare(i.host, j.host))
}

// base is what the service is called.
func (i identity) base() string {
	switch i.label {
	case byName:
		return i.name
	case byUser:
		return clean(i.user)
	case byLibrary:
		return clean(i.lib)
	}
	return clean(i.host)
}

// namer tells which service clients belong to, each distinct name worked out once.
type namer struct {
	names map[string]string
	// lies has the names that several services seem to share, with what is to be told of each of their hosts.
	lies map[string]map[string]face
	// apart has the hosts whose names tell connections apart, with how many connections there bear a library.
	apart   map[string]map[string]int
	bearers map[string]int // connections by name
}

// face is what the connections of a service have in common beside its name.
type face struct {
	user, lib string
	db        int
}

func (n *namer) identify(c *outage.Client) identity {
	if c.Name != "" {
		s, known := n.names[c.Name]
		if !known {
			s = clean(serviceName(c.Name))
			n.names[c.Name] = s
		}
		if s != "" {
			return identity{label: byName, name: s}
		}
	}
	return nameless(c)
}

// nameless identifies a client by all but its name.
func nameless(c *outage.Client) identity {
	i := identity{user: userOf(c), lib: c.LibName, db: c.DB, does: dutyOf(c)}
	switch {
	case i.user != "":
		i.label = byUser
	case i.lib != "":
		i.label = byLibrary
	default:
		i.host = c.Host()
	}
	return i
}

// manyNames is from how many connections of one host on, each by a name that nobody else bears, those names count for nothing. One
// address may be that of a gateway, with a few programs behind it that hold a single connection each.
const manyNames = 20

// tellingApart finds the hosts whose names tell connections apart rather than services, such as by a request or a session, and
// identifies those connections as if they had none. A library that only one of them claims is no more than such a name.
func (n *namer) tellingApart(conns []*conn) {
	n.bearers, n.apart = map[string]int{}, map[string]map[string]int{}
	for _, c := range conns {
		if c.who.label == byName {
			n.bearers[c.who.name]++
		}
	}
	alone := map[string][]*conn{}
	for _, c := range conns {
		if c.who.label == byName && n.bearers[c.who.name] == 1 {
			alone[c.host] = append(alone[c.host], c)
		}
	}
	for host, those := range alone {
		if len(those) < manyNames {
			continue
		}
		n.apart[host] = map[string]int{}
		for _, c := range those {
			n.apart[host][c.LibName]++
		}
		for _, c := range those {
			c.who = n.oneOfMany(&c.Client)
		}
	}
}

func (n *namer) oneOfMany(c *outage.Client) identity {
	mute := *c
	if n.apart[c.Host()][c.LibName] < 2 {
		mute.LibName = ""
	}
	return nameless(&mute)
}

func userOf(c *outage.Client) string {
	if c.User == "default" {
		return ""
	}
	return c.User
}

func dutyOf(c *outage.Client) duty {
	switch {
	case c.Blocked() || Blocks(c.Cmd):
		return waits
	case c.Subscribed():
		return listens
	}
	return asks
}

// Blocks reports whether cmd is a command that waits for work. A worker between two of them is still one.
func Blocks(cmd string) bool {
	switch strings.ToLower(cmd) {
	case "blpop", "brpop", "brpoplpush", "blmove", "blmpop", "bzpopmin", "bzpopmax", "bzmpop":
		return true
	}
	return false
}

// adopt gives connections that have not yet told who they are, such as pre-dialled ones, to the one service their host has.
func adopt(conns []*conn) {
	only := map[string]*identity{}
	for _, named := range []bool{true, false} {
		for _, c := range conns {
			if (c.who.label == byName) != named || !named && (greeting(c.Cmd) || probe(c)) {
				continue
			}
			switch other, known := only[c.host]; {
			case !known:
				only[c.host] = &c.who
			case named && (other == nil || *other != c.who), !named && other != nil && other.label != byName && *other != c.who:
				only[c.host] = nil // several
			}
		}
	}
	for _, c := range conns {
		who := only[c.host]
		if who == nil || c.who.label == byName || !greeting(c.Cmd) {
			continue
		}
		// Without a name, one that has kept silent for long may as well be a stranger behind the same address.
		if who.label == byName || c.Cmd != "NULL" || c.Age < idleEnough {
			c.who = *who
		}
	}
}

// few connections that differ from the rest of their name are a helper of the same program rather than another one.
const few = 3

// doubt finds the names that lie: those whose connections differ in user, library or database from host to host, or at
// one host in user or library. Such a name becomes several services.
func (n *namer) doubt(conns []*conn) {
	faces := map[string]map[string][]*conn{} // the connections that work, by name and host
	for _, c := range conns {
		if c.who.label == byName && c.Name != "" && !greeting(c.Cmd) && !probe(c) {
			if faces[c.who.name] == nil {
				faces[c.who.name] = map[string][]*conn{}
			}
			faces[c.who.name][c.host] = append(faces[c.who.name][c.host], c)
		}
	}
	n.lies = map[string]map[string]face{}
	told := map[*conn]face{}
	for name, hosts := range faces {
		found := map[face]int{}
		mains := map[string]face{}
		for host, at := range hosts {
			mains[host] = inCommon(at, told)
			for _, c := range at {
				found[told[c]]++
			}
		}
		if len(found) > 1 {
			mains[""] = mostly(found)
			n.lies[name] = mains
		}
	}
	for _, c := range conns {
		mains, lies := n.lies[c.who.name]
		if c.who.label != byName || !lies {
			continue
		}
		p, solid := told[c]
		if !solid {
			p = mainOf(mains, c.host)
		}
		c.who.user, c.who.lib, c.who.db = p.user, p.lib, p.db
	}
}

// inCommon finds what the connections of a name at one host have in common, and returns that of most of them.
func inCommon(at []*conn, told map[*conn]face) face {
	kinds := map[face]int{}
	for _, c := range at {
		kinds[face{user: userOf(&c.Client), lib: library(c.LibName)}]++
	}
	main := mostly(kinds)
	dbs := map[face]map[face]int{}
	for _, c := range at {
		p := face{user: userOf(&c.Client), lib: library(c.LibName)}
		if kinds[p] < few {
			p = main
		}
		told[c] = p
		if dbs[p] == nil {
			dbs[p] = map[face]int{}
		}
		dbs[p][face{user: p.user, lib: p.lib, db: c.DB}]++
	}
	for _, c := range at {
		told[c] = mostly(dbs[told[c]])
	}
	return mostly(dbs[main])
}

// mostly returns what is there most often, ties by their order.
func mostly(found map[face]int) face {
	var best face
	most := 0
	for p, n := range found {
		if n > most || n == most && p.compare(best) < 0 {
			best, most = p, n
		}
	}
	return best
}

func (p face) compare(q face) int {
	return cmp.Or(cmp.Compare(p.user, q.user), cmp.Compare(p.lib, q.lib), cmp.Compare(p.db, q.db))
}

func mainOf(mains map[string]face, host string) face {
	if p, known := mains[host]; known {
		return p
	}
	return mains[""]
}

// library is a library's name without its version: an update is no other program.
func library(name string) string {
	if at := strings.IndexAny(name, "(/ "); at > 0 {
		return name[:at]
	}
	return name
}

// settled identifies a connection that is gone as it would have been while it lived.
func (n *namer) settled(c *outage.Client) identity {
	who := n.identify(c)
	if who.label == byName && n.apart[c.Host()] != nil && n.bearers[who.name] < 2 {
		return n.oneOfMany(c)
	}
	if mains, lies := n.lies[who.name]; lies && who.label == byName {
		p := mainOf(mains, c.Host())
		who.user, who.lib, who.db = p.user, p.lib, p.db
	}
	return who
}

// tellApart gives unnamed services of one user, library or address names that differ.
func (v *view) tellApart() {
	byBase := map[string][]*service{}
	for _, s := range v.services {
		if s.label != byName {
			byBase[s.name] = append(byBase[s.name], s)
		}
	}
	for _, alike := range byBase {
		differ := func(of func(identity) string) bool {
			return slices.ContainsFunc(alike, func(s *service) bool { return of(s.who) != of(alike[0].who) })
		}
		libs := differ(func(i identity) string { return i.lib })
		dbs := differ(func(i identity) string { return fmt.Sprint(i.db) })
		duties := differ(func(i identity) string { return fmt.Sprint(i.does) })
		for _, s := range alike {
			if libs && s.label == byUser && s.who.lib != "" {
				s.name += " " + clean(s.who.lib)
			}
			if dbs {
				s.name += fmt.Sprintf(" db %d", s.who.db)
			}
			switch {
			case duties && s.who.does == listens:
				s.name += " subscribers"
			case duties && s.who.does == waits:
				s.name += " workers"
			}
		}
	}
}
