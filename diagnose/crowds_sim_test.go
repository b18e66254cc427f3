package diagnose_test

import (
	"strconv"

	"spillway/outage"
)

// The outages whose connections wait, stay silent, hardly work or come and go. Each host has a probe that sends PING
// twice a second under the name of its service, as the canaries of a fleet do.

func (s *sim) probe(name, host string) {
	s.add(name, host, 8, every(0.5, 0)).c.Cmd = "ping"
}

// crowd has n connections at each of some hosts beside a busy pool, which does not fill the server by itself.
func crowd(name string, hosts, n int, kind func(*simConn, int)) *sim {
	s := &sim{refusing: 15}
	for h := range hosts {
		host := hostOf(11, h+1)
		for i := range n {
			born := 20 + float64(h) + float64(i)/float64(n)
			c := s.add(name, host, born, once(born))
			kind(c, i)
		}
		s.probe(name, host)
	}
	s.pool("web", "10.0.2.1", 10, 8)
	s.probe("web", "10.0.2.1")
	fill(s)
	return s
}

func listens(c *simConn, i int) {
	c.c.Flags, c.c.Cmd = "P", "subscribe"
	switch i % 3 {
	case 0:
		c.c.Sub = 1
	case 1:
		c.c.PSub = 1
	default:
		c.c.SSub = 1
	}
	if i%2 == 0 {
		c.last = busy // whatever is published to it
	}
}

func blocks(c *simConn, i int) {
	c.c.Flags, c.c.Cmd = "b", []string{"blpop", "xread"}[i%2]
	c.last = every(5, 0.1*float64(i))
}

func mute(c *simConn, i int) {
	c.c.Name, c.c.Cmd = "", "NULL"
	if i%3 == 0 {
		c.c.Qbuf = 7
	}
}

// counting lets the server count what it accepted.
func counting(s *sim, perSecond float64) *sim {
	inner := s.extra
	s.extra = func(t float64, shot *outage.Snapshot) {
		if inner != nil {
			inner(t, shot)
		}
		shot.Info["total_connections_received"] = strconv.Itoa(1000 + int(perSecond*t))
	}
	return s
}

// storm has hosts that keep slots full of connections that live for 0.4 s.
func storm(name string, hosts, slots int) *sim {
	s := &sim{refusing: 300}
	for h := range hosts {
		for i := range slots {
			for born := 80 + 0.4*float64(i)/float64(slots); born < now; born += 0.4 {
				s.add(name, hostOf(12, h+1), born, once(born)).died = born + 0.4
			}
		}
		s.probe(name, hostOf(12, h+1))
	}
	s.pool("web", "10.0.2.1", 10, 8)
	fill(s)
	s.limit++ // it sits just below the limit
	return counting(s, float64(hosts*slots)/0.4)
}

// oversized has pools of which the top is in use and the rest was needed once, when they were opened.
func oversized(name string, hosts, size, used int) *sim {
	s := &sim{refusing: 10}
	for h := range hosts {
		host := hostOf(13, h+1)
		for i := range size {
			born := 20 + float64(h) + float64(i)/float64(size)
			last := until(30 + 0.1*float64(i))
			if i < used {
				last = busy
			}
			s.add(name, host, born, last)
		}
		s.probe(name, host)
	}
	s.pool("web", "10.0.2.1", 10, 8)
	fill(s)
	return s
}

// crowds are the new outages by cause, with the service and the hosts to blame.
func crowds() map[outage.Cause]struct {
	sim  *sim
	want []string
} {
	type outages = struct {
		sim  *sim
		want []string
	}
	hosts := func(service string, net, n int) (list []string) {
		for i := range n {
			list = append(list, service+"@"+hostOf(net, i+1))
		}
		return list
	}
	return map[outage.Cause]outages{
		outage.PubSubPileUp:      {crowd("feed", 3, 15, listens), hosts("feed", 11, 3)},
		outage.BlockedWorkers:    {crowd("worker", 3, 15, blocks), hosts("worker", 11, 3)},
		outage.SilentConnections: {crowd("scan", 3, 15, mute), hosts("scan", 11, 3)},
		outage.ReconnectStorm:    {storm("api", 3, 15), hosts("api", 12, 3)},
		outage.OversizedPool:     {oversized("shop", 3, 20, 3), hosts("shop", 13, 3)},
	}
}
