package diagnose

import (
	"fmt"
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
	// usualBacklog is Redis's default.
	usualBacklog = 511
)

// backlogOverflow recognises that the listen queue overflows while Redis accepts: the kernel drops what comes beyond it,
// and its peers try again after a second or more. Only the kernel of the server's host counts that.
func backlogOverflow(v *view) *outage.Finding {
	grown, times, accepted := v.overflows()
	if v.atLimit || grown < overflowing || float64(grown) < overflowShare*float64(accepted) {
		return nil
	}
	if accepted == 0 {
		return nil // a server that accepts nobody has another trouble, and its queue only shows it
	}
	size := v.backlog()
	var w weighing
	w.note(0.5, overflowCommand, "the kernel dropped %d connections in %.3g s since the listen queue was full; %d were accepted", grown, v.elapsed, accepted)
	if times > 1 {
		w.note(0.2, overflowCommand, "it did so between %d pairs of looks", times)
	}
	if size > 0 && size < usualBacklog {
		w.note(0.15, backlogCommand, "the queue holds %d, of the smaller of tcp-backlog and net.core.somaxconn; Redis's default is %d", size, usualBacklog)
	} else {
		w.note(0, backlogCommand, "the queue holds %d", size)
	}
	if v.rejected == 0 {
		w.note(0.1, v.limitCommand(), "%d of %d slots are taken and nobody is refused", v.slots, v.limit)
	}
	w.note(0, "", "the kernel counts for all listeners of the network namespace: Redis is meant if it is alone there, as in a container")
	f := w.finding(v, outage.BacklogOverflow)
	if f == nil {
		return nil
	}
	f.Culprits = v.crowding()
	f.Commands = []string{overflowCommand, backlogCommand, listenCommand}
	f.Summary = fmt.Sprintf("the listen queue of %d overflowed %d times in %.3g s: connects take a second or more, and Redis has %d slots free",
		size, grown, v.elapsed, v.free())
	return f
}

// overflows returns how far ListenOverflows grew, between how many pairs of looks, and how many connections were accepted
// meanwhile.
func (v *view) overflows() (grown int64, times int, accepted int64) {
	var first, last *outage.Snapshot
	for _, s := range v.all {
		if s.Listen == nil {
			continue
		}
		if first == nil {
			first = s
		} else if n := s.Listen.Overflows - last.Listen.Overflows; n > 0 {
			grown += n
			times++
		}
		last = s
	}
	if first == nil {
		return 0, 0, 0
	}
	from, _ := first.Number("total_connections_received")
	to, _ := last.Number("total_connections_received")
	return grown, times, max(0, to-from)
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
