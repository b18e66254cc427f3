package diagnose

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"spillway/outage"
)

// leastBlame is the share of the slow time from which somebody is named.
const leastBlame = 0.2

// blame names who ran the slow commands: SLOWLOG knows. Without it, those whose latest command is the heavy one; then it
// may also be somebody whose call of it was short.
func (v *view) blame(f *outage.Finding, s *stall) {
	type guilt struct {
		outage.Culprit
		took float64
	}
	guilty := map[string]*guilt{}
	all := 0.0
	for _, c := range s.slow {
		all += c.Took.Seconds()
		if c.Addr == "" {
			continue
		}
		service, g := v.who(c.Name, c.Addr)
		key := service + "\x00" + outage.Host(c.Addr)
		b := guilty[key]
		if b == nil {
			b = &guilt{Culprit: outage.Culprit{Service: service, Name: c.Name, Addr: outage.Host(c.Addr)}}
			if g != nil {
				b.Connections = len(g.conns)
			}
			guilty[key] = b
		}
		b.took += c.Took.Seconds()
		if len(b.Examples) < 3 && !slices.Contains(b.Examples, c.Addr) {
			b.Examples = append(b.Examples, c.Addr)
		}
	}
	for _, b := range guilty {
		if b.took >= leastBlame*all {
			f.Culprits = append(f.Culprits, b.Culprit)
		}
	}
	if len(s.slow) == 0 && s.command != "" {
		v.blameByCommand(f, s.command)
	}
	sortCulprits(f.Culprits)
}

func (v *view) blameByCommand(f *outage.Finding, command string) {
	var groups []*group
	services := map[*service]bool{}
	ran := map[*group]int{}
	for _, g := range v.groups {
		for _, c := range g.conns {
			if c.Cmd == command {
				ran[g]++
			}
		}
		if ran[g] > 0 {
			groups = append(groups, g)
			services[g.service] = true
		}
	}
	for _, g := range groups {
		c := culprit(g, nil)
		c.By, c.Certainty = "command", 0.8
		c.Why = "the latest command of " + count(ran[g], "connection") + " of it is " + clean(command)
		if n := len(services); n > 1 {
			c.Certainty = round(max(0.2, 0.8/float64(n)))
			c.Why += ", which other services run too"
		}
		f.Culprits = append(f.Culprits, c)
	}
}

// who returns the service of a client that SLOWLOG or ACL LOG names, and its connections if it still has some: by its very
// connection, else by its name, else by what its host is known as.
func (v *view) who(name, addr string) (string, *group) {
	host := outage.Host(addr)
	for _, g := range v.groups {
		for _, c := range g.conns {
			if c.Addr == addr {
				return g.service.name, g
			}
		}
	}
	service := ""
	if name != "" {
		service = clean(serviceName(name))
	}
	var there []*group
	for _, g := range v.groups {
		if g.host == host && (service == "" || g.service.name == service) {
			there = append(there, g)
		}
	}
	switch {
	case service == "" && len(there) == 1:
		return there[0].service.name, there[0]
	case service == "":
		return clean(host), nil
	case len(there) == 1:
		return service, there[0]
	}
	return service, nil
}

// noteRoom tells that the limit is not what stops clients.
func (v *view) noteRoom(f *outage.Finding) {
	if v.limit > 0 && !v.atLimit {
		var w weighing
		w.note(0, v.limitCommand(), "%d of %d slots are taken: the limit is not what stops clients", v.slots, v.limit)
		f.Evidence = append(f.Evidence, w.evidence...)
	}
}

// recentShots returns the snapshots of the last seconds, oldest first, and in any case the two latest.
func (v *view) recentShots() []*outage.Snapshot {
	shots := v.all
	for len(shots) > 2 && between(shots[0], v.now) > recent {
		shots = shots[1:]
	}
	return shots
}

// cmdstat reads calls and usec of a field such as cmdstat_get.
func cmdstat(s *outage.Snapshot, field string) (calls, usec float64) {
	for part := range strings.SplitSeq(s.Info[field], ",") {
		switch name, value, _ := strings.Cut(part, "="); name {
		case "calls":
			calls, _ = strconv.ParseFloat(value, 64)
		case "usec":
			usec, _ = strconv.ParseFloat(value, 64)
		}
	}
	return calls, usec
}

// growth returns how far a field of INFO grew; ok is false where it is not in both.
func growth(a, b *outage.Snapshot, field string) (by float64, ok bool) {
	from, errFrom := strconv.ParseFloat(a.Info[field], 64)
	to, errTo := strconv.ParseFloat(b.Info[field], 64)
	return max(0, to-from), errFrom == nil && errTo == nil
}

func serverTimeSeconds(s *outage.Snapshot) int64 {
	n, _ := s.Number("server_time_usec")
	return n / 1e6
}

// unread reports whether a source could not be read, or was not saved.
func unread(s *outage.Snapshot, what string) bool {
	return slices.ContainsFunc(s.Missing, func(m outage.Missing) bool { return m.What == what })
}

// behind are the yields of a look-alike: on a full server the limit is what the finding about the limit says, and it leads.
func behind(weak outage.Cause, why string) []yield {
	var list []yield
	for _, strong := range []outage.Cause{
		outage.ConnectionLeak, outage.MaxclientsTooLow, outage.FDLimitClamp, outage.IdleNotReaped, outage.HalfOpenPeers, outage.SilentConnections,
		outage.PubSubPileUp, outage.BlockedWorkers, outage.ReconnectStorm, outage.OversizedPool, outage.DeploySurge, outage.ReplicaOrClusterSlots,
	} {
		list = append(list, yield{weak, strong, full, false, why})
	}
	return list
}

func full(v *view, _, _ *outage.Finding) bool { return v.atLimit }

// busyLooks counts the looks of the last seconds that were answered with BUSY, if the latest is one of them.
func busyLooks(snapshots []outage.Snapshot) int {
	sorted := slices.Clone(snapshots)
	slices.SortStableFunc(sorted, func(a, b outage.Snapshot) int { return cmp.Compare(a.At, b.At) })
	n := 0
	for i := len(sorted) - 1; i >= 0; i-- {
		s := &sorted[i]
		if !slices.ContainsFunc(s.Missing, func(m outage.Missing) bool { return m.What == "INFO" && strings.HasPrefix(m.Why, "BUSY ") }) {
			break
		}
		n++
	}
	return n
}
