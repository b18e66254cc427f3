package diagnose

import (
	"slices"

	"spillway/outage"
)

// A client that always finds a free connection leaves some unused for a while; one that waits for its pool takes each up again as soon as
// it is free. So of a pool that is too small every connection was used within the time that a call takes, and until then the more of
// them the more of the second has gone by, evenly. The looks come late in a second, when a pool whose calls are short has used all its
// connections anyway; peeks come earlier.
const (
	peekBin   = 0.15 // peeks come at multiples of so much of a second
	callLeast = 0.8  // up to so many of the connections used in some part of a second tell how long a call takes
	callSlack = 1.3  // times that is past the end of a call, for sure
	// Of so many sightings past that, one in so many may be a connection that was not used.
	peekSights, peekMiss = 10, 50
	// So many without one, over peeks and looks, show pools that are full, though others of their name are not: of pools that fit
	// one in thirty or so is none.
	peekSure = 200
	mostSure = 140 // the same, where they are three in four of the pools of their size and name
	longCall = 0.7 // seconds, for pools of which a look late in a second sees much of who rests
)

// peeked is what the peeks say of the pools of one service.
type peeked struct {
	call float64 // seconds that a call takes at the most; 0 when there were no peeks
	// sightings counts the connections over the peeks past that time of a second, and missed those that were not used in it.
	sightings, missed int
	// sure and rested count the same over peeks and looks that come late.
	sure, rested int
}

// rests reports whether connections were at rest that would have been in use if the pool were too small.
func (p peeked) rests() bool { return p.sightings >= peekSights && p.missed*peekMiss > p.sightings }

// long reports whether calls take so long that whoever rests shows at the looks.
func (p peeked) long() bool { return p.call >= longCall }

// full reports whether there were so many sightings, and none of one at rest.
func (p peeked) full(sightings int) bool { return p.sure >= sightings && p.rested == 0 }

// sight is how many connections of a pool were used in a second up to that part of it.
type sight struct {
	phase    float64
	used, of int
	look     bool // at a look, and not at a peek
}

// sights are the pools at the peeks since the first of the looks, and at the looks that came late.
func sights(pools []aged, looks []*outage.Snapshot) []sight {
	var all []sight
	see := func(peek outage.Peek, look bool) {
		for _, pool := range pools {
			if used, ok := usedAt(peek, pool); ok {
				all = append(all, sight{float64(peek.Time%1e6) / 1e6, used, len(pool.conns), look})
			}
		}
	}
	for i, look := range looks {
		for _, peek := range look.Peeks {
			if i > 0 { // those of the first are from before it
				see(peek, false)
			}
		}
		if comesLate(look) {
			see(look.Peek(), true)
		}
	}
	return all
}

// peeksAt judges pools of one size and service.
func peeksAt(pools []aged, looks []*outage.Snapshot) peeked {
	if len(pools) == 0 {
		return peeked{}
	}
	all := sights(pools, looks)
	var p peeked
	if p.call = call(all); p.call == 0 {
		return p
	}
	for _, s := range all {
		if s.phase < callSlack*p.call {
			continue
		}
		p.sure, p.rested = p.sure+s.of, p.rested+s.of-s.used
		if !s.look {
			p.sightings, p.missed = p.sightings+s.of, p.missed+s.of-s.used
		}
	}
	return p
}

// call returns how many seconds a call takes, as the peeks early in a second show it; 0 where they do not.
func call(all []sight) float64 {
	type part struct {
		phases float64 // of the second, one for each sighting
		used   int
		of     int
	}
	var parts []part
	for _, s := range all {
		if s.look {
			continue
		}
		i := int(s.phase/peekBin + 0.5)
		for len(parts) <= i {
			parts = append(parts, part{})
		}
		parts[i].phases += s.phase * float64(s.of)
		parts[i].used, parts[i].of = parts[i].used+s.used, parts[i].of+s.of
	}
	parts = slices.DeleteFunc(parts, func(p part) bool { return p.used == 0 })
	var begun part
	for i, part := range parts {
		if i == 0 || float64(part.used) <= callLeast*float64(part.of) {
			begun.phases, begun.used = begun.phases+part.phases, begun.used+part.used
		}
	}
	if begun.used == 0 {
		return 0
	}
	return begun.phases / float64(begun.used)
}

// usedAt counts the connections of a pool that were used in the second of the peek; ok is false where one of them was not there,
// or the server's clock is none.
func usedAt(peek outage.Peek, pool aged) (used int, ok bool) {
	if peek.Time <= 0 {
		return 0, false
	}
	for _, c := range pool.conns {
		idle, there := peek.Idle[c.ID]
		if !there {
			return 0, false
		}
		if idle == 0 {
			used++
		}
	}
	return used, true
}
