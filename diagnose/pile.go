package diagnose

import (
	"cmp"
	"slices"

	"spillway/outage"
)

// pile is a service most of whose connections wait in the same way, host by host.
type pile struct {
	service *service
	parts   []part
	conns   int
	opened  int // those that came since the first look
}

// part is the share of a pile at one host.
type part struct {
	group *group
	n     int
}

const (
	most       = 0.5  // share of the slots that a pile must hold
	besideMost = 0.25 // of the largest pile: a service with less is noise beside it
	perProcess = 3    // at one host: one or two connections are what a process needs anyway
)

// piles returns the services that wait for the most part, largest first, when together they hold most of the slots.
// A probe has its own connection beside those of its service and does not count.
func (v *view) piles(waits func(*conn) bool) (all []pile, total int) {
	for _, s := range v.services {
		if p, ok := v.pile(s, waits); ok {
			all = append(all, p)
		}
	}
	slices.SortStableFunc(all, func(a, b pile) int { return cmp.Compare(b.conns, a.conns) })
	for i, p := range all {
		if float64(p.conns) < besideMost*float64(all[0].conns) {
			all = all[:i]
			break
		}
		total += p.conns
	}
	if v.share(total) < most {
		return nil, 0
	}
	return all, total
}

func (v *view) pile(s *service, waits func(*conn) bool) (pile, bool) {
	p := pile{service: s}
	others := 0
	for _, g := range s.groups {
		n := 0
		for _, c := range g.conns {
			switch {
			case waits(c) && v.claims[c.ID] == "":
				n++
				if c.born > 0 {
					p.opened++
				}
			case !probe(c):
				others++
			}
		}
		if n > 0 {
			p.parts = append(p.parts, part{g, n})
			p.conns += n
		}
	}
	return p, p.conns > others
}

// probe reports whether c only asks whether the server lives.
func probe(c *conn) bool { return c.Cmd == "ping" && !c.exempt() }

func pileGroups(piles []pile) (groups []*group, hosts, fullest int) {
	seen := map[string]bool{}
	for _, p := range piles {
		for _, q := range p.parts {
			groups = append(groups, q.group)
			fullest = max(fullest, q.n)
			seen[q.group.host] = true
		}
	}
	return groups, len(seen), fullest
}

// notePile adds what every pile is judged by; what names its connections, and command shows them.
func (v *view) notePile(w *weighing, piles []pile, total int, what, command string) {
	groups, hosts, fullest := pileGroups(piles)
	share := v.share(total)
	w.note(0.45+0.25*(share-most)/(1-most), command, "%s of %s at %s hold %s of the slots taken",
		count(total, what), names(groups), count(hosts, "host"), percent(share))
	if fullest >= perProcess {
		w.note(0.1, command, "up to %d of them at one host", fullest)
	} else {
		w.note(-0.15, command, "no host has more than %d of them: they may be as few as they can be", fullest)
	}
	v.noteLimit(w, 0.1, 0.1)
}

// fillPile names the hosts of the piles, without ids: nothing speaks against any one of these connections.
func (v *view) fillPile(f *outage.Finding, piles []pile) {
	opened := 0
	for _, p := range piles {
		opened += p.opened
		for _, q := range p.parts {
			f.Culprits = append(f.Culprits, culprit(q.group, nil))
		}
	}
	sortCulprits(f.Culprits)
	f.Effective, f.Needed = v.limit, v.need(v.demands())
	v.grow(f, opened)
}

// grow tells how fast the culprits take slots, of which they took opened since the first look.
func (v *view) grow(f *outage.Finding, opened int) {
	if opened < fewest || v.spread <= 0 {
		return
	}
	f.Growth = round(float64(opened) / v.spread)
	if !v.full && f.Growth > 0 {
		f.UntilFull = seconds(float64(v.free()) / f.Growth)
	}
}
