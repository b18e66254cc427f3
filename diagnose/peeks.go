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
	// Of calls so long the one peek that missed most does not count, where others have so many sightings: a machine may be busy for a moment. Of shorter
	// calls it does, since pools that fit are missed by few peeks.
	halfCall, manySights = 0.4, 50
	// Where of so many sightings at the latest peeks of a second none was missed, and one in so many at those before, calls end between them, uneven as they come.
	cutSights, cutMiss = 50, 10
)

// peeked is what the peeks say of the pools of one service.
type peeked struct {
	call float64 // seconds that a call takes at the most; 0 when there were no peeks
	// sightings counts the connections over the peeks past that time of a second, and missed those that were not used in it.
	sightings, missed int
	// worst is the same of the peek that missed most.
	worst seen
	// sure and rested count the same over peeks and looks that come late.
	sure, rested int
}

// seen counts connections, and those that were not used.
type seen struct{ of, missed int }

// rests reports whether connections were at rest that would have been in use if the pool were too small.
func (p peeked) rests() bool {
	n, missed := p.sightings, p.missed
	if p.call >= halfCall && n-p.worst.of >= manySights {
		n, missed = n-p.worst.of, missed-p.worst.missed
	}
	return n >= peekSights && missed*peekMiss > n
}

// long reports whether calls take so long that whoever rests shows at the looks.
func (p peeked) long() bool { return p.call >= longCall }

// full reports whether there were so many sightings, and none of one at rest.
func (p peeked) full(sightings int) bool { return p.sure >= sightings && p.rested == 0 }

// sight is how many connections of a pool were used in a second up to that part of it.
type sight struct {
	time     int64 // of the server's clock, in microseconds
	used, of int
	look     bool // at a look, and not at a peek
}

// phase is how much of the second had gone by.
func (s sight) phase() float64 { return float64(s.time%1e6) / 1e6 }

// sights are the pools at the peeks since the first of the looks, and at the looks that came late.
func sights(pools []aged, looks []*outage.Snapshot) []sight {
	var all []sight
	see := func(peek outage.Peek, look bool) {
		for _, pool := range pools {
			if used, ok := usedAt(peek, pool); ok {
				all = append(all, sight{peek.Time, used, len(pool.conns), look})
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
	parts := secondParts(all)
	p := past(call(parts), all)
	if p.rests() {
		if q := past(cut(parts), all); q.call > p.call && q.rested == 0 {
			return q
		}
	}
	return p
}

// past counts what was seen past the end of a call of so many seconds, for sure; nothing where that is 0.
func past(call float64, all []sight) peeked {
	p := peeked{call: call}
	if call == 0 {
		return p
	}
	peeks := map[int64]seen{} // by their time
	for _, s := range all {
		if s.phase() < callSlack*call {
			continue
		}
		p.sure, p.rested = p.sure+s.of, p.rested+s.of-s.used
		if s.look {
			continue
		}
		p.sightings, p.missed = p.sightings+s.of, p.missed+s.of-s.used
		peek := seen{peeks[s.time].of + s.of, peeks[s.time].missed + s.of - s.used}
		peeks[s.time] = peek
		if peek.missed > p.worst.missed {
			p.worst = peek
		}
	}
	return p
}

// secondPart is what the peeks saw in one part of a second.
type secondPart struct {
	phases   float64 // one for each sighting
	used, of int
}

// secondParts are the parts of a second that the peeks came in, in order. By one of them no connection may have been used: calls of two
// thirds of a second that begin together come early in one second and late in the next, and so do the peeks.
func secondParts(all []sight) []secondPart {
	var parts []secondPart
	for _, s := range all {
		if s.look {
			continue
		}
		i := int(s.phase()/peekBin + 0.5)
		for len(parts) <= i {
			parts = append(parts, secondPart{})
		}
		parts[i].phases += s.phase() * float64(s.of)
		parts[i].used, parts[i].of = parts[i].used+s.used, parts[i].of+s.of
	}
	return slices.DeleteFunc(parts, func(p secondPart) bool { return p.of == 0 })
}

// cut returns how many seconds a call takes where there is a part of the second from which on all connections had been used, and one just
// before in which many had not; 0 where there is none. Calls of about half a second come at the same times of each second, and not evenly.
func cut(parts []secondPart) float64 {
	if len(parts) < 2 {
		return 0
	}
	before, last := parts[len(parts)-2], parts[len(parts)-1]
	if last.of < cutSights || last.used < last.of || (before.of-before.used)*cutMiss < before.of {
		return 0
	}
	return before.phases / float64(before.of)
}

// call returns how many seconds a call takes, as the peeks early in a second show it; 0 where they do not.
func call(parts []secondPart) float64 {
	var begun secondPart
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
