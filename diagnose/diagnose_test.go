package diagnose_test

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spillway/diagnose"
	"spillway/outage"
)

// The outages, each as a server that fills up. Healthy ones are in healthy_test.go.

func leaky(name string) *sim {
	s := &sim{limit: 400, refusing: 20}
	s.leak(name, "10.0.1.1", 60, now, 4)
	s.leak(name, "10.0.1.2", 60, now, 4)
	s.pool(orEmpty(name, "web-1"), "10.0.2.1", 10, 10)
	s.lifo(orEmpty(name, "web-2"), "10.0.2.2", 10, 10)
	fill(s)
	return s
}

func orEmpty(name, other string) string {
	if name == "" {
		return ""
	}
	return other
}

// fill sets the limit to what is connected, so that the server is full.
func fill(s *sim) {
	shot := s.at(now)
	s.limit = shot.Slots()
}

func finished() *sim {
	s := &sim{limit: 200, refusing: 30}
	s.leak("api-1", "10.0.1.1", 50, 70, 4)
	s.leak("api-2", "10.0.1.2", 50, 70, 4)
	s.pool("web-1", "10.0.2.1", 10, 10)
	fill(s)
	return s
}

func early() *sim {
	s := &sim{limit: 1000}
	s.leak("api-1", "10.0.1.1", 88, now, 5)
	s.leak("api-2", "10.0.1.2", 90, now, 5)
	s.pool("web-1", "10.0.2.1", 10, 10)
	return s
}

func fleet(hosts, size int) *sim {
	s := &sim{refusing: 15}
	for i := range hosts {
		s.pool("shop-"+string(rune('a'+i)), hostOf(3, i+1), 20+float64(i), size)
	}
	for i := range hosts {
		s.pool("search-"+string(rune('1'+i)), hostOf(4, i+1), 30+float64(i), size)
	}
	fill(s)
	return s
}

func clamped(args ...string) *sim {
	s := &sim{refusing: 15}
	for i := range 8 {
		s.pool("shop", hostOf(3, i+1), 20+float64(i), 12)
	}
	fill(s) // 96 = 128 - 32
	s.extra = func(_ float64, shot *outage.Snapshot) {
		shot.Process = &outage.Process{NofileSoft: 128, NofileHard: 128, Args: append([]string{"redis-server"}, args...)}
	}
	return s
}

func idleCrowd() *sim {
	s := &sim{refusing: 5}
	for i := range 4 {
		s.burst("batch", hostOf(5, i+1), 80, 95, 20)
	}
	s.lifo("web", "10.0.2.1", 10, 10)
	s.pool("web", "10.0.2.2", 10, 8)
	fill(s)
	return s
}

func halfOpen(witness func(float64, *outage.Snapshot)) *sim {
	s := &sim{refusing: 5, extra: witness}
	for i := range 3 {
		s.burst("api", hostOf(6, i+1), 60, 90+0.3*float64(i), 20)
		s.pool("api", hostOf(7, i+1), 92, 20)
	}
	s.pool("web", "10.0.2.1", 10, 10)
	fill(s)
	return s
}

func noAnswer(t float64, shot *outage.Snapshot) {
	for i := range 3 {
		shot.Peers = append(shot.Peers, outage.Peer{Host: hostOf(6, i+1)})
	}
}

func answers(_ float64, shot *outage.Snapshot) {
	for i := range 3 {
		shot.Peers = append(shot.Peers, outage.Peer{Host: hostOf(6, i+1), Answers: true})
	}
}

// probes leaves keepalive probes of some of the frozen sockets unanswered.
func probes(_ float64, shot *outage.Snapshot) {
	for i, c := range shot.Clients {
		if strings.HasPrefix(c.Addr, "10.0.6.") && i%2 == 0 {
			shot.Sockets = append(shot.Sockets, outage.Socket{Peer: c.Addr, Probes: 2})
		}
	}
}

func pinnedPool() *sim {
	s := &sim{limit: 100}
	for i := range 3 {
		s.pool("api", hostOf(1, i+1), 40, 3)
	}
	s.lifo("web", "10.0.2.1", 10, 10)
	return s
}

// noise adds what looks like a leak or like idle clients and is neither: subscribers and workers that wait.
func noise(s *sim) *sim {
	for i := range 12 {
		s.add("feed", "10.0.9.1", 10+float64(3*i), once(10+float64(3*i))).c.Flags = "P"
		s.conns[len(s.conns)-1].c.Sub = 1
		s.add("worker", "10.0.9.2", 10+float64(3*i), once(10+float64(3*i))).c.Flags = "b"
	}
	for i := range 2 {
		s.add("", hostOf(8, i), 5, once(5)).c.Flags = "S"
	}
	s.add("admin", "10.0.9.3", 60, once(60)).c.Flags = "e"
	s.add("job", "10.0.9.4", 60, once(60)).c.Multi = 1
	s.add("tail", "10.0.9.5", 60, once(60)).c.Flags = "O"
	s.add("spillway:run:observer", "10.0.9.6", 5, once(5))
	return s
}

func full(s *sim) *sim {
	fill(s)
	return s
}

