package diagnose

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"spillway/outage"
)

// leaking is a group with connections that were opened one by one, each used once and none of them closed.
type leaking struct {
	group  *group
	leaked []*conn
	opened []*conn // those of them that came since the first look
	rate   float64 // connections a second, while it could
}

const (
	slowest   = 8    // connections in sight that make growth clear
	watched   = 4.5  // seconds of looks that make growth clear while slots are free
	telling   = 0.15 // share of the slots that a leak must hold when nothing grows any more
	closedFew = 0.1  // of those opened may have been closed
)

// leak recognises clients that are opened and never closed. Idle = age does not prove it: pools, subscribers and blocked
// workers show it too. The proof is in the ages. When a pool opens a connection all its others are busy, so that those it
// used only once have one age; a leak's are spread over the time it has run. One that has filled the server grows no more.
func leak(v *view) *outage.Finding {
	leaks := v.leaks()
	if len(leaks) == 0 {
		return nil
	}
	var w weighing
	leaked, opened, gone, rate := 0, 0, 0, 0.0
	for _, l := range leaks {
		leaked, opened, gone, rate = leaked+len(l.leaked), opened+len(l.opened), gone+l.group.gone, rate+l.rate
	}
	youngest, oldest := ageRange(leaks)
	w.note(0.35*min(1, float64(leaked)/20), usedOnceCommand,
		"%s at %s of %s were used once and never again (idle = age), opened one after another from %d to %d s ago",
		count(leaked, "connection"), count(len(leaks), "host"), serviceList(leaks), oldest, youngest)
	v.noteGrowth(&w, leaks, opened, gone, rate)
	v.noteLimit(&w, 0.1, 0.1)
	share := v.share(leaked)
	w.note(0.2*min(1, share/0.5), v.countCommand(leaks[0].group), "they hold %s of the slots taken", percent(share))

	var against [][]*conn
	for _, l := range leaks {
		against = append(against, l.against(&w))
	}
	f := w.finding(v, outage.ConnectionLeak)
	if f == nil {
		return nil
	}
	for i, l := range leaks {
		f.Culprits = append(f.Culprits, culprit(l.group, against[i]))
	}
	sortCulprits(f.Culprits)
	f.Commands = []string{v.limitCommand(), byHostCommand, byNameCommand, usedOnceCommand}
	f.Growth = round(rate)
	if v.slots < v.limit && rate > 0 {
		f.UntilFull = seconds(float64(v.free()) / rate)
	}
	f.Summary = fmt.Sprintf("%s at %s of %s leaked, %s more a second%s", count(leaked, "connection"),
		count(len(leaks), "host"), serviceList(leaks), figure(rate), v.whenFull(f))
	return f
}

// against returns the connections to which the evidence points. Where others of the group are in use, a pool may be among
// them, and what it opened at its peak was used once as well: mostly early, so that the oldest are left to the timeout.
func (l leaking) against(w *weighing) []*conn {
	var ids []*conn
	for _, c := range l.leaked {
		if c.Idle >= 2 {
			ids = append(ids, c)
		}
	}
	used := 0
	for _, c := range l.group.conns {
		if !c.exempt() && !probe(c) && !c.usedOnce() {
			used++
		}
	}
	if used < few {
		return ids
	}
	// A leak's is used as it is opened. One that was used in the next second may be a pool's, which gave it back meanwhile.
	ids = slices.DeleteFunc(ids, func(c *conn) bool { return c.Idle < c.Age })
	left := withoutOldest(ids, len(ids))
	if n := len(ids) - len(left); n > 0 {
		w.note(0, "", "%s at %s are in use: the oldest %d of those used once may be of the same pool, and are left to the timeout",
			count(used, "connection"), clean(l.group.host), n)
	}
	return left
}

// leftOver is the most, one in so many, that is left out for what may belong to a pool behind the same address.
const leftOver = 8

// withoutOldest leaves out so many of the oldest connections, but no more than one in leftOver: what a pool behind the same
// address has dialled ahead, or opened at its peak, came early.
func withoutOldest(conns []*conn, n int) []*conn {
	sorted := slices.Clone(conns)
	slices.SortStableFunc(sorted, func(a, b *conn) int { return cmp.Or(cmp.Compare(a.Age, b.Age), cmp.Compare(b.ID, a.ID)) })
	return sorted[:len(sorted)-min(n, len(sorted)/leftOver)]
}

func (v *view) whenFull(f *outage.Finding) string {
	switch {
	case f.UntilFull > 0:
		return fmt.Sprintf(": full in %s", f.UntilFull)
	case v.full:
		return fmt.Sprintf(" until %d of %d slots were taken", v.slots, v.limit)
	}
	return ""
}

// seconds returns a number of seconds as a Duration, to a tenth.
func seconds(n float64) outage.Duration {
	return outage.Duration(time.Duration(n*10) * 100 * time.Millisecond)
}

func (v *view) noteGrowth(w *weighing, leaks []leaking, opened, gone int, rate float64) {
	switch {
	case opened >= slowest:
		w.note(0.3, byHostCommand, "they grew by %d in %.3g s, %s a second", opened, v.spread, figure(rate))
	case v.full && len(v.looks) > 1:
		w.note(0.15, "", "nothing grows any more, as no slot is left; before, they came at %s a second", figure(rate))
	}
	if gone > 0 && float64(gone) > closedFew*float64(opened) {
		w.note(-0.1, "", "%s of these hosts were closed in that time", count(gone, "connection"))
	}
	for _, l := range leaks {
		if n := v.cameAfter(l); n > 0 {
			w.note(-0.25, "", "%s of others were opened after the last one of %s at %s: it stopped by itself",
				count(n, "connection"), l.group.service.name, clean(l.group.host))
			return
		}
	}
}

