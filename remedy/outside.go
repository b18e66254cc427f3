package remedy

import (
	"cmp"
	"fmt"
	"slices"

	"spillway/outage"
)

// Outside orders what can be done with no slot about d, which diagnose.Outside made of looks whose last one is look: resetting connections
// that the first finding names, the longest quiet first. Apply stops as soon as a slot is free, since inside more is seen of
// each connection. Findings that call for something else, such as a higher limit, get advice.
func Outside(d outage.Diagnosis, look outage.Outside, o Options) outage.Plan {
	p := planner{d: d, s: &outage.Snapshot{}, o: o, plan: outage.Plan{Actions: []outage.Action{}}}
	f, ok := d.Top()
	if !ok {
		p.warn("from outside nobody stands out: no connection is chosen; stop a client that can be spared, or use a connection that is open already")
		return p.plan
	}
	p.plan.Cause, p.plan.Fix = f.Cause, fix(f)
	if o.Select.byWhatOnlyRedisShows() {
		p.warn("from outside no name, user or library is seen: choose by --match-addr and --ignore-addr, or none")
		return p.plan
	}
	if f.Cause == outage.FDExhausted {
		p.add(p.freeFiles())
		return p.plan
	}
	p.add(p.resets(f, look))
	p.warn("from outside a subscriber to whom nobody has sent anything looks like a connection that was left: no more are reset than it takes to get a slot")
	return p.plan
}

// resets plans to reset the connections that f names by cookie.
func (p *planner) resets(f outage.Finding, look outage.Outside) []outage.Action {
	held := byCookie(look.Held)
	a := outage.Action{Kind: outage.ResetSockets, Relief: true}
	var chosen []outage.Held
	young, ignored := 0, 0
	for _, c := range f.Culprits {
		for _, id := range c.IDs {
			switch h, there := held[id]; {
			case !there:
			case p.o.Select.spares(outage.Client{Addr: h.Peer}) != "":
				ignored++
			case h.Quiet < max(p.o.IdleOver, idleOver):
				young++
			default:
				chosen = append(chosen, h)
			}
		}
	}
	if ignored > 0 {
		p.warn("%d of the named connections are spared: --match-addr or --ignore-addr takes them away", ignored)
	}
	if young > 0 {
		p.warn("%d of the named connections are spared: quiet for less than %ds", young, seconds(max(p.o.IdleOver, idleOver)))
	}
	slices.SortFunc(chosen, func(a, b outage.Held) int {
		return cmp.Or(cmp.Compare(b.Quiet, a.Quiet), cmp.Compare(a.Cookie, b.Cookie))
	})
	if n := p.o.MaxVictims; n > 0 && len(chosen) > n {
		p.warn("%d connections could be reset; the bound of %d leaves those that fell quiet later", len(chosen), n)
		chosen = chosen[:n]
	}
	if len(chosen) == 0 {
		p.warn("none of the named connections may be reset: reset-sockets is left out")
		return nil
	}
	for _, h := range chosen {
		quiet := int64(h.Quiet.Std().Seconds())
		a.Victims = append(a.Victims, outage.Victim{ID: h.Cookie, Addr: h.Peer, Age: quiet, Idle: quiet, Received: h.Received})
		a.Commands = append(a.Commands, "ss -K src "+h.Local+" dst "+h.Peer)
	}
	a.Slots = len(a.Victims)
	a.Reason = killReason(f, a.Victims)
	a.Precondition = fmt.Sprintf("each is the same socket, has been quiet for %ds or longer, has sent nothing since the diagnosis, and no slot is free yet", seconds(max(p.o.IdleOver, idleOver)))
	return []outage.Action{a}
}

func byCookie(list []outage.Held) map[int64]outage.Held {
	held := make(map[int64]outage.Held, len(list))
	for _, h := range list {
		held[h.Cookie] = h
	}
	return held
}
