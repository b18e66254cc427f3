package diagnose

import (
	"cmp"
	"slices"

	"spillway/outage"
)

// track is what became of one connection over the looks.
type track struct {
	born, died int // the first and the last look that has it
	first      outage.Client
	last       outage.Client
	woke       bool
}

// follow follows each connection through the looks and groups those of the last one.
func (v *view) follow() {
	tracks := map[int64]*track{}
	for i, s := range v.looks {
		for _, c := range s.Clients {
			t := tracks[c.ID]
			if t == nil {
				t = &track{born: i, first: c}
				tracks[c.ID] = t
			}
			t.woke = t.woke || t.last.Idle >= idleEnough && c.Idle < t.last.Idle
			t.died, t.last = i, c
		}
	}
	names := namer{names: map[string]string{}}
	index := map[identity]map[string]*group{}
	var ended []*track
	for _, t := range tracks {
		switch {
		case t.last.Ours():
		case t.died < len(v.looks)-1:
			ended = append(ended, t)
		default:
			c := &conn{Client: t.last, host: t.last.Host(), born: t.born, woke: t.woke}
			c.who = names.identify(&t.last)
			v.conns = append(v.conns, c)
		}
	}
	slices.SortFunc(v.conns, func(a, b *conn) int { return cmp.Compare(a.ID, b.ID) })
	names.tellingApart(v.conns)
	adopt(v.conns)
	names.doubt(v.conns)
	for _, c := range v.conns {
		v.group(index, c)
	}
	for _, t := range ended {
		v.bury(index, &names, t)
	}
	v.order()
}

// greeting reports whether cmd is one that a library sends before any work.
func greeting(cmd string) bool {
	switch cmd {
	case "NULL", "hello", "auth", "client|setinfo", "client|setname":
		return true
	case "client": // before 7.0 no subcommand is shown, and the others are for those who look after a server
		return true
	}
	return false
}

func (v *view) group(index map[identity]map[string]*group, c *conn) {
	hosts := index[c.who]
	if hosts == nil {
		hosts = map[string]*group{}
		index[c.who] = hosts
		v.services = append(v.services, &service{who: c.who, name: c.who.base(), label: c.who.label})
	}
	g := hosts[c.host]
	if g == nil {
		g = &group{host: c.host}
		hosts[c.host] = g
		for _, s := range v.services {
			if s.who == c.who {
				g.service = s
				s.groups = append(s.groups, g)
			}
		}
		v.groups = append(v.groups, g)
	}
	switch {
	case c.who.label == byName || len(g.conns) == 0:
		g.name = cmp.Or(g.name, c.Name)
	case c.Name != g.name: // an id for each connection
		g.name = ""
	}
	g.conns = append(g.conns, c)
	if c.born == 0 {
		g.before++
	}
}

// bury counts a connection that was closed between the looks.
func (v *view) bury(index map[identity]map[string]*group, names *namer, t *track) {
	g := index[names.settled(&t.last)][t.last.Host()]
	if g == nil {
		return
	}
	if t.born == 0 {
		g.before++
	}
	if timeout, ok := v.timeout(); !ok || timeout == 0 || t.last.Idle+int64(v.spread)+1 < timeout {
		g.gone++
	}
}

// order makes the view independent of the order in which the server listed its clients.
func (v *view) order() {
	v.tellApart()
	byHost := func(a, b *group) int {
		return cmp.Or(cmp.Compare(a.service.name, b.service.name), a.service.who.compare(b.service.who), cmp.Compare(a.host, b.host))
	}
	slices.SortFunc(v.groups, byHost)
	slices.SortFunc(v.services, func(a, b *service) int {
		return cmp.Or(cmp.Compare(a.name, b.name), a.who.compare(b.who))
	})
	for _, s := range v.services {
		slices.SortFunc(s.groups, byHost)
	}
}
