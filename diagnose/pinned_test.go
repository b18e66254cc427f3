package diagnose_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"spillway/outage"
)

// held is a connection that is used for as long as a call keeps it, again and again; hold is in seconds.
func held(hold, phase float64) func(float64) float64 { return every(hold, phase) }

// starving has hosts whose pool of 4 has every connection taken by calls of that length, opened over some seconds.
func starving(hosts int, hold, over float64, born float64) *sim {
	s := &sim{limit: 400}
	for h := range hosts {
		for i := range 4 {
			s.add("export", hostOf(1, h+1), born+over*float64(i)/3, held(hold, 0.17*float64(i)+0.29*float64(h)))
		}
	}
	s.lifo("web", "10.0.2.1", 10, 10)
	return s.withClock()
}

// alone is one pool of that size in use all the time.
func alone(size int) *sim {
	s := &sim{limit: 400}
	for i := range size {
		s.add("export", "10.0.1.1", 60+0.03*float64(i), held(0.5, 0.17*float64(i)))
	}
	s.lifo("web", "10.0.2.1", 10, 10)
	return s.withClock()
}

// withClock lets the server tell its own time, by which the parts of a second are known.
func (s *sim) withClock() *sim {
	return s.also(func(t float64, shot *outage.Snapshot) {
		shot.Info["server_time_usec"] = fmt.Sprint(int64(math.Round(t * 1e6)))
	})
}

func TestPinned(t *testing.T) {
	saved := func(s *sim) *sim {
		return s.also(func(_ float64, shot *outage.Snapshot) {
			shot.Missing = append(shot.Missing, outage.Missing{What: "listen queue", Why: "not part of saved output"})
		})
	}
	for name, c := range map[string]struct {
		s           *sim
		looks       int
		apart       float64
		least, most float64
		hint        bool // from two readings
	}{
		"calls of 0.7 s":                {starving(3, 0.7, 0.5, 60).late(), 9, 1, 0.6, 0.8, true},
		"early in the seconds":          {starving(3, 0.7, 0.5, 60), 9, 1, 0, 0, false}, // idle is 1 for good reason
		"one pool, for long":            {starving(1, 0.5, 0.5, 60).late(), 9, 1, 0.4, 0.49, false},
		"one pool of 13, 8 looks late":  {alone(13).late(), 9, 1, 0.5, 0.6, false}, // 104 and more sightings
		"one pool of 11":                {alone(11).late(), 9, 1, 0.4, 0.49, false},
		"one pool, early":               {starving(1, 0.5, 0.5, 60), 9, 1, 0, 0, false},
		"one pool, for a moment":        {starving(1, 0.5, 0.5, 60).late(), 4, 1, 0, 0, false},
		"it began within the window":    {starving(3, 0.5, 0.5, now-9).late(), 12, 1, 0.6, 0.8, true},
		"looks 1.6 s apart":             {starving(3, 0.5, 0.5, 60).late(), 9, 1.6, 0, 0, true}, // most of them not late in a second
		"looks 2 s apart":               {starving(3, 0.5, 0.5, 60).late(), 10, 2, 0.6, 0.8, true},
		"looks 3 s apart":               {starving(3, 0.5, 0.5, 60).late(), 10, 3, 0, 0, true},
		"too few looks":                 {starving(3, 0.5, 0.5, 60).late(), 8, 1, 0, 0, true},
		"it grew to what it needs":      {starving(1, 0.5, 20, 60).late(), 9, 1, 0, 0.49, false},
		"it is growing":                 {starving(2, 0.5, 20, now-21).late(), 9, 1, 0, 0, true},
		"each used every other second":  {starving(3, 1.9, 0.5, 60).late(), 9, 1, 0, 0, false},
		"in use every 1.1 s":            {starving(3, 1.1, 0.5, 60).late(), 9, 1, 0, 0, false},
		"one of them once":              {missing(starving(3, 0.5, 0.5, 60), 0.5).late(), 10, 1, 0.6, 0.8, false},
		"a pool once":                   {missingEach(starving(3, 0.5, 0.5, 60), 1).late(), 9, 1, 0.6, 0.8, false},
		"two of three once":             {missingEach(starving(3, 0.5, 0.5, 60), 2).late(), 9, 1, 0.6, 0.8, false},
		"every one once":                {missingEach(starving(3, 0.5, 0.5, 60), 3).late(), 9, 1, 0, 0, false},
		"one of a large pool once":      {missing(large(starving(3, 0.5, 0.5, 60)), 0.5).late(), 10, 1, 0, 0, false},
		"one of them twice":             {missing(starving(3, 0.5, 0.5, 60), 1.5).late(), 10, 1, 0, 0, false},
		"two of three starve":           {resting(starving(3, 0.5, 0.5, 60), 1).late(), 9, 1, 0, 0, false},
		"two of three starve, for long": {resting(starving(3, 0.5, 0.5, 60), 1).late(), 13, 1, 0, 0, false}, // 104 sightings: so have two healthy pools at 75 %
		"two of three, by address":      {unnamed(resting(starving(3, 0.5, 0.5, 60), 1)).late(), 9, 1, 0.6, 0.8, false},
		"one of three, by address":      {unnamed(resting(starving(3, 0.5, 0.5, 60), 2)).late(), 9, 1, 0, 0, false},
		"one pool of 10, 100 sightings": {alone(10).late(), 10, 1, 0.5, 0.6, false},
		"one of three starves":          {resting(starving(3, 0.5, 0.5, 60), 2).late(), 9, 1, 0, 0, false},
		"three behind one address":      {behindOne(starving(3, 0.5, 0.5, 60)).late(), 9, 1, 0.6, 0.8, true},
		"three that show their address": {unnamed(starving(3, 0.5, 0.5, 60)).late(), 9, 1, 0.6, 0.8, true},
	} {
		t.Run(name, func(t *testing.T) {
			d := c.s.diagnose(c.looks, c.apart)
			if got := confidenceOf(d, outage.NotAtLimit); got < c.least || got > c.most {
				t.Errorf("%v, want %v to %v:\n%s", got, c.least, c.most, text(d))
			}
			// Two readings cannot tell, and say what would: of several pools of one size as a hint.
			two := saved(c.s).diagnose(2, 1)
			hint := confidenceOf(two, outage.NotAtLimit)
			if hint > 0 != c.hint || hint >= 0.5 || hint == 0 && len(two.Findings) > 0 {
				t.Errorf("two looks, want a hint %t:\n%s", c.hint, text(two))
			}
			says := strings.Contains(strings.Join(two.Unsure, "\n"), "clients of export wait for their own pool")
			if name == "one pool, for long" && !says || strings.HasPrefix(name, "each") && says {
				t.Errorf("%q", two.Unsure)
			}
		})
	}
}

