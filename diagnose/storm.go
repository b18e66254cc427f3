package diagnose

import (
	"fmt"

	"spillway/outage"
)

const (
	crowded  = 0.5  // share of the limit that is taken: clients that drop all they have leave gaps between two tries
	tries    = 0.5  // a second and slot, accepted or refused: many times what clients with back-off do
	churned  = 0.25 // a second and slot, accepted and closed again
	turned   = 1.0  // times that every slot changed hands in sight: a server that refills after a cure turns less than once
	stayed   = 0.25 // of those accepted, at the most
	youthful = 0.3  // share of the slots with a connection that has just come
	newborn  = 1    // seconds of age, within the clock's tolerance
	goneOnce = 2.0  // times the slots taken were accepted, where there is only one look
)

// gale is what the server's counters say of connections that came and went.
type gale struct {
	accepted float64 // a second, and closed again
	refused  float64 // a second
	came     int64   // accepted in all
	change   int     // in the slots taken
}

// reconnectStorm recognises clients that drop what they have and dial again at once. A leak's connections stay, and those
// of a server that is merely full stay too: there only refusals grow. Here accepted ones are replaced all the time.
func reconnectStorm(v *view) *outage.Finding {
	if len(v.looks) == 1 && len(v.all) == 1 {
		return v.stormAtOnce()
	}
	g, ok := v.gale()
	if !ok || v.share(v.claimed()) >= most {
		return nil
	}
	groups, fresh := v.stormy()
	share := v.share(fresh)
	if share < youthful {
		return nil
	}
	before, gone := 0, 0
	for _, h := range groups {
		before += h.before
		gone += h.goneSince()
	}
	limit := float64(v.limit)
	var w weighing
	w.note(0.15+0.15*min(1, g.accepted/limit), acceptedCommand, "%s connections a second were accepted and closed again, and %s refused, with %d slots",
		figure(g.accepted), figure(g.refused), v.limit)
	w.note(0.15+0.15*min(1, share/0.6), youngCommand, "%s of %s are %d s old or less: %s of the slots taken",
		count(fresh, "connection"), names(groups), newborn, percent(share))
	if before > 0 {
		w.note(0.15*float64(gone)/float64(before), byHostCommand, "%d of the %d that these hosts had at the first look are closed", gone, before)
	}
	w.note(0.1, acceptedCommand, "they do not pile up: %d were accepted, and the slots taken changed by %d", g.came, g.change)
	f := v.stormFinding(&w, groups)
	if f == nil {
		return nil
	}
	f.Summary = fmt.Sprintf("%s reconnects in a tight loop: %s connections a second are tried on %d slots, and %s of those taken are %d s old or less",
		names(groups), figure(g.accepted+g.refused), v.limit, percent(share), newborn)
	return f
}

// stormAtOnce judges the only look. Many young connections may also be a fleet that starts: that they come and go, and do not
// only come, shows in how many the server has accepted since its start.
func (v *view) stormAtOnce() *outage.Finding {
	accepted, known := v.now.Number("total_connections_received")
	uptime, told := v.now.Number("uptime_in_seconds")
	if !known || !told || !v.full || v.now.Rejected() == 0 || float64(accepted) < goneOnce*float64(v.slots) {
		return nil
	}
	groups, fresh := v.stormy()
	share := v.share(fresh)
	if share < youthful {
		return nil
	}
	var w weighing
	w.note(0.25, youngCommand, "%s of %s are %d s old or less: %s of the slots taken", count(fresh, "connection"), names(groups), newborn, percent(share))
	w.note(0.15, acceptedCommand, "%d connections were accepted in the %d s since the server started, for the %d that it has", accepted, uptime, v.slots)
	f := v.stormFinding(&w, groups)
	if f == nil {
		return nil
	}
	f.Confidence = min(f.Confidence, notYet)
	f.Summary = fmt.Sprintf("%s may reconnect in a tight loop: %s of the slots taken are %d s old or less; a second look would tell", names(groups), percent(share), newborn)
	return f
}

// stormy returns the groups of which most have just come, and how many those are.
func (v *view) stormy() (groups []*group, fresh int) {
	for _, s := range v.services {
		for some := range v.candidates(s) {
			if n := some.fresh(v); n >= fewest {
				fresh += n
				groups = append(groups, some.groups...)
				break
			}
		}
	}
	return groups, fresh
}

// stormFinding makes the finding, without its summary.
func (v *view) stormFinding(w *weighing, groups []*group) *outage.Finding {
	v.noteLimit(w, 0.1, 0.1)
	f := w.finding(v, outage.ReconnectStorm)
	if f == nil {
		return nil
	}
	for _, h := range groups {
		f.Culprits = append(f.Culprits, culprit(h, nil))
	}
	sortCulprits(f.Culprits)
	f.Effective, f.Needed = v.limit, v.need(v.demands())
	f.Commands = []string{v.limitCommand(), acceptedCommand, youngCommand, byHostCommand}
	return f
}

// gale reads the counters; ok is false where they do not storm. At the instant of a look such a server need not be full.
func (v *view) gale() (g gale, ok bool) {
	limit := float64(v.limit)
	if v.limit == 0 || float64(v.slots) < crowded*limit || v.rejected == 0 || len(v.looks) < 2 || v.elapsed < 0.5 {
		return g, false
	}
	shots := v.all
	for len(shots) > 2 && between(shots[0], v.now) > recent {
		shots = shots[1:]
	}
	refused := int64(0)
	for i, s := range shots[1:] {
		refused += max(0, s.Rejected()-shots[i].Rejected())
		now, known := s.Number("total_connections_received")
		last, knew := shots[i].Number("total_connections_received")
		if known && knew {
			g.came += max(0, now-last)
		}
	}
	g.change = v.slots - slots(shots[0])
	piled, seconds := max(0, g.change), max(0.5, between(shots[0], v.now))
	g.accepted = float64(g.came-int64(piled)) / seconds
	g.refused = float64(refused) / seconds
	return g, refused > 0 && float64(piled) <= stayed*float64(g.came) && g.accepted*seconds >= turned*float64(v.slots) &&
		g.accepted >= churned*limit && g.accepted+g.refused >= tries*limit
}

// fresh counts the connections that have just come, if they are most of s. One that only sends PING is a probe if it stays.
func (s *service) fresh(v *view) int {
	once := len(v.looks) == 1 // then the age alone must do
	n, others := 0, 0
	for _, g := range s.groups {
		for _, c := range g.conns {
			switch {
			case (c.born > 0 || once) && c.Age <= newborn && v.open(c):
				n++
			case c.born > 0 || !probe(c):
				others++
			}
		}
	}
	if n <= others {
		return 0
	}
	return n
}

// goneSince counts the connections of the first look that are closed.
func (g *group) goneSince() int {
	n := g.before
	for _, c := range g.conns {
		if c.born == 0 {
			n--
		}
	}
	return n
}