// cameAfter returns how many connections of others prove that slots were free after the leak's last one for so long that
// it would have taken some; 0 when that is not so.
func (v *view) cameAfter(l leaking) int {
	since := l.leaked[0].Age
	for _, c := range l.leaked {
		since = min(since, c.Age)
	}
	if float64(since)*l.rate < fewest {
		return 0
	}
	n := 0
	for _, c := range v.conns {
		if c.who != l.group.service.who && c.Age < since-idleEnough {
			n++
		}
	}
	if n < idleEnough {
		return 0
	}
	return n
}

// leaks returns the groups that leak, and the other hosts of the same named services that show it less clearly.
func (v *view) leaks() []leaking {
	var found []leaking
	total := 0
	clear := map[*service]bool{}
	for _, g := range v.groups {
		l, ok := v.leaking(g)
		if !ok {
			continue
		}
		found = append(found, l)
		total += len(l.leaked)
		clear[g.service] = g.service.label == byName
	}
	growing := false
	for _, l := range found {
		growing = growing || len(l.opened) >= slowest
	}
	if !growing && v.share(total) < telling {
		return nil
	}
	for _, g := range v.groups {
		if clear[g.service] && !contains(found, g) {
			if l, ok := v.sibling(g); ok {
				found = append(found, l)
			}
		}
	}
	return found
}

func contains(leaks []leaking, g *group) bool {
	for _, l := range leaks {
		if l.group == g {
			return true
		}
	}
	return false
}

// leaking judges one group by itself.
func (v *view) leaking(g *group) (leaking, bool) {
	l := leaking{group: g}
	for _, s := range stretches(v.suspects(g)) {
		l.leaked = append(l.leaked, s...)
	}
	if len(l.leaked) < fewest {
		return l, false
	}
	v.pace(&l)
	if v.leftFree(l) || v.refills(g) || l.fills() {
		return l, false
	}
	return l, v.atLimit || v.spread >= watched && v.growsClearly(l)
}

const (
	// A group of which no connection is older, in seconds, has hardly had time to show that they are used again.
	justBegun = 5
	// usedAgain is the part of its connections that shows it: a few of a neighbor behind the same address do not.
	usedAgain = 0.03
)

// fills reports whether the group is a pool that fills for the first time, and whose calls hold a connection for seconds: all
// of those that are older than any that was used once were used again. A leak's never are.
func (l leaking) fills() bool {
	oldest := int64(0) // of those used once
	for _, c := range l.leaked {
		oldest = max(oldest, c.Age)
	}
	again := 0
	for _, c := range l.group.conns {
		switch {
		case c.Age > justBegun:
			return false
		case c.exempt() || probe(c) || c.Age < oldest:
		case !c.usedOnce():
			again++
		}
	}
	return again >= few && float64(again) >= usedAgain*float64(len(l.group.conns))
}

// sibling judges a group whose service leaks at another host.
func (v *view) sibling(g *group) (leaking, bool) {
	l := leaking{group: g, leaked: v.suspects(g)}
	if len(l.leaked) < 3 || 2*len(l.leaked) < len(g.conns) || v.refills(g) || l.fills() {
		return l, false
	}
	young, old := ageRange([]leaking{l})
	if old-young < 1 {
		return l, false
	}
	v.pace(&l)
	return l, true
}

// suspects returns the connections of g that were used once. One that never sent a command was not.
func (v *view) suspects(g *group) []*conn {
	var suspects []*conn
	for _, c := range g.conns {
		if v.open(c) && c.usedOnce() && c.Cmd != "NULL" {
			suspects = append(suspects, c)
		}
	}
	return suspects
}

// pace works out how fast l grows: in sight if it does, else from the ages.
func (v *view) pace(l *leaking) {
	for _, c := range l.leaked {
		if c.born > 0 {
			l.opened = append(l.opened, c)
		}
	}
	paced := l.opened
	if len(paced) < fewest {
		paced = l.leaked
	}
	young, old := ageRange([]leaking{{leaked: paced}})
	seconds := float64(old-young) + 1
	if len(l.opened) >= fewest && !v.atLimit {
		seconds = min(v.spread, float64(old)+1) // it goes on, so that the time since the last one counts too
	}
	l.rate = float64(len(paced)) / max(1, seconds)
}

// growsClearly reports whether l goes on growing in sight: many, in both halves of the time, and used once, none closed.
func (v *view) growsClearly(l leaking) bool {
	early, again := 0, 0
	for _, c := range l.opened {
		if float64(c.Age) > v.spread/2 {
			early++
		}
	}
	for _, c := range l.group.conns {
		if c.born > 0 && !c.exempt() && c.Age >= 2 && !c.usedOnce() {
			again++
		}
	}
	n := len(l.opened)
	return n >= slowest && early*5 >= n && (n-early)*5 >= n && again*4 <= n &&
		float64(l.group.gone) <= closedFew*float64(n)
}

func ageRange(leaks []leaking) (youngest, oldest int64) {
	first := true
	for _, l := range leaks {
		for _, c := range l.leaked {
			if first || c.Age < youngest {
				youngest = c.Age
			}
			first = false
			oldest = max(oldest, c.Age)
		}
	}
	return youngest, oldest
}

func serviceList(leaks []leaking) string {
	var groups []*group
	for _, l := range leaks {
		groups = append(groups, l.group)
	}
	return names(groups)
}
