package remedy_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"spillway/outage"
	"spillway/remedy"
)

// ofKinds is the leak with what else can tell connections apart: a user and a library of each instance.
func ofKinds() (outage.Diagnosis, outage.Snapshot) {
	d, s := leak()
	for i := range s.Clients {
		c := &s.Clients[i]
		c.User, c.LibName = "app", "go-redis"
		if c.Name == "api-2" {
			c.User, c.LibName = "batch", "jedis"
		}
	}
	return d, s
}

func TestSelect(t *testing.T) {
	const all = 60
	tests := []struct {
		name string
		s    remedy.Selection
		want int
		warn string // a part of a warning
	}{
		{"nothing", remedy.Selection{}, all, "3 of the named connections are spared: idle for less than 2s"},
		{"a name", remedy.Selection{MatchName: []string{"api-2"}}, 18, "42 of the named connections are spared: not --match-name api-2"},
		{"a glob", remedy.Selection{MatchName: []string{"api-*"}}, all, "narrowed: 3 of the 63 named connections stay open"},
		{"either of two", remedy.Selection{MatchName: []string{"api-1", "a?i-[2-3]"}}, all, ""},
		{"another case", remedy.Selection{MatchName: []string{"API-*"}}, 0, "63 of the named connections are spared: not --match-name API-*"},
		{"who is healthy stays out of reach", remedy.Selection{MatchName: []string{"*"}}, all, ""},
		{"only a healthy one", remedy.Selection{MatchName: []string{"web"}}, 0, "kill-clients is left out"},
		{"an address", remedy.Selection{MatchAddr: []string{"10.0.0.3"}}, 18, "narrowed: 45 of the 63 named connections stay open"},
		{"one connection", remedy.Selection{MatchAddr: []string{"10.0.0.2:40010"}}, 1, "not --match-addr 10.0.0.2:40010"},
		{"a network", remedy.Selection{MatchAddr: []string{"10.0.0.0/24"}}, all, ""},
		{"a network of one half", remedy.Selection{MatchAddr: []string{"10.0.0.2/31", "10.0.9.0/24"}}, all, ""},
		{"another network", remedy.Selection{MatchAddr: []string{"10.0.0.0/31"}}, 0, ""},
		{"a user", remedy.Selection{MatchUser: []string{"ba*"}}, 18, "not --match-user ba*"},
		{"a library", remedy.Selection{MatchLib: []string{"go-redis*"}}, 42, "not --match-lib go-redis*"},
		{"each of two flags", remedy.Selection{MatchName: []string{"api-*"}, MatchUser: []string{"app"}}, 42, "not --match-user app"},
		{"two flags that exclude each other", remedy.Selection{MatchName: []string{"api-1"}, MatchUser: []string{"batch"}}, 0, "kill-clients is left out"},
		{"to ignore wins", remedy.Selection{MatchName: []string{"api-*"}, IgnoreName: []string{"*-1"}}, 18, "42 of the named connections are spared: --ignore-name *-1"},
		{"to ignore an address", remedy.Selection{IgnoreAddr: []string{"10.0.0.3", "10.0.7.0/24"}}, 42, "spared: --ignore-addr 10.0.0.3 10.0.7.0/24"},
		{"to ignore others", remedy.Selection{IgnoreName: []string{"web"}}, all, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, s := ofKinds()
			p := remedy.Plan(d, s, remedy.Options{Select: tt.s})
			got := 0
			for _, a := range p.Actions {
				got += len(a.Victims)
			}
			if got != tt.want {
				t.Errorf("%d victims, want %d; warnings %q", got, tt.want, p.Warnings)
			}
			if !strings.Contains(strings.Join(p.Warnings, "\n"), tt.warn) {
				t.Errorf("no warning with %q in %q", tt.warn, p.Warnings)
			}
			if tt.name == "nothing" && strings.Contains(strings.Join(p.Warnings, "\n"), "narrowed") {
				t.Errorf("not narrowed, and says so: %q", p.Warnings)
			}
		})
	}
}

