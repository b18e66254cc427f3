package diagnose_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spillway/outage"
)

// word is a name that nothing but its number tells from others, and has no shape of an id.
func word(i int) string { return fmt.Sprintf("req%cuest%cof%c", 'a'+i%26, 'a'+i/26%26, 'a'+i/26/26) }

// eachItsName gives the nth of a crowd a name of its own, from an index on.
func (s *sim) eachItsName(from, n int) *sim {
	for i := range n {
		s.conns[from+i].c.Name = word(i)
	}
	return s
}

// A host that gives each connection another name leaks all the same; whoever has a name at its address keeps it.
func TestEachConnectionAnotherName(t *testing.T) {
	leak := func(beside string, mark func(i int, c *outage.Client)) *sim {
		s := &sim{refusing: 20}
		s.leak("", "10.0.1.1", 60, now, 4)
		n := len(s.conns)
		for i := range s.conns {
			mark(i, &s.conns[i].c)
		}
		s.eachItsName(0, n)
		s.pool("web", beside, 10, 10)
		s.pool("shop", "10.0.2.1", 10, 10)
		return full(s)
	}
	for name, tt := range map[string]struct {
		sim     *sim
		service string
		by      string
		why     string
	}{
		"nothing else": {leak("10.0.1.1", func(int, *outage.Client) {}), "10.0.1.1", "address", "they alone have each a name of its own"},
		"a library and nobody beside": {leak("10.0.2.1", func(_ int, c *outage.Client) { c.LibName = "jedis" }), "jedis", "lib-name",
			"they have each a name of its own, but library jedis"},
		"nobody beside": {leak("10.0.2.1", func(int, *outage.Client) {}), "10.0.1.1", "address", "each a name of its own, and no library and no user in common"},
		"a library":     {leak("10.0.1.1", func(_ int, c *outage.Client) { c.LibName = "jedis" }), "jedis", "address", "they alone have each a name of its own; 10 connections of web"},
		"each a library, too": {leak("10.0.1.1", func(i int, c *outage.Client) { c.LibName = "lib" + word(i) }), "10.0.1.1", "address",
			"they alone have each a name of its own"},
		"a user": {leak("10.0.1.1", func(_ int, c *outage.Client) { c.User = "orders" }), "orders", "address", "they alone have each a name of its own; 10 connections of web"},
	} {
		d := tt.sim.diagnose(4, 2)
		f, _ := d.Top()
		if f.Cause != outage.ConnectionLeak || len(f.Culprits) != 1 {
			t.Errorf("%s: want one leak:\n%s", name, text(d))
			continue
		}
		c := f.Culprits[0]
		if c.Service != tt.service || c.Addr != "10.0.1.1" || c.Name != "" || c.By != tt.by || !strings.Contains(c.Why, tt.why) {
			t.Errorf("%s: %s at %s, named %q, by %s: %s", name, c.Service, c.Addr, c.Name, c.By, c.Why)
		}
		for _, k := range tt.sim.at(now).Clients {
			if slices.Contains(c.IDs, k.ID) && (k.Name == "web" || k.Name == "shop") {
				t.Errorf("%s: %s is blamed", name, k.Name)
			}
		}
	}
}

// A few programs behind one address that hold a connection each are so many services, and so are many that hold two.
func TestAFewNamesOfTheirOwn(t *testing.T) {
	crowd := func(programs, each int) *sim {
		s := &sim{refusing: 20}
		for i := range programs * each {
			s.add(word(i/each), "10.0.1.1", 20+float64(i)/10, once(20+float64(i)/10))
		}
		s.pool("shop", "10.0.2.1", 10, 10)
		return full(s)
	}
	for name, tt := range map[string]struct {
		sim  *sim
		want int // how many services are blamed
		all  string
	}{
		"twenty":                  {crowd(20, 1), 1, "10.0.1.1"},
		"nineteen":                {crowd(19, 1), 0, ""},
		"thirty with two each":    {crowd(30, 2), 30, ""},
		"and as many of one name": {crowd(1, 20), 1, word(0)},
	} {
		var blamed []string
		for _, f := range tt.sim.diagnose(4, 2).Findings {
			for _, c := range f.Culprits {
				if f.Cause == outage.IdleNotReaped {
					blamed = append(blamed, c.Service)
				}
			}
		}
		if len(blamed) != tt.want || tt.want == 1 && blamed[0] != tt.all {
			t.Errorf("%s: %q", name, blamed)
		}
	}
}

// Those of the crowd that are gone are counted with it, and not those of a service beside it.
func TestAStormOfNamesOfTheirOwn(t *testing.T) {
	told := func(named bool) outage.Finding {
		s := storm("", 1, 30)
		if named {
			s.eachItsName(0, len(s.conns)-9) // without the probe and the pool of 8
		}
		for i := range 3 {
			s.add("pair", "10.0.12.1", 80, busy)
			if i == 2 {
				s.conns[len(s.conns)-1].died = now - 1
			}
		}
		s.limit += 2
		f, _ := s.diagnose(4, 2).Top()
		return f
	}
	nameless, named := told(false), told(true)
	if named.Cause != outage.ReconnectStorm || len(named.Culprits) != 1 || named.Culprits[0].Addr != "10.0.12.1" {
		t.Fatalf("%s by %+v", named.Cause, named.Culprits)
	}
	nameless.Culprits, named.Culprits = nil, nil // they differ in why
	if diff := cmp.Diff(nameless, named); diff != "" {
		t.Errorf("told differently (-nameless +each by its name):\n%s", diff)
	}
}
