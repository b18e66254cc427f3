package diagnose

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"spillway/outage"
)

// tooLow recognises a fleet that simply needs more: bounded pools in use, and nothing else that holds many slots.
func tooLow(v *view) *outage.Finding {
	if !v.atLimit || len(v.conns) == 0 {
		return nil
	}
	other := v.share(v.claimed())
	if other >= besideFrom {
		return v.tooLowBeside()
	}
	var w weighing
	v.noteLimit(&w, 0.2, 0.2)
	v.noteUse(&w)
	if other > 0 {
		w.note(-other, "", "%s of the slots taken have another explanation", percent(other))
	}
	wanted := v.demands()
	for i, d := range wanted {
		if i == 10 {
			w.note(0, "", "and %s more", count(len(wanted)-i, "service"))
			break
		}
		w.note(0, byNameCommand, "%s", d)
	}
	peak := v.peak(wanted)
	w.note(0, "", "that is %d at the peak. A host that got no connection at all is not in it", peak)
	if more, refused, served := v.wantMore(); more > peak {
		w.note(0, unmetCommand, "while it was full, %d were refused to %d commands: by half of that, since clients try again, %d", refused, served, more)
		peak = more
	}
	need := roomFor(peak)
	w.note(0, "", "with a quarter of headroom and some for admin connections, that is %d", need)
	f := w.finding(v, outage.MaxclientsTooLow)
	if f == nil {
		return nil
	}
	if g := v.undecided; g != nil && v.claimed() == 0 {
		f.Confidence = min(f.Confidence, notYet)
		f.Evidence = append(f.Evidence, outage.Evidence{Command: agesCommand, Text: fmt.Sprintf(
			"%s of %s came %s ago, and %s was there before: whether they replace the old ones shows in some seconds",
			count(g.youngN, "connection"), g.service.name, ageSpan(g.young), count(g.oldN, "connection"))})
	}
	f.Culprits = fleetCulprits(wanted)
	f.Commands = []string{v.limitCommand(), byNameCommand, byHostCommand, rejectedCommand}
	f.Effective, f.Needed = v.limit, need
	f.Summary = fmt.Sprintf("%d of %d slots are taken by pools in use; this fleet needs a maxclients of %d", v.slots, v.limit, need)
	return f
}

// noteUse tells how much of the fleet works, and how much of it does what is no pool's work.
func (v *view) noteUse(w *weighing) {
	used, unknown, idle, listening, growing, young := 0, 0, 0, 0, 0, 0
	for _, c := range v.conns {
		switch {
		case c.Subscribed() && !c.Blocked():
			listening++
		case v.worked(c):
			used++
		case !v.open(c):
		case c.still():
			idle++
		default:
			unknown++
		}
	}
	for _, g := range v.groups {
		young += g.young()
		if g.young() > max(2, len(g.conns)/10) {
			growing++
		}
	}
	share := v.share(used)
	w.note(0.4*share, busyCommand, "%d of %s were used again and again or wait in a command: %s of the slots taken",
		used, count(len(v.conns), "connection"), percent(share))
	if idle > 0 {
		w.note(-0.4*v.share(idle), idleCommand, "%d have been idle for %d s or more", idle, idleEnough)
	}
	if unknown > 0 {
		w.note(-0.2*v.share(unknown), busyCommand, "%d may be new or about to rest: they were not used since the first look", unknown)
	}
	if listening > 0 {
		w.note(-0.4*v.share(listening), "redis-cli CLIENT LIST TYPE pubsub", "%s", count(listening, "subscriber"))
	}
	if len(v.looks) > 1 && v.spread < idleEnough-0.5 {
		w.note(-0.1, "", "the looks span %.3g s only: who has just come to rest cannot be told", v.spread)
	}
	flat := len(v.groups) - growing
	w.note(0.15*float64(flat)/float64(len(v.groups)), byHostCommand, "%d of %s opened next to nothing in the last %d s", flat,
		count(len(v.groups), "pool"), idleEnough)
	if young > 0 {
		w.note(-0.4*v.share(young), "", "%s were opened in that time, so that the picture is still moving", count(young, "connection"))
	}
}

