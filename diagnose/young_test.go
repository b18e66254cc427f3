package diagnose_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"spillway/outage"
)

// What has only just come is not judged yet, or not alone.

// TestUndecidedSurge has new hosts that came so short ago that nobody can say whether the old ones go: a limit that is too
// low must not be named then, for it would be acted on.
func TestUndecidedSurge(t *testing.T) {
	for _, c := range []struct {
		came float64 // seconds ago
		sure bool
	}{{1.2, false}, {2.5, false}, {12, true}} {
		s := deploy(3, 12, now)
		for i := range s.conns {
			k := &s.conns[i]
			if k.c.Name == "shop" && k.born > 50 {
				k.born = now - c.came
			}
			if k.c.Name == "shop" && k.born < 50 {
				k.last = busy // not drained yet
			}
		}
		d := s.diagnose(3, 1)
		f, _ := d.Top()
		if f.Cause == outage.MaxclientsTooLow && f.Confidence >= 0.5 {
			t.Errorf("new hosts of %v s ago:\n%s", c.came, text(d))
		}
		if c.sure && f.Cause != outage.DeploySurge {
			t.Errorf("new hosts of %v s ago, and the old ones work as well:\n%s", c.came, text(d))
		}
	}
}

// TestNamelessSurgeBehindOneAddress has both generations behind one address and without names: that the old ones rest and the new
// ones work tells them apart.
func TestNamelessSurgeBehindOneAddress(t *testing.T) {
	for name, drained := range map[string]bool{"drained": true, "both at work": false, "drained, beside others of that library": true, "drained, beside too many": false} {
		s := deploy(3, 12, 90)
		others := map[bool]int{strings.HasSuffix(name, "library"): 6, strings.HasSuffix(name, "many"): 7}[true]
		for h := range 3 { // up to 18 beside the 78 at the one address
			for i := range others {
				s.add("", hostOf(8, h+1), 50+7*float64(i), busy).c.LibName = "jedis"
			}
		}
		fill(s)
		for i := range s.conns {
			if k := &s.conns[i]; k.c.Name == "shop" {
				k.c.Name, k.c.LibName = "", "jedis"
				k.c.Addr = fmt.Sprintf("10.0.9.9:%d", 30000+i)
				if k.born < 50 && drained {
					k.last = until(92)
				} else {
					k.last = busy
				}
			}
		}
		d := s.diagnose(3, 1)
		if got := confidenceOf(d, outage.DeploySurge) >= 0.5; got != drained {
			t.Errorf("%s: named %t:\n%s", name, got, text(d))
		}
	}
}

// TestStrangerOfTheSameName has a small program beside both generations that goes by their name and opens one now and then.
func TestStrangerOfTheSameName(t *testing.T) {
	for _, end := range []float64{90, now} { // of the old generation's work
		s := deploy(3, 12, end)
		s.limit += 4
		for i := range 4 {
			last := busy
			if i == 0 {
				last = once(60) // while the old generation works, the only one that rests
			}
			s.add("shop", "10.0.99.1", 60+9*float64(i), last)
		}
		if d := s.diagnose(3, 1); confidenceOf(d, outage.DeploySurge) < 0.5 {
			t.Errorf("old ones at work until %v: not seen:\n%s", end, text(d))
		}
	}
}

// TestSilentAreNoLeak has connections that never sent a command, opened one after another: none of them was used once.
func TestSilentAreNoLeak(t *testing.T) {
	s := &sim{refusing: 10}
	s.leak("scan", "10.0.1.1", now-5, now-1.2, 12)
	s.leak("scan", "10.0.1.2", now-5, now-1.2, 12)
	for i := range s.conns {
		s.conns[i].c.Cmd, s.conns[i].c.Name = "NULL", ""
	}
	s.lifo("web", "10.0.2.1", 10, 10)
	fill(s)
	d := s.diagnose(3, 1)
	if c := confidenceOf(d, outage.ConnectionLeak); c > 0 {
		t.Errorf("a leak, %v:\n%s", c, text(d))
	}
	f, _ := d.Top()
	if f.Cause != outage.SilentConnections {
		t.Fatalf("want silent-connections:\n%s", text(d))
	}
	// At a host of which nothing ever spoke, those that came a moment ago are named too; the remedy looks at them again.
	blamed := map[int64]bool{}
	for _, c := range f.Culprits {
		for _, id := range c.IDs {
			blamed[id] = true
		}
	}
	for _, c := range s.at(now).Clients {
		if (c.Cmd == "NULL") != blamed[c.ID] {
			t.Errorf("cmd=%s, idle for %d s: blamed %t", c.Cmd, c.Idle, blamed[c.ID])
		}
	}
	if strings.Contains(text(d), "did speak") {
		t.Errorf("nobody spoke:\n%s", text(d))
	}
}

