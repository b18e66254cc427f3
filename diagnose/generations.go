package diagnose

import (
	"cmp"
	"fmt"
	"slices"

	"spillway/outage"
)

// pools returns the pools of a service at one address: that of the one host that is there, or where instances share the
// address behind a NAT and their names differ, that of each.
func (v *view) pools(g *group) []aged {
	var pools []aged
	small := 0
	byName := map[string][]*conn{}
	for _, c := range g.conns {
		byName[c.Name] = append(byName[c.Name], c)
	}
	for _, conns := range byName {
		if a, some := v.aged(g, conns); some {
			pools = append(pools, a)
			if len(a.conns) < few {
				small++
			}
		}
	}
	if len(pools) < 2 || 3*small > len(pools) { // names may also tell connections apart
		pools = nil
		if a, some := v.aged(g, g.conns); some {
			pools = append(pools, a)
		}
	}
	slices.SortFunc(pools, func(a, b aged) int { return cmp.Compare(a.conns[0].Name, b.conns[0].Name) })
	return pools
}

// outweighs returns the one host beside which the others are small: they may be other programs of the same library.
func outweighs(hosts []aged) (largest aged, ok bool) {
	others := 0
	for _, h := range hosts {
		others += len(h.conns)
		if len(h.conns) > len(largest.conns) {
			largest = h
		}
	}
	others -= len(largest.conns)
	return largest, others*outweighed <= len(largest.conns)
}

// batches splits a pool whose connections came in two batches with a pause between: several programs behind one address,
// where no name tells them apart.
func (v *view) batches(p aged) []aged {
	at, pause := 0, int64(0)
	for i := fewest; i <= len(p.conns)-fewest; i++ {
		if d := p.conns[i].Age - p.conns[i-1].Age; d > pause {
			at, pause = i, d
		}
	}
	if pause < pauseAtLeast {
		return []aged{p}
	}
	young, _ := v.aged(p.group, p.conns[:at])
	old, _ := v.aged(p.group, p.conns[at:])
	return []aged{old, young}
}

// culprits names each address of both generations once.
func (g *generations) culprits() []outage.Culprit {
	var list []outage.Culprit
	seen := map[*group]bool{}
	for _, a := range slices.Concat(g.old, g.young) {
		if !seen[a.group] {
			seen[a.group] = true
			list = append(list, culprit(a.group, nil))
		}
	}
	sortCulprits(list)
	return list
}

// aged reads the ages of a pool; probes are left out.
func (v *view) aged(g *group, conns []*conn) (a aged, ok bool) {
	a.group = g
	for _, c := range conns {
		if v.open(c) && !(probe(c) && !c.still()) {
			a.conns = append(a.conns, c)
		}
	}
	if len(a.conns) == 0 {
		return a, false
	}
	slices.SortFunc(a.conns, func(a, b *conn) int { return cmp.Or(cmp.Compare(a.Age, b.Age), cmp.Compare(a.ID, b.ID)) })
	stray := 0
	if n := len(a.conns); n >= fewest {
		stray = max(1, n/strays)
	}
	a.newest, a.oldest = a.conns[stray].Age, a.conns[len(a.conns)-1].Age
	return a, true
}

// ageSpan writes the ages of hosts as a range of seconds.
func ageSpan(hosts []aged) string {
	from, to := hosts[0].newest, hosts[0].oldest
	for _, h := range hosts {
		from, to = min(from, h.newest), max(to, h.oldest)
	}
	if from == to {
		return fmt.Sprintf("%d s", from)
	}
	return fmt.Sprintf("%d to %d s", from, to)
}
