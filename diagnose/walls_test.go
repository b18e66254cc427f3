package diagnose_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"spillway/diagnose"
	"spillway/outage"
)

// counters makes a server count: connections that it accepted, commands, and the CPU it used, each per second.
func (s *sim) counters(accepts, commands, cpu, cycles float64) *sim {
	before := s.extra
	s.extra = func(t float64, shot *outage.Snapshot) {
		if before != nil {
			before(t, shot)
		}
		shot.Info["total_connections_received"] = strconv.Itoa(1000 + int(accepts*t))
		shot.Info["total_commands_processed"] = strconv.Itoa(int(commands * t))
		shot.Info["instantaneous_ops_per_sec"] = strconv.Itoa(int(commands))
		shot.Info["used_cpu_sys"] = strconv.FormatFloat(cpu*t/2, 'f', 6, 64)
		shot.Info["used_cpu_user"] = strconv.FormatFloat(cpu*t/2, 'f', 6, 64)
		if cycles > 0 {
			shot.Info["instantaneous_eventloop_cycles_per_sec"] = strconv.Itoa(int(cycles))
		}
		for i := range shot.Clients {
			shot.Clients[i].FD = 8 + i
		}
	}
	return s
}

// also adds what the server's host shows.
func (s *sim) also(f func(t float64, shot *outage.Snapshot)) *sim {
	before := s.extra
	s.extra = func(t float64, shot *outage.Snapshot) {
		if before != nil {
			before(t, shot)
		}
		f(t, shot)
	}
	return s
}

// steadyFleet has 56 connections of 8 hosts on a server with room.
func steadyFleet() *sim {
	s := &sim{limit: 500}
	for i := range 8 {
		host := hostOf(1, i+1)
		s.pool("api", host, 20+float64(i), 6)
		s.add("api", host, 21+float64(i), every(2.5, 0.2*float64(i)))
	}
	return s
}

func openFDs(soft int64, open, queue int) func(float64, *outage.Snapshot) {
	return func(_ float64, shot *outage.Snapshot) {
		shot.Process = &outage.Process{NofileSoft: soft, NofileHard: 10032, OpenFDs: open}
		shot.Listen = &outage.Listen{Queue: queue, Backlog: 511}
	}
}

func confidenceOf(d outage.Diagnosis, c outage.Cause) float64 {
	for _, f := range d.Findings {
		if f.Cause == c {
			return f.Confidence
		}
	}
	return 0
}

func TestFDExhausted(t *testing.T) {
	for name, c := range map[string]struct {
		s           *sim
		least, most float64
	}{
		"seen from the host":                    {steadyFleet().counters(0, 50, 0.9, 300_000).also(openFDs(64, 64, 12)), 0.9, 1},
		"the host of an old redis":              {steadyFleet().counters(0, 50, 0.1, 0).also(openFDs(64, 64, 12)), 0.7, 1},
		"redis-cli alone":                       {steadyFleet().counters(0, 50, 0.9, 300_000), 0.6, 0.9},
		"redis-cli alone, beside busy programs": {steadyFleet().counters(0, 50, 0.1, 15_000), 0.5, 0.8},
		"redis-cli alone, of an old redis":      {steadyFleet().counters(0, 50, 0.9, 0), 0.5, 0.6},

		"a quiet fleet":          {steadyFleet().counters(0, 50, 0.02, 60), 0, 0},
		"a busy fleet":           {steadyFleet().counters(0, 40_000, 0.9, 20_000), 0, 0},
		"files to spare":         {steadyFleet().counters(0, 50, 0.1, 60).also(openFDs(1024, 64, 0)), 0, 0},
		"somebody gets in":       {steadyFleet().counters(5, 50, 0.9, 300_000), 0, 0},
		"slow commands":          {slowCommands(steadyFleet().counters(0, 50, 0.9, 0)), 0, 0},
		"full, and it says so":   {refusing(steadyFleet().counters(0, 50, 0.9, 300_000)), 0, 0},
		"a queue for one moment": {steadyFleet().counters(3, 50, 0.1, 60).also(openFDs(1024, 64, 3)), 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			d := c.s.diagnose(4, 1)
			if got := confidenceOf(d, outage.FDExhausted); got < c.least || got > c.most {
				t.Errorf("%v, want %v to %v:\n%s", got, c.least, c.most, text(d))
			}
			if c.least == 0 && c.s.refusing == 0 && name != "slow commands" && len(d.Findings) > 0 { // slow commands stall the server
				t.Errorf("want nothing:\n%s", text(d))
			}
			if one := diagnose.Diagnose(c.s.at(now)); confidenceOf(one, outage.FDExhausted) > 0.5 {
				t.Errorf("too sure after one look:\n%s", text(one))
			}
		})
	}
}

