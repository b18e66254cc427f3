package diagnose_test

import (
	"fmt"
	"testing"

	"spillway/diagnose"
	"spillway/outage"
)

// Outages that were taken for others: a crowd that rests is no leak, no old generation and no vanished host, and it may be
// small.

// minor has a crowd of less than half of the slots, under a name, beside pools in use. With demand 1, as many connections
// are refused as commands are run, and with less there is less to be had that is not there. The pools were opened at begin.
func minor(name string, last func(born float64) func(float64) float64, demand, begin float64) *sim {
	s := &sim{refusing: 60 * demand}
	for h := range 2 {
		for i := range 11 {
			born := 60 + 0.1*float64(i)
			s.add(name, hostOf(5, h+1), born, last(born))
		}
		s.probe(name, hostOf(5, h+1))
	}
	for h := range 4 {
		s.pool("web", hostOf(2, h+1), begin+0.1*float64(h), 10-h)
	}
	fill(s)
	return s.counters(5, 60, 0.1, 0)
}

// TestMinorCrowd has a crowd of a third of the slots beside a fleet that would not fit without it, and one that would.
func TestMinorCrowd(t *testing.T) {
	for _, name := range []string{"report", "web"} { // the name may be the same
		for _, n := range []int{2, 4} {
			d := minor(name, once, 1, 85).diagnose(n, 1)
			if len(d.Findings) != 2 || d.Findings[0].Cause != outage.IdleNotReaped || d.Findings[1].Cause != outage.MaxclientsTooLow ||
				d.Findings[1].Confidence < 0.5 || d.Findings[1].Needed <= d.MaxClients {
				t.Errorf("%s, %d looks: want both:\n%s", name, n, text(d))
				continue
			}
			if f := d.Findings[0]; len(f.Culprits) != 2 || len(f.Culprits[0].IDs) != 11 {
				t.Errorf("%s: the two hosts of the crowd are to blame:\n%s", name, text(d))
			}
			d = minor(name, once, 0.2, 85).diagnose(n, 1)
			if c := confidenceOf(d, outage.IdleNotReaped); c < 0.5 || confidenceOf(d, outage.MaxclientsTooLow) >= 0.5 {
				t.Errorf("%s, %d looks: the fleet fits without the crowd:\n%s", name, n, text(d))
			}
		}
	}
	used := minor("report", func(float64) func(float64) float64 { return until(85) }, 1, 85)
	if d := used.diagnose(4, 1); confidenceOf(d, outage.IdleNotReaped) > 0 {
		t.Errorf("pools that were at work a while ago hold a third:\n%s", text(d))
	}
	early := minor("report", once, 1, 98.4) // the pools were opened two seconds ago, and nobody has seen yet that they go on
	if d := early.diagnose(2, 1); confidenceOf(d, outage.MaxclientsTooLow) < 0.5 || confidenceOf(d, outage.MaxclientsTooLow) > 0.6 {
		t.Errorf("the second look at the full server shows both:\n%s", text(d))
	}
	content := minor("report", once, 0, 85)
	if d := content.diagnose(4, 1); confidenceOf(d, outage.IdleNotReaped) > 0 {
		t.Errorf("nobody is refused:\n%s", text(d))
	}
}

// TestRealMinorCrowd has two looks at a full server, which is when a responder acts: both troubles are named by then.
func TestRealMinorCrowd(t *testing.T) {
	d := diagnose.Diagnose(load(t, "idle-beside-small-limit")...)
	if len(d.Findings) != 2 || d.Findings[0].Cause != outage.IdleNotReaped || d.Findings[1].Cause != outage.MaxclientsTooLow ||
		d.Findings[0].Confidence < 0.5 || d.Findings[1].Confidence < 0.5 || len(d.Findings[0].Culprits) != 5 {
		t.Errorf("want both, and five hosts of the crowd:\n%s", text(d))
	}
}

// stopped has connections that were opened one after another, and a service that comes much later and fills the server.
func stopped(to float64) *sim {
	s := &sim{refusing: 10}
	s.leak("batch", "10.0.5.1", 80, to, 8)
	s.pool("web", "10.0.2.1", 97, 20)
	s.pool("web", "10.0.2.2", 97.2, 10)
	fill(s)
	return s
}

