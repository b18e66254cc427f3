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
	}{
		// At 0.4 and 0.7 of a second, calls of 0.7 s leave idle at 1 for good reason.
		"calls of 0.7 s":               {starving(3, 0.7, 0.5, 60), 9, 0.9, 0.6, 0.8},
		"one host, for long":           {starving(1, 0.5, 0.5, 60), 9, 1, 0.4, 0.49},
		"one host, for a moment":       {starving(1, 0.5, 0.5, 60), 4, 1, 0, 0},
		"it began within the window":   {starving(3, 0.5, 0.5, now-6), 10, 1, 0.6, 0.8},
		"it grew to what it needs":     {starving(1, 0.5, 20, 60), 9, 1, 0, 0.49},
		"it is growing":                {starving(2, 0.5, 20, now-21), 9, 1, 0, 0},
		"each used every other second": {starving(3, 1.9, 0.5, 60), 9, 0.95, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			d := c.s.diagnose(c.looks, c.apart)
			if got := confidenceOf(d, outage.NotAtLimit); got < c.least || got > c.most {
				t.Errorf("%v, want %v to %v:\n%s", got, c.least, c.most, text(d))
			}
			// Two readings cannot tell, and say what would.
			two := saved(c.s).diagnose(2, 1)
			if len(two.Findings) > 0 {
				t.Errorf("two looks are too few:\n%s", text(two))
			}
			says := strings.Contains(strings.Join(two.Unsure, "\n"), "clients of export wait for their own pool")
			if strings.HasPrefix(name, "calls") && !says || strings.HasPrefix(name, "each used") && says {
				t.Errorf("%q", two.Unsure)
			}
		})
	}
}
