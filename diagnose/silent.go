package diagnose

import (
	"fmt"
	"slices"

	"spillway/outage"
)

// mute is a group whose connections never sent a command.
type mute struct {
	group *group
	conns []*conn
	new   []*conn // that had no time to speak yet, beside those
	half  int     // those that sent a part of one
	spoke int     // the others of the group that did send one
}

// silent recognises connections that never spoke: probes, scanners, handshakes that stopped half way. A pool dials some
// before it needs them and they look the same, but some of the service's connections work.
func silent(v *view) *outage.Finding {
	if !v.atLimit {
		return nil
	}
	mutes := v.mutes()
	total, half, still, opened := 0, 0, 0, 0
	for _, m := range mutes {
		total += len(m.conns)
		half += m.half
		for _, c := range m.conns {
			if c.still() {
				still++
			}
			if c.born > 0 {
				opened++
			}
		}
	}
	share := v.share(total)
	if share < most {
		return nil
	}
	var w weighing
	w.note(0.5+0.25*(share-most)/(1-most), silentCommand, "%s from %s never sent a command (cmd=NULL) and hold %s of the slots taken",
		count(total, "connection"), count(len(mutes), "host"), percent(share))
	w.note(0.1*float64(still)/float64(total), silentCommand, "%d of them have been silent for %d s or more", still, idleEnough)
	if half > 0 {
		w.note(0, silentCommand, "%d of them sent a part of a command and never the rest (qbuf above 0)", half)
	}
	v.noteMutes(&w, mutes)
	v.noteLimit(&w, 0.1, 0.1)
	f := w.finding(v, outage.SilentConnections)
	if f == nil {
		return nil
	}
	for _, m := range mutes {
		f.Culprits = append(f.Culprits, culprit(m.group, slices.Concat(v.withoutDialledAhead(m), m.new)))
	}
	sortCulprits(f.Culprits)
	v.grow(f, opened)
	f.Commands = []string{v.limitCommand(), silentCommand, timeoutCommand}
	f.Summary = fmt.Sprintf("%s from %s never sent a command and hold %s of the slots taken",
		count(total, "connection"), count(len(mutes), "host"), percent(share))
	return f
}

// mutes returns the groups that count. Beside a large one, a few at a host where something works are a pool's: what it
// dialled ahead has not told its library yet.
func (v *view) mutes() []mute {
	var mutes []mute
	largest := 0
	for _, g := range v.groups {
		if m, ok := v.mute(g); ok {
			mutes = append(mutes, m)
			largest = max(largest, len(m.conns))
		}
	}
	return slices.DeleteFunc(mutes, func(m mute) bool {
		return len(m.conns)*leftOver < largest && len(m.conns) <= pooled*v.working(m.group.host)
	})
}

// working is how many connections of a host are at work.
func (v *view) working(host string) int {
	n := 0
	for _, c := range v.conns {
		if c.host == host && c.Cmd != "NULL" && !probe(c) && !c.exempt() {
			n++
		}
	}
	return n
}

func (v *view) noteMutes(w *weighing, mutes []mute) {
	others := 0
	for i, m := range mutes {
		others += m.spoke
		if i < 10 {
			w.note(0, "", "%s: %d of %s never spoke", clean(m.group.host), len(m.conns), count(len(m.group.conns), "connection"))
		}
	}
	if others > len(mutes) { // more than a probe at each host
		w.note(-0.1, byHostCommand, "%s at the same hosts did speak: they may belong to a pool that dials ahead", count(others, "connection"))
	}
}

// withoutDialledAhead returns the connections to which the evidence points. Pools behind the same address may have dialled
// some ahead, no more than work there: the oldest are left to the timeout.
func (v *view) withoutDialledAhead(m mute) []*conn {
	return withoutOldest(m.conns, v.working(m.group.host))
}

// pooled is how many connections a pool may have dialled ahead for each one that it has put to work.
const pooled = 10

// mute judges one group: it counts when next to nothing of it works, or so little that no pool dials that far ahead. Where
// several have long been silent, those that came a moment ago are the same.
func (v *view) mute(g *group) (mute, bool) {
	m := mute{group: g}
	works := 0
	var young, born []*conn
	for _, c := range g.conns {
		switch {
		case c.Cmd != "NULL":
			m.spoke++
			if !probe(c) {
				works++
			}
		case !v.open(c):
		case c.still():
			m.conns = append(m.conns, c)
		case c.Idle > newborn:
			young = append(young, c)
		case c.usedOnce():
			born = append(born, c)
		}
	}
	if len(m.conns) >= max(fewest, pooled*works) {
		m.conns = append(m.conns, young...)
		m.new = born
	}
	for _, c := range m.conns {
		if c.Qbuf > 0 {
			m.half++
		}
	}
	return m, len(m.conns) >= 2 && len(m.conns) >= pooled*works
}