// TestLeakGoesOnWhileSlotsAreFree tells a leak that fills the server from a crowd that opened what it wanted.
func TestLeakGoesOnWhileSlotsAreFree(t *testing.T) {
	for _, n := range []int{3, 6} {
		if d := stopped(86).diagnose(n, 2); confidenceOf(d, outage.ConnectionLeak) > 0 || confidenceOf(d, outage.IdleNotReaped) < 0.5 {
			t.Errorf("%d looks: it left slots free for ten seconds:\n%s", n, text(d))
		}
		if f, _ := stopped(96.8).diagnose(n, 2).Top(); f.Cause != outage.ConnectionLeak {
			t.Errorf("%d looks: it went on until the server was full: %s", n, f.Cause)
		}
	}
}

// TestLeakMissedWhatOthersTook has two looks far apart: between them others opened half of what is there.
func TestLeakMissedWhatOthersTook(t *testing.T) {
	d := stopped(84).diagnose(2, 18)
	if f, _ := d.Top(); f.Cause != outage.IdleNotReaped || f.Confidence < 0.5 || confidenceOf(d, outage.ConnectionLeak) > 0 {
		t.Errorf("it opened nothing while others did:\n%s", text(d))
	}
}

// TestNoGenerationThatNeverWorked has a crowd under the name of a service whose hosts come later.
func TestNoGenerationThatNeverWorked(t *testing.T) {
	for name, last := range map[string]func(float64) func(float64) float64{
		"never used": once, "drained": func(float64) func(float64) float64 { return until(90) },
	} {
		s := &sim{refusing: 10}
		for h := range 3 {
			for i := range 20 {
				born := 60 + 0.05*float64(i)
				s.add("app", hostOf(5, h+1), born, last(born))
			}
			s.probe("app", hostOf(5, h+1))
			s.pool("app", hostOf(6, h+1), 97, 18-h)
		}
		fill(s)
		f, _ := s.diagnose(4, 1).Top()
		if want := map[string]outage.Cause{"never used": outage.IdleNotReaped, "drained": outage.DeploySurge}[name]; f.Cause != want {
			t.Errorf("%s: %s, want %s", name, f.Cause, want)
		}
	}
}

// TestSurgeBehindOneAddress has both generations behind a NAT, with names that tell the instances apart or do not.
func TestSurgeBehindOneAddress(t *testing.T) {
	for _, apart := range []bool{true, false} {
		s := &sim{refusing: 10}
		for i := range 8 {
			name, born, size := "shop", 80.0, 10
			if apart {
				name = fmt.Sprintf("shop-%d", i+1)
			}
			if i >= 4 {
				born, size = 97, 6
			}
			s.pool(name, "10.0.21.1", born+0.1*float64(i), size)
			s.add(name, "10.0.21.1", born, every(0.5, 0)).c.Cmd = "ping"
		}
		fill(s)
		d := s.diagnose(4, 1)
		c := confidenceOf(d, outage.DeploySurge)
		if apart && (c < 0.5 || c > 0.6 || len(d.Findings) != 1 || len(d.Findings[0].Culprits) != 1) {
			t.Errorf("want a deploy, not too surely, by one address:\n%s", text(d))
		}
		if !apart && c > 0 {
			t.Errorf("nothing tells the instances apart, and a pool that grew looks the same:\n%s", text(d))
		}
	}
}

// nameless has three hosts that stop at 90, and as many as came that begin at 95, all told by their library only.
func nameless(came int, old, young string) *sim {
	s := &sim{refusing: 10}
	for h := range 3 {
		for i := range 12 {
			s.add("", hostOf(6, h+1), 60+0.05*float64(i), until(90.1)).c.LibName = old
		}
		s.add("", hostOf(6, h+1), 60, until(90.1)).c.Cmd = "ping" // its probe, without a library
	}
	for h := range came {
		from := len(s.conns)
		s.pool("", hostOf(7, h+1), 95, 6)
		s.marked(from, library(young))
	}
	s.pool("web", "10.0.2.1", 10, 8)
	fill(s)
	return s
}

