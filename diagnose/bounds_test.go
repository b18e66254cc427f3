package diagnose

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"spillway/outage"
)

// viewOf is the view of a scene, as across_test.go has them.
func viewOf(t *testing.T, text string) *view {
	t.Helper()
	s, err := readScene(text)
	if err != nil {
		t.Fatal(err)
	}
	return look(s.shots())
}

func serviceOf(t *testing.T, v *view, name string) *service {
	t.Helper()
	for _, s := range v.services {
		if s.name == name {
			return s
		}
	}
	t.Fatalf("no service %s", name)
	return nil
}

// ofAges are connections with these ages, used once.
func ofAges(ages ...int64) []*conn {
	var conns []*conn
	for i, age := range ages {
		conns = append(conns, &conn{Client: outage.Client{ID: int64(i + 1), Age: age, Idle: age, Flags: "N", Multi: -1, Cmd: "get"}})
	}
	return conns
}

// TestStretchesAreEven has ages that are just spread enough for connections that were opened one by one, and just not.
func TestStretchesAreEven(t *testing.T) {
	times := func(n int, ages ...int64) (list []int64) {
		for _, age := range ages {
			list = append(list, slices.Repeat([]int64{age}, n)...)
		}
		return list
	}
	for name, tt := range map[string]struct {
		ages []int64
		want bool
	}{
		"one each second":            {[]int64{1, 2, 3, 4, 5}, true},
		"as uneven as may be":        {slices.Concat(times(10, 0, 1), times(2, 2, 3), times(1, 4)), true},
		"more uneven":                {slices.Concat(times(10, 0), times(11, 1), times(1, 2, 3, 4)), false},
		"most of them in one second": {slices.Concat(times(17, 0), times(2, 1, 2, 3, 4)), false},
		"pairs":                      {times(2, 0, 3, 6, 9, 12), false},
		"in half of the seconds":     {times(4, 0, 2, 4, 6, 9), false},
		"in most of the seconds":     {times(4, 0, 2, 4, 6, 7, 9), true},
	} {
		if got := len(stretches(ofAges(tt.ages...))) == 1; got != tt.want {
			t.Errorf("%s: %v is a stretch: %v", name, tt.ages, got)
		}
	}
}

// fromPorts are connections of one host that took these ports, one after another.
func fromPorts(ports ...int) []*conn {
	var conns []*conn
	for i, port := range ports {
		conns = append(conns, &conn{Client: outage.Client{ID: int64(i + 1), Addr: fmt.Sprintf("10.0.9.1:%d", port)}})
	}
	return conns
}

// TestPortsOf has ranges of ports that are just full, and just not.
func TestPortsOf(t *testing.T) {
	for name, tt := range map[string]struct {
		ports []int
		want  bool
	}{
		"eight, side by side":                   {[]int{40006, 40001, 40007, 40000, 40005, 40002, 40004, 40003}, true},
		"seven say nothing":                     {[]int{40006, 40001, 40000, 40005, 40002, 40004, 40003}, false},
		"half in turn":                          {[]int{40004, 40005, 40006, 40007, 40000, 40001, 40003, 40002, 40009, 40010}, false},
		"fewer in turn":                         {[]int{40004, 40005, 40006, 40007, 40000, 40003, 40001, 40002, 40010, 40009}, true},
		"a fourth of the other parity":          {[]int{40012, 40000, 40004, 40002, 40001, 40010, 40008, 40003}, true},
		"odd ports are free":                    {[]int{40015, 40001, 40005, 40003, 40006, 40013, 40011, 40009, 40002}, false},
		"even ports are free":                   {[]int{40014, 40000, 40004, 40002, 40007, 40012, 40010, 40008, 40003}, false},
		"no odd port is free":                   {[]int{40015, 40001, 40005, 40003, 40006, 40013, 40011, 40009, 40002, 40007}, true},
		"no even one, and the odd linger":       {[]int{40014, 40000, 40004, 40002, 40021, 40012, 40010, 40008, 40006, 40020, 40018, 40016}, true},
		"an even one, and the odd linger":       {[]int{40014, 40000, 40004, 40021, 40012, 40010, 40008, 40020, 40018}, false},
		"nine of ten even ones, and an odd one": {[]int{40012, 40000, 40004, 40002, 40005, 40018, 40010, 40008, 40016, 40014}, true},
		"nine of ten odd ones, and an even one": {[]int{40013, 40001, 40005, 40003, 40006, 40019, 40011, 40009, 40017, 40015}, true},
		"one of twenty is of the other parity":  {[]int{40036, 40012, 40000, 40004, 40002, 40006, 40018, 40010, 40008, 40016, 40014, 40034, 40007, 40020, 40030, 40022, 40032, 40024, 40028, 40026}, true},
		"no even port is free":                  {[]int{40014, 40000, 40004, 40002, 40007, 40012, 40010, 40008, 40003, 40006}, true},
		"three of five, and no odd one":         {[]int{40016, 40000, 40004, 40002, 40006, 40012, 40010, 40008, 40014}, false},
		"less than three of five in use":        {[]int{40016, 40001, 40005, 40002, 40008, 40003, 40011, 40004}, false},
		"three of five, of both parities":       {[]int{40014, 40001, 40005, 40002, 40008, 40003, 40011, 40004, 40000}, true},
	} {
		if r, got := new(view).portsOf(fromPorts(tt.ports...)); got != tt.want {
			t.Errorf("%s: %v is full: %v (%+v)", name, tt.ports, got, r)
		}
	}
}

