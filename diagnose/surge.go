package diagnose

import (
	"cmp"
	"fmt"
	"slices"

	"spillway/outage"
)

const (
	pauseAtLeast = 3    // seconds between two generations: CLIENT LIST counts whole ones, and a fleet that starts takes some
	pauseOver    = 2    // times the longest pause inside a generation: hosts that start one after another are one
	strays       = 10   // one in so many connections of an old host may have been reopened since
	roomy        = 1.25 // a new host may have so many times the connections of an old one: probes, pipelines, one in the making
	atLeastOld   = 0.15 // of the slots: fewer explain nothing
	wellRested   = 0.8  // of the old generation: it drains
	neverUsed    = 0.9  // of those of the old generation that rest: it had never been at work, so that nothing replaces it
	unclear      = 0.6  // the most while the old generation works as well: a scale-out at one stroke looks the same
	outweighed   = 4    // times what all other hosts have
	justCame     = 7    // seconds of age of the new hosts
	notYet       = 0.45 // the most while nobody is refused, and where both generations rest
)

// generations are the hosts of one service, split where their ages split.
type generations struct {
	service        *service
	old, young     []aged
	oldN, youngN   int   // connections
	size           int   // of an old host
	pause          int64 // seconds between the last connection of the old hosts and the first of the new
	missing        int   // what the new hosts lack to be as large as the old
	oldRest        int   // of the old hosts' connections, idle
	oldOnce        int   // of those, never used after they had been opened
	youngRest      int
	youngLive      int  // new hosts with a connection in use
	frozen         bool // nothing moves on the old hosts, and the new ones came only after that
	oneStrokeHosts int  // old hosts that opened theirs within some seconds
}

// aged is a host with the ages of its first connection and, but for strays, its last.
type aged struct {
	group          *group
	conns          []*conn
	oldest, newest int64
}

// deploySurge recognises that instances of a service overlap with those that replace them: hosts of two ages, with pools
// of one size, of which the old ones are on their way out. It ends by itself, which a fleet that is too large does not.
func deploySurge(v *view) *outage.Finding {
	if !v.atLimit {
		return nil
	}
	var best *generations
	for _, s := range v.services {
		if g, ok := v.generations(s); ok && (best == nil || g.oldN > best.oldN) {
			best = g
		}
	}
	if best == nil {
		return nil
	}
	f := v.weighSurge(best)
	if f == nil {
		return nil
	}
	f.Culprits = best.culprits()
	f.Effective, f.Needed = v.limit, v.need(v.demands())
	f.Commands = []string{v.limitCommand(), byHostCommand, agesCommand, idleCommand}
	f.Summary = fmt.Sprintf("two generations of %s overlap: %s at %s that were there before, and %d at %s that came since; the slots suffice for one",
		best.service.name, count(best.oldN, "connection"), count(len(best.old), "host"), best.youngN, count(len(best.young), "new host"))
	if f.Confidence >= believed {
		for _, a := range slices.Concat(best.old, best.young) {
			for _, c := range a.conns {
				v.claims[c.ID] = outage.DeploySurge
			}
		}
	}
	return f
}

func (v *view) weighSurge(g *generations) *outage.Finding {
	var w weighing
	w.note(0.3, agesCommand, "%s of %s opened theirs %s ago, and %s theirs %s ago: %d s without a connection lie between",
		count(len(g.old), "host"), g.service.name, ageSpan(g.old), count(len(g.young), "other host"), ageSpan(g.young), g.pause)
	w.note(0.1, byHostCommand, "the old hosts have %d each, or nearly so, and the new ones no more: pools of one size", g.size)
	if g.oneStrokeHosts == len(g.old) {
		w.note(0.05, agesCommand, "each of the old hosts opened its connections at one time, long before")
	}
	w.note(0.1, v.limitCommand(), "without the %d of the old hosts, what is there and what the new hosts lack (%d) fits into %d", g.oldN, g.missing, v.limit)
	draining := float64(g.oldRest) >= wellRested*float64(g.oldN) && share(g.oldRest, g.oldN)-share(g.youngRest, g.youngN) >= 0.3
	if draining {
		w.note(0.25, idleCommand, "%d of the %d of the old hosts are idle, and %d of %s are at work: the old ones drain",
			g.oldRest, g.oldN, g.youngLive, count(len(g.young), "new host"))
	} else {
		w.note(0, idleCommand, "the old hosts work as well as the new ones: hosts that were added at one stroke look the same")
		v.doubts = append(v.doubts, fmt.Sprintf("whether the old hosts of %s are on their way out: ask whoever deploys it", g.service.name))
	}
	if g.service.label != byName {
		w.note(-0.1, "", "that they are one service is told by the library or the user only")
	}
	if g.frozen {
		w.note(-0.3, idleCommand, "nothing at all moves on the old hosts, and the new ones came after that: they may have vanished")
	}
	v.noteLimit(&w, 0.1, 0.1)
	f := w.finding(v, outage.DeploySurge)
	if f == nil || !draining && len(g.old)+len(g.young) == 2 { // two hosts of different age, and nothing else
		return nil
	}
	most := 1.0
	if !draining {
		most = unclear
		if share(g.oldRest, g.oldN) >= hardlyUsed {
			most = notYet
		}
	}
	if v.rejected == 0 && len(v.all) > 1 {
		most = notYet
	}
	f.Confidence = min(f.Confidence, most)
	return f
}

