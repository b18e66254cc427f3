package diagnose_test

import (
	"encoding/json"
	"strings"
	"testing"

	"spillway/diagnose"
	"spillway/outage"
)

// busyFleet fills 70 of 100 slots; one connection of each pool rests now and then.
func busyFleet() *sim {
	s := &sim{limit: 100}
	for i := range 10 {
		host := hostOf(1, i+1)
		s.pool("api", host, 20+float64(i), 6)
		s.add("api", host, 21+float64(i), every(2.5, 0.2*float64(i)))
	}
	return s
}

// TestHealthy has what must raise nothing: the controls of the rules.
func TestHealthy(t *testing.T) {
	noisy := noise(busyFleet())
	noisy.limit = 150
	lifos := &sim{limit: 200}
	for i := range 4 {
		lifos.lifo("web", hostOf(2, i+1), 10, 10)
	}
	ramp := &sim{limit: 200} // a rollout: pools come up one after another, and rest in part
	for i := range 8 {
		ramp.lifo("web", hostOf(2, i+1), 86+1.5*float64(i), 8)
	}
	churn := &sim{limit: 100} // a connection per request, closed
	for i := range 400 {
		born := 80 + float64(i)/20
		churn.add("cron", "10.0.1.1", born, once(born)).died = born + 0.9
	}
	probe := &sim{limit: 100} // idle between its rounds
	probe.pool("web", "10.0.2.1", 10, 10)
	probe.conns[0].last = every(1.7, 0)
	probe.add("exporter", "10.0.9.9", 5, every(15, 0))
	idle := idleCrowd()
	idle.limit, idle.refusing = 400, 0
	old := busyFleet() // refused once, long ago
	old.extra = func(_ float64, s *outage.Snapshot) { s.Info["rejected_connections"] = "5000" }
	clampedEarly := withLog(clamped(), clampLog)
	clampedEarly.conns, clampedEarly.refusing = clampedEarly.conns[:40], 0
	clampedEarly.conns[0].last = every(2.5, 0)

	for name, s := range map[string]*sim{
		"busy at 70 %": busyFleet(), "busy in noise": noisy, "LIFO pools at 20 %": lifos, "rollout": ramp, "churn": churn,
		"exporter": probe, "idle crowd with room": idle, "old refusals": old, "clamped with room": clampedEarly,
		"noise alone": noise(&sim{limit: 100}), "empty": {limit: 100},
	} {
		t.Run(name, func(t *testing.T) {
			for _, every := range []float64{1, 2} {
				for _, n := range []int{2, 4, 8} {
					if d := s.diagnose(n, every); len(d.Findings) > 0 || len(d.Unsure) > 0 && name != "empty" {
						t.Errorf("%d looks, %v s apart:\n%s", n, every, text(d))
					}
				}
			}
		})
	}
}

// TestControls turns one sign of a finding round; the cause must go, or give way to another.
func TestControls(t *testing.T) {
	notNamed := func(t *testing.T, s *sim, n int, every float64, cause outage.Cause) {
		t.Helper()
		d := s.diagnose(n, every)
		for _, f := range d.Findings {
			if f.Cause == cause {
				t.Errorf("%s is named:\n%s", cause, text(d))
			}
		}
	}
	t.Run("hosts that answer are not half open", func(t *testing.T) {
		notNamed(t, halfOpen(answers), 2, 2, outage.HalfOpenPeers)
	})
	t.Run("a burst that is over is not half open", func(t *testing.T) {
		notNamed(t, idleCrowd(), 2, 2, outage.HalfOpenPeers)
	})
	t.Run("knocks that nobody answers say nothing", func(t *testing.T) {
		s := idleCrowd()
		s.extra = func(_ float64, shot *outage.Snapshot) {
			for _, h := range []string{"10.0.5.1", "10.0.5.2", "10.0.2.2"} {
				shot.Peers = append(shot.Peers, outage.Peer{Host: h})
			}
		}
		notNamed(t, s, 2, 2, outage.HalfOpenPeers)
	})
	t.Run("pools that were filled at once and used once do not leak", func(t *testing.T) {
		s := &sim{refusing: 5}
		for i := range 5 {
			s.burst("batch", hostOf(5, i+1), 70+4*float64(i), 0, 20)
		}
		fill(s)
		notNamed(t, s, 3, 2, outage.ConnectionLeak)
	})
	t.Run("subscribers and blocked workers do not leak", func(t *testing.T) {
		s := full(noise(&sim{refusing: 5}))
		notNamed(t, s, 3, 2, outage.ConnectionLeak)
		notNamed(t, s, 3, 2, outage.IdleNotReaped)
	})
	t.Run("half in use is not idle", func(t *testing.T) {
		s := &sim{refusing: 5}
		for i := range 5 {
			s.lifo("web", hostOf(2, i+1), 10, 10)
		}
		fill(s)
		notNamed(t, s, 3, 2, outage.IdleNotReaped)
		notNamed(t, s, 3, 2, outage.ConnectionLeak)
	})
	t.Run("a timeout of five seconds reaps by itself", func(t *testing.T) {
		s := idleCrowd()
		s.config = map[string]string{"timeout": "7"}
		d := s.diagnose(2, 2)
		if f, ok := d.Top(); ok && f.Confidence >= 0.5 {
			t.Errorf("%s", text(d))
		}
	})
	t.Run("a pool with one connection at rest is not pinned", func(t *testing.T) {
		s := pinnedPool().late()
		notNamed(t, s, 8, 1, outage.NotAtLimit) // too few looks
		if confidenceOf(s.diagnose(10, 1), outage.NotAtLimit) == 0 {
			t.Error("it is, where none rests")
		}
		s.conns[0].last = every(2.2, 0)
		notNamed(t, s, 10, 1, outage.NotAtLimit)
	})
	t.Run("pools of all sizes are not pinned", func(t *testing.T) {
		s := &sim{limit: 100}
		for i := range 3 {
			s.pool("api", hostOf(1, i+1), 40, 3+i)
		}
		s.late()
		if f, ok := s.diagnose(10, 1).Top(); ok && f.Confidence >= 0.5 {
			t.Errorf("%s", f.Summary)
		}
	})
	t.Run("two looks do not show a pinned pool", func(t *testing.T) {
		notNamed(t, pinnedPool(), 2, 4, outage.NotAtLimit)
	})
	t.Run("a leak is not a small limit", func(t *testing.T) {
		notNamed(t, leaky("api"), 3, 2, outage.MaxclientsTooLow)
		notNamed(t, finished(), 3, 2, outage.MaxclientsTooLow)
	})
}

