package diagnose

import (
	"cmp"
	"fmt"
	"slices"

	"spillway/outage"
)

// resting is a group whose connections do nothing.
type resting struct {
	group *group
	idle  []*conn
	woke  int  // those that were used in sight after they had been idle
	whole bool // next to nothing of the group is in use: one connection may be a probe, or the top of the pool
}

const (
	idleMost  = 0.5 // of the slots: a crowd that holds so much is what fills the server
	idleLeast = 0.2 // of the slots, for one that was never used again while others are refused: more than most fleets have to spare
	restsFor  = 10  // seconds idle that need no second look: the lower half of a pool in use is reached more often
	smallPart = 10  // of the largest resting service: a service with less than one in so many of that is noise beside it
	// A group rests whole with one connection in so many awake, or with one in so many beside a crowd that others came to: behind their
	// address a small pool may have been there before.
	besideWhole = 20
	besideCrowd = 10
	sideProbe   = 4 // one in so many connections of a group may be a probe: each program behind an address may have its own
)

// idleNotReaped recognises clients that rest and keep their slots because no timeout takes them. A pool that hands out
// the connection used last rests in part as well; that is why only groups count that rest nearly whole.
func idleNotReaped(v *view) *outage.Finding {
	if !v.atLimit {
		return nil
	}
	crowd := v.crowd()
	conns, groups, woke := gather(crowd)
	share := v.share(len(conns))
	var w weighing
	weight := 0.35 + 0.3*(share-idleMost)/(1-idleMost)
	if share < idleMost {
		if v.rejected == 0 && len(v.all) > 1 {
			return nil
		}
		crowd = unwanted(crowd)
		conns, groups, woke = gather(crowd)
		if share = v.share(len(conns)); share < idleLeast {
			return nil
		}
		weight = 0.25 + 0.1*(share-idleLeast)/(idleMost-idleLeast)
	}
	least, median, most := idles(conns)
	w.note(weight, idleCommand, "%s of %s are idle and hold %s of the slots taken", count(len(conns), "connection"), names(groups), percent(share))
	v.noteTimeout(&w, median)
	v.noteRest(&w, len(conns), woke, median)
	for i, r := range crowd {
		if i == 10 {
			w.note(0, "", "and %s more", count(len(crowd)-i, "host"))
			break
		}
		a, b, c := idles(r.idle)
		w.note(0, "", "%s at %s: %d of %d idle for %d to %d s, half of them %d s or more",
			r.group.service.name, clean(r.group.host), len(r.idle), len(r.group.conns), a, c, b)
	}
	v.noteLimit(&w, 0.05, 0.05)
	f := w.finding(v, outage.IdleNotReaped)
	if f == nil {
		return nil
	}
	for _, r := range crowd {
		f.Culprits = append(f.Culprits, culprit(r.group, r.idle))
	}
	sortCulprits(f.Culprits)
	f.Commands = []string{v.limitCommand(), idleCommand, timeoutCommand}
	f.Summary = fmt.Sprintf("%s of %s have done nothing for %d to %d s and hold %s of the slots taken",
		count(len(conns), "connection"), names(groups), least, most, percent(share))
	return f
}

// gather returns all the connections of a crowd that rest, their groups, and how many were used in sight.
func gather(crowd []resting) (conns []*conn, groups []*group, woke int) {
	for _, r := range crowd {
		conns = append(conns, r.idle...)
		groups = append(groups, r.group)
		woke += r.woke
	}
	return conns, groups, woke
}

// unwanted returns those of a crowd that rest whole and were never used after they had been opened: no pool at work has them.
func unwanted(crowd []resting) []resting {
	var none []resting
	for _, r := range crowd {
		if r.whole && r.woke == 0 && !slices.ContainsFunc(r.idle, func(c *conn) bool { return !c.usedOnce() }) {
			none = append(none, r)
		}
	}
	return none
}

func (v *view) noteTimeout(w *weighing, median int64) {
	switch timeout, ok := v.timeout(); {
	case !ok:
		w.note(-0.05, timeoutCommand, "the server's timeout could not be read")
		v.doubts = append(v.doubts, "the server's timeout: CONFIG GET timeout would tell whether idle connections are reaped")
	case timeout == 0:
		w.note(0.1, timeoutCommand, "timeout is 0: the server never closes an idle connection")
	case timeout > max(60, median):
		w.note(0.05, timeoutCommand, "timeout is %d s, longer than they have been idle", timeout)
	default:
		w.note(-0.3, timeoutCommand, "timeout is %d s: the server is about to close them itself", timeout)
	}
}