// Two readings by hand may lie closer together than a quiet moment lasts: what spins is no quiet server.
func TestFDExhaustedAtAGlance(t *testing.T) {
	for name, c := range map[string]struct {
		s     *sim
		apart float64
		least float64
	}{
		"it spins":                   {steadyFleet().counters(0, 50, 0.9, 300_000), 1.5, 0.5},
		"it spins, and a moment ago": {steadyFleet().counters(0, 50, 0.9, 300_000), 0.5, 0},
		"it rests":                   {steadyFleet().counters(0, 50, 0.1, 60), 1.5, 0},
	} {
		d := c.s.diagnose(2, c.apart)
		if got := confidenceOf(d, outage.FDExhausted); got < c.least || c.least == 0 && got > 0 {
			t.Errorf("%s: %v, want %v:\n%s", name, got, c.least, text(d))
		}
	}
}

func slowCommands(s *sim) *sim {
	return s.also(func(t float64, shot *outage.Snapshot) {
		shot.Info["cmdstat_keys"] = fmt.Sprintf("calls=%d,usec=%d,usec_per_call=18000.00", int(50*t), int(0.89e6*t))
	})
}

func refusing(s *sim) *sim {
	s.refusing = 20
	return s
}

// narrow has n connections of one host, born over some seconds, from the ports that of gives.
func narrow(n int, of func(i int) int) *sim {
	s := steadyFleet()
	for i := range n {
		c := s.add("export", "10.0.9.1", 80+10*float64(i)/float64(n), busy)
		c.c.Addr = fmt.Sprintf("10.0.9.1:%d", of(i))
	}
	return s
}

// evenFirst is how Linux looks for a port: every second one from somewhere in the range, the rest only then.
func evenFirst(n int) func(int) int {
	return func(i int) int {
		half := n / 2
		if i < half {
			return 46864 + 2*((i+7)%half)
		}
		return 46865 + 2*((i+3)%half)
	}
}

// oddTaken has so many even ports, in two rounds, and then five odd ones: the others linger after a close.
func oddTaken(evens int) func(int) int {
	return func(i int) int {
		if i < 20 {
			return 46864 + 2*((i*7+3)%evens)
		}
		return 46865 + 6*((i*3)%5)
	}
}

func TestPortExhaustion(t *testing.T) {
	trickling := narrow(40, evenFirst(40))
	trickling.conns[len(trickling.conns)-1].born = now - 1.5
	arriving := narrow(40, evenFirst(40))
	for i := range 20 {
		born := now - 20 + float64(i)
		arriving.add("export", "10.0.9.1", born, once(born)).died = born + 1.5
	}
	for name, c := range map[string]struct {
		s           *sim
		least, most float64
	}{
		"others get in":           {narrow(40, evenFirst(40)).counters(5, 50, 0.1, 0), 0.8, 0.9},
		"nobody gets in":          {narrow(40, evenFirst(40)).counters(0, 50, 0.1, 0), 0.75, 0.9},
		"nothing counted":         {narrow(40, evenFirst(40)), 0.6, 0.8},
		"holes of TIME_WAIT":      {narrow(40, evenFirst(56)).counters(5, 50, 0.1, 0), 0.7, 0.85},
		"a range of thousands":    {wide(narrow(5000, evenFirst(5000))), 0.5, 0.9},
		"in turn, as Windows":     {narrow(40, func(i int) int { return 50000 + i }).counters(5, 50, 0.1, 0), 0, 0},
		"every second, as Linux":  {narrow(40, func(i int) int { return 40000 + 2*i }).counters(5, 50, 0.1, 0), 0, 0},
		"anywhere":                {narrow(40, func(i int) int { return 32768 + i*i*7919%28000 }).counters(5, 50, 0.1, 0), 0, 0},
		"new ones do arrive":      {arriving.counters(5, 50, 0.1, 0), 0, 0},
		"a handful, side by side": {narrow(6, evenFirst(6)).counters(5, 50, 0.1, 0), 0, 0},
		"few odd ports are free":  {narrow(25, oddTaken(20)).counters(5, 50, 0.1, 0), 0.6, 0.8},
		"a free even port":        {narrow(25, oddTaken(24)).counters(5, 50, 0.1, 0), 0, 0},
		"a port comes free":       {trickling.counters(5, 50, 0.1, 0), 0.6, 0.85},
	} {
		t.Run(name, func(t *testing.T) {
			d := c.s.diagnose(4, 1)
			got := confidenceOf(d, outage.PortExhaustion)
			if got < c.least || got > c.most {
				t.Errorf("%v, want %v to %v:\n%s", got, c.least, c.most, text(d))
			}
			if c.least == 0 {
				return
			}
			if len(d.Findings) == 0 {
				return
			}
			if top := show(d)[0]; top.Cause != outage.PortExhaustion || strings.Join(top.Culprits, " ") != "export@10.0.9.1" {
				t.Errorf("got %v", top)
			}
			if two := c.s.diagnose(2, 3); confidenceOf(two, outage.PortExhaustion) < 0.5 {
				t.Errorf("two looks three seconds apart are enough:\n%s", text(two))
			}
		})
	}
}

func wide(s *sim) *sim {
	s.limit = 20_000
	return s
}