// TestFirstWorkIsNoRest has a crowd that rests, and a service that came 4 s ago and whose first calls take longer: they look
// as idle, and closing them would break them.
func TestFirstWorkIsNoRest(t *testing.T) {
	for _, looks := range []int{1, 4} {
		s := idleCrowd()
		for h := range 3 {
			for i := range 10 {
				born := now - 4.2 + 0.02*float64(i)
				s.add("late", hostOf(30, h+1), born, once(born))
			}
		}
		fill(s)
		d := s.diagnose(looks, 1)
		for _, f := range d.Findings {
			for _, c := range f.Culprits {
				if f.Cause == outage.IdleNotReaped && c.Service == "late" {
					t.Errorf("%d looks: late is blamed:\n%s", looks, text(d))
				}
			}
		}
		if confidenceOf(d, outage.IdleNotReaped) == 0 {
			t.Errorf("%d looks: the crowd is not seen:\n%s", looks, text(d))
		}
	}
}

// TestOversizedBesideItsNamesake has warm pools that greeted with PING what they never used, beside busy hosts that go by the
// same name and have more connections than such a pool may have.
func TestOversizedBesideItsNamesake(t *testing.T) {
	for _, size := range []int{27, 20} { // of the busy ones
		s := &sim{refusing: 20}
		for h := range 4 {
			for i := range 20 {
				born := 60 + float64(i)/40
				last := once(born)
				if i == 0 {
					last = busy
				}
				s.add("app", hostOf(1, h+1), born, last).c.Cmd = map[bool]string{true: "get", false: "ping"}[i == 0]
			}
		}
		for h := range 3 {
			s.pool("app", hostOf(2, h+1), 92, size)
		}
		fill(s)
		d := s.diagnose(6, 1)
		if f, _ := d.Top(); size == 27 && (f.Cause != outage.OversizedPool || len(f.Culprits) != 4) {
			t.Errorf("busy hosts of %d: want the four hosts as oversized-pool:\n%s", size, text(d))
		}
	}
}

// TestOversizedBeforeItsNamesake has pools that are hardly used, and hosts of the same name with pools as large that came later and find no room. Had they
// been there from the start, or before the last of what rests was used, they might be those of a service that have more to do than the others.
func TestOversizedBeforeItsNamesake(t *testing.T) {
	for _, c := range []struct {
		began, last float64 // when the latecomers began, and when one of those that rest was used last
		late        bool
	}{{89, 89, false}, {96, 89, true}, {93.5, 89, true}, {93.5, 95.3, false}} {
		s := &sim{refusing: 20}
		for h := range 2 {
			for i := range 10 {
				born := 89 + float64(i)/40
				last := once(born)
				switch {
				case i == 0:
					last = busy
				case i == 1 && h == 0:
					last = once(max(born, c.last)) // at 95.3 for just as long as makes it rest
				}
				s.add("app", hostOf(1, h+1), born, last)
			}
		}
		s.pool("app", "10.0.2.1", 88, 3)
		s.pool("app", "10.0.2.2", c.began, 11)
		fill(s)
		d := s.diagnose(8, 1)
		if f, _ := d.Top(); (f.Cause == outage.OversizedPool) != c.late || c.late && len(f.Culprits) != 2 {
			t.Errorf("began at %v, and one rests from %v on: want the two hosts as oversized-pool: %t\n%s", c.began, c.last, c.late, text(d))
		}
	}
}

