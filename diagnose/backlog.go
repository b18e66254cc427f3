package diagnose

import (
	"fmt"
	"slices"
	"strconv"

	"spillway/outage"
)

const (
	// overflowing is how many overflows between the looks are more than an accident: filling a server with 10,000 connections
	// one after another made up to 6, with the default backlog of 511.
	overflowing = 10
	// overflowShare is how many overflows there must be for each connection that was accepted: a client that waits a second
	// is one of a hundred, or of fewer.
	overflowShare = 0.01
	// neighbors is the most for a count that a neighbor's queue may have made, or that nobody read: more likely not so.
	neighbors = 0.45
	// usualBacklog is Redis's default.
	usualBacklog = 511
	// bursts is how many connections of the same second make a burst, in lengths of the queue: Redis takes some out meanwhile.
	bursts = 2
	// triedFor is for how many seconds such a burst matters: whoever was dropped tries again after 1, 3 and 7 s.
	triedFor = 10
	// oneOf is the part of a burst that makes a host one of those behind it.
	oneOf = 10
)

// backlogOverflow recognises that the listen queue overflows while Redis accepts: the kernel drops what comes beyond it,
// and its peers try again after a second or more. Only the kernel of the server's host counts that. It counts at each
// listening socket, which is proof, and once for the whole network namespace, where it may be a neighbor's queue: that
// alone is a hint, unless this one was seen full.
func backlogOverflow(v *view) *outage.Finding {
	if !slices.ContainsFunc(v.all, func(s *outage.Snapshot) bool { return s.Listen != nil }) {
		return v.mayOverflow()
	}
	o := v.overflows()
	if v.atLimit || o.grown < overflowing || float64(o.grown) < overflowShare*float64(o.accepted) {
		return nil
	}
	if o.accepted == 0 {
		return nil // a server that accepts nobody has another trouble, and its queue only shows it
	}
	size := v.backlog()
	command := dropsCommand
	if !o.own {
		command = overflowCommand
	}
	var w weighing
	w.note(0.5, command, "the kernel dropped %d connections in %.3g s since %s was full; %d were accepted",
		o.grown, v.elapsed, o.whose(), o.accepted)
	if o.times > 1 {
		w.note(0.2, command, "it did so between %d pairs of looks", o.times)
	}
	if size > 0 && size < usualBacklog {
		w.note(0.15, backlogCommand, "the queue holds %d, of the smaller of tcp-backlog and net.core.somaxconn; Redis's default is %d", size, usualBacklog)
	} else {
		w.note(0, backlogCommand, "the queue holds %d", size)
	}
	if v.rejected == 0 {
		w.note(0.1, v.limitCommand(), "%d of %d slots are taken and nobody is refused", v.slots, v.limit)
	}
	if !o.own {
		v.noteNeighbors(&w, size)
	}
	f := w.finding(v, outage.BacklogOverflow)
	if f == nil {
		return nil
	}
	f.Culprits = v.crowding()
	f.Commands = []string{command, backlogCommand, listenCommand}
	f.Summary = fmt.Sprintf("the listen queue of %d overflowed %d times in %.3g s: connects take a second or more, and Redis has %d slots free",
		size, o.grown, v.elapsed, v.free())
	if f.Confidence < believed {
		f.Summary = fmt.Sprintf("a listen queue of the server's network namespace overflowed %d times in %.3g s: Redis's, which holds %d, or a neighbor's",
			o.grown, v.elapsed, size)
	}
	return f
}