// missing lets the first connection pause for some seconds before the last look, so that so many looks find it unused for most
// of a second.
func missing(s *sim, seconds float64) *sim {
	s.conns[0].last = func(t float64) float64 { return min(t-0.05, math.Floor(now)+0.85-seconds-0.36) }
	return s
}

// missingEach lets so many connections pause like that, each of the next pool and before another look: of three pools of
// four, nine looks have 108 sightings.
func missingEach(s *sim, n int) *sim { return s.pausing(n, 3, 4) }

// TestPinnedMissesFew has pools of three, in some of which a connection pauses for a moment: of 45 sightings one may be none.
func TestPinnedMissesFew(t *testing.T) {
	for name, c := range map[string]struct {
		pools, looks, missed int
		starved              bool
	}{
		"two of 81 at three":   {3, 9, 2, false},
		"two of 90 at three":   {3, 10, 2, true},
		"three of 90 at three": {3, 10, 3, false},
		"one of 60 at two":     {2, 10, 1, true},
	} {
		s := &sim{limit: 400}
		for h := range c.pools {
			for i := range 3 {
				s.add("export", hostOf(1, h+1), 60+0.1*float64(i), held(0.5, 0.17*float64(i)+0.29*float64(h)))
			}
		}
		s.lifo("web", "10.0.2.1", 10, 10)
		d := missingEach(s.withClock(), c.missed).late().diagnose(c.looks, 1)
		if got := confidenceOf(d, outage.NotAtLimit) >= 0.5; got != c.starved {
			t.Errorf("%s: starved %t:\n%s", name, got, text(d))
		}
	}
}

// large makes the pools larger than small ones.
func large(s *sim) *sim {
	for h := range 3 {
		for i := range 6 {
			s.add("export", hostOf(1, h+1), 60.1, held(0.5, 0.1*float64(i)))
		}
	}
	return s
}

// resting lets the first connection of so many hosts rest.
func resting(s *sim, hosts int) *sim {
	for h := range hosts {
		s.conns[4*h].last = every(2.2, 0)
	}
	return s
}

// behindOne gives the hosts one address, and names that tell them apart.
func behindOne(s *sim) *sim {
	for i := range s.conns {
		if c := &s.conns[i].c; c.Name == "export" {
			c.Name = fmt.Sprintf("export-%d", i/4+1)
			c.Addr = fmt.Sprintf("10.0.1.1:%d", 30000+i)
		}
	}
	return s
}

// unnamed takes the names away.
func unnamed(s *sim) *sim {
	for i := range s.conns {
		s.conns[i].c.Name = ""
	}
	return s
}

// TestHealthyLate has fleets that are well, looked at when a look tells most: pools that hand out the connection used last, at
// various loads, and pools that come up one after another.
func TestHealthyLate(t *testing.T) {
	lifos := &sim{limit: 400}
	for h := range 5 {
		lifos.lifo("web", hostOf(2, h+1), 10+float64(h), 4+2*h)
		lifos.lifo("api", hostOf(3, h+1), 20, 6)
	}
	ramp := &sim{limit: 400}
	for h := range 8 {
		ramp.lifo("web", hostOf(2, h+1), 86+1.5*float64(h), 8)
	}
	for name, s := range map[string]*sim{"pools": lifos.late(), "a ramp": ramp.late()} {
		for _, n := range []int{2, 6, 10, 12} {
			if d := s.diagnose(n, 1); len(d.Findings) > 0 {
				t.Errorf("%s, %d looks:\n%s", name, n, text(d))
			}
		}
	}
}
