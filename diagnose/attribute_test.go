package diagnose_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"spillway/diagnose"
	"spillway/outage"
)

// TestAttribution has snapshots of real servers, 8.0.2 and 6.0.16, with go-redis clients. Behind 127.0.1.1 of the first two
// are two instances each of a leaky service, of a pool of 3 and of another pool of 3 on database 1, none of them named. In
// the last two, "app" is the name of a leak at 127.0.1.x and of healthy pools of 3 elsewhere.
func TestAttribution(t *testing.T) {
	for name, want := range map[string]struct {
		culprits string
		by       string
		certain  float64
		why      string
		worked   []string // hosts that must not be named
	}{
		"nat-leak-redis-8":        {"go-redis(,go1.26.8) db 0@127.0.1.1", "ages", 0.5, "several programs may share it", nil},
		"nat-leak-redis-6":        {"127.0.1.1 db 0@127.0.1.1", "ages", 0.5, "several programs may share it", nil},
		"same-name-leak":          {"app@127.0.1.1 app@127.0.1.2", "address", 0.7, "it may be two programs", []string{"127.0.2.1", "127.0.2.2", "127.0.2.3"}},
		"same-name-other-library": {"app@127.0.1.1 app@127.0.1.2", "lib-name", 0.6, "library jedis", []string{"127.0.2.1", "127.0.2.2"}},
	} {
		t.Run(name, func(t *testing.T) {
			shots := load(t, name)
			d := diagnose.Diagnose(shots...)
			f, ok := d.Top()
			if !ok || f.Cause != outage.ConnectionLeak || f.Confidence < 0.85 {
				t.Fatalf("want a leak:\n%s", text(d))
			}
			if got := strings.Join(show(d)[0].Culprits, " "); got != want.culprits {
				t.Errorf("culprits %s, want %s", got, want.culprits)
			}
			for _, c := range f.Culprits {
				if c.By != want.by || c.Certainty != want.certain || !strings.Contains(c.Why, want.why) {
					t.Errorf("%s: by %s, %v sure: %s", c.Addr, c.By, c.Certainty, c.Why)
				}
				if slices.Contains(want.worked, c.Addr) {
					t.Errorf("%s is healthy", c.Addr)
				}
			}
			checkVictims(t, shots[len(shots)-1], d)
			checkReused(t, shots[len(shots)-1], f)
		})
	}
}

// checkReused makes sure that no connection is blamed for a leak that was used again, and that some are.
func checkReused(t *testing.T, shot outage.Snapshot, f outage.Finding) {
	t.Helper()
	n := 0
	for _, culprit := range f.Culprits {
		n += len(culprit.IDs)
		for _, c := range shot.Clients {
			if slices.Contains(culprit.IDs, c.ID) && (c.Idle < c.Age-1 || c.DB != 0 || c.LibName == "jedis") {
				t.Errorf("blamed: %+v", c)
			}
		}
	}
	if n < 40 {
		t.Errorf("only %d connections are blamed", n)
	}
}

func TestHealthyServicesBehindOneAddress(t *testing.T) {
	if d := diagnose.Diagnose(load(t, "nat-healthy")...); len(d.Findings) > 0 {
		t.Errorf("want nothing:\n%s", text(d))
	}
}

// marked changes what the connections from an index on show of themselves.
func (s *sim) marked(from int, mark func(c *outage.Client)) *sim {
	for i := from; i < len(s.conns); i++ {
		mark(&s.conns[i].c)
	}
	return s
}

func library(name string) func(*outage.Client) { return func(c *outage.Client) { c.LibName = name } }
func user(name string) func(*outage.Client)    { return func(c *outage.Client) { c.User = name } }
func database(n int) func(*outage.Client)      { return func(c *outage.Client) { c.DB = n } }

// unnamedLeak is a leak and a pool behind one address, without names; the pool shows itself as mark says.
func unnamedLeak(mark func(*outage.Client)) *sim {
	s := &sim{refusing: 20}
	s.pool("", "10.0.1.1", 10, 20)
	s.marked(0, mark)
	s.leak("", "10.0.1.1", 60, now, 4)
	return full(s)
}

