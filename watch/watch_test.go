package watch

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spillway/outage"
)

const second = outage.Duration(time.Second)

// server is a Redis that a leak fills: web is a pool of 10 in use, and api opens some connections a second and closes none.
type server struct {
	limit, rate int
	usec        int64 // that our commands took so far
	perLook     int64 // microseconds
	info        map[string]string
}

func (s *server) glance(at int) outage.Snapshot {
	leaked := s.rate * at
	taken := min(10+leaked, s.limit)
	shot := outage.Snapshot{At: outage.Duration(at) * second, Info: map[string]string{
		"redis_version": "8.0.2", "run_id": "a", "maxclients": strconv.Itoa(s.limit), "connected_clients": strconv.Itoa(taken),
		"rejected_connections": strconv.Itoa(10 + leaked - taken), "cmdstat_info": fmt.Sprintf("calls=1,usec=%d,usec_per_call=1", s.usec),
		"connected_slaves": "0",
	}}
	for k, v := range s.info {
		shot.Info[k] = v
	}
	return shot
}

func (s *server) look(at int) outage.Snapshot {
	shot := s.glance(at)
	s.usec += s.perLook
	shot.Config = map[string]string{"maxclients": strconv.Itoa(s.limit), "timeout": "0", "tcp-keepalive": "300"}
	add := func(name string, age, idle int64, cmd string) {
		id := int64(len(shot.Clients) + 1)
		shot.Clients = append(shot.Clients, outage.Client{
			ID: id, Name: name, Addr: fmt.Sprintf("10.0.0.%d:%d", len(name), 40000+id), Age: age, Idle: idle, Flags: "N", Multi: -1, Cmd: cmd, FD: int(id) + 7,
		})
	}
	for range 10 {
		add("web", int64(at)+600, 0, "get")
	}
	for i := range shot.Slots() - 10 {
		age := int64(at) - int64(i/max(s.rate, 1)) - 1
		add("api-1", age, age, "set")
	}
	return shot
}

func TestALeakIsForetoldFoundAndTold(t *testing.T) {
	s := &server{limit: 100, rate: 6, perLook: 200}
	w := &Watch{Target: "redis://10.0.0.1:6379", Every: second}
	var told []outage.Finding
	var foretold, found, sure int // when, first
	for at := range 16 {
		news := w.Look(s.look(at), 5*outage.Duration(time.Millisecond))
		told = append(told, news...)
		v := w.View(outage.Duration(at) * second)
		if f := v.Forecast; f.Outlook == Filling && foretold == 0 {
			foretold = at
			if truth := float64(90-6*at) / 6; f.Earliest.Seconds() > truth || f.Latest.Seconds() < truth {
				t.Errorf("full in %.1f s, foretold %s to %s", truth, f.Earliest, f.Latest)
			}
		}
		if len(v.Findings) > 0 && found == 0 {
			found = at
			if v.Findings[0].Sure {
				t.Error("sure at first sight")
			}
		}
		if len(news) > 0 && sure == 0 {
			sure = at
			if f := v.Findings[0]; !f.Sure || f.Cause != outage.ConnectionLeak || f.Culprits[0].Service != "api" {
				t.Errorf("the news is %s, and the finding %+v", news[0].Cause, f)
			}
			if !slices.Equal(v.Next, []string{"spillway remedy redis://10.0.0.1:6379", "spillway remedy redis://10.0.0.1:6379 --apply"}) {
				t.Errorf("to type: %q", v.Next)
			}
			if !strings.HasPrefix(v.Plan[0], "kill-clients ") || !strings.Contains(strings.Join(v.Plan, " "), "for good: deploy api") {
				t.Errorf("plan: %q", v.Plan)
			}
		}
	}
	if foretold == 0 || foretold > 5 || found == 0 || sure <= found || sure > 12 {
		t.Errorf("foretold at %d, found at %d, sure at %d, and full at 15", foretold, found, sure)
	}
	if len(told) != 1 {
		t.Errorf("told %d times: %v", len(told), told)
	}
	v := w.View(15 * second)
	if v.Forecast.Outlook != Full || v.Slots != (Slots{Taken: 100, Limit: 100, Clients: 100}) || v.Verdict != Found {
		t.Errorf("at the end: %+v, %+v, %s", v.Forecast, v.Slots, v.Verdict)
	}
	want := []Service{{"api", 90, 1, 6}, {"web", 10, 1, 0}}
	if diff := cmp.Diff(want, v.Services); diff != "" {
		t.Error(diff)
	}
}

