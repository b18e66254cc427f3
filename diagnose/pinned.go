package diagnose

import (
	"fmt"
	"maps"
	"slices"

	"spillway/outage"
)

const (
	recent    = 6.0  // the latest seconds
	pinWatch  = 12.0 // seconds of looks by which a pool is judged: the longer none rests, the less it is chance
	slowWatch = 20.0 // the same where looks are so far apart, on a busy machine, that those are fewer than pinnedLooks
	pinnedFor = 7.0  // seconds of looks at the least: more than a busy moment
	// pinnedLooks are how many looks find somebody at rest in a pool that fits: of 400 healthy fleets one had pools at 70 % that
	// showed none at eight.
	pinnedLooks = 9
	oneBurst    = 1  // seconds in which a pool opens all it may when it is asked for more from the start
	leastPool   = 3  // connections per pool: one or two are what a small load opens, and uses, in any pool
	bigPool     = 32 // a pool too small is small
	// A look tells most late in a second of the server's clock: then idle is 0 only for what was used within most of a second.
	// Just before the end the list may be read a second later than the clock.
	early, late = 0.8, 0.97
	// A pool of up to so many counts as in use where one in so many sightings late in a second was none, and one of several
	// where it is so of fewer over all of them: their calls, of nearly a second, and a machine that was busy for a moment.
	// Pools that fit their load miss one in twenty-five and more, and fewest where calls are short. Where there are several, at least one
	// of them has a connection that rests for longer: of 900 healthy fleets one had two without, and they missed one in sixteen.
	// Those may miss more.
	smallPool, mayMiss, mayMissOfAll, mayMissOfWhole = 8, 40, 90, 45
	// Where calls take long, as peeks show, pools that fit miss one in ten or so late in a second: see TestPeeks.
	mayMissLong = 25
	// So many sightings late in a second, over so many looks and none without use, are no chance: of sixteen connections of a pool that fits
	// at least one rests in three of four looks. Then it matters less that it is one pool alone.
	beyondChance, beyondLooks = 100, 8
	// There must be at least leastLate such looks, and lateSights of them over all pools; of one pool alone lateLooks.
	leastLate, lateLooks, lateSights = 3, 5, 10
)

// pinned recognises, on a server with room, a service that starves behind its own pools: pools of one size, no connection
// of them new, and every one in use at every look. A healthy pool has some at rest now and then, which looks late in a
// second of the server's clock show; where there are few of those nothing is said, see busyPools. Nor is it where half of
// the server is taken: such a fleet may well be busy and content.
func pinned(v *view) *outage.Finding {
	if v.limit == 0 || v.rejected > 0 || 2*v.slots >= v.limit {
		return nil
	}
	looks := v.pinLooks()
	var starved []starving
	best := 0
	for _, k := range v.kin() {
		p, ok := v.starving(k, looks)
		if !ok {
			p, ok = v.starvingPart(k, looks)
		}
		if !ok {
			continue
		}
		if p.peeks.rests() {
			v.doubts = append(v.doubts, fmt.Sprintf("whether pools of %s are too small: late in each second all their connections had been used, but %d of %d earlier in it had not: look at the pool's statistics (waits, timeouts)",
				names(p.groups()), p.peeks.missed, p.peeks.sightings))
			continue
		}
		if len(starved) == 0 || len(p.pools) > len(starved[best].pools) {
			best = len(starved)
		}
		starved = append(starved, p)
	}
	if len(starved) == 0 {
		return v.mayStarve()
	}
	p := starved[best]
	var w weighing
	w.note(0.45, busyCommand, "%s: every connection was in use at each of %d looks in %.3g s, %d in %s and none new",
		names(p.groups()), p.looks, p.seconds, p.size, count(len(p.pools), "pool"))
	if n := len(p.pools); n > 1 {
		w.note(0.05*float64(min(2, n-1)), byHostCommand, "it is so with %d of %d of that size", n, p.of)
	} else if p.beyondChance() {
		w.note(0, byHostCommand, "it is one pool alone, and %d of %d sightings late in a second found them in use", p.sightings-p.missed, p.sightings)
	} else {
		w.note(-0.15, byHostCommand, "it is one pool alone: one that just fits its load looks the same")
	}
	w.note(0.1, busyCommand, "%d of the looks came late in a second of the server's clock, when idle is 0 only for what was used within most of it", p.late)
	if n := p.peeks.sightings; n >= peekSights {
		w.note(0, busyCommand, "and %d of %d sightings earlier in a second, from %.2g s on, found them in use too", n-p.peeks.missed, n, callSlack*p.peeks.call)
	}
	if apart := openedApart(p.pools); apart <= oneBurst {
		w.note(0.05, busyCommand, "each pool opened all of them within a second: it could have used more from the start")
	} else {
		w.note(-0.1, busyCommand, "they were opened one after another, up to %d s apart: a pool that grew to what it needs looks like that", apart)
	}
	w.note(0, v.limitCommand(), "%d of %d slots are taken and nobody is refused", v.slots, v.limit)
	f := w.finding(v, outage.NotAtLimit)
	if f == nil {
		return nil
	}
	var groups []*group
	for _, s := range starved {
		for _, g := range s.groups() {
			groups = append(groups, g)
			f.Culprits = append(f.Culprits, culprit(g, nil))
		}
	}
	sortCulprits(f.Culprits)
	f.Commands = []string{v.limitCommand(), busyCommand, rejectedCommand}
	f.Summary = starvingSummary(groups, p.size, v.free())
	return f
}

