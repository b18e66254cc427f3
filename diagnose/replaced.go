package diagnose

import "slices"

// atOnce is the seconds within which all of an unnamed host's connections must have stopped: a clock of whole seconds, and
// the time that a request takes.
const atOnce = 2

// back returns a group of the same service at another host that began after h stopped and is in use, and whether as many
// hosts came as stopped. A library or a user alone may be that of other services: then it must be as many, later than that.
func (v *view) back(h *vanished) (back *group, asMany bool) {
	s := h.group.service
	if s.label == byAddress {
		return nil, false
	}
	came, stopped := 0, 0
	for _, other := range s.groups {
		oldest, used := int64(0), false
		for _, c := range other.conns {
			oldest = max(oldest, c.Age)
			used = used || !c.still()
		}
		switch {
		case !v.moves(other.host):
			stopped++
		case other == h.group || !used:
		case oldest <= h.froze:
			came++
			fallthrough
		case s.label == byName && oldest <= h.froze+idleEnough:
			if back == nil {
				back = other
			}
		}
	}
	asMany = stopped > 0 && came >= stopped && !v.moves(h.group.host)
	if s.label != byName && !(asMany && h.atOnce()) {
		return nil, false
	}
	return back, asMany
}

// refills reports whether g only takes the place of a host of its service that vanished: it began after that one had stopped, or
// hardly earlier, and has no more connections than that one. What opens one after another there is a pool that fills again.
func (v *view) refills(g *group) bool {
	return slices.ContainsFunc(v.lost, func(h vanished) bool {
		return h.group != g && h.group.service == g.service && h.returned != nil && len(g.conns) <= len(h.group.conns) &&
			!slices.ContainsFunc(g.conns, func(c *conn) bool { return c.Age > h.froze+idleEnough })
	})
}

// moves reports whether anything at a host was used of late, whichever service it is of.
func (v *view) moves(host string) bool {
	return slices.ContainsFunc(v.conns, func(c *conn) bool { return c.host == host && !c.still() && !c.exempt() })
}

// atOnce reports whether all connections stopped within the same moment.
func (h *vanished) atOnce() bool {
	return !slices.ContainsFunc(h.frozen, func(c *conn) bool { return c.Idle > h.froze+atOnce })
}

// cutShort reports whether one of them was used again and again until all stopped; the others had hardly been opened then.
func (h *vanished) cutShort() bool {
	return slices.ContainsFunc(h.frozen, func(c *conn) bool { return c.Age-c.Idle >= idleEnough && c.Idle <= h.froze+1 })
}

// noteReplaced tells how well those that came match those that stopped.
func (v *view) noteReplaced(w *weighing, hosts []vanished, back *group) {
	if !slices.ContainsFunc(hosts, func(h vanished) bool { return !h.asMany }) {
		w.note(0.1, agesCommand, "as many hosts came as stopped, all of them only after that")
	}
	if back.service.label != byName {
		w.note(-0.1, "", "that they are one service is told by the library or the user only")
	}
}
