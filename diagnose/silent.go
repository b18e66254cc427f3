package diagnose

import (
	"fmt"

	"spillway/outage"
)

// mute is a group whose connections never sent a command.
type mute struct {
	group *group
	conns []*conn
	half  int // those that sent a part of one
	spoke int // the others of the group that did send one
}

// silent recognises connections that never spoke: probes, scanners, handshakes that stopped half way. A pool dials some
// before it needs them and they look the same, but some of the service's connections work.
func silent(v *view) *outage.Finding {
	if !v.atLimit {
		return nil
	}
	var mutes []mute
	total, half, still, opened := 0, 0, 0, 0
	for _, g := range v.groups {
		m, ok := v.mute(g)
		if !ok {
			continue
		}
		mutes = append(mutes, m)
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
		f.Culprits = append(f.Culprits, culprit(m.group, v.withoutDialledAhead(m)))
	}
	sortCulprits(f.Culprits)
	v.grow(f, opened)
	f.Commands = []string{v.limitCommand(), silentCommand, timeoutCommand}
	f.Summary = fmt.Sprintf("%s from %s never sent a command and hold %s of the slots taken",
		count(total, "connection"), count(len(mutes), "host"), percent(share))
	return f
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
	works := 0
	for _, c := range v.conns {
		if c.host == m.group.host && c.Cmd != "NULL" && !probe(c) && !c.exempt() {
			works++
		}
	}
	return withoutOldest(m.conns, works)
}

// pooled is how many connections a pool may have dialled ahead for each one that it has put to work.
const pooled = 10

// mute judges one group: it counts when next to nothing of it works, or so little that no pool dials that far ahead. Where
// several have long been silent and nothing works, those that came a moment ago are the same.
func (v *view) mute(g *group) (mute, bool) {
	m := mute{group: g}
	works := 0
	var young []*conn
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
		}
	}
	if works == 0 && len(m.conns) >= fewest {
		m.conns = append(m.conns, young...)
	}
	for _, c := range m.conns {
		if c.Qbuf > 0 {
			m.half++
		}
	}
	return m, len(m.conns) >= 2 && len(m.conns) >= pooled*works
}