// mayOverflow is what Redis alone tells of its listen queue: how short it is, and that more came in one second than it
// holds. Whether the kernel dropped any of them nobody has read, so that it stays a hint.
func (v *view) mayOverflow() *outage.Finding {
	size := v.backlog()
	if v.atLimit || size == 0 || size >= usualBacklog {
		return nil
	}
	n, age := v.burst()
	if n < bursts*size {
		return nil
	}
	var w weighing
	w.note(enough, backlogCommand, "the queue holds %d, by tcp-backlog; Redis's default is %d", size, usualBacklog)
	w.note(neighbors-enough, agesCommand, "%d connections came within one second, %d s ago", n, age)
	w.note(0, dropsCommand, "nobody has read whether the kernel dropped any: that decides")
	f := w.finding(v, outage.BacklogOverflow)
	for _, g := range v.groups {
		if part := g.aged(age); part*oneOf >= n {
			f.Culprits = append(f.Culprits, culprit(g, nil))
		}
	}
	sortCulprits(f.Culprits)
	f.Commands = []string{dropsCommand, overflowCommand, backlogCommand}
	f.Summary = fmt.Sprintf("%d connections came within one second, and the listen queue holds %d: those beyond it may have waited a second or more", n, size)
	return f
}

// burst is the most connections that came within one second lately, and how many seconds ago.
func (v *view) burst() (n int, age int64) {
	came := map[int64]int{}
	for _, c := range v.conns {
		came[c.Age]++
	}
	for a := range int64(triedFor) + 1 {
		if came[a] > n {
			n, age = came[a], a
		}
	}
	return n, age
}

// aged is how many connections of the group came so many seconds ago.
func (g *group) aged(age int64) int {
	n := 0
	for _, c := range g.conns {
		if c.Age == age {
			n++
		}
	}
	return n
}

// noteNeighbors takes back what the count of a whole network namespace cannot say of one listener.
func (v *view) noteNeighbors(w *weighing, size int) {
	most := 0
	for _, s := range v.all {
		if s.Listen != nil {
			most = max(most, s.Listen.Queue)
		}
	}
	if size > 0 && most >= size {
		w.note(0, listenCommand, "%d connections were seen waiting in it", most)
		return
	}
	w.note(min(0, neighbors-w.sum), dropsCommand, "the kernel counted for all listeners of the network namespace, and this queue was not seen full: it may be another's")
}

// overflow is how far a count of dropped connections grew, between how many pairs of looks, and how many connections were
// accepted meanwhile.
type overflow struct {
	own             bool // counted at the server's own listening sockets
	grown, accepted int64
	times           int
}

func (o overflow) whose() string {
	if o.own {
		return "the server's listen queue"
	}
	return "a listen queue"
}

func (v *view) overflows() overflow {
	var shots []*outage.Snapshot
	o := overflow{own: true}
	for _, s := range v.all {
		if s.Listen != nil {
			shots = append(shots, s)
			o.own = o.own && s.Listen.Drops != nil
		}
	}
	if len(shots) == 0 {
		return overflow{}
	}
	for i, s := range shots[1:] {
		n := s.Listen.Overflows - shots[i].Listen.Overflows
		if o.own {
			n = *s.Listen.Drops - *shots[i].Listen.Drops
		}
		if n > 0 {
			o.grown += n
			o.times++
		}
	}
	from, _ := shots[0].Number("total_connections_received")
	to, _ := shots[len(shots)-1].Number("total_connections_received")
	o.accepted = max(0, to-from)
	return o
}

// backlog is how many connections may wait: the smaller of tcp-backlog and somaxconn; 0 where neither was read.
func (v *view) backlog() int {
	size, _ := strconv.Atoi(v.now.Config["tcp-backlog"])
	if l := v.now.Listen; l != nil && l.Backlog > 0 && (size == 0 || l.Backlog < size) {
		size = l.Backlog
	}
	return size
}

// crowding returns the hosts that open many connections at once, as evidence of who fills the queue: those of which most
// connections are younger than the looks are apart. It is empty where nobody stands out.
func (v *view) crowding() []outage.Culprit {
	culprits := []outage.Culprit{}
	size := max(1, v.backlog())
	for _, g := range v.groups {
		if n := g.young(); n >= size && 2*n >= len(g.conns) {
			culprits = append(culprits, culprit(g, nil))
		}
	}
	sortCulprits(culprits)
	return culprits
}