// TestOversizedBesideAFew has a pool that is hardly used, and hosts of the same name with next to nothing each, which rest or work. As many
// as are a tenth of the pool each are pools of their own.
func TestOversizedBesideAFew(t *testing.T) {
	for few, want := range map[int]bool{1: true, 4: true, 5: false} {
		s := &sim{refusing: 20}
		for i := range 40 {
			last := once(60)
			if i == 0 {
				last = busy
			}
			s.add("app", "10.0.1.1", 60, last)
		}
		for range few {
			s.add("app", "10.0.2.1", 58, once(58))
		}
		for h := range 3 {
			s.pool("web", hostOf(3, h+1), 92, 14)
		}
		fill(s)
		d := s.diagnose(6, 1)
		if f, _ := d.Top(); (f.Cause == outage.OversizedPool) != want || want && len(f.Culprits) != 1 {
			t.Errorf("beside %d: want oversized-pool of the one host: %t\n%s", few, want, text(d))
		}
	}
}

// TestSmallPoolBesideACrowd has a small pool whose lower half rests beside a crowd that fills the server: closing its
// connections would free next to nothing and break whoever uses them next.
func TestSmallPoolBesideACrowd(t *testing.T) {
	s := idleCrowd()
	for i := range 5 {
		last := once(40 + float64(i))
		if i == 0 {
			last = busy
		}
		s.add("small", "10.0.31.1", 40+float64(i), last)
	}
	fill(s)
	d := s.diagnose(3, 1)
	f, _ := d.Top()
	blamed := false
	for _, c := range f.Culprits {
		blamed = blamed || c.Service == "small"
	}
	if f.Cause != outage.IdleNotReaped || blamed {
		t.Errorf("want the crowd alone:\n%s", text(d))
	}
}

// TestLeakBesideAPool has a leak and a pool that nothing tells apart but that the pool is used again. The oldest of those
// used once may be what the pool opened at its peak; without a pool all of them leaked.
func TestLeakBesideAPool(t *testing.T) {
	for _, pool := range []int{0, 2, 6} {
		s := &sim{refusing: 10}
		s.leak("", "10.0.1.1", now-9, now-1, 10)
		if pool > 0 {
			s.pool("", "10.0.1.1", now-9, pool)
		}
		for i := range s.conns {
			s.conns[i].c.LibName = "jedis"
		}
		s.pool("web", "10.0.2.1", 10, 8)
		fill(s)
		d := s.diagnose(4, 1)
		f, _ := d.Top()
		if f.Cause != outage.ConnectionLeak || len(f.Culprits) != 1 {
			t.Fatalf("a pool of %d: want a leak:\n%s", pool, text(d))
		}
		against := map[int64]bool{}
		for _, id := range f.Culprits[0].IDs {
			against[id] = true
		}
		all, spared, oldest := 0, 0, int64(0)
		for _, c := range s.at(now).Clients {
			if c.LibName == "jedis" && c.Idle >= c.Age-1 && c.Idle >= 2 {
				all++
				if !against[c.ID] {
					spared++
				} else {
					oldest = max(oldest, c.Age)
				}
			}
		}
		if want := map[int]int{0: 0, 2: 0, 6: all / 8}[pool]; spared != want {
			t.Errorf("a pool of %d: %d of %d spared, want %d", pool, spared, all, want)
		}
		for _, c := range s.at(now).Clients {
			if c.LibName == "jedis" && c.Idle >= c.Age-1 && c.Idle >= 2 && !against[c.ID] && c.Age < oldest {
				t.Errorf("a pool of %d: one of %d s is spared, and one of %d s is not", pool, c.Age, oldest)
			}
		}
	}
}

