package diagnose_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spillway/outage"
)

func TestCrowds(t *testing.T) {
	for cause, o := range crowds() {
		want := []shown{{cause, o.want}}
		for _, every := range []float64{1, 2} {
			for _, n := range []int{2, 3, 6} {
				t.Run(fmt.Sprintf("%s %d looks %v", cause, n, every), func(t *testing.T) {
					d := o.sim.diagnose(n, every)
					if diff := cmp.Diff(want, show(d)); diff != "" {
						t.Fatalf("findings (-want +got):\n%s\n%s", diff, text(d))
					}
					if c := d.Findings[0].Confidence; c < 0.8 {
						t.Errorf("confidence %v:\n%s", c, text(d))
					}
					checkVictims(t, o.sim.at(now), d)
				})
			}
		}
	}
}

func TestCrowdsOnce(t *testing.T) {
	for cause, o := range crowds() {
		d := o.sim.diagnose(1, 0)
		f, ok := d.Top()
		if cause == outage.ReconnectStorm {
			if ok && f.Cause == cause {
				t.Errorf("%s is told by one snapshot:\n%s", cause, text(d))
			}
			continue
		}
		if f.Cause != cause || f.Confidence > 0.5 || len(d.Unsure) == 0 {
			t.Errorf("want %s, not surely:\n%s", cause, text(d))
		}
	}
}

// TestCrowdsWithRoom has the same crowds on a server with room: nothing is wrong.
func TestCrowdsWithRoom(t *testing.T) {
	for cause, o := range crowds() {
		o.sim.limit = o.sim.limit * 3 / 2
		o.sim.refusing = 0
		for _, n := range []int{1, 2, 6} {
			if d := o.sim.diagnose(n, 1); len(d.Findings) > 0 {
				t.Errorf("%s: %d looks:\n%s", cause, n, text(d))
			}
		}
	}
}

func isCrowd(c outage.Cause) bool { _, ok := crowds()[c]; return ok }

// TestCrowdsLookAlikes has the other causes and what is healthy at the limit: none of the crowds may be named.
func TestCrowdsLookAlikes(t *testing.T) {
	backOff := counting(fleet(3, 8), 0) // refusals grow, and what is accepted stays
	cycling := counting(leaky("api"), 200)
	prepared := &sim{refusing: 5} // pools that dial ahead: as many again as they use
	for i := range 4 {
		prepared.pool("web", hostOf(2, i+1), 20, 10)
		for range 10 {
			prepared.add("", hostOf(2, i+1), 20, once(20)).c.Cmd = "NULL"
		}
	}
	jobs := fleet(6, 8) // beside a full fleet, one that connects for each of its requests
	for i := range 400 {
		born := 80 + float64(i)/20
		jobs.add("cron", "10.0.14.1", born, once(born)).died = born + 0.3
	}
	lifo := &sim{refusing: 5}
	for i := range 5 {
		lifo.lifo("web", hostOf(2, i+1), 10, 10)
	}
	stale := crowd("scan", 3, 15, mute) // the same, but all of them have just come
	for i := range stale.conns {
		if c := &stale.conns[i]; c.c.Cmd == "NULL" {
			c.born, c.last = 98, once(98)
		}
	}
	small := crowd("feed", 1, 15, listens)
	for i := range 3 {
		small.pool("web", hostOf(2, i+2), 10, 8)
	}
	waiting := crowd("worker", 1, 15, blocks)
	for i := range 3 {
		waiting.pool("web", hostOf(2, i+2), 10, 8)
	}
	mixed := crowd("job", 3, 15, func(c *simConn, i int) { // now and then one of a service's pool waits
		c.last = busy
		if i%3 == 0 {
			blocks(c, i)
		}
	})
	for name, s := range map[string]*sim{
		"leak": leaky("api"), "leak in noise": full(noise(leaky("api"))), "unnamed leak": leaky(""), "finished leak": finished(),
		"fleet": fleet(3, 8), "clamp": clamped(), "idle": idleCrowd(), "idle in noise": full(noise(idleCrowd())),
		"half open": halfOpen(noAnswer), "half open, replaced": halfOpen(nil), "back-off": backOff, "a connection per request": counting(full(jobs), 20), "leak and churn": cycling,
		"dialled ahead": full(prepared), "LIFO": full(lifo), "just come": stale, "some subscribers": full(small),
		"some workers": full(waiting), "now and then": mixed,
		"pools in use": oversized("shop", 3, 20, 20), "pools half in use": oversized("shop", 3, 20, 11), "pools at rest": oversized("shop", 3, 20, 0),
	} {
		for _, every := range []float64{1, 2} {
			for _, n := range []int{1, 2, 4, 6} {
				for _, f := range s.diagnose(n, every).Findings {
					if isCrowd(f.Cause) {
						t.Errorf("%s, %d looks: %s with %v", name, n, f.Cause, f.Confidence)
					}
				}
			}
		}
	}
}