func TestDiagnose(t *testing.T) {
	api := []string{"api@10.0.1.1", "api@10.0.1.2"}
	vanished := []string{"api@10.0.6.1", "api@10.0.6.2", "api@10.0.6.3"}
	crowd := []string{"batch@10.0.5.1", "batch@10.0.5.2", "batch@10.0.5.3", "batch@10.0.5.4"}
	shops := []string{"search@10.0.4.1", "search@10.0.4.2", "search@10.0.4.3",
		"shop-a@10.0.3.1", "shop-b@10.0.3.2", "shop-c@10.0.3.3"}
	tests := []struct {
		name  string
		sim   *sim
		looks int
		every float64
		want  []shown
		least float64
	}{
		{"leak", leaky("api"), 3, 2, []shown{{outage.ConnectionLeak, api}}, 0.9},
		{"leak in noise", full(noise(leaky("api"))), 3, 2, []shown{{outage.ConnectionLeak, api}}, 0.9},
		{"leak without names", leaky(""), 3, 2, []shown{{outage.ConnectionLeak, []string{"10.0.1.1@10.0.1.1", "10.0.1.2@10.0.1.2"}}}, 0.9},
		{"leak, one snapshot", leaky("api"), 1, 0, []shown{{outage.ConnectionLeak, api}}, 0.5},
		{"finished leak", finished(), 2, 2, []shown{{outage.ConnectionLeak, api}}, 0.8},
		{"finished leak in noise", full(noise(finished())), 2, 2, []shown{{outage.ConnectionLeak, api}}, 0.75},
		{"early leak", early(), 6, 1, []shown{{outage.ConnectionLeak, api}}, 0.7},
		{"early leak, two snapshots", early(), 2, 5, []shown{{outage.ConnectionLeak, api}}, 0.7},
		{"too low", fleet(3, 8), 4, 1, []shown{{outage.MaxclientsTooLow, shops}}, 0.9},
		{"too low, one snapshot", fleet(3, 8), 1, 0, []shown{{outage.MaxclientsTooLow, shops}}, 0.5},
		{"idle crowd", idleCrowd(), 2, 2, []shown{{outage.IdleNotReaped, crowd}}, 0.6},
		{"idle crowd in noise", full(noise(idleCrowd())), 2, 2, []shown{{outage.IdleNotReaped, crowd}}, 0.6},
		{"half open, silent", halfOpen(noAnswer), 2, 2, []shown{{outage.HalfOpenPeers, vanished}}, 0.9},
		{"half open, probes", halfOpen(probes), 2, 2, []shown{{outage.HalfOpenPeers, vanished}}, 0.8},
		{"half open, replaced only", halfOpen(nil), 2, 2, []shown{{outage.HalfOpenPeers, vanished}}, 0.5},
		{"pinned pool", pinnedPool().late(), 9, 1, []shown{{outage.NotAtLimit, []string{"api@10.0.1.1", "api@10.0.1.2", "api@10.0.1.3"}}}, 0.6},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := tt.sim.diagnose(tt.looks, tt.every)
			if diff := cmp.Diff(tt.want, show(d)); diff != "" {
				t.Fatalf("findings (-want +got):\n%s\n%s", diff, text(d))
			}
			if c := d.Findings[0].Confidence; c < tt.least {
				t.Errorf("confidence %v, want at least %v\n%s", c, tt.least, text(d))
			}
			if tt.looks == 1 && (d.Findings[0].Confidence > 0.5 || len(d.Unsure) == 0) {
				t.Errorf("one snapshot: confidence %v, unsure %q", d.Findings[0].Confidence, d.Unsure)
			}
			checkVictims(t, tt.sim.at(now), d)
		})
	}
}

func text(d outage.Diagnosis) string {
	out, _ := json.MarshalIndent(d, "", "  ")
	return string(out)
}

// checkVictims checks that nothing is held against a connection that is in use or spared by its kind.
func checkVictims(t interface{ Fatalf(string, ...any) }, shot outage.Snapshot, d outage.Diagnosis) {
	clients := map[int64]outage.Client{}
	for _, c := range shot.Clients {
		clients[c.ID] = c
	}
	stuck := map[string]bool{}
	for _, s := range shot.Sockets {
		stuck[s.Peer] = s.Retransmits > 1 || s.Probes > 0
	}
	for _, f := range d.Findings {
		for _, culprit := range f.Culprits {
			for _, id := range culprit.IDs {
				c, alive := clients[id]
				spared := c.Subscribed() || c.Blocked() || c.InTransaction() || c.Replication() || c.Monitoring() ||
					c.Ours() || strings.Contains(c.Flags, "e")
				vanished := f.Cause == outage.HalfOpenPeers && c.Subscribed() && stuck[c.Addr]
				if !alive || !vanished && (spared || c.Idle < 2) {
					t.Fatalf("%s speaks against %+v", f.Cause, c)
				}
			}
		}
	}
}

