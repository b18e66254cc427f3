package diagnose

import (
	"fmt"

	"spillway/outage"
)

const (
	recent    = 6.0 // seconds of looks by which a pool is judged
	pinnedIn  = 2.0 // seconds of looks at the least
	sightings = 12  // of one connection in use at one look, at the least
	leastPool = 3   // connections per host: one or two are what a small load opens, and uses, in any pool
	bigPool   = 32  // a pool too small is small
)

// pinned recognises, on a server with room, a service that starves behind its own pool: the same few connections at
// every host, no new ones, and every one of them in use at every look. A healthy pool has some at rest now and then,
// but one that fits its load closely does not show it to a clock of whole seconds. So this is a hint, and only where
// half of the server is free: a fleet that fills more may well be busy and content.
func pinned(v *view) *outage.Finding {
	looks := v.recentLooks()
	if v.limit == 0 || v.rejected > 0 || 2*v.slots >= v.limit || len(looks) < 3 {
		return nil
	}
	seconds := between(looks[0], looks[len(looks)-1])
	if seconds < pinnedIn {
		return nil
	}
	var starved []*service
	hosts, size := 0, 0
	for _, s := range v.services {
		if n := pinnedSize(s, looks); n > 0 {
			starved = append(starved, s)
			hosts += len(s.groups)
			size = max(size, n)
		}
	}
	if len(starved) == 0 {
		return nil
	}
	var groups []*group
	for _, p := range starved {
		groups = append(groups, p.groups...)
	}
	var w weighing
	w.note(0.6, busyCommand, "%s: every connection was in use at each of %d looks in %.3g s, %d at every host and none new",
		names(groups), len(looks), seconds, size)
	if hosts > 1 {
		w.note(0.05, byHostCommand, "it is so at all %d hosts", hosts)
	}
	if len(looks) >= 5 {
		w.note(0.05, busyCommand, "%d looks agree", len(looks))
	}
	w.note(0, v.limitCommand(), "%d of %d slots are taken and nobody is refused", v.slots, v.limit)
	f := w.finding(v, outage.NotAtLimit)
	if f == nil {
		return nil
	}
	for _, g := range groups {
		f.Culprits = append(f.Culprits, culprit(g, nil))
	}
	sortCulprits(f.Culprits)
	f.Commands = []string{v.limitCommand(), busyCommand, rejectedCommand}
	f.Summary = fmt.Sprintf("if clients of %s report pool timeouts or slow calls, their pool of %d is too small: the server has %d slots free",
		names(groups), size, v.free())
	return f
}

// recentLooks returns the looks of the last seconds, oldest first.
func (v *view) recentLooks() []*outage.Snapshot {
	looks := v.looks
	for len(looks) > 0 && between(looks[0], v.looks[len(v.looks)-1]) > recent {
		looks = looks[1:]
	}
	return looks
}

// pinnedSize returns how many connections the service has at each host when all of them are in use all the time, else 0.
func pinnedSize(s *service, looks []*outage.Snapshot) int {
	ids, size := pool(s, looks)
	if size < leastPool || size > bigPool || len(ids)*len(looks) < sightings {
		return 0
	}
	seen, late, fresh := 0, 0, 0
	for _, look := range looks {
		// The server counts in seconds of its own clock: shortly before a tick, idle 1 is long ago.
		telling := serverTime(look)%1e6 >= 6e5
		for i := range look.Clients {
			c := &look.Clients[i]
			if !ids[c.ID] {
				continue
			}
			if c.Idle > 1 {
				return 0
			}
			seen++
			if telling {
				late++
			}
			if telling && c.Idle == 0 {
				fresh++
			}
		}
	}
	if seen < len(ids)*len(looks) || 10*fresh < 9*late {
		return 0 // some are new, or were not used for most of a second
	}
	return size
}

// pool returns the connections of s that work, and how many they are at each host; 0 when that differs.
// A probe, which only ever sends PING, belongs to no pool.
func pool(s *service, looks []*outage.Snapshot) (ids map[int64]bool, size int) {
	works := map[int64]bool{}
	for _, look := range looks {
		for i := range look.Clients {
			c := &look.Clients[i]
			works[c.ID] = works[c.ID] || c.Cmd != "ping"
		}
	}
	ids = map[int64]bool{}
	for i, g := range s.groups {
		n := 0
		for _, c := range g.conns {
			if c.exempt() {
				return nil, 0
			}
			if works[c.ID] {
				ids[c.ID] = true
				n++
			}
		}
		if i > 0 && n != size {
			return nil, 0
		}
		size = n
	}
	return ids, size
}