// pinLooks returns the looks by which pools are judged.
func (v *view) pinLooks() []*outage.Snapshot {
	looks := v.looksOf(pinWatch)
	if slow := v.looksOf(slowWatch); len(looks) < pinnedLooks {
		return slow[max(0, len(slow)-pinnedLooks):]
	}
	return looks
}

// starving is what a service has of pools that are in use all the time.
type starving struct {
	pools   []aged
	of      int     // pools of that size
	size    int     // connections in each
	looks   int     // by which they were judged: the fewest of any
	late    int     // of those, late in a second
	seconds float64 // that these looks span
	// sightings counts the connections of all pools over the looks late in a second, and missed those of them that were not in use.
	sightings, missed int
	peeks             peeked
}

func (s starving) beyondChance() bool {
	few := s.missed == 0 || s.peeks.long() && s.missed*mayMissOfAll <= s.sightings
	return few && s.sightings >= beyondChance && s.late >= beyondLooks
}

// mayBeLong reports whether so few of the sightings of a large pool missed a connection that it is full, its calls being long.
func mayBeLong(pool aged, looks []*outage.Snapshot, missed, sightings int) bool {
	return peeksAt([]aged{pool}, looks).long() && missed*mayMissOfWhole <= sightings
}

// groups are where the pools are, each once.
func (s starving) groups() []*group {
	var groups []*group
	for _, p := range s.pools {
		if !slices.Contains(groups, p.group) {
			groups = append(groups, p.group)
		}
	}
	return groups
}

// kin returns the groups of each service. Hosts that show nothing but their address may all run the same.
func (v *view) kin() [][]*group {
	var kin [][]*group
	var strangers []*group
	for _, s := range v.services {
		if s.label == byAddress {
			strangers = append(strangers, s.groups...)
			continue
		}
		kin = append(kin, s.groups)
	}
	return append(kin, strangers)
}