// TestNamelessHostsThatVanished are told by what stopped at once and what came after that, and by nothing less.
func TestNamelessHostsThatVanished(t *testing.T) {
	for _, n := range []int{2, 4} {
		d := nameless(3, "jedis", "jedis").diagnose(n, 1)
		if f, _ := d.Top(); f.Cause != outage.HalfOpenPeers || f.Confidence < 0.5 || f.Confidence > 0.75 || len(f.Culprits) != 3 || len(d.Unsure) == 0 {
			t.Errorf("want half-open-peers at three hosts, and a doubt:\n%s", text(d))
		} else if f.Culprits[0].By != "lib-name" { // those that are meant are no others at the address
			t.Errorf("told by %s, want the library: %s", f.Culprits[0].By, f.Culprits[0].Why)
		}
	}
	probed := nameless(3, "jedis", "jedis")
	for h := range 3 {
		probed.probe("", hostOf(6, h+1))
	}
	staggered := nameless(3, "jedis", "jedis")
	for i := range staggered.conns {
		if c := &staggered.conns[i]; i%3 == 0 && c.born == 60+0.05*float64(i%13) && c.c.Cmd != "ping" {
			c.last = until(84)
		}
	}
	for name, s := range map[string]*sim{
		"fewer came": nameless(2, "jedis", "jedis"), "others came": nameless(3, "jedis", "redis-py"),
		"the hosts are awake": probed, "they stopped one after another": staggered,
	} {
		if d := s.diagnose(4, 1); confidenceOf(d, outage.HalfOpenPeers) > 0 {
			t.Errorf("%s:\n%s", name, text(d))
		}
	}
}

// TestVanishedSoon has hosts whose pools had just been opened when they vanished: only a probe had been used until then.
func TestVanishedSoon(t *testing.T) {
	s := &sim{refusing: 10}
	for h := range 2 {
		for i := range 15 {
			s.add("api", hostOf(6, h+1), 88+0.05*float64(i), until(88.9))
		}
		s.add("api", hostOf(6, h+1), 85, until(90)).c.Cmd = "ping"
		s.pool("api", hostOf(7, h+1), 95, 10)
	}
	s.pool("web", "10.0.2.1", 10, 8)
	fill(s)
	if f, _ := s.diagnose(2, 2).Top(); f.Cause != outage.HalfOpenPeers || f.Confidence < 0.5 {
		t.Errorf("want half-open-peers:\n%s", text(s.diagnose(2, 2)))
	}
}

// TestOversizedJustBelowHalf has pools that hold a little less than half, since others came in before it was full.
func TestOversizedJustBelowHalf(t *testing.T) {
	s := oversized("shop", 3, 20, 3)
	for h := range 4 {
		s.pool("api", hostOf(14, h+1), 90, 14)
	}
	fill(s)
	if f, _ := s.diagnose(4, 2).Top(); f.Cause != outage.OversizedPool {
		t.Errorf("want oversized-pool:\n%s", text(s.diagnose(4, 2)))
	}
}

// TestPoolsThatFillAgain has hosts that take the place of others that vanished. Their connections, each held for seconds and so
// used once yet, come one after another: a pool as large as the one that is gone does that, and a larger one is a leak.
func TestPoolsThatFillAgain(t *testing.T) {
	again := func(service string, begin, rate float64) *sim {
		s := &sim{refusing: 5, extra: noAnswer}
		for i := range 3 {
			s.burst("api", hostOf(6, i+1), 60, 90+0.3*float64(i), 20)
			s.add("api", hostOf(7, i+1), begin, busy)
			s.leak(service, hostOf(7, i+1), begin, now-0.2, rate)
		}
		s.pool("web", "10.0.2.1", 10, 10)
		fill(s)
		return s
	}
	for name, c := range map[string]struct {
		s    *sim
		leak bool
	}{
		"as many as before":            {again("api", 95.2, 3.5), false},
		"more than before":             {again("api", 95.2, 4), true},
		"there before the others went": {again("api", 86, 1.2), true},
		"of another service":           {again("shop", 95.2, 3.5), true},
	} {
		d := c.s.diagnose(4, 1)
		if f, _ := d.Top(); (confidenceOf(d, outage.ConnectionLeak) > 0) != c.leak || !c.leak && f.Cause != outage.HalfOpenPeers {
			t.Errorf("%s: want a leak %v, and the hosts that vanished:\n%s", name, c.leak, text(d))
		}
	}
}