// TestCrowdsTurned takes from each crowd the sign by which it is known, one at a time.
func TestCrowdsTurned(t *testing.T) {
	uncounted := storm("api", 3, 15)
	uncounted.extra = nil
	slow := counting(storm("api", 3, 15), 10)
	content := storm("api", 3, 15)
	content.refusing = 0
	lasting := storm("api", 3, 15)
	for i := range lasting.conns {
		if c := &lasting.conns[i]; c.died > 0 {
			c.died = 0
			c.born = min(c.born, 95)
		}
	}
	fill(lasting)
	unrefused := oversized("shop", 3, 20, 3)
	unrefused.refusing = 0
	growing := oversized("shop", 3, 20, 3)
	for i := range growing.conns {
		if i%5 == 4 {
			growing.conns[i].born = 98.5 + 0.01*float64(i)
		}
	}
	unequal := oversized("shop", 1, 30, 3)
	for i := range 4 {
		unequal.burst("shop", hostOf(13, i+2), 20, 30, 5+i)
	}
	ahead := &sim{refusing: 5} // a large pool that dials ahead and works a little
	for i := range 4 {
		ahead.pool("web", hostOf(2, i+1), 20, 2)
		for range 18 {
			ahead.add("", hostOf(2, i+1), 20, once(20)).c.Cmd = "NULL"
		}
	}
	for name, tt := range map[string]struct {
		sim *sim
		not outage.Cause
	}{
		"a pool that dials ahead": {full(ahead), outage.SilentConnections},
		"accepted is not counted": {uncounted, outage.ReconnectStorm},
		"few are accepted":        {slow, outage.ReconnectStorm},
		"nobody is refused":       {content, outage.ReconnectStorm},
		"they stay":               {lasting, outage.ReconnectStorm},
		"no refusals":             {unrefused, outage.OversizedPool},
		"it grows":                {growing, outage.OversizedPool},
		"unequal":                 {full(unequal), outage.OversizedPool},
	} {
		d := tt.sim.diagnose(3, 1)
		for _, f := range d.Findings {
			if f.Cause == tt.not {
				t.Errorf("%s:\n%s", name, text(d))
			}
		}
	}
}

// TestStormBetweenLooks has a storm that fills the server only between the looks.
func TestStormBetweenLooks(t *testing.T) {
	s := storm("api", 3, 15)
	taken := s.limit
	s.limit = taken * 16 / 10
	d := s.diagnose(3, 1)
	if f, _ := d.Top(); f.Cause != outage.ReconnectStorm || len(d.Unsure) > 0 {
		t.Errorf("%d of %d slots:\n%s", taken, s.limit, text(d))
	}
	s.limit = taken * 22 / 10
	if d := s.diagnose(3, 1); len(d.Findings) > 0 || len(d.Unsure) == 0 {
		t.Errorf("%d of %d slots:\n%s", taken, s.limit, text(d))
	}
}

// TestStormOfPings has clients that send one PING on each connection and hold it for a second, seen by looks of half a
// minute, of which the storm has the last ten seconds.
func TestStormOfPings(t *testing.T) {
	s := &sim{}
	for h := range 3 {
		for i := range 20 {
			for born := 90 + float64(i)/20; born < now; born++ {
				c := s.add("api", hostOf(12, h+1), born, once(born))
				c.died, c.c.Cmd = born+1, "ping"
			}
		}
		s.probe("api", hostOf(12, h+1))
	}
	s.pool("web", "10.0.2.1", 10, 10)
	fill(s)
	s.extra = func(t float64, shot *outage.Snapshot) {
		shot.Info["total_connections_received"] = strconv.Itoa(int(60 * max(0, t-90)))
		shot.Info["rejected_connections"] = strconv.Itoa(int(20 * max(0, t-90)))
	}
	for _, every := range []float64{0.5, 1, 2} {
		d := s.diagnose(15, every)
		if f, _ := d.Top(); f.Cause != outage.ReconnectStorm || f.Confidence < 0.8 || len(d.Findings) != 1 {
			t.Errorf("looks %v s apart:\n%s", every, text(d))
		}
	}
}

// TestRefill has a full server whose leaked connections were closed between two looks, and pools that take the slots.
func TestRefill(t *testing.T) {
	s := &sim{}
	for i := range 60 {
		s.add("api", hostOf(1, 1+i%2), 50+0.5*float64(i), once(50+0.5*float64(i))).died = 99
	}
	for h := range 4 {
		for i := range 12 {
			s.add("shop", hostOf(3, h+1), 99.1+0.02*float64(i), busy)
		}
	}
	s.pool("web", "10.0.2.1", 10, 8)
	s.limit = 68
	s.extra = func(at float64, shot *outage.Snapshot) {
		came, refused := 1000, 500
		if at > 99 {
			came, refused = 1048, 560
		}
		shot.Info["total_connections_received"], shot.Info["rejected_connections"] = strconv.Itoa(came), strconv.Itoa(refused)
	}
	for _, n := range []int{2, 3, 6} {
		d := s.diagnose(n, 2)
		for _, f := range d.Findings {
			if isCrowd(f.Cause) {
				t.Errorf("%d looks:\n%s", n, text(d))
			}
		}
	}
}