func TestWhatTellsUnnamedServicesApart(t *testing.T) {
	alone := &sim{refusing: 20}
	alone.leak("", "10.0.1.1", 60, now, 4)
	alone.pool("web", "10.0.2.1", 10, 10)
	withUser := full(alone)
	withUser.marked(0, func(c *outage.Client) {
		if c.Name == "" {
			c.User, c.LibName = "orders", "jedis"
		}
	})
	lone := &sim{refusing: 20}
	lone.leak("", "10.0.1.1", 60, now, 4)
	lone.pool("web", "10.0.2.1", 10, 10)
	beside := &sim{refusing: 20}
	beside.leak("", "10.0.1.1", 60, now, 4)
	beside.pool("web", "10.0.1.1", 10, 10)
	for name, tt := range map[string]struct {
		sim     *sim
		service string
		by      string
		certain float64
	}{
		"a user of its own":          {withUser, "orders", "user", 0.8},
		"nothing at all, but alone":  {full(lone), "10.0.1.1", "address", 0.75},
		"the others have a library":  {unnamedLeak(library("jedis")), "10.0.1.1", "lib-name", 0.6},
		"the others have a user":     {unnamedLeak(user("shop")), "10.0.1.1", "address", 0.65},
		"the others have a database": {unnamedLeak(database(3)), "10.0.1.1 db 0", "db", 0.6},
		"the others have a name":     {full(beside), "10.0.1.1", "address", 0.65},
		"nothing but the ages":       {unnamedLeak(func(*outage.Client) {}), "10.0.1.1", "ages", 0.5},
	} {
		d := tt.sim.diagnose(4, 2)
		f, _ := d.Top()
		if f.Cause != outage.ConnectionLeak || len(f.Culprits) != 1 {
			t.Errorf("%s: want one leak:\n%s", name, text(d))
			continue
		}
		c := f.Culprits[0]
		if c.Service != tt.service || c.By != tt.by || c.Certainty != tt.certain || c.Why == "" || len(c.Examples) != 3 {
			t.Errorf("%s: %s by %s, %v sure: %s; such as %v", name, c.Service, c.By, c.Certainty, c.Why, c.Examples)
		}
		shot := tt.sim.at(now)
		for _, culprit := range f.Culprits {
			for _, k := range shot.Clients {
				if slices.Contains(culprit.IDs, k.ID) && k.Idle < k.Age-1 {
					t.Errorf("%s: a pool's connection is blamed: %+v", name, k)
				}
			}
		}
	}
}

func TestANameThatNothingContradictsNeedsNoFigure(t *testing.T) {
	f, _ := leaky("api").diagnose(4, 2).Top()
	for _, c := range f.Culprits {
		if c.By != "" || c.Certainty != 0 || c.Why != "" || len(c.Examples) == 0 {
			t.Errorf("%+v", c)
		}
	}
}

// One name for everybody: the hosts that behave are neither named nor in the way of those that do not.
func TestOneNameForAll(t *testing.T) {
	feeds := crowd("app", 3, 15, listens)
	feeds.pool("app", hostOf(20, 1), 10, 12)
	storms := counting(storm("app", 1, 25), 300)
	storms.pool("app", hostOf(20, 1), 10, 30)
	shops := oversized("app", 3, 30, 3)
	for i := range 2 {
		shops.pool("app", hostOf(20, i+1), 10, 8)
	}
	for name, tt := range map[string]struct {
		sim   *sim
		cause outage.Cause
		hosts int
	}{
		"subscribers": {feeds, outage.PubSubPileUp, 3},
		"a pool":      {shops, outage.OversizedPool, 3},
		"a storm":     {storms, outage.ReconnectStorm, 1},
	} {
		f, _ := full(tt.sim).diagnose(4, 2).Top()
		if f.Cause != tt.cause || len(f.Culprits) != tt.hosts {
			t.Errorf("%s: %s by %d", name, f.Cause, len(f.Culprits))
		}
		for _, c := range f.Culprits {
			if strings.HasPrefix(c.Addr, "10.0.20.") || c.By != "address" || c.Certainty != 0.7 {
				t.Errorf("%s: %+v", name, c)
			}
		}
	}
}