func TestHalfOpenSubscribers(t *testing.T) {
	s := halfOpen(noAnswer)
	for i := range 3 {
		c := s.add("api", hostOf(6, 1), 60+float64(i), busy)
		c.c.Flags, c.c.Sub = "P", 1
	}
	fill(s)
	peers := s.extra
	s.extra = func(at float64, shot *outage.Snapshot) {
		peers(at, shot)
		for _, c := range shot.Clients {
			if c.Subscribed() {
				shot.Sockets = append(shot.Sockets, outage.Socket{Peer: c.Addr, SendQueue: 4000, Retransmits: 4})
			}
		}
	}
	d := s.diagnose(2, 2)
	f, _ := d.Top()
	n := 0
	for _, c := range f.Culprits {
		n += len(c.IDs)
	}
	if f.Cause != outage.HalfOpenPeers || n != 63 {
		t.Errorf("%s with %d connections, want half-open-peers with 60 and the 3 subscribers\n%s", f.Cause, n, text(d))
	}
	checkVictims(t, s.at(now), d)
}

func TestUnsure(t *testing.T) {
	blind := busyFleet()
	blind.extra = func(_ float64, s *outage.Snapshot) {
		s.Clients, s.Missing = nil, []outage.Missing{{What: "CLIENT LIST", Why: "NOPERM"}}
	}
	storm := busyFleet()
	storm.refusing = 5
	nolimit := busyFleet()
	nolimit.extra = func(_ float64, s *outage.Snapshot) { delete(s.Info, "maxclients"); s.Config = nil }
	tests := []struct {
		name string
		d    outage.Diagnosis
		want string
	}{
		{"nothing", diagnose.Diagnose(), "no snapshot"},
		{"one", busyFleet().diagnose(1, 0), "second snapshot"},
		{"blind", blind.diagnose(2, 2), "CLIENT LIST could not be read (NOPERM)"},
		{"refusals with room", storm.diagnose(2, 2), "refusals grew by"},
		{"no limit", nolimit.diagnose(2, 2), "maxclients"},
	}
	for _, tt := range tests {
		if len(tt.d.Findings) > 0 || !strings.Contains(strings.Join(tt.d.Unsure, "\n"), tt.want) {
			t.Errorf("%s: want %q in\n%s", tt.name, tt.want, text(tt.d))
		}
		if out, _ := json.Marshal(tt.d); !strings.Contains(string(out), `"findings":[]`) {
			t.Errorf("%s: findings are not an empty list: %s", tt.name, out)
		}
	}
}

// TestRestart has the growth of one server before another's.
func TestRestart(t *testing.T) {
	s := early()
	shots := s.looks(6, 1)
	for i := range shots {
		shots[i].Info["run_id"] = "old"
	}
	shots[5].Info["run_id"] = "new"
	if d := diagnose.Diagnose(shots...); len(d.Findings) > 0 || len(d.Unsure) == 0 {
		t.Errorf("growth across a restart:\n%s", text(d))
	}
}

// TestDumps has no clock of ours: the server's own tells how far the snapshots are apart.
func TestDumps(t *testing.T) {
	shots := early().looks(2, 5)
	for i := range shots {
		shots[i].Info["server_time_usec"] = []string{"1795000000000000", "1795000005000000"}[i]
		shots[i].At = 0
	}
	shots[0], shots[1] = shots[1], shots[0]
	d := diagnose.Diagnose(shots...)
	if f, ok := d.Top(); !ok || f.Cause != outage.ConnectionLeak || f.Growth < 8 || f.Growth > 12 {
		t.Errorf("want the leak with 10 a second:\n%s", text(d))
	}
}
