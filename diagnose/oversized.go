package diagnose

import (
	"fmt"
	"slices"

	"spillway/outage"
)

const (
	unusedFor  = 5   // seconds idle: beyond the moment in which a burst ends
	hardlyUsed = 0.6 // share of the pool that is unused
	alike      = 0.8 // of the largest pool: as large as it
	moved      = 0.1 // share of the pool that may be new, or belong to something else
	widePool   = fewest
	poolsHold  = 0.4 // of the slots: about half; the exact half turns on how many others got in before it was full
)

// oversize is a service whose pools are much larger than what they use.
type oversize struct {
	service *service
	parts   []part
	conns   int // in the pools, at all hosts
	unused  int
	size    int // of the largest pool
	inUse   int // at one host at once, at most
	hosts   int // with a pool as large as the largest
	live    int // with a connection in use at every look
}

// oversizedPool recognises a pool that holds slots it hardly uses while others are refused. It is in use, which an idle
// crowd is not, but most of it is not, which tells it from a fleet that needs what it has.
func oversizedPool(v *view) *outage.Finding {
	if !v.atLimit || v.rejected == 0 && !(v.full && len(v.all) < 2) {
		return nil
	}
	for _, s := range v.services {
		for some := range v.candidates(s) {
			if o, ok := v.oversize(some); ok {
				return v.tellOversize(o)
			}
		}
	}
	return nil
}

func (v *view) tellOversize(o oversize) *outage.Finding {
	share, unused := v.share(o.conns), float64(o.unused)/float64(o.conns)
	would := max(o.inUse+2, (3*o.inUse+1)/2)
	var w weighing
	w.note(0.3+0.15*max(0, share-most)/(1-most), byNameCommand, "the pools of %s hold %s: %s of the slots taken",
		o.service.name, count(o.conns, "connection"), percent(share))
	w.note(0.15+0.15*(unused-hardlyUsed)/(1-hardlyUsed), idleCommand, "%d of them were not used for %d s or more", o.unused, unusedFor)
	w.note(0.1, busyCommand, "no host uses more than %d of its %d at once, and %d of %s use theirs: it works, so that it is no idle crowd",
		o.inUse, o.size, o.live, count(len(o.parts), "host"))
	if len(o.parts) > 1 {
		w.note(0.1, byHostCommand, "%d of %d hosts have %d or nearly so: a bounded pool that is full", o.hosts, len(o.parts), o.size)
	}
	v.noteLimit(&w, 0.1, 0.1)
	f := w.finding(v, outage.OversizedPool)
	if f == nil {
		return nil
	}
	for _, p := range o.parts {
		f.Culprits = append(f.Culprits, culprit(p.group, nil))
	}
	sortCulprits(f.Culprits)
	f.Effective, f.Needed, f.Pool = v.limit, v.need(v.demands()), would
	f.Commands = []string{v.limitCommand(), byHostCommand, busyCommand, idleCommand}
	f.Summary = fmt.Sprintf("%s has pools of %d at %s and uses at most %d at once: they hold %s of the slots taken, and a pool of %d would do",
		o.service.name, o.size, count(len(o.parts), "host"), o.inUse, percent(share), would)
	return f
}

// oversize judges one service.
func (v *view) oversize(s *service) (oversize, bool) {
	o := oversize{service: s}
	fresh, other := 0, 0
	unused := map[*group]int{}
	for _, g := range s.groups {
		n := 0
		_, _, late := v.restedBefore(g)
		other += late // no pool of those that rest
		for _, c := range g.conns {
			switch {
			case probe(c) && !c.still():
				continue
			case !v.open(c):
				other++
				continue
			case c.Age < idleEnough || c.born > 0 && float64(c.Age) < recent:
				fresh++
			case c.Idle >= unusedFor:
				unused[g]++
			}
			n++
		}
		o.size = max(o.size, n)
		o.parts = append(o.parts, part{g, n})
	}
	o.parts = slices.DeleteFunc(o.parts, func(p part) bool {
		if float64(p.n) <= moved*float64(o.size) { // next to nothing: no pool of theirs
			other += p.n
			return true
		}
		o.conns, o.unused = o.conns+p.n, o.unused+unused[p.group]
		return false
	})
	o.use(v)
	total := float64(o.conns)
	return o, o.size >= widePool && v.share(o.conns) >= poolsHold && float64(fresh+other) <= moved*total &&
		float64(o.unused) >= hardlyUsed*total && 3*o.hosts >= 2*len(o.parts) && 3*o.live >= 2*len(o.parts) && 2*o.inUse <= o.size
}

// use finds out how much of each pool is in use at once, at the most. In whole seconds that is rather too much.
func (o *oversize) use(v *view) {
	looks := v.recentLooks()
	for _, p := range o.parts {
		if float64(p.n) >= alike*float64(o.size) {
			o.hosts++
		}
		least := -1
		for _, look := range looks {
			n, grown := usedNow(look, p.group)
			o.inUse = max(o.inUse, n)
			if grown && (least < 0 || n < least) {
				least = n
			}
		}
		if least > 0 {
			o.live++
		}
	}
}

// usedNow counts the connections of g that worked within a second of the look, after they had been opened; grown is false
// where all had just been.
func usedNow(look *outage.Snapshot, g *group) (n int, grown bool) {
	ours := make(map[int64]bool, len(g.conns))
	for _, c := range g.conns {
		ours[c.ID] = !probe(c)
	}
	for i := range look.Clients {
		c := &look.Clients[i]
		if !ours[c.ID] || c.Age < idleEnough || exempt(c) {
			continue
		}
		grown = true
		if c.Idle <= 1 {
			n++
		}
	}
	return n, grown
}