// A library that is updated host by host, or a second database of the same program, is no second program.
func TestOneProgramWithTwoFaces(t *testing.T) {
	updated := leaky("api")
	updated.marked(0, func(c *outage.Client) {
		c.LibName = "go-redis(,go1.25)"
		if strings.HasPrefix(c.Addr, "10.0.1.2") {
			c.LibName = "go-redis(,go1.26)"
		}
	})
	databases := leaky("api")
	databases.marked(0, func(c *outage.Client) { c.DB = int(c.ID % 3 / 2) })
	for name, s := range map[string]*sim{"update": updated, "databases": databases} {
		f, _ := s.diagnose(4, 2).Top()
		if f.Cause != outage.ConnectionLeak || len(f.Culprits) != 2 {
			t.Errorf("%s: %s by %d", name, f.Cause, len(f.Culprits))
		}
		for _, c := range f.Culprits {
			if c.Certainty != 0 {
				t.Errorf("%s: %v sure: %s", name, c.Certainty, c.Why)
			}
		}
	}
}

// checkAttribution makes sure that a culprit says what it must of how it was told, and shows connections of its host.
func checkAttribution(t interface{ Fatalf(string, ...any) }, c outage.Culprit) {
	switch {
	case c.Certainty < 0 || c.Certainty > 0.8:
		t.Fatalf("%s is %v sure", c.Service, c.Certainty)
	case (c.Certainty > 0) != (c.Why != ""):
		t.Fatalf("%s is %v sure: %q", c.Service, c.Certainty, c.Why)
	case strings.Contains(c.Why+c.Service, "\x1b"):
		t.Fatalf("a name comes through as it is: %q %q", c.Service, c.Why)
	case len(c.Examples) == 0 || len(c.Examples) > 3 || len(c.Examples) > c.Connections:
		t.Fatalf("%s: examples %v of %d connections", c.Service, c.Examples, c.Connections)
	}
	for _, addr := range c.Examples {
		if outage.Host(addr) != c.Addr {
			t.Fatalf("%s at %s: %s is elsewhere", c.Service, c.Addr, addr)
		}
	}
}

// TestAttributionProperties draws servers whose clients have few names, or none, and few addresses, so that many share one:
// nobody is blamed for what another did.
func TestAttributionProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &sim{refusing: float64(rapid.IntRange(0, 3).Draw(t, "refusing"))}
		pooled := map[int64]bool{}
		for range rapid.IntRange(2, 7).Draw(t, "services") {
			host := hostOf(1, rapid.IntRange(1, 3).Draw(t, "host"))
			name := rapid.SampledFrom([]string{"", "", "app", "web"}).Draw(t, "name")
			lib := rapid.SampledFrom([]string{"", "jedis", "go-redis(,go1.26)"}).Draw(t, "lib")
			who := rapid.SampledFrom([]string{"default", "orders"}).Draw(t, "user")
			db := rapid.IntRange(0, 1).Draw(t, "db")
			size := rapid.IntRange(1, 30).Draw(t, "size")
			from := len(s.conns)
			if rapid.Bool().Draw(t, "leaks") {
				s.leak(name, host, float64(rapid.IntRange(40, 90).Draw(t, "born")), now, float64(1+size/6))
			} else {
				s.pool(name, host, float64(rapid.IntRange(40, 95).Draw(t, "born")), size)
				for _, c := range s.conns[from:] {
					pooled[c.c.ID] = true
				}
			}
			s.marked(from, func(c *outage.Client) { c.LibName, c.User, c.DB = lib, who, db })
		}
		fill(s)
		d := s.diagnose(rapid.IntRange(1, 5).Draw(t, "looks"), 1.5)
		checkVictims(t, s.at(now), d)
		for _, f := range d.Findings {
			seen := map[int64]bool{}
			for _, c := range f.Culprits {
				checkAttribution(t, c)
				for _, id := range c.IDs {
					if seen[id] || pooled[id] {
						t.Fatalf("%s: connection %d is blamed twice, or is a busy pool's: %v", f.Cause, id, pooled[id])
					}
					seen[id] = true
				}
			}
		}
	})
}