func TestSilentVictims(t *testing.T) {
	s := crowd("scan", 3, 15, mute)
	for i := range s.conns { // some send a byte now and then, and no command
		if c := &s.conns[i]; c.c.Cmd == "NULL" && i%5 == 0 {
			c.last = busy
		}
	}
	d := s.diagnose(2, 2)
	f, _ := d.Top()
	clients := map[int64]outage.Client{}
	for _, c := range s.at(now).Clients {
		clients[c.ID] = c
	}
	n := 0
	for _, c := range f.Culprits {
		for _, id := range c.IDs {
			n++
			if c := clients[id]; c.Cmd != "NULL" || c.Idle < 3 {
				t.Errorf("victim %+v", c)
			}
		}
	}
	if f.Cause != outage.SilentConnections || n != 36 || !strings.Contains(text(d), "sent a part of a command") {
		t.Errorf("%s with %d victims, want silent-connections with the 36 of 45 that send nothing:\n%s", f.Cause, n, text(d))
	}
}

// TestCrowdsAndOthers has two causes at once.
func TestCrowdsAndOthers(t *testing.T) {
	clampBy := func(asked string) *sim {
		s := crowd("feed", 3, 27, listens)
		s.limit = 96
		s.extra = func(_ float64, shot *outage.Snapshot) {
			shot.Process = &outage.Process{NofileSoft: 128, NofileHard: 128, Args: []string{"redis-server", "--maxclients", asked}}
		}
		return s
	}
	causes := func(d outage.Diagnosis) (list []outage.Cause) {
		for _, f := range d.Findings {
			list = append(list, f.Cause)
		}
		return list
	}
	if diff := cmp.Diff([]outage.Cause{outage.FDLimitClamp, outage.PubSubPileUp}, causes(clampBy("500").diagnose(3, 1))); diff != "" {
		t.Errorf("what was asked for would do (-want +got):\n%s", diff)
	}
	silentAndLeak := crowd("scan", 3, 20, mute)
	silentAndLeak.leak("api", "10.0.1.1", 60, now, 1)
	fill(silentAndLeak)
	both := causes(silentAndLeak.diagnose(3, 2))
	slices.Sort(both)
	if diff := cmp.Diff([]outage.Cause{outage.ConnectionLeak, outage.SilentConnections}, both); diff != "" {
		t.Errorf("the silent ones and the leak (-want +got):\n%s", diff)
	}
}

func TestOversizedNumber(t *testing.T) {
	for used, want := range map[int]int{1: 3, 2: 4, 3: 5, 6: 9} {
		f, _ := oversized("shop", 3, 20, used).diagnose(3, 1).Top()
		if f.Cause != outage.OversizedPool || f.Pool != want || !strings.Contains(f.Summary, fmt.Sprintf("a pool of %d would do", want)) {
			t.Errorf("%d in use: %s with a pool of %d, want %d: %s", used, f.Cause, f.Pool, want, f.Summary)
		}
	}
}

// TestCrowdsHostile has names that would do harm in a shell or on a terminal.
func TestCrowdsHostile(t *testing.T) {
	const name = "$(x)'\"\x1b[0m"
	for cause, o := range crowds() {
		for i := range o.sim.conns {
			if c := &o.sim.conns[i].c; c.Name != "" && c.Name != "web" {
				c.Name = name
			}
			if c := &o.sim.conns[i].c; c.Cmd == "blpop" {
				c.Cmd = "\x1b[0m"
			}
		}
		d := o.sim.diagnose(3, 1)
		f, _ := d.Top()
		if f.Cause != cause {
			t.Errorf("%s: got %s", cause, f.Cause)
		}
		for _, e := range f.Evidence {
			if strings.Contains(e.Text, "\x1b") || strings.Contains(e.Command, "$(x)") {
				t.Errorf("%s: a name comes through: %q", cause, e)
			}
		}
		if said := f.Summary; strings.Contains(said, "\x1b") {
			t.Errorf("%s: a name comes through: %q", cause, said)
		}
	}
}

// A connection counts as in use from its third second on: then it is no longer its first work.
func TestOversizedPoolUsesWhatIsThreeSecondsOld(t *testing.T) {
	for born, pool := range map[float64]int{97.2: 6, 98.2: 5} {
		s := oversized("shop", 1, 30, 3)
		s.add("shop", hostOf(13, 1), born, busy)
		f, _ := full(s).diagnose(4, 2).Top()
		if f.Cause != outage.OversizedPool || f.Pool != pool {
			t.Errorf("born %v: %s with a pool of %d, want %d", born, f.Cause, f.Pool, pool)
		}
	}
}
