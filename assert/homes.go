package assert

import (
	"net"
	"slices"
	"strconv"
	"time"

	"spillway/outage"
	"spillway/scenarios"
)

// homes remembers which service had which address when: an address may pass to another instance.
type homes struct {
	hosts map[string][]home
	ports map[string][]home // by ip:port, of instances behind a gateway
	ways  map[string]bool   // the addresses of gateways
}

type home struct {
	since   outage.Duration
	service string
	cut     bool // its network was taken away
}

func addresses(events []outage.Event) homes {
	found := homes{hosts: map[string][]home{}, ports: map[string][]home{}, ways: map[string]bool{}}
	addrs := map[string]string{} // of instances
	for _, e := range events {
		if i := e.Instance; i != nil && i.Addr != "" {
			found.hosts[i.Addr] = append(found.hosts[i.Addr], home{e.At, i.Service, i.State == outage.Cut})
			addrs[i.Name] = i.Addr
		}
	}
	for _, e := range events {
		if e.Opened == nil {
			continue
		}
		found.ways[addrs[e.Opened.Instance]] = true
		for _, port := range e.Opened.Ports {
			addr := net.JoinHostPort(addrs[e.Opened.Instance], strconv.Itoa(port))
			found.ports[addr] = append(found.ports[addr], home{since: e.At, service: e.Opened.Service})
		}
	}
	return found
}

// services returns whose instances had an address at any time, each once.
func (h homes) services(host string) []string {
	var list []string
	for _, l := range h.hosts[host] {
		if !slices.Contains(list, l.service) {
			list = append(list, l.service)
		}
	}
	return list
}

// shared reports whether an address is that of a gateway with several services behind it.
func (h homes) shared(host string) bool { return h.ways[host] && len(h.services(host)) > 1 }

// of returns who had a connection, ip:port, at a time: behind a gateway by its port, elsewhere by its host. Of a
// connection of a gateway whose port nobody told nothing is known.
func (h homes) of(addr string, at outage.Duration) home {
	if owner := latest(h.ports[addr], at); owner.service != "" {
		return owner
	}
	if host := outage.Host(addr); !h.shared(host) {
		return h.at(host, at)
	}
	return home{}
}

// at returns who had a host's address at a time; before its first instance started, the one that came first.
func (h homes) at(host string, at outage.Duration) home { return latest(h.hosts[host], at) }

func latest(lived []home, at outage.Duration) home {
	if len(lived) == 0 {
		return home{}
	}
	owner := lived[0]
	for _, l := range lived {
		if l.since <= at {
			owner = l
		}
	}
	return owner
}

// guilty are the causes for which somebody is to blame. Under the others every service is healthy.
var guilty = []outage.Cause{outage.ConnectionLeak, outage.IdleNotReaped, outage.HalfOpenPeers}

// healthy reports whether the scenario holds a service to be healthy: it is spared by name, or else it is neither a
// culprit nor touched by a fault or the fix. Where somebody is to blame and the scenario does not say who, only those
// that it spares by name are.
func (r *run) healthy(service string) bool {
	expect := r.s.Expect
	if service == "" || slices.Contains(expect.Culprits, service) {
		return false
	}
	if slices.Contains(expect.Spare, service) {
		return true
	}
	if len(expect.Culprits) == 0 && len(expect.Spare) > 0 && slices.Contains(guilty, expect.Cause) {
		return false
	}
	return !r.faulted(service) && !slices.ContainsFunc(r.s.Fix, func(f scenarios.Service) bool { return f.Service == service })
}

func (r *run) faulted(service string) bool {
	return slices.ContainsFunc(r.s.Faults, func(f scenarios.Fault) bool { return f.Cut == service })
}

// harmless reports whether a victim had a healthy owner. Of a service whose hosts were cut off, those that were not
// are healthy: to tell them apart is what such a scenario asks.
func (r *run) harmless(v outage.Victim, at outage.Duration) (service string, yes bool) {
	// A port is free again once its connection is closed, and may have its next owner before the action is done. The victim's own is
	// who had it when the victim was opened, longer ago than its age in whole seconds less one.
	opened := at
	if v.Age > 1 && len(r.homes.ports[v.Addr]) > 0 {
		opened -= outage.Duration(time.Duration(v.Age-1) * time.Second)
	}
	owner := r.homes.of(v.Addr, opened)
	if owner.service != "" && r.faulted(owner.service) {
		return owner.service, !owner.cut
	}
	return owner.service, r.healthy(owner.service)
}

// watched reports whether what a service suffers counts as harm: the spared ones, or every healthy one where none is named.
func (r *run) watched(service string) bool {
	if len(r.s.Expect.Spare) > 0 {
		return slices.Contains(r.s.Expect.Spare, service)
	}
	return r.healthy(service)
}

// restartGrace is how long after a planned restart clients may still report the connections it closed: a pooled one is
// found dead only when it is used next, and go-redis backs off for up to 1 s before each of its 3 retries.
const restartGrace = outage.Duration(10 * time.Second)

// restarts returns the stretches in which a planned restart interrupts everybody: from the end of the action before
// it, since the server goes down before the action is finished, to the end of the grace.
func restarts(events []outage.Event) []span {
	var found []span
	var before outage.Duration
	for _, e := range events {
		switch {
		case e.Plan != nil:
			before = e.At
		case e.Action != nil:
			if e.Action.Kind == outage.RestartRedis && e.Action.State == outage.Done {
				found = append(found, span{before, doneAt(e) + restartGrace})
			}
			before = doneAt(e)
		}
	}
	return found
}

func (r *run) restarting(at outage.Duration) bool {
	return slices.ContainsFunc(r.breaks, func(s span) bool { return s.has(at) })
}