// TestSilentBesideAPool has silent connections at an address where others work: as many of the oldest as work there may have
// been dialled ahead, but no more than an eighth.
func TestSilentBesideAPool(t *testing.T) {
	for _, works := range []int{0, 3, 30} {
		s := &sim{refusing: 10}
		for i := range 80 {
			s.add("", "10.0.1.1", now-9+0.05*float64(i), once(now-9+0.05*float64(i))).c.Cmd = "NULL"
		}
		if works > 0 {
			s.pool("", "10.0.1.1", now-9, works)
		}
		for i := range s.conns {
			if c := &s.conns[i].c; c.Cmd != "NULL" {
				c.LibName = "jedis"
			}
		}
		fill(s)
		d := s.diagnose(3, 1)
		f, _ := d.Top()
		if f.Cause != outage.SilentConnections || len(f.Culprits) != 1 {
			t.Fatalf("%d work: want silent-connections:\n%s", works, text(d))
		}
		if got, want := len(f.Culprits[0].IDs), 80-min(works, 10); got != want {
			t.Errorf("%d work: %d are meant, want %d", works, got, want)
		}
		oldest := map[int64]bool{}
		for i := range min(works, 10) {
			oldest[int64(10+i)] = true // ids go up from 10
		}
		for _, id := range f.Culprits[0].IDs {
			if oldest[id] {
				t.Errorf("%d work: %d, one of the oldest, is meant", works, id)
			}
		}
	}
}

// TestDialledAheadBesideACrowdElsewhere has a crowd at one host and, at another, a pool that dialled two ahead: they are not of the crowd.
func TestDialledAheadBesideACrowdElsewhere(t *testing.T) {
	for _, c := range []struct {
		ahead, works, crowd int
		named               bool
	}{
		{2, 1, 140, false},
		{10, 1, 140, false},
		{11, 1, 140, true},
		{11, 2, 140, false},
		{10, 1, 80, true}, // an eighth of the crowd
		{10, 1, 81, false},
		{2, 0, 140, true}, // nothing works there
		{1, 0, 140, false},
	} {
		s := &sim{refusing: 10}
		s.leak("scan", "10.0.1.1", now-20, now-20+float64(c.crowd)/10-0.05, 10)
		s.leak("", "10.0.3.1", now-30, now-30+float64(c.ahead)/10-0.05, 10)
		for i := range s.conns {
			s.conns[i].c.Cmd, s.conns[i].c.Name = "NULL", ""
		}
		s.pool("web", "10.0.3.1", 1, c.works)
		fill(s)
		f, _ := s.diagnose(3, 1).Top()
		if f.Cause != outage.SilentConnections {
			t.Fatalf("want silent-connections, got %q", f.Cause)
		}
		pool := slices.ContainsFunc(f.Culprits, func(c outage.Culprit) bool { return c.Addr == "10.0.3.1" })
		if pool != c.named {
			t.Errorf("%+v: named %t", c, pool)
		}
	}
}

// TestOversizedYoung has warm pools that are 7 s old: looks at which all of it had just been opened do not tell whether
// it is in use.
func TestOversizedYoung(t *testing.T) {
	s := &sim{refusing: 10}
	for i := range 3 {
		s.add("warm", hostOf(1, i+1), now-7, busy)
		for j := range 30 {
			s.add("warm", hostOf(1, i+1), now-7+float64(j)/100, once(now-7+float64(j)/100))
		}
		s.pool("late", hostOf(2, i+1), now-1.5, 12)
	}
	fill(s)
	d := s.diagnose(7, 1)
	if f, _ := d.Top(); f.Cause != outage.OversizedPool {
		t.Errorf("want oversized-pool:\n%s", text(d))
	}
}