// Addresses and names in every form in which a server shows them.
func TestSelectForms(t *testing.T) {
	for _, tt := range []struct {
		addr, pattern string
		want          bool
	}{
		{"10.0.0.2:1", "10.0.0.2", true},
		{"10.0.0.2:1", "10.0.0.2:1", true},
		{"10.0.0.2:1", "10.0.0.2:2", false},
		{"10.0.0.2:1", "10.0.0.20", false},
		{"10.0.0.2:1", "::ffff:10.0.0.2", true},
		{"[::1]:1", "::1", true},
		{"[::1]:1", "[::1]", true},
		{"[::1]:1", "[::1]:1", true},
		{"[::1]:1", "[0:0::1]:1", true},
		{"[::1]:1", "[::1]:2", false},
		{"[2001:db8::5]:1", "2001:DB8:0::5", true},
		{"[2001:db8::5]:1", "2001:db8::/32", true},
		{"[2001:db9::5]:1", "2001:db8::/32", false},
		{"[fe80::5]:1", "fe80::5%eth0", true},
		{"10.0.0.2:1", "2001:db8::/32", false},
		{"/run/redis.sock:0", "/run/redis.sock", true},
		{"/run/redis.sock:0", "/run/other.sock", false},
		{"/run/redis.sock:0", "10.0.0.0/8", false},
	} {
		if err := remedy.CheckAddr(tt.pattern); err != nil {
			t.Errorf("%s: %v", tt.pattern, err)
		}
		c := client(1, "api", "", 90, 90)
		c.Addr = tt.addr
		if got := picks(remedy.Selection{MatchAddr: []string{tt.pattern}}, c); got != tt.want {
			t.Errorf("%s of %s: %v", tt.pattern, tt.addr, got)
		}
	}
	for _, tt := range []struct {
		name, pattern string
		want          bool
	}{
		{"shop/api-1", "shop/*", true},
		{"shop/api-1", "*", true},
		{"shop/api-1", "shop?api-1", true},
		{"shop/api-1", "shop", false},
		{"a[1]", `a\[1\]`, true},
		{"a1", "a[^2-9]", true},
		{"a2", "a[^2-9]", false},
		{"a*", `a\*`, true},
		{"ab", `a\*`, false},
		{"", "*", true},
		{"", "?*", false},
	} {
		if err := remedy.CheckGlob(tt.pattern); err != nil {
			t.Errorf("%s: %v", tt.pattern, err)
		}
		if got := picks(remedy.Selection{MatchName: []string{tt.pattern}}, client(1, tt.name, "10.0.0.2", 90, 90)); got != tt.want {
			t.Errorf("%s of %q: %v", tt.pattern, tt.name, got)
		}
	}
}

// picks reports whether the only connection that there is would be closed.
func picks(s remedy.Selection, c outage.Client) bool {
	d := outage.Diagnosis{Findings: []outage.Finding{{Cause: outage.ConnectionLeak, Culprits: []outage.Culprit{{IDs: []int64{c.ID}}}}}}
	return remedy.Plan(d, outage.Snapshot{Clients: []outage.Client{c}}, remedy.Options{Select: s}).Actions[0].Kind == outage.KillClients
}

func TestSelectRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"": "an empty one matches nothing", "api-[": `write \[`, `api\`: "a glob", "[]a]": "a glob", "a[b": "a glob",
	} {
		if err := remedy.CheckGlob(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("glob %q: %v", text, err)
		}
	}
	for text, want := range map[string]string{
		"":                 "an address as CLIENT LIST shows it",
		"api-host":         "it has no host names",
		"localhost:1":      "it has no host names",
		"10.0.0.7/24":      "10.0.0.0/24 for the whole network, or 10.0.0.7 for the host",
		"10.0.0.0/33":      "an address",
		"10.0.0":           "an address",
		"10.0.0.*":         "an address",
		"2001:db8::5/64":   "2001:db8::/64 for the whole network, or 2001:db8::5",
		"10.0.0.7:seventy": "an address",
	} {
		if err := remedy.CheckAddr(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("address %q: %v", text, err)
		}
	}
}

func TestSelectCheck(t *testing.T) {
	d, s := ofKinds()
	two := []string{"api-1", "api-2"}
	for name, tt := range map[string]struct {
		s    remedy.Selection
		want *remedy.Nothing
		text string
	}{
		"nothing asked for": {},
		"fits":              {s: remedy.Selection{MatchName: []string{"api-*"}, MatchAddr: []string{"10.0.0.3"}, IgnoreName: []string{"web"}}},
		"a typo":            {remedy.Selection{MatchName: []string{"api-1", "apj-*"}}, &remedy.Nothing{"match-name", "apj-*", 63, two}, "--match-name apj-* matches none of the 63 connections that the diagnosis has evidence against"},
		"a healthy one":     {remedy.Selection{MatchName: []string{"web"}}, &remedy.Nothing{"match-name", "web", 63, two}, "evidence against"},
		"a wrong address":   {remedy.Selection{MatchAddr: []string{"10.0.0.9"}}, &remedy.Nothing{"match-addr", "10.0.0.9", 63, []string{"10.0.0.2", "10.0.0.3"}}, ""},
		"a wrong user":      {remedy.Selection{MatchUser: []string{"x"}}, &remedy.Nothing{"match-user", "x", 63, []string{"app", "batch"}}, ""},
		"a wrong library":   {remedy.Selection{MatchLib: []string{"x"}}, &remedy.Nothing{"match-lib", "x", 63, []string{"go-redis", "jedis"}}, ""},
		"ignores nobody":    {remedy.Selection{IgnoreName: []string{"wep"}}, &remedy.Nothing{"ignore-name", "wep", 100, []string{"api-1", "web", "api-2"}}, "--ignore-name wep matches none of the 100 connections of this Redis"},
		"ignores nowhere":   {remedy.Selection{IgnoreAddr: []string{"10.9.0.0/16"}}, &remedy.Nothing{"ignore-addr", "10.9.0.0/16", 100, []string{"10.0.0.2", "10.0.0.9", "10.0.0.3"}}, ""},
		"leaves none":       {remedy.Selection{MatchName: []string{"api-1"}, MatchUser: []string{"batch"}}, &remedy.Nothing{Of: 63}, "together"},
		"ignores all":       {remedy.Selection{IgnoreName: []string{"api-*"}}, &remedy.Nothing{Of: 63}, "leave none of the 63"},
	} {
		err := tt.s.Check(remedy.Server{Diagnosis: d, Clients: s.Clients})
		got := new(remedy.Nothing)
		if tt.want == nil {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if !errors.As(err, &got) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(tt.want, got); diff != "" || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
	if len(s.Clients) != 100 || s.Clients[0].Name != "api-1" || s.Clients[99].Name != "web" {
		t.Error("the snapshot was changed")
	}
	err := (remedy.Selection{MatchName: []string{"x"}}).Check(remedy.Server{Clients: s.Clients})
	if err == nil || !strings.Contains(err.Error(), "no evidence against any connection") {
		t.Errorf("nobody is named: %v", err)
	}
	if err := (remedy.Selection{}).Check(remedy.Server{Clients: s.Clients}); err != nil {
		t.Errorf("nobody is named, and nothing was asked for: %v", err)
	}
}

// The bound is one of the whole plan, whatever the findings, and the first finding comes first.
// Of several servers it is enough that one fits; the ids of one say nothing of another's.
func TestSelectCheckOfSeveral(t *testing.T) {
	d, s := ofKinds()
	there := remedy.Server{Diagnosis: d, Clients: s.Clients}
	well := remedy.Server{Clients: []outage.Client{{ID: s.Clients[0].ID, Name: "cron", Addr: "10.0.0.8:1"}}}
	for name, tt := range map[string]struct {
		s  remedy.Selection
		ok bool
	}{
		"fits on one":            {remedy.Selection{MatchName: []string{"api-1"}}, true},
		"a connection of a well": {remedy.Selection{MatchName: []string{"cron"}}, false},
		"ignores one of a well":  {remedy.Selection{MatchName: []string{"api-*"}, IgnoreName: []string{"cron"}}, true},
		"fits nowhere":           {remedy.Selection{MatchName: []string{"apj-*"}}, false},
	} {
		for _, servers := range [][]remedy.Server{{there, well}, {well, there}} {
			if err := tt.s.Check(servers...); (err == nil) != tt.ok {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestMaxOfTheWholePlan(t *testing.T) {
	for most, want := range map[int][]string{
		0:  {"kill-clients 60", "kill-clients 2"},
		59: {"kill-clients 59"},
		60: {"kill-clients 60"},
		61: {"kill-clients 60", "kill-clients 1"},
		62: {"kill-clients 60", "kill-clients 2"},
		63: {"kill-clients 60", "kill-clients 2"},
	} {
		d, s := leak()
		d.Findings = append(d.Findings, outage.Finding{Cause: outage.IdleNotReaped, Confidence: 0.9, Culprits: []outage.Culprit{
			{Service: "api", IDs: []int64{10, 11}}, {Service: "web", Addr: "10.0.0.9", IDs: []int64{135, 136}}}})
		p := remedy.Plan(d, s, remedy.Options{MaxVictims: most})
		got := slices.DeleteFunc(steps(p), func(s string) bool { return !strings.HasPrefix(s, "kill") })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("--max %d: %s", most, diff)
		}
		bounded := fmt.Sprintf("the bound of %d leaves the younger ones", most)
		if said := strings.Contains(strings.Join(p.Warnings, "\n"), bounded); said != (most > 0 && most < 62) {
			t.Errorf("--max %d: said so %v: %q", most, said, p.Warnings)
		}
	}
	// A second finding that names no other connections is no reason to say that none may be closed.
	d, s := leak()
	d.Findings = append(d.Findings, outage.Finding{Cause: outage.IdleNotReaped, Confidence: 0.9, Culprits: []outage.Culprit{{Service: "api", IDs: []int64{10, 11}}}})
	if p := remedy.Plan(d, s, remedy.Options{}); strings.Contains(strings.Join(p.Warnings, "\n"), "left out") {
		t.Errorf("%q", p.Warnings)
	}
}

// Those that never spoke and are too young count towards the bound, after the others.
func TestMaxOfTheYoung(t *testing.T) {
	var s outage.Snapshot
	culprit := outage.Culprit{Service: "scanner"}
	for id := int64(1); id <= 6; id++ {
		c := client(id, "", "10.0.0.2", id, id)
		c.Cmd = "NULL"
		s.Clients, culprit.IDs = append(s.Clients, c), append(culprit.IDs, id)
	}
	d := outage.Diagnosis{Findings: []outage.Finding{{Cause: outage.SilentConnections, Culprits: []outage.Culprit{culprit}}}}
	for most, want := range map[int][]string{
		0: {"kill-clients 4", "kill-clients 2 after 3s"},
		4: {"kill-clients 4"},
		5: {"kill-clients 4", "kill-clients 1 after 3s"},
		1: {"kill-clients 1"},
	} {
		open := map[int]string{0: "", 4: "2 of the 6", 5: "1 of the 6", 1: "5 of the 6"}[most]
		narrowed := remedy.Plan(d, s, remedy.Options{MaxVictims: most, Select: remedy.Selection{IgnoreName: []string{"nobody"}}})
		if said := strings.Join(narrowed.Warnings, "\n"); open != "" && !strings.Contains(said, open+" named connections stay open") {
			t.Errorf("--max %d: %s", most, said)
		}
		got := slices.DeleteFunc(steps(remedy.Plan(d, s, remedy.Options{MaxVictims: most})), func(s string) bool { return !strings.HasPrefix(s, "kill") })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("--max %d: %s", most, diff)
		}
	}
}

// drawSelection draws what a person may ask for, over the names, addresses and users that drawClient draws.
func drawSelection(t *rapid.T) remedy.Selection {
	some := func(label string, of ...string) []string {
		return rapid.SliceOfN(rapid.SampledFrom(of), 0, 2).Draw(t, label)
	}
	return remedy.Selection{
		MatchName:  some("match-name", "api", "a*", "*", "web", "?*", "nobody"),
		MatchAddr:  some("match-addr", "10.0.0.2", "10.0.0.0/31", "10.0.0.0/8", "10.0.0.3:40007", "10.9.9.9"),
		MatchUser:  some("match-user", "*", "app", "batch"),
		MatchLib:   some("match-lib", "*", "*", "jedis"),
		IgnoreName: some("ignore-name", "web", "w*", "b*"),
		IgnoreAddr: some("ignore-addr", "10.0.0.3", "10.0.0.2/32", "10.1.0.0/16"),
	}
}

// However a plan is narrowed, it closes no connection that it would not have closed otherwise, none with a role, no more
// than the bound, and the oldest first.
func TestNarrowingOnlyTakesAway(t *testing.T) {
	narrower, some := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		var s outage.Snapshot
		cause := rapid.SampledFrom([]outage.Cause{outage.ConnectionLeak, outage.IdleNotReaped, outage.SilentConnections})
		d := outage.Diagnosis{Findings: []outage.Finding{{Cause: cause.Draw(t, "cause"), Confidence: 1}, {Cause: cause.Draw(t, "second"), Confidence: 0.8}}}
		for i := range d.Findings {
			d.Findings[i].Culprits = []outage.Culprit{{Service: "api"}}
		}
		seen := map[int64]outage.Client{}
		for id := range rapid.Int64Range(1, 30).Draw(t, "clients") {
			c := drawClient(t, id+1)
			c.User = rapid.SampledFrom([]string{"app", "batch"}).Draw(t, "user")
			c.LibName = rapid.SampledFrom([]string{"", "jedis"}).Draw(t, "lib")
			seen[c.ID], s.Clients = c, append(s.Clients, c)
			for i := range d.Findings {
				if rapid.Bool().Draw(t, "named") {
					d.Findings[i].Culprits[0].IDs = append(d.Findings[i].Culprits[0].IDs, c.ID)
				}
			}
		}
		over := sec(rapid.IntRange(0, 5).Draw(t, "idle over"))
		all := victimsOf(remedy.Plan(d, s, remedy.Options{IdleOver: over}))
		o := remedy.Options{IdleOver: over, MaxVictims: rapid.IntRange(0, 8).Draw(t, "max"), Select: drawSelection(t)}
		if over > 0 && rapid.Bool().Draw(t, "idle for longer") {
			o.IdleOver += sec(rapid.IntRange(0, 20).Draw(t, "how much longer"))
		}
		p := remedy.Plan(d, s, o)
		few := victimsOf(p)
		for id := range few {
			if !all[id] {
				t.Fatalf("%d is closed only since the plan was narrowed", id)
			}
			if c := seen[id]; !mayDie(c) || !slices.Contains(slices.Concat(d.Findings[0].Culprits[0].IDs, d.Findings[1].Culprits[0].IDs), id) {
				t.Fatalf("%+v is closed", c)
			}
		}
		if o.MaxVictims > 0 && len(few) > o.MaxVictims {
			t.Fatalf("%d are closed, with --max %d", len(few), o.MaxVictims)
		}
		for _, a := range p.Actions {
			if !slices.IsSortedFunc(a.Victims, func(x, y outage.Victim) int { return int(y.Age - x.Age) }) {
				t.Fatalf("not the oldest first: %+v", a.Victims)
			}
		}
		if len(few) < len(all) {
			narrower++
		}
		if len(few) > 0 {
			some++
		}
	})
	if narrower == 0 || some == 0 {
		t.Errorf("%d plans were narrowed, %d close somebody: the property says nothing", narrower, some)
	}
}

// victimsOf holds the ids that a plan closes; twice is a failure of its own.
func victimsOf(p outage.Plan) map[int64]bool {
	ids := map[int64]bool{}
	for _, a := range p.Actions {
		for _, v := range a.Victims {
			if ids[v.ID] {
				panic(fmt.Sprintf("%d is closed twice", v.ID))
			}
			ids[v.ID] = true
		}
	}
	return ids
}