func (v *view) noteRest(w *weighing, n, woke int, median int64) {
	if len(v.looks) > 1 {
		w.note(0.1-0.5*float64(woke)/float64(n), idleCommand, "%d of them were used between the looks", woke)
	}
	switch {
	case median >= 600:
		w.note(0.15, idleCommand, "half of them have been idle for %d s or more", median)
	case median >= 60:
		w.note(0.1, idleCommand, "half of them have been idle for %d s or more", median)
	}
}

// crowd returns the groups that rest: those that rest as a whole, and only if they make up neither half of the slots nor most
// of what rests, also those that do so for the most part.
func (v *view) crowd() []resting {
	var whole, partly []resting
	var services [][]resting
	var idle []int
	n, largest := 0, 0
	for _, s := range v.services {
		var rest []resting
		sum := 0
		for _, g := range s.groups {
			if r, ok := v.resting(g); ok {
				rest = append(rest, r)
				sum += len(r.idle)
			}
		}
		services, idle = append(services, rest), append(idle, sum)
		largest = max(largest, sum)
	}
	for i, rest := range services {
		if idle[i] < max(2, v.limit/50, largest/smallPart) {
			continue // such as a probe that comes by every quarter of a minute, or the lower half of a small pool
		}
		for _, r := range rest {
			if r.whole {
				whole = append(whole, r)
				n += len(r.idle)
				continue
			}
			partly = append(partly, r)
		}
	}
	beside := 0
	for _, r := range partly {
		beside += len(r.idle)
	}
	if v.share(n) >= idleMost || n >= beside {
		return whole // then those that rest in part are pools beside the crowd
	}
	return append(whole, partly...)
}

func (v *view) resting(g *group) (resting, bool) {
	r := resting{group: g}
	suspected, probes := 0, 0
	for _, c := range g.conns {
		if !v.open(c) {
			continue
		}
		suspected++
		if probe(c) && !c.still() {
			probes++
		}
		if v.rests(c) {
			r.idle = append(r.idle, c)
			if c.woke {
				r.woke++
			}
		}
	}
	if suspected-probes >= fewest && probes <= max(1, suspected/sideProbe) {
		suspected -= probes
	}
	noise := suspected / besideWhole
	if crowd, before, late := v.restedBefore(g); late > 0 {
		r.idle, r.woke, suspected, noise = crowd, 0, before, before/besideCrowd
	}
	awake := suspected - len(r.idle)
	r.whole = awake == 0 || awake <= max(1, noise) && suspected >= 2*fewest
	silent, _ := v.knocked(g.host)
	return r, !silent && len(r.idle) > 0 && 4*len(r.idle) >= 3*suspected
}

// rests reports whether a connection does nothing. One that has just come may be at its first work still. With looks to compare, one that
// is new at the last has not shown yet that it rests, unless for long.
func (v *view) rests(c *conn) bool {
	return c.still() && c.Age > opensFor && (len(v.looks) < 2 || c.born < len(v.looks)-1 || c.Idle >= restsFor)
}

// restedBefore finds a crowd among the connections of an unnamed service behind one address: those that were used once and never again,
// beside others that came when these rested already. A pool would have taken them rather than open more, so that those are another
// program. It returns the crowd, how many were there before the others came, and how many came; all zero where there is no such crowd.
func (v *view) restedBefore(g *group) (crowd []*conn, before, late int) {
	if g.service.label == byName {
		return nil, 0, 0
	}
	var once []*conn
	var ages []int64
	for _, c := range g.conns {
		if !v.open(c) || probe(c) && !c.still() {
			continue
		}
		ages = append(ages, c.Age)
		if v.rests(c) && c.usedOnce() && !c.woke {
			once = append(once, c)
		}
	}
	slices.Sort(ages)
	slices.SortFunc(once, func(a, b *conn) int { return cmp.Compare(a.Idle, b.Idle) })
	for i, from := range once {
		if i > 0 && from.Idle == once[i-1].Idle {
			continue
		}
		late, _ = slices.BinarySearch(ages, from.Idle)
		if crowd, before = once[i:], len(ages)-late; 4*len(crowd) >= 3*before {
			return crowd, before, late
		}
	}
	return nil, 0, 0
}
