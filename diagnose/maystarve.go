package diagnose

import (
	"fmt"
	"slices"

	"spillway/outage"
)

// Just after a second of the server's clock has begun, an idle time of 1 is as short as one of 0 just before it ends.
const begun = 0.2

// mayStarve is what a few looks from afar tell of pools that are too small: a service has several of one size, and at each look
// every connection of them was in use. Whether one ever rests they do not show, so that it stays a hint: of 900 healthy fleets
// of the trials six looked like that at two looks, and fifteen at one; of 45 whose pools were too small 43 and 44 did.
func (v *view) mayStarve() *outage.Finding {
	if v.watchedClosely() || !v.fromAfar() || len(v.looks) == 0 {
		return nil
	}
	var all starving
	size, pools := 0, 0 // of the service that has most
	for _, k := range v.kin() {
		for n, found := range v.ofOneSize(k) {
			if len(found) < 2 || slices.ContainsFunc(found, func(p aged) bool { return !v.inUse(p) }) {
				continue
			}
			all.pools = append(all.pools, found...)
			if had := size * pools; n*len(found) > had || n*len(found) == had && n < size {
				size, pools = n, len(found)
			}
		}
	}
	if pools == 0 {
		return nil
	}
	busy := all.groups()
	var w weighing
	w.note(enough, busyCommand, "%s: every connection was in use at %s, %d in each of %d pools", names(busy), count(len(v.looks), "look"), size, pools)
	if len(v.looks) > 1 {
		w.note(neighbors-enough, busyCommand, "none of them is new since the first look")
	}
	w.note(0, "", "whether one ever rests decides: `spillway diagnose --samples %d --interval 1s` watches for it", pinnedLooks+1)
	w.note(0, v.limitCommand(), "%d of %d slots are taken and nobody is refused", v.slots, v.limit)
	f := w.finding(v, outage.NotAtLimit)
	for _, g := range busy {
		f.Culprits = append(f.Culprits, culprit(g, nil))
	}
	sortCulprits(f.Culprits)
	f.Commands = []string{v.limitCommand(), busyCommand, rejectedCommand}
	f.Summary = starvingSummary(busy, size, v.free())
	return f
}

func starvingSummary(groups []*group, size, free int) string {
	return fmt.Sprintf("if clients of %s report pool timeouts or slow calls, their pool of %d is too small: the server has %d slots free", names(groups), size, free)
}

// ofOneSize returns the pools of a service by their size, those that may be too small.
func (v *view) ofOneSize(groups []*group) map[int][]aged {
	sizes := map[int][]aged{}
	for _, g := range groups {
		for _, p := range v.pools(g) {
			if n := len(p.conns); n >= leastPool && n <= bigPool {
				sizes[n] = append(sizes[n], p)
			}
		}
	}
	return sizes
}

// inUse reports whether all connections of the pool were there and in use at all looks, as far as whole seconds tell.
func (v *view) inUse(p aged) bool {
	ids := make(map[int64]bool, len(p.conns))
	for _, c := range p.conns {
		ids[c.ID] = true
	}
	if len(whole(ids, v.looks)) < len(v.looks) {
		return false
	}
	for _, look := range v.looks {
		longest := int64(0)
		if t := serverTime(look); t > 0 && float64(t%1e6)/1e6 < begun {
			longest = 1
		}
		if slices.ContainsFunc(look.Clients, func(c outage.Client) bool { return ids[c.ID] && c.Idle > longest }) {
			return false
		}
	}
	return true
}

// fromAfar reports whether the looks are a few readings without the server's host, and no more will follow.
func (v *view) fromAfar() bool { return v.why("listen queue") != "" || v.why("host") != "" }

// busyPools returns, where the looks are too few to judge, the pools of which no connection was seen at rest, on a server with room.
func (v *view) busyPools() []*group {
	if v.limit == 0 || v.rejected > 0 || 2*v.slots >= v.limit || v.watchedClosely() {
		return nil
	}
	var groups []*group
	for _, s := range v.services {
		for _, g := range s.groups {
			for _, p := range v.pools(g) {
				if n := len(p.conns); n < leastPool || n > bigPool {
					continue
				}
				if seen, _, missed := allInUse(p, v.looks); missed == 0 && len(seen) == len(v.looks) && !slices.Contains(groups, g) {
					groups = append(groups, g)
				}
			}
		}
	}
	return groups
}

// watchedClosely reports whether the looks suffice to see a pool rest.
func (v *view) watchedClosely() bool {
	n := 0
	for _, look := range v.looks {
		if comesLate(look) {
			n++
		}
	}
	return len(v.looks) >= pinnedLooks && n >= lateLooks && v.spread >= pinnedFor
}