// generations splits the hosts of a service by age; ok is false where they are no two generations of one pool.
func (v *view) generations(s *service) (g *generations, ok bool) {
	if s.label == byAddress {
		return nil, false
	}
	var hosts []aged
	for _, group := range s.groups {
		hosts = append(hosts, v.pools(group)...)
	}
	if a, ok := outweighs(hosts); ok {
		hosts = v.batches(a)
	}
	slices.SortStableFunc(hosts, func(a, b aged) int { return cmp.Compare(b.oldest, a.oldest) })
	at, pause := split(hosts)
	if at == 0 {
		return nil, false
	}
	g = &generations{service: s, old: hosts[:at], young: hosts[at:], pause: pause}
	g.add(v)
	unused := 2*g.oldRest >= g.oldN && float64(g.oldOnce) >= neverUsed*float64(g.oldRest)
	if !g.samePool() || !g.explains(v) || unused {
		return nil, false
	}
	if g.justCame() {
		v.undecided = g
	}
	return g, 2*g.youngLive >= len(g.young)
}

// justCame reports whether the new hosts came so short ago that who stays at work cannot be told: instances are retired some
// seconds after others have taken over, and the first seconds of a connection do not show whether it is used.
func (g *generations) justCame() bool {
	return !slices.ContainsFunc(g.young, func(a aged) bool { return a.oldest > justCame }) && g.oldRest < g.oldN
}

// split returns how many of the hosts, oldest first, are the old generation, and the seconds between both; 0 where there
// are no two.
func split(hosts []aged) (at int, pause int64) {
	var pauses []int64
	for i := 1; i < len(hosts); i++ {
		p := hosts[i-1].oldest - hosts[i].oldest
		pauses = append(pauses, p)
		if p > pauses[max(at-1, 0)] || at == 0 {
			at = i
		}
	}
	if at == 0 {
		return 0, 0
	}
	inside := int64(0)
	for i, p := range pauses {
		if i != at-1 {
			inside = max(inside, p)
		}
	}
	largest := 0
	for _, h := range hosts {
		largest = max(largest, len(h.conns))
	}
	newest := hosts[0].oldest
	for _, h := range hosts[:at] {
		if 2*len(h.conns) >= largest { // a small one may be another program that goes by the same name
			newest = min(newest, h.newest)
		}
	}
	pause = newest - hosts[at].oldest
	if pause < max(pauseAtLeast, pauseOver*inside) {
		return 0, 0
	}
	return at, pause
}

func (g *generations) add(v *view) {
	still, froze := true, int64(-1)
	for _, a := range g.old {
		g.oldN += len(a.conns)
		g.size = max(g.size, len(a.conns))
		if a.oldest-a.newest <= pauseAtLeast {
			g.oneStrokeHosts++
		}
		for _, c := range a.group.conns {
			still = still && (c.still() || c.exempt())
			if c.still() && (froze < 0 || c.Idle < froze) {
				froze = c.Idle
			}
		}
		for _, c := range a.conns {
			if c.still() {
				g.oldRest++
				if c.usedOnce() {
					g.oldOnce++
				}
			}
		}
	}
	oldest := int64(0)
	for _, a := range g.young {
		g.youngN += len(a.conns)
		g.missing += max(0, g.size-len(a.conns))
		oldest = max(oldest, a.oldest)
		live := false
		for _, c := range a.conns {
			live = live || !c.still() && !c.usedOnce()
			if c.still() {
				g.youngRest++
			}
		}
		if live {
			g.youngLive++
		}
	}
	g.frozen = still && oldest <= froze
}

// samePool reports whether both generations have pools of one size.
func (g *generations) samePool() bool {
	alikes := 0 // connections, so that small programs that go by the same name do not count for much
	for _, a := range g.old {
		if float64(len(a.conns)) >= alike*float64(g.size) {
			alikes += len(a.conns)
		}
	}
	for _, a := range g.young {
		if float64(len(a.conns)) > roomy*float64(g.size)+1 {
			return false
		}
	}
	return 3*alikes >= 2*g.oldN && len(g.young) <= 2*len(g.old) && g.size > 1
}

// explains reports whether the old generation is what is too much.
func (g *generations) explains(v *view) bool {
	return v.share(g.oldN) >= atLeastOld && 4*g.youngN >= g.size && v.slots-g.oldN+g.missing <= v.limit
}

func share(n, of int) float64 { return float64(n) / float64(max(1, of)) }

// agesCommand shows for each host how many it has and how old its youngest and its oldest are.
const agesCommand = `redis-cli CLIENT LIST | awk '` + fields +
	`{a=f["age"]+0; n[h]++; if(n[h]==1||a<y[h])y[h]=a; if(a>o[h])o[h]=a} END{for(h in n)print n[h],h,y[h]" to "o[h]" s old"}' | sort -k3 -n`