// TestNeedsByRefusals has one host of each service, so that none tells what another lacks: what was refused does.
func TestNeedsByRefusals(t *testing.T) {
	filling := &sim{} // what was refused as it filled up says nothing once it is full and nobody is refused
	filling.pool("web", "10.0.1.1", now-30, 37)
	filling.pool("web", "10.0.1.1", now-1.9, 3)
	fill(filling)
	filling.also(func(at float64, shot *outage.Snapshot) {
		shot.Info["total_commands_processed"], shot.Info["rejected_connections"] = strconv.Itoa(int(100_000+60*(at-now))), "0"
		if at > now-1.5 {
			shot.Info["rejected_connections"] = "200"
		}
	})
	if f, _ := filling.diagnose(4, 1).Top(); f.Cause != outage.MaxclientsTooLow || f.Needed != 60 {
		t.Errorf("refused at first only: %s needs %d, want 60", f.Cause, f.Needed)
	}
	for refused, needed := range map[float64]int{0: 60, 2: 60, 20: 70, 60: 80, 1000: 110} { // to 60 commands a second, with 40 slots in use
		s := &sim{refusing: refused}
		s.pool("web", "10.0.1.1", now-30, 25)
		s.pool("api", "10.0.1.2", now-30, 15)
		fill(s)
		s.also(func(t float64, shot *outage.Snapshot) {
			shot.Info["total_commands_processed"] = strconv.Itoa(int(100_000 + 60*(t-now)))
		})
		for _, looks := range []int{2, 4} {
			f, _ := s.diagnose(looks, 1).Top()
			if f.Cause != outage.MaxclientsTooLow || f.Needed != needed {
				t.Errorf("%v a second refused: %s needs %d, want %d", refused, f.Cause, f.Needed, needed)
			}
			if told := strings.Contains(fmt.Sprint(f.Evidence), "clients try again"); told != (needed > 60) {
				t.Errorf("%v a second refused: told %t", refused, told)
			}
		}
	}
}

// TestNeedsBesideALargeNamesake has hosts of one name of which one is no measure for the others.
func TestNeedsBesideALargeNamesake(t *testing.T) {
	for large, needed := range map[int]int{79: 500, 80: 160} { // of 80 and four times 10: 120 at the peak; of 79 five times that
		s := &sim{refusing: 10}
		s.pool("app", "10.0.1.1", now-30, large)
		for i := range 4 {
			s.pool("app", hostOf(2, i+1), now-30, 10-i)
		}
		fill(s)
		f, _ := s.diagnose(4, 1).Top()
		if f.Cause != outage.MaxclientsTooLow || f.Needed != needed {
			t.Errorf("one of %d: %s needs %d, want %d", large, f.Cause, f.Needed, needed)
		}
		if said := strings.Contains(fmt.Sprint(f.Evidence), "80 at one and up to 10 at the others"); said != (large == 80) {
			t.Errorf("one of %d: %v", large, f.Evidence)
		}
	}
	for hosts, needed := range map[int]int{2: 210, 3: 130} { // of two, the smaller one may have been refused
		s := &sim{refusing: 10}
		s.pool("app", "10.0.1.1", now-30, 80)
		for i := range hosts - 1 {
			s.pool("app", hostOf(2, i+1), now-30, 10)
		}
		fill(s)
		if f, _ := s.diagnose(4, 1).Top(); f.Needed != needed {
			t.Errorf("%d hosts: %s needs %d, want %d", hosts, f.Cause, f.Needed, needed)
		}
	}
}

// TestStillWantsWhatItWanted has clients that were refused as the server filled up, and back off since: the fleet beside
// the idle crowd does not fit, whatever is refused later.
func TestStillWantsWhatItWanted(t *testing.T) {
	for atFirst, fits := range map[int]bool{10: true, 200: false} {
		s := &sim{}
		s.burst("reports", hostOf(5, 1), 40, 50, 60)
		s.pool("web", "10.0.2.1", now-2.1, 30)
		s.pool("api", "10.0.2.2", 10, 10)
		fill(s)
		s.also(func(at float64, shot *outage.Snapshot) {
			rejected, ran := 0, int(60*(at-now+100))
			if at > now-1.5 {
				rejected = atFirst
			}
			if at >= now {
				rejected++
			}
			shot.Info["rejected_connections"], shot.Info["total_commands_processed"] = strconv.Itoa(rejected), strconv.Itoa(ran)
		})
		d := s.diagnose(4, 1)
		if got := confidenceOf(d, outage.MaxclientsTooLow) < 0.5; got != fits {
			t.Errorf("%d refused at first: fits %t:\n%s", atFirst, got, text(d))
		}
	}
}
