package diagnose_test

import (
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spillway/outage"
)

// opened is a crowd that opened 480 connections at 8 hosts within 4 s and rests since, beside a pool, on a server with free
// slots more. Latecomers take them from an instant on, and further ones are refused.
func opened(free int, lateFrom float64) *sim {
	s := &sim{}
	for h := range 8 {
		s.leak("reports", hostOf(5, h+1), 70, 74, 15)
	}
	s.pool("web", "10.0.2.1", 10, 10)
	fill(s)
	s.limit += free
	for range free {
		if lateFrom > 0 {
			s.add("batch", "10.0.3.1", lateFrom, busy)
		}
	}
	return s.refusingFrom(lateFrom)
}

// refusingFrom has the server refuse 20 a second from an instant on; 0 is never.
func (s *sim) refusingFrom(t float64) *sim {
	s.extra = func(at float64, shot *outage.Snapshot) {
		n := 0
		if t > 0 {
			n = int(20 * max(0, at-t))
		}
		shot.Info["rejected_connections"] = strconv.Itoa(500 + n)
	}
	return s
}

// TestACrowdThatOpenedFast has a server that is nearly full of connections that came within seconds, one after another, as
// a leak's do. Slots stay free for half a minute, and it takes none: it has stopped by itself, so that it rests and does not leak.
func TestACrowdThatOpenedFast(t *testing.T) {
	rests := []shown{{outage.IdleNotReaped, []string{
		"reports@10.0.5.1", "reports@10.0.5.2", "reports@10.0.5.3", "reports@10.0.5.4",
		"reports@10.0.5.5", "reports@10.0.5.6", "reports@10.0.5.7", "reports@10.0.5.8",
	}}}
	for name, s := range map[string]*sim{
		"with room": opened(20, 0), "with just enough": opened(8, 0), "nobody waits": waiting(opened(20, 0), 0), "refused at last": opened(20, 98), "refused for long": opened(20, 90),
	} {
		for _, n := range []int{16, 25} {
			if diff := cmp.Diff(rests, show(s.diagnose(n, 1))); diff != "" {
				t.Errorf("%s, %d looks (-want +got):\n%s", name, n, diff)
			}
		}
	}
	goesOn := leaky("api")
	goesOn.limit += 15
	for name, s := range map[string]*sim{
		"goes on":        goesOn.refusingFrom(0),
		"no slot for it": opened(7, 0), "refused all the time": opened(20, 0).refusingFrom(1),
		"refused just after": opened(20, 76), "not let in": waiting(opened(20, 0), 1),
	} {
		f, ok := s.diagnose(25, 1).Top()
		if !ok || f.Cause != outage.ConnectionLeak {
			t.Errorf("%s: %s, want a leak, as nothing shows that it stopped by itself", name, f.Cause)
		}
	}
}

// waiting has so many connections wait to be accepted at each look.
func waiting(s *sim, n int) *sim {
	inner := s.extra
	s.extra = func(t float64, shot *outage.Snapshot) {
		inner(t, shot)
		shot.Listen = &outage.Listen{Queue: n, Backlog: 511}
	}
	return s
}
