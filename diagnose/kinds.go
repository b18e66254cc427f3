package diagnose

import (
	"iter"
	"maps"
	"math"
)

// kind is how the connections of one host behave, for the most part.
type kind int

const (
	busyKind kind = iota
	restingKind
	latecomerKind // busy, and came when the resting ones rested already
	freshKind
	listeningKind
	waitingKind
)

// candidates yields the services and, where the hosts of one behave so differently that they may be several services with
// one name or one library, also those of its hosts that behave alike. A rule takes the first that fits.
func (v *view) candidates(s *service) iter.Seq[*service] {
	return func(yield func(*service) bool) {
		if !yield(s) {
			return
		}
		byKind := map[kind][]*group{}
		for _, g := range s.groups {
			k := v.kind(g)
			byKind[k] = append(byKind[k], g)
		}
		byKind[busyKind], byKind[latecomerKind] = latecomers(byKind[busyKind], byKind[restingKind])
		if s.label == byName && !apart(byKind[busyKind], byKind[restingKind]) {
			// One host of a service may have more to do than the others.
			byKind[busyKind] = append(byKind[busyKind], byKind[restingKind]...)
			delete(byKind, restingKind)
		}
		maps.DeleteFunc(byKind, func(_ kind, groups []*group) bool { return len(groups) == 0 })
		if len(byKind) < 2 {
			return
		}
		for k := busyKind; k <= waitingKind; k++ {
			if alike := byKind[k]; len(alike) > 0 && !yield(&service{who: s.who, name: s.name, label: s.label, groups: alike}) {
				return
			}
		}
	}
}

// kind judges one host: by what half of its connections wait for, or whether they have just come or rest.
func (v *view) kind(g *group) kind {
	n := 0
	of := map[kind]int{}
	for _, c := range g.conns {
		if probe(c) && !c.still() { // a pool may have greeted with PING what it never used
			continue
		}
		n++
		switch {
		case c.Blocked():
			of[waitingKind]++
		case c.Subscribed():
			of[listeningKind]++
		case c.born > 0 && c.Age <= newborn:
			of[freshKind]++
		case c.Idle >= unusedFor:
			of[restingKind]++
		}
	}
	for _, k := range []kind{waitingKind, listeningKind, freshKind, restingKind} {
		if of[k]*2 > n {
			return k
		}
	}
	return busyKind
}

// latecomers splits hosts that work into those of before and those that came when the connections of the resting hosts that are at rest
// had been so already: they did not make them rest by taking their work.
func latecomers(busy, resting []*group) (before, late []*group) {
	rested := int64(math.MaxInt64)
	for _, g := range resting {
		for _, c := range g.conns {
			if c.Idle >= unusedFor && !probe(c) {
				rested = min(rested, c.Idle)
			}
		}
	}
	for _, g := range busy {
		came := len(resting) > 0
		for _, c := range g.conns {
			came = came && c.born > 0 && c.Age < rested
		}
		if came {
			late = append(late, g)
		} else {
			before = append(before, g)
		}
	}
	return before, late
}

// apart reports whether hosts that work and hosts that rest are no pools of one size: those of one kind have twice as many
// connections each as the others, or one that works has more than any that rests, as a bounded pool never has.
func apart(busy, resting []*group) bool {
	each := func(groups []*group) (mean, most float64) {
		for _, g := range groups {
			n := float64(len(g.conns))
			mean, most = mean+n/float64(len(groups)), max(most, n)
		}
		return mean, most
	}
	mean, most := each(busy)
	others, largest := each(resting)
	return mean >= 2*others || others >= 2*mean || most > roomy*largest
}
