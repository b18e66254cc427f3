package diagnose

import (
	"fmt"
	"math"
	"slices"

	"spillway/outage"
)

const (
	recent    = 6.0  // the latest seconds
	pinWatch  = 12.0 // seconds of looks by which a pool is judged: the longer none rests, the less it is chance
	pinnedIn  = 2.0  // seconds of looks at the least, where several hosts agree
	pinnedFor = 5.0  // seconds that are more than a busy moment of one host
	// pinnedLooks are how many looks find somebody at rest in a pool that fits.
	pinnedLooks = 6
	sightings   = 12 // of one connection in use at one look, at the least
	oneBurst    = 1  // seconds in which a pool opens all it may when it is asked for more from the start
	leastPool   = 3  // connections per host: one or two are what a small load opens, and uses, in any pool
	bigPool     = 32 // a pool too small is small
	// Looks that come earlier in a second of the server's clock are told little by idle; before its end the list may be read
	// a second later than INFO. The clock is set ten times a second, and so late by up to a tenth.
	early, late = 0.5, 0.9
	lag         = 0.2
)

// pinned recognises, on a server with room, a service that starves behind its own pool: the same few connections at
// every host, no new ones, and every one of them in use at every look. A healthy pool has some at rest now and then,
// but one that fits its load closely does not show it to a clock of whole seconds. So this is a hint, and only where
// half of the server is free: a fleet that fills more may well be busy and content.
func pinned(v *view) *outage.Finding {
	if v.limit == 0 || v.rejected > 0 || 2*v.slots >= v.limit {
		return nil
	}
	var starved []*service
	var looks []*outage.Snapshot
	hosts, size := 0, 0
	for _, s := range v.services {
		if n, seen := pinnedSize(s, v.looksOf(pinWatch)); n > 0 {
			starved = append(starved, s)
			hosts += len(s.groups)
			size = max(size, n)
			if looks == nil || len(seen) < len(looks) {
				looks = seen
			}
		}
	}
	if len(starved) == 0 {
		return nil
	}
	seconds := between(looks[0], looks[len(looks)-1])
	var groups []*group
	for _, p := range starved {
		groups = append(groups, p.groups...)
	}
	if seconds < pinnedFor && !slices.ContainsFunc(groups, func(g *group) bool { return g.host != groups[0].host }) {
		return nil
	}
	var w weighing
	w.note(0.45, busyCommand, "%s: every connection was in use at each of %d looks in %.3g s, %d at every host and none new",
		names(groups), len(looks), seconds, size)
	if hosts > 1 {
		w.note(0.05*float64(min(2, hosts-1)), byHostCommand, "it is so at all %d hosts", hosts)
	} else {
		w.note(-0.15, byHostCommand, "it is one host alone: a pool that just fits its load looks the same there")
	}
	if len(looks) >= pinnedLooks && seconds >= pinnedFor {
		w.note(0.1, busyCommand, "%d looks agree", len(looks))
	}
	if apart := openedApart(groups); apart <= oneBurst {
		w.note(0.05, busyCommand, "each host opened all of them within a second: it could have used more from the start")
	} else {
		w.note(-0.1, busyCommand, "they were opened one after another, up to %d s apart: a pool that grew to what it needs looks like that", apart)
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

// busyPools returns, where the looks are too few to judge, the pools of which no connection was seen at rest, on a server with room.
func (v *view) busyPools() []*group {
	if v.limit == 0 || v.rejected > 0 || 2*v.slots >= v.limit || len(v.looks) >= pinnedLooks && v.spread >= pinnedFor {
		return nil
	}
	var groups []*group
	for _, s := range v.services {
		ids, size := pool(s, v.looks)
		if size < leastPool || size > bigPool || len(whole(ids, v.looks)) < len(v.looks) {
			continue
		}
		rests := slices.ContainsFunc(v.looks, func(look *outage.Snapshot) bool {
			return slices.ContainsFunc(look.Clients, func(c outage.Client) bool { return ids[c.ID] && c.Idle > 1 })
		})
		if !rests {
			groups = append(groups, s.groups...)
		}
	}
	return groups
}

// openedApart returns within how many seconds a host opened its connections that work, at the host that took longest.
func openedApart(groups []*group) int64 {
	apart := int64(0)
	for _, g := range groups {
		youngest, oldest := int64(math.MaxInt64), int64(0)
		for _, c := range g.conns {
			if c.Cmd != "ping" {
				youngest, oldest = min(youngest, c.Age), max(oldest, c.Age)
			}
		}
		apart = max(apart, oldest-youngest)
	}
	return apart
}

// recentLooks returns the looks of the latest seconds, oldest first.
func (v *view) recentLooks() []*outage.Snapshot { return v.looksOf(recent) }

// looksOf returns the looks of the last so many seconds, oldest first.
func (v *view) looksOf(seconds float64) []*outage.Snapshot {
	looks := v.looks
	for len(looks) > 0 && between(looks[0], v.looks[len(v.looks)-1]) > seconds {
		looks = looks[1:]
	}
	return looks
}

// pinnedSize returns how many connections the service has at each host when all of them are in use all the time, else 0.
//
// The server counts idle in whole seconds of its own clock, so that how late in its second a look comes says what 0 means:
// at 0.8, used within 0.8 s. Calls that keep a connection for h seconds, one after another, are last seen anywhere in h, and
// so a share of 0.8/h of the connections shows 0. Calls of more than a second are not told from rest.
//
// It is judged by the looks since all of them were there, which are returned too.
func pinnedSize(s *service, looks []*outage.Snapshot) (int, []*outage.Snapshot) {
	ids, size := pool(s, looks)
	looks = whole(ids, looks)
	if size < leastPool || size > bigPool || len(looks) < 3 || len(ids)*len(looks) < sightings ||
		between(looks[0], looks[len(looks)-1]) < pinnedIn {
		return 0, nil
	}
	fresh, want := 0, 0.0
	for _, look := range looks {
		phase := float64(serverTime(look)%1e6) / 1e6
		telling := phase >= early && phase < late
		for i := range look.Clients {
			c := &look.Clients[i]
			if !ids[c.ID] {
				continue
			}
			if c.Idle > 1 {
				return 0, nil
			}
			if !telling {
				continue
			}
			want += phase - lag
			if c.Idle == 0 {
				fresh++
			}
		}
	}
	if float64(fresh) < want {
		return 0, nil // not used for most of a second
	}
	return size, looks
}

// whole returns the looks since all connections of ids were there.
func whole(ids map[int64]bool, looks []*outage.Snapshot) []*outage.Snapshot {
	for i := len(looks) - 1; i >= 0; i-- {
		n := 0
		for j := range looks[i].Clients {
			if ids[looks[i].Clients[j].ID] {
				n++
			}
		}
		if n < len(ids) {
			return looks[i+1:]
		}
	}
	return looks
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
