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

// peeksAt judges pools of one size and service by the peeks since the first of the looks, and by the looks that came late.
func peeksAt(pools []aged, looks []*outage.Snapshot) peeked {
	type part struct {
		phases float64 // of the second, one for each sighting
		used   int
		of     int
	}
	var parts []part
	each := func(looksToo bool, see func(phase float64, used, of int)) {
		for _, pool := range pools {
			for i, look := range looks {
				peeks := look.Peeks
				if i == 0 { // they are from before it
					peeks = nil
				}
				if looksToo && comesLate(look) {
					peeks = append(slices.Clip(peeks), asPeek(look))
				}
				for _, peek := range peeks {
					if used, ok := usedAt(peek, pool); ok {
						see(float64(peek.Time%1e6)/1e6, used, len(pool.conns))
					}
				}
			}
		}
	}
	each(false, func(phase float64, used, of int) {
		i := int(phase/peekBin + 0.5)
		for len(parts) <= i {
			parts = append(parts, part{})
		}
		parts[i].phases += phase * float64(of)
		parts[i].used, parts[i].of = parts[i].used+used, parts[i].of+of
	})
	parts = slices.DeleteFunc(parts, func(p part) bool { return p.used == 0 })
	var begun part
	for i, part := range parts {
		if i == 0 || float64(part.used) <= callLeast*float64(part.of) {
			begun.phases, begun.used = begun.phases+part.phases, begun.used+part.used
		}
	}
	if begun.used == 0 {
		return peeked{}
	}
	p := peeked{call: begun.phases / float64(begun.used)}
	past := func(phase float64) bool { return phase >= callSlack*p.call }
	each(false, func(phase float64, used, of int) {
		if past(phase) {
			p.sightings, p.missed = p.sightings+of, p.missed+of-used
		}
	})
	each(true, func(phase float64, used, of int) {
		if past(phase) {
			p.sure, p.rested = p.sure+of, p.rested+of-used
		}
	})
	return p
}

// asPeek is what a peek at the time of a look would have shown.
func asPeek(look *outage.Snapshot) outage.Peek {
	peek := outage.Peek{Time: serverTime(look), Idle: make(map[int64]int64, len(look.Clients))}
	for i := range look.Clients {
		peek.Idle[look.Clients[i].ID] = look.Clients[i].Idle
	}
	return peek
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