func TestLeakNumbers(t *testing.T) {
	d := early().diagnose(6, 1)
	f := d.Findings[0]
	if f.Growth < 8 || f.Growth > 12 {
		t.Errorf("growth %v a second, want about 10", f.Growth)
	}
	if left := float64(d.MaxClients-d.Slots) / 10; f.UntilFull.Seconds() < 0.8*left || f.UntilFull.Seconds() > 1.25*left {
		t.Errorf("full in %v, want about %v s", f.UntilFull, left)
	}
	for _, c := range f.Culprits {
		if len(c.IDs) < 35 || len(c.IDs) > c.Connections {
			t.Errorf("%s: %d of %d connections", c.Addr, len(c.IDs), c.Connections)
		}
	}
	if f := finished().diagnose(2, 2).Findings[0]; f.UntilFull != 0 {
		t.Errorf("a full server is full in %v", f.UntilFull)
	}
}

func TestNeeded(t *testing.T) {
	s := &sim{refusing: 15}
	for i, size := range []int{20, 20, 20, 8, 2} {
		s.pool("shop", hostOf(3, i+1), 20+float64(i), size)
	}
	for i := range 2 {
		s.add("", hostOf(8, i), 5, busy).c.Flags = "S"
	}
	fill(s)
	d := s.diagnose(3, 1)
	f, _ := d.Top()
	// 5 hosts of 20, 2 replicas: 102 at the peak; 127.5 with headroom, and 5 for admin connections.
	if f.Cause != outage.MaxclientsTooLow || f.Needed != 140 || f.Effective != 72 {
		t.Errorf("needed %d of effective %d, want 140 of 72\n%s", f.Needed, f.Effective, text(d))
	}
}

var clampLog = []string{
	"1:C 24 Nov 2026 06:00:00.000 # You requested maxclients of 160 requiring at least 192 max file descriptors.",
	"1:C 24 Nov 2026 06:00:00.000 # Server can't set maximum open files to 192 because of OS error: Operation not permitted.",
	"1:C 24 Nov 2026 06:00:00.000 # Current maximum open files is 128. maxclients has been reduced to 96 to compensate for low ulimit. If you need higher maxclients increase 'ulimit -n'.",
}

func withLog(s *sim, lines []string) *sim {
	inner := s.extra
	s.extra = func(t float64, shot *outage.Snapshot) {
		if inner != nil {
			inner(t, shot)
		}
		shot.Log = lines
	}
	return s
}

func TestClamp(t *testing.T) {
	tests := []struct {
		name          string
		sim           *sim
		want          []outage.Cause
		asked, needed int
	}{
		{"log", withLog(clamped(), clampLog), []outage.Cause{outage.FDLimitClamp}, 160, 130},
		{"command line", clamped("--maxclients", "200"), []outage.Cause{outage.FDLimitClamp}, 200, 130},
		{"neither", clamped(), []outage.Cause{outage.FDLimitClamp, outage.MaxclientsTooLow}, 0, 130},
		{"asked for too little too", clamped("--maxclients", "100"), []outage.Cause{outage.FDLimitClamp, outage.MaxclientsTooLow}, 100, 130},
		{"asked for just that", clamped("--maxclients", "96"), []outage.Cause{outage.MaxclientsTooLow}, 0, 130},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := tt.sim.diagnose(3, 1)
			var got []outage.Cause
			for _, f := range d.Findings {
				got = append(got, f.Cause)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Fatalf("causes (-want +got):\n%s\n%s", diff, text(d))
			}
			if f := d.Findings[0]; f.Asked != tt.asked || f.Needed != tt.needed || f.Effective != 96 {
				t.Errorf("asked %d, needed %d, effective %d; want %d, %d, 96", f.Asked, f.Needed, f.Effective, tt.asked, tt.needed)
			}
		})
	}
}

func TestClampBehindLeak(t *testing.T) {
	s := withLog(finished(), clampLog)
	for i := range s.conns {
		s.conns[i].c.ID += 1000
	}
	s.limit = 96
	d := s.diagnose(2, 2)
	if len(d.Findings) != 2 || d.Findings[0].Cause != outage.ConnectionLeak || d.Findings[1].Cause != outage.FDLimitClamp {
		t.Errorf("want the leak, then the clamp:\n%s", text(d))
	}
}

// TestOrder shuffles what a server rotates, and what a caller may hand over in any order.
func TestOrder(t *testing.T) {
	for name, s := range map[string]*sim{"leak": noise(leaky("api")), "idle": idleCrowd(), "half open": halfOpen(noAnswer), "fleet": fleet(3, 8)} {
		want := s.diagnose(3, 1)
		shots := s.looks(3, 1)
		r := rand.New(rand.NewPCG(1, 2))
		for _, shot := range shots {
			r.Shuffle(len(shot.Clients), func(i, j int) { shot.Clients[i], shot.Clients[j] = shot.Clients[j], shot.Clients[i] })
		}
		r.Shuffle(len(shots), func(i, j int) { shots[i], shots[j] = shots[j], shots[i] })
		if diff := cmp.Diff(want, diagnose.Diagnose(shots...)); diff != "" {
			t.Errorf("%s: another order, another diagnosis:\n%s", name, diff)
		}
	}
}