func TestAHealthyServer(t *testing.T) {
	s := &server{limit: 100}
	w := &Watch{Every: second}
	for at := range 14 {
		if news := w.Look(s.look(at), 0); len(news) > 0 {
			t.Errorf("news of a healthy server: %v", news)
		}
	}
	if v := w.View(14 * second); v.Verdict != Healthy || v.Forecast.Outlook != Steady || len(v.Next) > 0 || v.Findings == nil {
		t.Errorf("%s, %s, %v", v.Verdict, v.Forecast.Outlook, v.Next)
	}
}

// What looks cost is read from the server, bounded by the clock, and keeps them apart.
func TestTheListIsTakenAsRarelyAsItMustBe(t *testing.T) {
	s := &server{limit: 20000, perLook: 20000} // 20 ms: at most every 4 s, to stay at half a per cent
	w := &Watch{Every: second}
	var listed []int
	for at := range 60 {
		if w.Due(outage.Duration(at) * second) {
			listed = append(listed, at)
			w.Look(s.look(at), 50*outage.Duration(time.Millisecond))
		} else {
			s.usec += 100
			w.Glance(s.glance(at), outage.Duration(time.Millisecond))
		}
	}
	v := w.View(60 * second)
	if v.Cost.Share <= 0.003 || v.Cost.Share > Most || v.Cost.By != "commandstats" {
		t.Errorf("it costs %+v", v.Cost)
	}
	if len(listed) < 12 || len(listed) > 16 {
		t.Errorf("listed at %v", listed)
	}
	if len(w.points) != 60 {
		t.Errorf("%d points: glances count too", len(w.points))
	}
	// A server that does not tell is judged by the clock, which knows only that it took no longer.
	blind := &Watch{Every: second}
	shot := s.look(0)
	delete(shot.Info, "cmdstat_info")
	blind.Look(shot, 50*outage.Duration(time.Millisecond))
	if c := blind.View(second).Cost; c.By != "clock" || c.Every != 10*second {
		t.Errorf("by the clock: %+v", c)
	}
	if blind.Due(2 * second) {
		t.Error("a list of 50 ms is due after 2 s")
	}
	// The way to a server that is far away is none of its time.
	far := &Watch{Every: second}
	shot.Latency = 20 * outage.Duration(time.Millisecond)
	far.Look(shot, 45*outage.Duration(time.Millisecond))
	if c := far.View(second).Cost; c.Look != 5*outage.Duration(time.Millisecond) {
		t.Errorf("45 ms, of which 40 on the way: %+v", c)
	}
	// A PING that took long was not long on its way: what the look itself took is not less for it.
	shot.Latency = 30 * outage.Duration(time.Millisecond)
	far.Look(shot, 65*outage.Duration(time.Millisecond))
	shot.Latency = 20 * outage.Duration(time.Millisecond)
	far.Look(shot, 45*outage.Duration(time.Millisecond))
	if c := far.View(2 * second).Cost; c.Look != 15*outage.Duration(time.Millisecond) {
		t.Errorf("65 ms, of which 30 were a PING and 20 the way: %+v", c)
	}
	// Peeks list the clients, too.
	peeking := &Watch{Every: second}
	shot.Peeks = []outage.Peek{{Took: 27 * outage.Duration(time.Millisecond)}, {Took: 28 * outage.Duration(time.Millisecond)}, {Took: 1}}
	peeking.Look(shot, 45*outage.Duration(time.Millisecond))
	if c := peeking.View(second).Cost; c.Look != 20*outage.Duration(time.Millisecond) {
		t.Errorf("with peeks of 7 and 8 ms and the way: %+v", c)
	}
}

// Others send INFO and CLIENT LIST too: what they cost is not ours, which took no longer than the answer did.
func TestOthersDoNotSlowTheWatch(t *testing.T) {
	s := &server{limit: 100, perLook: 900000}
	w := &Watch{Every: second}
	for at := range 5 {
		w.Look(s.look(at), outage.Duration(time.Millisecond))
	}
	if c := w.View(5 * second).Cost; c.Every != second || c.Share > 0.002 {
		t.Errorf("%+v", c)
	}
}