// worked reports whether c was used after it had been opened, and since the first look, however short ago that was: a
// host that has just vanished and a pool that has just come to rest look like busy ones for a moment.
func (v *view) worked(c *conn) bool {
	if c.Blocked() || c.woke {
		return true
	}
	recently := float64(idleEnough)
	if len(v.looks) > 1 {
		recently = max(1, min(recently, v.spread))
	}
	return float64(c.Idle) < recently && !c.usedOnce()
}

// demand is what one service wants: as much at each host as at the one that has most, since the others were refused. One
// that has many times what the next has is no measure for the others: it may be another program of that name.
type demand struct {
	service           *service
	hosts, have, most int
	apart             int // what the host has that is no measure
	want              int
}

// timesTheNext is from where a host is no measure for the others.
const timesTheNext = 8

func (d demand) String() string {
	if d.want == d.have {
		return fmt.Sprintf("%s: %d at %s", d.service.name, d.have, count(d.hosts, "host"))
	}
	most := fmt.Sprintf("up to %d each", d.most)
	if d.apart > 0 {
		most = fmt.Sprintf("%d at one and up to %d at the others", d.apart, d.most)
	}
	return fmt.Sprintf("%s: %d at %s, %s, so %d when all have as many", d.service.name, d.have, count(d.hosts, "host"), most, d.want)
}

// demands returns what each service wants without the connections that another cause explains.
func (v *view) demands() []demand {
	var all []demand
	for _, s := range v.services {
		if d, some := v.demand(s); some {
			all = append(all, d)
		}
	}
	return all
}

// demand returns what one service wants; some is false where nothing of it is left to be explained.
func (v *view) demand(s *service) (d demand, some bool) {
	d.service = s
	var counts []int
	for _, g := range s.groups {
		n := 0
		for _, c := range g.conns {
			if v.claims[c.ID] == "" && !isReplica(c) {
				n++
			}
		}
		if n > 0 {
			counts = append(counts, n)
			d.hosts, d.have, d.most = d.hosts+1, d.have+n, max(d.most, n)
		}
	}
	slices.Sort(counts)
	if k := len(counts) - 1; k >= 2 && counts[k] >= timesTheNext*counts[k-1] {
		d.apart, d.most, d.want = counts[k], counts[k-1], counts[k]
		counts = counts[:k]
	}
	for _, n := range counts {
		// Hosts that share only a library or a user need not run the same service.
		if s.label == byName || 2*n >= d.most {
			n = d.most
		}
		d.want += n
	}
	return d, d.hosts > 0
}

func isReplica(c *conn) bool { return strings.Contains(c.Flags, "S") }

// peak sums the demands with the replicas and cluster links, as INFO counts them.
func (v *view) peak(wanted []demand) int {
	replicas, _ := v.now.Number("connected_slaves")
	n := int(replicas) + v.now.ClusterLinks()
	for _, d := range wanted {
		n += d.want
	}
	return n
}

// wantMore is the peak by what was refused, by two looks or more: a service may have as much at each host as at its
// largest, and want more.
func (v *view) wantMore() (peak int, refused, served int64) {
	if len(v.all) < 2 {
		return 0, 0, 0
	}
	active := 0
	for _, c := range v.conns {
		if v.open(c) && v.worked(c) {
			active++
		}
	}
	unmet, refused, served := v.unmet(active)
	if unmet == 0 {
		return 0, 0, 0
	}
	return v.slots + unmet/2, refused, served
}

const (
	headroom = 1.25 // for a rolling deploy on top
	reserve  = 5    // admin connections, probes, a person with redis-cli
)

// need is the maxclients that fits the demands, rounded up to a number that people write.
func (v *view) need(wanted []demand) int { return roomFor(v.peak(wanted)) }

// roomFor is the maxclients for so many connections at the peak.
func roomFor(peak int) int {
	n := float64(peak)*headroom + reserve
	step := 10.0
	if n >= 1000 {
		step = 100
	}
	return int(math.Ceil(n/step) * step)
}

func fleetCulprits(wanted []demand) []outage.Culprit {
	culprits := []outage.Culprit{}
	for _, d := range wanted {
		for _, g := range d.service.groups {
			culprits = append(culprits, culprit(g, nil))
		}
	}
	sortCulprits(culprits)
	return culprits
}
