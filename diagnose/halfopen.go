package diagnose

import (
	"fmt"

	"spillway/outage"
)

// vanished is a group whose host seems to be gone.
type vanished struct {
	group    *group
	frozen   []*conn // stopped at nearly the same moment, or subscribers that do not acknowledge
	before   int     // how many of them were in use until then
	froze    int64   // seconds since the last sign of life
	silent   bool    // the host does not answer
	stuck    int     // sockets with unanswered probes or retransmissions
	returned *group  // the same service, back from a new address since
	asMany   bool    // as many hosts as stopped came only after they had
}

// halfOpen recognises hosts that vanished without closing. Idle alone does not tell them from clients that rest: theirs
// stopped all at once, though in use before, while the service came back from elsewhere, or the kernel sends in vain.
func halfOpen(v *view) *outage.Finding {
	if !v.atLimit {
		return nil
	}
	var hosts []vanished
	total, before := 0, 0
	for _, g := range v.groups {
		if h, ok := v.vanished(g); ok {
			hosts = append(hosts, h)
			total += len(h.frozen)
			before += h.before
		}
	}
	share := v.share(total)
	if share < 0.1 {
		return nil
	}
	w := v.weighVanished(hosts, total, before)
	w.note(0.15*min(1, share/0.3), idleCommand, "they hold %s of the slots taken", percent(share))
	v.noteLimit(w, 0, 0.05)
	f := w.finding(v, outage.HalfOpenPeers)
	if f == nil {
		return nil
	}
	v.lost = hosts
	var groups []*group
	for _, h := range hosts {
		groups = append(groups, h.group)
		f.Culprits = append(f.Culprits, culprit(h.group, h.frozen))
	}
	sortCulprits(f.Culprits)
	f.Commands = []string{v.limitCommand(), idleCommand, byHostCommand, socketsCommand}
	f.Summary = fmt.Sprintf("%s from %s of %s are half open: the other end is gone and holds %s of the slots taken",
		count(total, "connection"), count(len(hosts), "host"), names(groups), percent(share))
	return f
}

func (v *view) weighVanished(hosts []vanished, total, before int) *weighing {
	var w weighing
	var silent, stuck, returned, together int
	for _, h := range hosts {
		if h.together() {
			together++
		}
		stuck += h.stuck
		if h.silent {
			silent++
		}
		if h.returned != nil {
			returned++
		}
	}
	first := hosts[0]
	w.note(0.15*float64(together)/float64(len(hosts)), idleCommand, "those of %d of %s stopped at nearly the same moment, at %s %d s ago",
		together, count(len(hosts), "host"), clean(first.group.host), first.froze)
	if before*2 > total {
		w.note(0.15, idleCommand, "%d of them were in use until then (age above idle)", before)
	}
	if returned > 0 {
		back := hosts[0].returned
		for _, h := range hosts {
			if back == nil {
				back = h.returned
			}
		}
		w.note(0.2*float64(returned)/float64(len(hosts)), byHostCommand, "%s came back from another address since, such as %s",
			back.service.name, clean(back.host))
		v.noteReplaced(&w, hosts, back)
	}
	if silent > 0 {
		w.note(0.3*float64(silent)/float64(len(hosts)), "", "%d of %s do not answer a knock", silent, count(len(hosts), "host"))
	}
	if stuck > 0 {
		w.note(0.25*min(1, 4*float64(stuck)/float64(total)), socketsCommand, "%s with unanswered probes or retransmissions", count(stuck, "socket"))
	}
	if silent == 0 && stuck == 0 {
		w.note(-0.1, "", "whether these hosts are alive was not tested; a drained host that lives looks the same")
		v.doubts = append(v.doubts, fmt.Sprintf("whether %s is alive: ping it, or look at its sockets with ss -tno on the server's host", clean(first.group.host)))
	}
	return &w
}

// vanished judges one group. Whatever the host still does speaks against it.
func (v *view) vanished(g *group) (vanished, bool) {
	h := vanished{group: g, froze: -1}
	silent, answers := v.knocked(g.host)
	if answers {
		return h, false
	}
	h.silent = silent
	for _, c := range g.conns {
		stuck := v.stuck(c)
		switch {
		case c.Subscribed() && stuck && !noEvict(&c.Client):
			h.frozen = append(h.frozen, c)
			h.before++
		case !c.exempt() && !c.still() && !stuck:
			return h, false
		case v.open(c) && c.still():
			h.frozen = append(h.frozen, c)
			if c.Age-c.Idle >= 2 {
				h.before++
			}
			if h.froze < 0 || c.Idle < h.froze {
				h.froze = c.Idle
			}
		}
		if stuck {
			h.stuck++
		}
	}
	h.froze = max(0, h.froze)
	h.returned, h.asMany = v.back(&h)
	// Used until then and replaced is what a leak never is; a host that only rests is in neither.
	replaced := h.returned != nil && (h.before*2 > len(h.frozen) || h.asMany && h.cutShort()) && h.together()
	return h, len(h.frozen) > 0 && (h.silent || h.stuck > 0 || replaced)
}

// together reports whether most connections stopped at nearly the same moment.
func (h *vanished) together() bool {
	n := 0
	for _, c := range h.frozen {
		if c.Idle <= h.froze+5 {
			n++
		}
	}
	return n*5 >= len(h.frozen)*3
}

// stuck reports whether the kernel sends to c in vain: one retransmission happens to anybody, so it must have been so at
// an earlier snapshot too where that could be seen.
func (v *view) stuck(c *conn) bool {
	seen, before := 0, 0
	for _, s := range v.all {
		if len(s.Sockets) == 0 {
			continue
		}
		seen++
		for _, k := range s.Sockets {
			if k.Peer == c.Addr && (k.Probes > 0 || k.SendQueue > 0 && k.Retransmits > 1) {
				if s == v.now {
					return seen == 1 || before > 0 || k.Retransmits > 2 || k.Probes > 1
				}
				before++
			}
		}
	}
	return false
}