// TestCandidates has a service whose hosts behave in five ways: each of them may be a service of its own.
func TestCandidates(t *testing.T) {
	v := viewOf(t, `
server limit=100 looks=3 every=1000 phase=400
info redis_version=7.0.15
client:works at=10.0.1.1 n=6 as=- lib=jedis born=60300
client:rests at=10.0.1.2 n=4 as=- lib=jedis born=60300 use=until last=5300
client:worked at=10.0.1.2 n=3 as=- lib=jedis born=60300
client:half at=10.0.1.3 n=3 as=- lib=jedis born=60300 use=until last=9300
client:other at=10.0.1.3 n=3 as=- lib=jedis born=60300
client:fresh at=10.0.1.4 n=3 as=- lib=jedis born=1300
client:probe at=10.0.1.4 n=4 as=- lib=jedis born=60300 cmd=ping
client:older at=10.0.1.5 n=3 as=- lib=jedis born=2300
client:there at=10.0.1.6 n=3 as=- lib=jedis born=60300 use=until last=4300`)
	var got []string
	for s := range v.candidates(serviceOf(t, v, "jedis")) {
		var hosts []string
		for _, g := range s.groups {
			hosts = append(hosts, strings.TrimPrefix(g.host, "10.0.1."))
		}
		got = append(got, strings.Join(hosts, " "))
	}
	want := []string{"1 2 3 4 5 6", "1 3 5 6", "2", "4"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	named := viewOf(t, `
server limit=100 looks=3 every=1000 phase=400
client:works at=10.0.1.1 n=6 as=shop born=60300
client:waits at=10.0.1.2 n=6 as=shop born=60300 flags=b cmd=blpop
client:listens at=10.0.1.3 n=6 as=shop born=60300 flags=P sub=1 cmd=subscribe`)
	n := 0
	for range named.candidates(named.services[0]) {
		n++
	}
	if n != 4 { // all of it, and the three kinds
		t.Errorf("%d candidates of a name whose hosts work, wait and listen", n)
	}
	for text, want := range map[string]int{ // of a name whose other host rests, and rested for 6 s
		"born=5300":            3, // all of it, and each host
		"born=6300":            1, // one service
		"born=60300":           1,
		"born=5300 cmd=ping":   3,
		"born=5300 use=once":   1, // it rests itself
		"born=5300 flags=b":    3, // it waits
		"born=60300 use=every": 1,
	} {
		v := viewOf(t, `
server limit=100 looks=8 every=1000 phase=400
client:rests at=10.0.1.1 n=6 as=shop born=60300 use=until last=6300
client:works at=10.0.1.1 n=1 as=shop born=60300
client:probe at=10.0.1.1 n=1 as=shop born=60300 cmd=ping use=until last=5300
client:late at=10.0.1.2 n=6 as=shop `+text)
		n := 0
		for range v.candidates(v.services[0]) {
			n++
		}
		if n != want {
			t.Errorf("%s: %d candidates, want %d", text, n, want)
		}
	}
	for text, want := range map[string]kind{
		"n=3 flags=b cmd=blpop born=60300":              waitingKind,
		"n=3 flags=P sub=1 cmd=subscribe born=60300":    listeningKind,
		"n=3 born=60300 use=until last=5300":            restingKind,
		"n=3 born=60300 use=until last=4300":            busyKind,
		"n=3 born=1300":                                 freshKind,
		"n=3 born=2300":                                 busyKind,
		"n=3 born=60300":                                busyKind,
		"n=3 born=60300 cmd=ping use=every period=500":  busyKind,
		"n=3 born=60300 cmd=ping use=until last=50300":  restingKind,
		"n=3 born=60300 flags=b cmd=blpop use=once":     waitingKind,
		"n=3 born=60300 flags=P cmd=subscribe use=once": listeningKind,
		"n=3 born=60300 flags=S cmd=replconf use=every": busyKind,
		"n=3 born=1300 flags=b cmd=blpop use=once":      waitingKind,
	} {
		v := viewOf(t, "server limit=9 looks=4 every=1000 phase=400\nclient:b at=10.0.0.2 n=1 born=60300\nclient:a at=10.0.0.1 "+text)
		if got := v.kind(v.groups[0]); got != want {
			t.Errorf("%s: kind %d, want %d", text, got, want)
		}
	}
	if v := viewOf(t, "server limit=9 looks=1 phase=400\nclient:a at=10.0.0.1 n=3 born=900"); v.kind(v.groups[0]) != busyKind {
		t.Error("one look cannot tell who has just come")
	}
	both := viewOf(t, "server limit=9 looks=2 every=1000 phase=400\nclient:a at=10.0.0.1 n=2 flags=b born=60300\nclient:b at=10.0.0.1 n=2 as=a born=60300")
	if both.kind(both.groups[0]) != busyKind {
		t.Error("half of a host is not most of it")
	}
}

// sized are groups with so many connections each.
func sized(sizes ...int) []*group {
	var groups []*group
	for _, n := range sizes {
		groups = append(groups, &group{conns: make([]*conn, n)})
	}
	return groups
}

func TestApart(t *testing.T) {
	for name, tt := range map[string]struct {
		busy, resting []*group
		want          bool
	}{
		"pools of one size":                      {sized(10, 10), sized(10), false},
		"twice as many at work":                  {sized(20, 20), sized(10, 10), true},
		"fewer than twice":                       {sized(12, 12), sized(10, 10), false},
		"twice as many at rest":                  {sized(8), sized(16), true},
		"fewer than twice at rest":               {sized(9), sized(16), false},
		"a fourth more at work is one pool":      {sized(10, 4), sized(8), false},
		"more than a fourth more is none":        {sized(11, 4), sized(8), true},
		"twice by the mean, one at rest as many": {sized(20), sized(16, 4), true},
		"twice by the mean alone, at rest":       {sized(4, 6), sized(9, 11), true},
		"twice by the mean alone, at work":       {sized(9, 11), sized(4, 10), false},
		"larger than some that rest, not of all": {sized(12), sized(6, 12), false},
	} {
		if got := apart(tt.busy, tt.resting); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestRestingWhole has groups of which one connection is awake: it may be a probe, or the top of a pool.
func TestRestingWhole(t *testing.T) {
	for text, want := range map[string]bool{
		"n=9":                          false,
		"n=9 \nclient:p n=1":           true,
		"n=8 \nclient:p n=1":           false,
		"n=4 \nclient:p n=1 cmd=ping":  false,
		"n=5 \nclient:p n=1 cmd=ping":  true,
		"n=6 \nclient:p n=2 cmd=ping":  true,
		"n=12 \nclient:p n=4 cmd=ping": true,
	} {
		v := viewOf(t, "server limit=60 looks=2 every=1000 phase=400\nclient:r at=10.0.0.1 as=r born=80300 use=until last=60300 "+
			strings.ReplaceAll(text, ":p ", ":p at=10.0.0.1 as=r born=80300 "))
		r, ok := v.resting(v.groups[0])
		if text == "n=9" { // nobody is awake
			want = true
		}
		if !ok || r.whole != want {
			t.Errorf("%q: rests %v, as a whole %v", text, ok, r.whole)
		}
	}
}

// TestOversize has pools at the bounds of what counts as hardly used.
func TestOversize(t *testing.T) {
	for name, tt := range map[string]struct {
		pools string
		want  bool
	}{
		"hardly used":                     {"client:used hosts=2 n=3\nclient:rest hosts=2 n=17 use=until last=60300", true},
		"half in use at one host":         {"client:used n=10\nclient:rest n=10 use=until last=60300\nclient:more at=10.0.0.2 n=3\nclient:too at=10.0.0.2 n=17 use=until last=60300\nclient:three at=10.0.0.3 n=3\nclient:also at=10.0.0.3 n=17 use=until last=60300", true},
		"more than half in use":           {"client:used n=11\nclient:rest n=9 use=until last=60300\nclient:more at=10.0.0.2 n=3\nclient:too at=10.0.0.2 n=17 use=until last=60300\nclient:three at=10.0.0.3 n=3\nclient:also at=10.0.0.3 n=17 use=until last=60300", false},
		"a tenth is new":                  {"client:used n=3\nclient:rest n=15 use=until last=60300\nclient:new n=2 born=1300", true},
		"more than a tenth is new":        {"client:used n=3\nclient:rest n=14 use=until last=60300\nclient:new n=3 born=1300", false},
		"many are new":                    {"client:used n=3\nclient:rest n=20 use=until last=60300\nclient:new n=9 born=1300", false},
		"three seconds old, there before": {"client:used n=3\nclient:rest n=14 use=until last=60300\nclient:new n=3 born=3300", true},
		"two seconds old, there before":   {"client:used n=3\nclient:rest n=14 use=until last=60300\nclient:new n=3 born=2300", false},
		"one host has less":               {"client:used hosts=3 n=3\nclient:rest hosts=2 n=17 use=until last=60300\nclient:few at=10.0.0.3 n=13 use=until last=60300", true},
		"two of three have a little less": {"client:used hosts=3 n=3\nclient:rest n=17 use=until last=60300\nclient:few at=10.0.0.2 hosts=2 n=13 use=until last=60300", true},
		"two of three have less":          {"client:used hosts=3 n=3\nclient:rest n=17 use=until last=60300\nclient:few at=10.0.0.2 hosts=2 n=12 use=until last=60300", false},
	} {
		every := "1000"
		if strings.Contains(name, "there before") {
			every = "500"
		}
		text := "server limit=40 looks=3 every=" + every + " phase=400\n"
		for line := range strings.Lines(tt.pools) {
			handle, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
			defaults := " as=shop"
			if !strings.Contains(rest, "at=") {
				defaults += " at=10.0.0.1"
			}
			if !strings.Contains(rest, "born=") {
				defaults += " born=80300"
			}
			text += handle + defaults + " " + rest + "\n"
		}
		v := viewOf(t, text+"client:ping at=10.0.0.9 as=shop n=1 cmd=ping born=80300 use=every period=500")
		o, got := v.oversize(serviceOf(t, v, "shop"))
		if got != tt.want {
			t.Errorf("%s: %v, %+v", name, got, o)
		}
		if slices.ContainsFunc(o.parts, func(p part) bool { return p.group.host == "10.0.0.9" }) {
			t.Errorf("%s: a host with a probe alone has no pool", name)
		}
	}
}

// TestPoolsBehindOneAddress tells pools by names, unless too many names have next to nothing.
func TestPoolsBehindOneAddress(t *testing.T) {
	for names, want := range map[string]int{
		"3 3 3": 3, "3 3 2": 3, "3 2 2": 1, "3 3 3 2": 4, "3 3 2 2": 1, "3": 1, "2 2": 1, "3 3": 2,
	} {
		text := "server limit=40 phase=400"
		for i, n := range strings.Fields(names) {
			text += fmt.Sprintf("\nclient:c%d at=10.0.0.1 as=job-%d born=60300 n=%s", i, i, n)
		}
		v := viewOf(t, text)
		if got := len(v.pools(v.groups[0])); got != want {
			t.Errorf("%s: %d pools, want %d", names, got, want)
		}
	}
}

// TestBatches splits a pool in two where five connections or more are on each side of a pause.
func TestBatches(t *testing.T) {
	for ages, want := range map[string][]int{
		"2 2 2 2 2 9 9 9 9 9":           {5, 5},
		"2 2 2 2 9 9 9 9 9 9":           {10},
		"2 2 2 2 2 2 9 9 9 9":           {10},
		"2 2 2 2 2 2 9 9 9 9 9":         {5, 6},
		"2 2 2 2 2 5 5 5 5 5":           {5, 5},
		"2 2 2 2 2 4 4 4 4 4":           {10},
		"2 2 2 2 2 6 6 6 6 6 9 9 9 9 9": {10, 5},
	} {
		var conns []*conn
		for i, age := range strings.Fields(ages) {
			conns = append(conns, ofAges(int64(age[0]-'0'))...)
			conns[i].ID = int64(i + 1)
		}
		v := &view{claims: map[int64]outage.Cause{}}
		p, _ := v.aged(&group{}, conns)
		var got []int
		for _, b := range v.batches(p) {
			got = append(got, len(b.conns))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: batches of %v, want %v", ages, got, want)
		}
	}
	// Of five one may have been reopened since, of four none.
	v := &view{claims: map[int64]outage.Cause{}}
	for n, want := range map[int]int64{4: 1, 5: 9} {
		if a, _ := v.aged(&group{}, ofAges([]int64{1, 9, 9, 9, 9}[:n]...)); a.newest != want {
			t.Errorf("of %d, the newest is %d s old, want %d", n, a.newest, want)
		}
	}
}

// TestCutShort has a connection that was used until all stopped, or a second before the last, or two.
func TestCutShort(t *testing.T) {
	for idle, want := range map[int64]bool{9: true, 10: true, 11: false} {
		h := vanished{froze: 9, frozen: []*conn{{Client: outage.Client{Age: 50, Idle: idle}}}}
		if got := h.cutShort(); got != want {
			t.Errorf("idle for %d s: %v", idle, got)
		}
	}
	for age, want := range map[int64]bool{12: true, 11: false} {
		h := vanished{froze: 9, frozen: []*conn{{Client: outage.Client{Age: age, Idle: 9}}}}
		if got := h.cutShort(); got != want {
			t.Errorf("%d s old: %v", age, got)
		}
	}
}

// TestAdoptSilent has a connection that never spoke beside an unnamed service: what has kept silent for long is a stranger.
func TestAdoptSilent(t *testing.T) {
	for born, want := range map[int]int{2300: 1, 3300: 2} {
		v := viewOf(t, fmt.Sprintf(`server limit=40 phase=400
client:app at=10.0.0.1 n=5 as=- lib=jedis born=60300
client:new at=10.0.0.1 n=1 as=- cmd=NULL use=once born=%d`, born))
		if got := len(v.services); got != want {
			t.Errorf("%d ms: %d services, want %d", born, got, want)
		}
	}
}

// TestClosedUnderALyingName counts what was closed for the service that it was of.
func TestClosedUnderALyingName(t *testing.T) {
	v := viewOf(t, `server limit=40 looks=2 every=1000 phase=400
client:a at=10.0.0.1 n=5 as=app lib=jedis born=60300
client:b at=10.0.0.2 n=5 as=app lib=redis-py born=60300
client:gone at=10.0.0.2 n=2 as=app lib=redis-py born=60300 gone=500`)
	for _, g := range v.groups {
		if want := map[string]int{"10.0.0.1": 0, "10.0.0.2": 2}[g.host]; g.gone != want || g.before != 5+want {
			t.Errorf("%s: %d closed, %d before", g.host, g.gone, g.before)
		}
	}
}

// TestGoneByTimeout does not count what the server itself may have closed.
func TestGoneByTimeout(t *testing.T) {
	for timeout, want := range map[int]int{0: 1, 10: 0, 11: 0, 12: 1} {
		v := viewOf(t, fmt.Sprintf(`server limit=40 looks=2 every=1000 phase=400
config timeout=%d
client:a at=10.0.0.1 n=5 born=60300
client:gone at=10.0.0.1 n=1 as=a born=60300 use=until last=10300 gone=500`, timeout))
		if got := v.groups[0].gone; got != want { // idle for 9 s at the first look, 1 s before the last
			t.Errorf("timeout %d: %d closed", timeout, got)
		}
	}
}

// TestMuteYoung takes those that came a moment ago for the same as five that have long been silent, and not as four.
func TestMuteYoung(t *testing.T) {
	for n, want := range map[int]int{4: 4, 5: 8} {
		v := viewOf(t, fmt.Sprintf(`server limit=40 phase=400
client:old at=10.0.0.1 n=%d as=- cmd=NULL use=once born=9300
client:new at=10.0.0.1 n=3 as=- cmd=NULL use=once born=2300
client:now at=10.0.0.1 n=3 as=- cmd=NULL use=once born=1300`, n))
		if m, _ := v.mute(v.groups[0]); len(m.conns) != want {
			t.Errorf("beside %d: %d, want %d", n, len(m.conns), want)
		}
	}
}

// TestBlameByCommand shares the certainty among the services whose latest command is the heavy one.
func TestBlameByCommand(t *testing.T) {
	for services, want := range map[int]float64{1: 0.8, 2: 0.4, 3: 0.27, 5: 0.2} {
		server := `server limit=40 phase=400
client:web at=10.0.1.1 n=2 born=60300`
		for i := range services {
			server += fmt.Sprintf("\nclient:audit%c at=10.0.%d.1 hosts=2 n=2 cmd=keys born=60300", 'a'+i, 10+i)
		}
		var f outage.Finding
		viewOf(t, server).blameByCommand(&f, "keys")
		if len(f.Culprits) != 2*services {
			t.Fatalf("%d culprits, want %d", len(f.Culprits), 2*services)
		}
		c := f.Culprits[0]
		if c.Certainty != want || strings.Contains(c.Why, "other services") != (services > 1) {
			t.Errorf("one of %d: %.2f sure, %s", services, c.Certainty, c.Why)
		}
	}
}

// TestHeaviestCommand does not depend on the order in which INFO is read.
func TestHeaviestCommand(t *testing.T) {
	info := map[string]string{"cmdstat_zunion": "calls=10,usec=9000000", "cmdstat_keys": "calls=10,usec=9000000", "cmdstat_none": "calls=10,usec=0"}
	for i := range 12 {
		info[fmt.Sprintf("cmdstat_a%d", i)] = "calls=1,usec=500000"
	}
	for range 5 {
		s := stall{seconds: 10}
		s.compare(&outage.Snapshot{}, &outage.Snapshot{Info: info})
		if s.command != "keys" || s.spent != 0.9 {
			t.Errorf("%s took %.2f of the time", s.command, s.spent)
		}
	}
}

func TestCountCommand(t *testing.T) {
	for _, tt := range []struct{ host, product, version, want string }{
		{"10.0.0.1", "redis", "8.0.0", `redis-cli CLIENT LIST | grep -cF ' addr=10.0.0.1:'`},
		{"fd00::7", "redis", "8.0.0", `redis-cli CLIENT LIST | grep -cF ' addr=[fd00::7]:'`},
		{"10.0.0.1", "redis", "9.1.0", `redis-cli CLIENT LIST | grep -cF ' addr=10.0.0.1:'`},
		{"10.0.0.1", "valkey", "9.0.0", `redis-cli CLIENT LIST IP 10.0.0.1 | grep -c ' addr='`},
		{"10.0.0.1", "valkey", "8.1.0", `redis-cli CLIENT LIST | grep -cF ' addr=10.0.0.1:'`},
		{"/run/redis.sock", "redis", "8.0.0", byHostCommand},
	} {
		v := &view{now: &outage.Snapshot{Info: map[string]string{tt.product + "_version": tt.version}}}
		if got := v.countCommand(&group{host: tt.host}); got != tt.want {
			t.Errorf("%s of %s %s: %s", tt.host, tt.product, tt.version, got)
		}
	}
	for version, want := range map[string]bool{"7": false, "7.2": true, "7.1": false, "7.3": true, "8.0": true, "6.9": false, "7.2.4": true, "7.x": false} {
		v := &view{now: &outage.Snapshot{Info: map[string]string{"redis_version": version}}}
		if got := v.atLeast(7, 2); got != want {
			t.Errorf("%s is 7.2 or later: %v", version, got)
		}
	}
}

// TestRoundNumbers has what people write as a limit of files, and of clients.
func TestRoundNumbers(t *testing.T) {
	for n, want := range map[int]bool{32: false, 64: true, 200: true, 250: false, 1024: true, 3072: true, 3073: false, 4064: false} {
		if got := roundLimit(n); got != want {
			t.Errorf("%d is a limit of files: %v", n, got)
		}
	}
	for n, want := range map[int]bool{32: true, 150: true, 175: false, 4064: false, 10000: true} {
		if got := roundCount(n); got != want {
			t.Errorf("%d is a number of clients: %v", n, got)
		}
	}
}

func TestTexts(t *testing.T) {
	for in, want := range map[string]string{"jedis(5.1)": "jedis", "(none)": "(none)", "go-redis/9": "go-redis", "a b": "a"} {
		if got := library(in); got != want {
			t.Errorf("library %q is %q", in, got)
		}
	}
	for n, want := range map[int]string{64: strings.Repeat("x", 64), 65: strings.Repeat("x", 61) + "..."} {
		if got := clean(strings.Repeat("x", n)); got != want {
			t.Errorf("%d letters are shown as %q", n, got)
		}
	}
	if got := new(view).share(3); got != 0 {
		t.Errorf("%v of no slots", got)
	}
}

// TestBetween has readings without a date: then the server's clock has to do, where both tell it.
func TestBetween(t *testing.T) {
	at := func(usec string) *outage.Snapshot {
		return &outage.Snapshot{Info: map[string]string{"server_time_usec": usec}}
	}
	for _, tt := range []struct {
		from, to string
		want     float64
	}{{"1000000", "3500000", 2.5}, {"", "3500000", 0}, {"3500000", "1000000", 0}, {"1000000", "1000000", 0}} {
		if got := between(at(tt.from), at(tt.to)); got != tt.want {
			t.Errorf("from %s to %s: %v s", tt.from, tt.to, got)
		}
	}
	up := func(s string) *outage.Snapshot {
		return &outage.Snapshot{Info: map[string]string{"uptime_in_seconds": s}}
	}
	if got := between(up("10"), up("12")); got != 2 {
		t.Errorf("by how long it has been up: %v s", got)
	}
}

func TestOutweighs(t *testing.T) {
	hosts := func(sizes ...int) (list []aged) {
		for _, n := range sizes {
			list = append(list, aged{conns: make([]*conn, n)})
		}
		return list
	}
	for _, c := range []struct {
		sizes []int
		size  int
		want  bool
	}{
		{[]int{20}, 20, true},
		{[]int{3, 20, 2}, 20, true},
		{[]int{3, 20, 3}, 20, false},
		{[]int{20, 20}, 20, false},
	} {
		if largest, ok := outweighs(hosts(c.sizes...)); ok != c.want || len(largest.conns) != c.size {
			t.Errorf("%v: %d outweighs the others: %t", c.sizes, len(largest.conns), ok)
		}
	}
}
