package diagnose_test

import (
	"strconv"
	"strings"
	"testing"

	"spillway/outage"
)

func TestBacklogOverflow(t *testing.T) {
	listen := func(backlog, queue int, drops, overflows func(t float64) int64) func(float64, *outage.Snapshot) {
		return func(t float64, shot *outage.Snapshot) {
			shot.Config["tcp-backlog"] = strconv.Itoa(backlog)
			shot.Listen = &outage.Listen{Queue: queue, Backlog: 4096, Overflows: overflows(t)}
			if drops != nil {
				n := drops(t)
				shot.Listen.Drops = &n
			}
		}
	}
	each := func(n float64) func(float64) int64 { return func(t float64) int64 { return int64(n * t) } }
	none := func(float64) int64 { return 3 }
	// The namespace counts at least what its listeners do.
	overflows := func(of func(t float64) int64, backlog int) func(float64, *outage.Snapshot) {
		return listen(backlog, 0, of, of)
	}
	unread := func(queue int) *sim {
		return steadyFleet().counters(100, 50, 0.1, 0).also(listen(8, queue, nil, each(40)))
	}
	for name, c := range map[string]struct {
		s           *sim
		least, most float64
	}{
		"a queue of 8":                {steadyFleet().counters(100, 50, 0.1, 0).also(overflows(each(40), 8)), 0.9, 1},
		"the usual queue":             {steadyFleet().counters(900, 50, 0.1, 0).also(overflows(each(40), 511)), 0.75, 0.9},
		"long ago":                    {steadyFleet().counters(100, 50, 0.1, 0).also(overflows(func(float64) int64 { return 5000 }, 8)), 0, 0},
		"a few at the start":          {steadyFleet().counters(900, 50, 0.1, 0).also(overflows(func(t float64) int64 { return int64(min(6, t-now+3)) }, 511)), 0, 0},
		"one in a thousand":           {steadyFleet().counters(20_000, 50, 0.1, 0).also(overflows(each(15), 511)), 0, 0},
		"nobody is accepted":          {steadyFleet().counters(0, 50, 0.1, 0).also(overflows(each(40), 8)), 0, 0},
		"a neighbor's queue":          {steadyFleet().counters(100, 50, 0.1, 0).also(listen(8, 0, none, each(40))), 0, 0},
		"whose queue is not told":     {unread(2), 0.4, 0.49},
		"not told, but seen full":     {unread(9), 0.9, 1},
		"nobody looked at the kernel": {steadyFleet().counters(100, 50, 0.1, 0), 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			d := c.s.diagnose(4, 1)
			if got := confidenceOf(d, outage.BacklogOverflow); got < c.least || got > c.most {
				t.Errorf("%v, want %v to %v:\n%s", got, c.least, c.most, text(d))
			}
			if c.least > 0 && c.most < 0.5 && !strings.Contains(text(d), "neighbor") {
				t.Errorf("want it said that the count may be a neighbor's:\n%s", text(d))
			}
			if c.least == 0 && len(d.Findings) > 0 {
				t.Errorf("want nothing:\n%s", text(d))
			}
		})
	}
}

// What only the kernel counts cannot be told from saved output, and the diagnosis says so.
func TestUnsureOfTheListenQueue(t *testing.T) {
	s := steadyFleet().counters(100, 50, 0.1, 0)
	s.also(func(_ float64, shot *outage.Snapshot) {
		shot.Missing = append(shot.Missing, outage.Missing{What: "listen queue", Why: "not part of saved output"})
	})
	if d := s.diagnose(3, 1); len(d.Unsure) != 1 || !strings.Contains(d.Unsure[0], "nstat -az TcpExtListenOverflows TcpExtListenDrops` and `ss -ltmn`") {
		t.Errorf("%q", d.Unsure)
	}
}

// TestMayOverflow has what Redis alone tells: a short queue, and more connections in one second than it holds.
func TestMayOverflow(t *testing.T) {
	for _, c := range []struct {
		name           string
		backlog, burst int
		ago            float64
		likely         float64
	}{
		{"twice what it holds", 20, 40, 3, 0.45},
		{"less than that", 20, 39, 3, 0},
		{"ten seconds ago", 20, 40, 9.5, 0.45},
		{"long ago", 20, 40, 12.5, 0},
		{"the usual queue", 511, 1100, 3, 0},
		{"one less", 510, 1100, 3, 0.45},
		{"a queue that nobody read", 0, 40, 3, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &sim{limit: 5000}
			s.pool("web", "10.0.2.1", 10, 10)
			for i := range c.burst { // all of them in one second of the latest look, a tenth at another host
				s.add("cron", hostOf(1, 1+max(0, 1-i%10)), now-c.ago+0.2+0.001*float64(i%100), busy)
				s.add("once", hostOf(3, i+1), now-c.ago-4.8+0.001*float64(i%100), busy) // as many before, of as many hosts
			}
			s.also(func(_ float64, shot *outage.Snapshot) {
				if c.backlog > 0 {
					shot.Config["tcp-backlog"] = strconv.Itoa(c.backlog)
				}
			})
			d := s.diagnose(2, 1)
			if got := confidenceOf(d, outage.BacklogOverflow); got != c.likely {
				t.Fatalf("%v, want %v:\n%s", got, c.likely, text(d))
			}
			if c.likely > 0 && (len(d.Findings[0].Culprits) != 2 || d.Findings[0].Culprits[1].Service != "cron" || !strings.Contains(text(d), "that decides")) {
				t.Errorf("want two hosts of cron blamed, and said what would decide:\n%s", text(d))
			}
			if c.likely > 0 {
				s.also(func(_ float64, shot *outage.Snapshot) { shot.Listen = &outage.Listen{Backlog: 4096} })
				if got := confidenceOf(s.diagnose(2, 1), outage.BacklogOverflow); got != 0 {
					t.Errorf("the kernel counted none, and still %v", got)
				}
			}
		})
	}
}
