package diagnose

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"spillway/outage"
)

const (
	// leastPorts is how many connections of one host make a range. A kernel starts its search anywhere in thousands of
	// ports, so that even a few side by side are no chance; below, a hand-made range would hardly be worth having.
	leastPorts = 8
	// dense is how much of the range must be in use, and brimful what leaves no doubt. Ports that linger for a minute after a
	// close (TIME_WAIT), as those of probes do, or are used towards another server, leave holes.
	dense, brimful = 0.6, 0.9
	// eachParity is the least share of the odd and of the even ports. Linux takes every second port until it has no choice, and
	// its older kernels take them side by side: a range of one parity is as common as it is harmless. Where all of one parity
	// are taken, a few of the other show that there was no choice.
	eachParity, fewOthers = 0.25, 0.05
	// wraps is how often, in the order in which they were taken, the ports begin again further down: an allocator that still
	// has room goes up.
	wraps = 2
	// mayCome is the share of a host's connections that may have come in that time: a port that lingered is free again.
	mayCome = 0.1
	// inTurn is the share of connections that took the port just after that of the one before. An allocator that counts up
	// (Windows, many NAT devices) makes a range without any shortage.
	inTurn = 0.5
	// portWatch is for how many seconds nobody may have come from the host: a glance at least, better longer.
	portGlance, portWatch = 1.0, 2.0
)

// portExhaustion recognises a client host without a source port left: its connections fill a range of ports,
// in no order, and no new one comes, while the server has room. Redis is not involved and counts nothing.
func portExhaustion(v *view) *outage.Finding {
	once := len(v.looks) == 1 // the range alone must do, and is not enough to be sure
	if v.atLimit || len(v.looks) == 0 || !once && v.spread < portGlance {
		return nil
	}
	var full []*group
	hosts := map[string][]*conn{}
	for _, c := range v.conns {
		hosts[c.host] = append(hosts[c.host], c)
	}
	var w weighing
	for _, host := range slices.Sorted(maps.Keys(hosts)) {
		r, ok := v.portsOf(hosts[host])
		if !ok {
			continue
		}
		came, known := v.arrived(hosts[host])
		if !once && (!known || float64(came) > mayCome*float64(r.used)) {
			continue
		}
		if w.evidence == nil {
			weight := 0.35
			if r.share() >= brimful {
				weight = 0.45
			}
			w.note(weight, portsCommand, "%s has %d connections from the ports %d to %d, %s of them in use, and not in the order in which it took them",
				host, r.used, r.first, r.last, percent(r.share()))
			weight = 0.15
			if v.spread < portWatch || came > 0 {
				weight = 0.05
			}
			switch {
			case once:
			case came == 0:
				w.note(weight, portsCommand, "no new connection came from %s in %.3g s", host, min(v.spread, recent))
			default:
				w.note(weight, portsCommand, "%s came from %s in %.3g s, into that range: a closed one frees its port after a minute",
					count(came, "connection"), host, min(v.spread, recent))
			}
		}
		for _, g := range v.groups {
			if g.host == host {
				full = append(full, g)
			}
		}
	}
	if full == nil {
		return nil
	}
	if still := v.standsFor("total_connections_received"); still >= portGlance {
		w.note(0.1, acceptedCommand, "total_connections_received stands still for %.3g s", still)
	} else if v.othersArrive(full) {
		w.note(0.15, acceptedCommand, "new connections of other hosts do arrive, so Redis accepts")
	}
	if v.limit > 0 && 2*v.slots < v.limit {
		w.note(0.1, v.limitCommand(), "%d of %d slots are taken and nobody is refused", v.slots, v.limit)
	}
	f := w.finding(v, outage.PortExhaustion)
	if f == nil {
		return nil
	}
	for _, g := range full {
		f.Culprits = append(f.Culprits, culprit(g, nil))
	}
	sortCulprits(f.Culprits)
	f.Commands = []string{portsCommand, acceptedCommand}
	f.Summary = fmt.Sprintf("%s has no source port left: its clients fail before they reach Redis, which has %d slots free", names(full), v.free())
	return f
}

// ports is the range of source ports of one host.
type ports struct{ first, last, used int }

func (p ports) share() float64 { return float64(p.used) / float64(p.last-p.first+1) }

// portsOf returns the range that the connections of one host fill; ok is false where they do not, or took them in turn.
// A few ports far off, of before the range was set, do not count.
func (v *view) portsOf(conns []*conn) (ports, bool) {
	if len(conns) < leastPorts {
		return ports{}, false
	}
	var taken []int // by id, so in the order in which they were opened
	next, down, odd := 0, 0, 0
	for _, c := range conns {
		addr, err := netip.ParseAddrPort(c.Addr)
		if err != nil || addr.Addr().IsLoopback() && c.Ours() {
			return ports{}, false
		}
		port := int(addr.Port())
		if n := len(taken); n > 0 {
			switch last := taken[n-1]; {
			case port == last+1:
				next++
			case port < last:
				down++
			}
		}
		odd += port % 2
		taken = append(taken, port)
	}
	all := float64(len(taken))
	if float64(next) >= inTurn*all || down < wraps {
		return ports{}, false
	}
	slices.Sort(taken)
	taken = slices.Compact(taken)
	r := ports{taken[0], taken[len(taken)-1], len(taken)}
	few := min(odd, len(conns)-odd)
	// All of one parity and some of the other: there was no choice, however many of those linger.
	forced := few > 0 && float64(few) >= fewOthers*all && r.oneParityFull(taken)
	return r, forced || r.share() >= dense && float64(few) >= eachParity*all
}

// oneParityFull reports whether of the odd or of the even ports of the range next to all are in use.
func (p ports) oneParityFull(taken []int) bool {
	var of, in [2]int
	for port := p.first; port <= p.last; port++ {
		of[port%2]++
	}
	for _, port := range taken {
		in[port%2]++
	}
	return float64(in[0]) >= brimful*float64(of[0]) || float64(in[1]) >= brimful*float64(of[1])
}

// arrived returns how many connections came from the host in the latest seconds; known is false where nobody can tell.
func (v *view) arrived(conns []*conn) (n int, known bool) {
	looks := v.recentLooks()
	if between(looks[0], v.now) < portWatch {
		looks = v.looks[max(0, len(v.looks)-2):] // further apart than the latest seconds
	}
	if between(looks[0], v.now) < portGlance {
		return 0, false
	}
	before := map[int64]bool{}
	for i := range looks[0].Clients {
		before[looks[0].Clients[i].ID] = true
	}
	for _, c := range conns {
		if !before[c.ID] {
			n++
		}
	}
	return n, true
}

// othersArrive reports whether hosts that are not among groups opened connections between the last two looks.
func (v *view) othersArrive(groups []*group) bool {
	n := len(v.all)
	if n < 2 {
		return false
	}
	before, okBefore := v.all[n-2].Number("total_connections_received")
	after, okAfter := v.now.Number("total_connections_received")
	return okBefore && okAfter && after > before && len(groups) > 0
}