// starving judges one service: all of its pools of one size must be in use all the time, since some may be so by chance. Of
// those that share a name with other programs, or have none, two thirds.
func (v *view) starving(groups []*group, looks []*outage.Snapshot) (starving, bool) {
	mixed := numberedAndNot(groups) // no name, or connections that wait in other ways: several programs
	for _, g := range groups {
		mixed = mixed || g.service.label != byName || slices.ContainsFunc(g.conns, func(c *conn) bool { return c.Subscribed() || c.Blocked() || c.Replication() })
	}
	sizes := v.ofOneSize(groups)
	var found starving
	for _, size := range slices.Sorted(maps.Keys(sizes)) {
		p := starving{size: size, of: len(sizes[size])}
		each := true // each of the pools misses little enough by itself
		for _, pool := range sizes[size] {
			seen, late, misses := allInUse(pool, looks)
			if len(seen) < pinnedLooks || late < leastLate || size > smallPool && misses > 0 && !mayBeLong(pool, looks, misses, size*late) {
				continue
			}
			seconds := between(seen[0], seen[len(seen)-1])
			if seconds < pinnedFor {
				continue
			}
			if len(p.pools) == 0 || len(seen) < p.looks {
				p.looks, p.seconds = len(seen), seconds
			}
			if len(p.pools) == 0 || late < p.late {
				p.late = late
			}
			p.pools = append(p.pools, pool)
			p.sightings, p.missed = p.sightings+size*late, p.missed+misses
			each = each && misses*mayMiss <= size*late
		}
		p.peeks = peeksAt(p.pools, looks)
		whole, bound := len(p.pools) == p.of, mayMissOfAll
		switch {
		case p.peeks.long() && p.sightings >= beyondChance:
			bound = mayMissLong
		case whole && p.of >= 2:
			bound = mayMissOfWhole
		}
		if !each && p.missed*bound > p.sightings {
			continue
		}
		enough := p.late*len(p.pools) >= lateSights || p.late >= lateLooks
		some, most := len(p.pools) >= 2, len(p.pools) >= 3 && 4*len(p.pools) >= 3*p.of
		seldom := p.peeks.full(peekSure) || p.peeks.long() && p.missed == 0 && p.sightings >= beyondChance
		of := whole || mixed && some && (3*len(p.pools) >= 2*p.of || seldom) || most && p.peeks.full(mostSure)
		if enough && of && len(p.pools) > len(found.pools) {
			found = p
		}
	}
	return found, len(found.pools) > 0
}

// starvingPart judges the hosts of a service that are numbered, and those that are not, where there are both.
func (v *view) starvingPart(groups []*group, looks []*outage.Snapshot) (starving, bool) {
	if !numberedAndNot(groups) {
		return starving{}, false
	}
	for _, numbered := range []bool{false, true} {
		part := slices.DeleteFunc(slices.Clone(groups), func(g *group) bool { return g.numbered() != numbered })
		if p, ok := v.starving(part, looks); ok {
			return p, true
		}
	}
	return starving{}, false
}

// numberedAndNot reports whether hosts of a service are numbered and others are not, such as app-1 and app: it may be two programs.
func numberedAndNot(groups []*group) bool {
	return slices.ContainsFunc(groups, (*group).numbered) && slices.ContainsFunc(groups, func(g *group) bool { return !g.numbered() })
}

func (g *group) numbered() bool { return g.name != g.service.who.name }

// allInUse returns the looks since all connections of the pool were there, how many of them came late in a second, and how
// many connections those did not see in use; no looks where one of the connections was seen at rest.
func allInUse(pool aged, looks []*outage.Snapshot) (seen []*outage.Snapshot, lateOnes, missed int) {
	ids := make(map[int64]bool, len(pool.conns))
	for _, c := range pool.conns {
		ids[c.ID] = true
	}
	seen = whole(ids, looks)
	// A list that was read when the next second had begun does not tell: in it everybody was opened a second earlier.
	second := int64(0)
	for _, look := range seen {
		second = max(second, opened(look, pool.conns[0].ID))
	}
	for _, look := range seen {
		tells := comesLate(look) && opened(look, pool.conns[0].ID) == second
		if tells {
			lateOnes++
		}
		for i := range look.Clients {
			c := &look.Clients[i]
			switch {
			case !ids[c.ID]:
			case c.Idle > 1:
				return nil, 0, 0
			case tells && c.Idle > 0:
				missed++
			}
		}
	}
	return seen, lateOnes, missed
}

// comesLate reports whether a look came late in a second of the server's clock.
func comesLate(look *outage.Snapshot) bool {
	phase := float64(serverTime(look)%1e6) / 1e6
	return phase >= early && phase < late
}

// opened returns the second of the server's clock in which the connection was opened, as look shows it.
func opened(look *outage.Snapshot, id int64) int64 {
	for i := range look.Clients {
		if look.Clients[i].ID == id {
			return serverTime(look)/1e6 - look.Clients[i].Age
		}
	}
	return 0
}

// openedApart returns within how many seconds a pool opened its connections, at the one that took longest.
func openedApart(pools []aged) int64 {
	apart := int64(0)
	for _, p := range pools {
		apart = max(apart, p.conns[len(p.conns)-1].Age-p.conns[0].Age)
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