func TestWhatHappensIsNoted(t *testing.T) {
	s := &server{limit: 100, rate: 1}
	w := &Watch{Every: second}
	for at := range 3 {
		w.Look(s.look(at), 0)
	}
	w.Lost(3*second, "connection lost: EOF")
	w.Lost(4*second, "trying for a slot: max number of clients reached", "ss -xp")
	for range 7 {
		w.Turned()
	}
	if v := w.View(5 * second); v.Trouble == "" || v.LastSeen != 2*second || !slices.Equal(v.Next, []string{"ss -xp"}) || v.Slots.Taken != 12 {
		t.Errorf("while it is not seen: %+v", v)
	}
	s.limit = 200
	s.info = map[string]string{"rejected_connections": "9"}
	w.Glance(s.glance(6), 0)
	v := w.View(6 * second)
	var texts []string
	for _, n := range v.Notes {
		texts = append(texts, n.Text)
	}
	if want := []string{"connection lost: EOF", "Redis is seen again", "maxclients 100 -> 200"}; !slices.Equal(texts, want) {
		t.Errorf("notes: %q, want %q", texts, want)
	}
	if v.Trouble != "" || v.Refused.Total != 2 || v.Slots.Limit != 200 {
		t.Errorf("9 were refused, 7 of them ourselves: %+v, %+v", v.Refused, v.Slots)
	}
	s.info = map[string]string{"run_id": "b", "rejected_connections": "0"}
	w.Look(s.look(7), 0)
	if v := w.View(7 * second); v.Notes[len(v.Notes)-1].Text != "Redis was started anew" || v.ServicesOver != 0 || v.Forecast.Outlook != Unknown {
		t.Errorf("after a restart: %+v", v)
	}
}

// A finding is news once; again when others join it, some time later, and after it was gone for long.
func TestNews(t *testing.T) {
	m := memory{}
	at := func(n int, confidence float64, services ...string) int {
		d := outage.Diagnosis{At: outage.Duration(n) * second}
		if len(services) > 0 {
			f := outage.Finding{Cause: outage.ConnectionLeak, Confidence: confidence}
			for _, s := range services {
				f.Culprits = append(f.Culprits, outage.Culprit{Service: s})
			}
			d.Findings = []outage.Finding{f}
		}
		_, news := m.weigh(d)
		return len(news)
	}
	for i, step := range []struct {
		at         int
		confidence float64
		services   []string
		news       int
	}{
		{0, 0.9, []string{"api"}, 0}, // first sight
		{1, 0.4, []string{"api"}, 0}, // no more than a guess
		{2, 0.9, []string{"api"}, 1},
		{3, 0.9, []string{"api"}, 0},
		{4, 0.9, []string{"api", "web"}, 0},
		{5, 0, nil, 0},
		{6, 0.9, []string{"api"}, 0},
		{33, 0.9, []string{"api", "web"}, 1},
		{34, 0.9, []string{"web"}, 0},
		{100, 0, nil, 0}, // forgotten
		{101, 0.9, []string{"api"}, 0},
		{102, 0.9, []string{"api"}, 1},
	} {
		if got := at(step.at, step.confidence, step.services...); got != step.news {
			t.Errorf("step %d: %d news, want %d", i, got, step.news)
		}
	}
}

// A cause that names nobody is news once, too.
func TestNewsOfNobody(t *testing.T) {
	m, told := memory{}, 0
	for i := range 90 {
		_, news := m.weigh(outage.Diagnosis{At: outage.Duration(i) * second, Findings: []outage.Finding{{Cause: outage.AccessDenied, Confidence: 0.8}}})
		told += len(news)
	}
	if told != 1 {
		t.Errorf("told %d times", told)
	}
}

// Hostile clients may each have a name of their own, which counts for nothing at one host, and what cannot be read leaves nothing to say.
func TestNothingButNames(t *testing.T) {
	for hosts, want := range map[int]int{5000: mostServices, 1: 1} {
		w := &Watch{Every: second}
		var s outage.Snapshot
		for i := range 5000 {
			s.Clients = append(s.Clients, outage.Client{ID: int64(i), Name: fmt.Sprintf("n%dx", i), Addr: fmt.Sprintf("10.0.%d.%d:%d", i%hosts/250, i%hosts%250, i), Multi: -1})
		}
		w.Look(s, 0)
		if v := w.View(second); len(v.Services) != want || v.Slots.Taken != 5000 || v.Verdict != CannotTell {
			t.Errorf("%d hosts: %d services, %+v, %s", hosts, len(v.Services), v.Slots, v.Verdict)
		}
	}
	nothing := &Watch{Every: second}
	nothing.Glance(outage.Snapshot{}, 0)
	nothing.Look(outage.Snapshot{}, 0)
	if v := nothing.View(second); v.Verdict != CannotTell || v.Forecast.Outlook != Unknown || len(v.Unsure) == 0 {
		t.Errorf("%+v", v)
	}
}

func TestPasswordsStayOut(t *testing.T) {
	w := &Watch{Target: "redis://ops:@10.0.0.1:6379", Secret: true}
	if got := w.command("remedy", " --apply"); got != "SPILLWAY_PASSWORD=… spillway remedy redis://ops:@10.0.0.1:6379 --apply" {
		t.Error(got)
	}
}
