package diagnose_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spillway/diagnose"
	"spillway/outage"
)

// deploy has n old hosts with a pool each since 40 and n new ones since 85, beside a busy pool. Each host has a probe.
// The old ones work until end.
func deploy(n, size int, end float64) *sim {
	s := &sim{refusing: 10}
	for h := range 2 * n {
		host, born := hostOf(21, h+1), 40.0+0.3*float64(h)
		if h >= n {
			born = 85 + 0.3*float64(h)
		}
		for i := range size {
			last := busy
			if h < n {
				last = until(end)
			}
			s.add("shop", host, born+0.5*float64(i)/float64(size), last)
		}
		s.add("shop", host, born, every(0.5, 0)).c.Cmd = "ping"
	}
	s.pool("web", "10.0.2.1", 10, 8)
	fill(s)
	return s
}

func shopHosts(n int) (list []string) {
	for h := range n {
		list = append(list, "shop@"+hostOf(21, h+1))
	}
	return list
}

func TestDeploySurge(t *testing.T) {
	for _, n := range []int{2, 4} {
		want := []shown{{outage.DeploySurge, shopHosts(2 * n)}}
		for name, tt := range map[string]struct {
			end         float64
			least, most float64
		}{
			"draining":     {90, 0.9, 1},
			"both working": {200, 0.5, 0.6},
		} {
			for _, looks := range []int{2, 3, 6} {
				d := deploy(n, 12, tt.end).diagnose(looks, 1)
				if diff := cmp.Diff(want, show(d)); diff != "" {
					t.Fatalf("%d hosts, %s, %d looks (-want +got):\n%s\n%s", n, name, looks, diff, text(d))
				}
				if c := d.Findings[0].Confidence; c < tt.least || c > tt.most {
					t.Errorf("%d hosts, %s: confidence %v, want %v to %v:\n%s", n, name, c, tt.least, tt.most, text(d))
				}
			}
			d := deploy(n, 12, tt.end).diagnose(1, 0)
			if f, _ := d.Top(); f.Cause != outage.DeploySurge || f.Confidence > 0.5 {
				t.Errorf("%d hosts, %s, one look:\n%s", n, name, text(d))
			}
		}
	}
}

// TestNoSurge has what must not be called an overlap.
func TestNoSurge(t *testing.T) {
	fits := deploy(3, 12, 90)
	fits.limit, fits.refusing = fits.limit*3/2, 0
	unrefused := deploy(3, 12, 90) // full, and nobody turned away
	unrefused.refusing = 0
	ramp := &sim{refusing: 10} // hosts that start one after another
	for h := range 8 {
		ramp.pool("shop", hostOf(21, h+1), 50+5*float64(h), 10)
	}
	fill(ramp)
	two := &sim{refusing: 10}
	two.pool("shop", "10.0.21.1", 40, 20)
	two.pool("shop", "10.0.21.2", 85, 20)
	fill(two)
	larger := &sim{refusing: 10} // the younger ones are another kind of instance
	for h := range 4 {
		larger.pool("shop", hostOf(21, h+1), 40+15*float64(h/2*3), 6+20*(h/2))
	}
	fill(larger)
	for name, s := range map[string]*sim{"fits": fits, "nobody refused": unrefused, "ramp": ramp, "two hosts": two, "larger": larger} {
		for _, n := range []int{2, 5} {
			d := s.diagnose(n, 1)
			for _, f := range d.Findings {
				if f.Cause == outage.DeploySurge && (f.Confidence >= 0.5 || name == "fits") {
					t.Errorf("%s, %d looks:\n%s", name, n, text(d))
				}
			}
			if name == "fits" && len(d.Findings) > 0 {
				t.Errorf("a deploy that fits, %d looks:\n%s", n, text(d))
			}
		}
	}
}

// TestVanishedIsNoSurge has old hosts on which nothing moves, and new ones that came after that.
func TestVanishedIsNoSurge(t *testing.T) {
	s := deploy(3, 12, 84)
	for i := range s.conns {
		if c := &s.conns[i]; c.born < 50 && c.c.Name == "shop" {
			c.last = until(84)
		}
	}
	d := s.diagnose(3, 1)
	if f, _ := d.Top(); f.Cause != outage.HalfOpenPeers {
		t.Errorf("want half-open-peers:\n%s", text(d))
	}
}

// slotsSim has replicas and cluster links beside a busy fleet.
func slotsSim(replicas, nodes, stale int) *sim {
	s := &sim{refusing: 10}
	for h := range 4 {
		s.pool("shop", hostOf(22, h+1), 20, 8)
	}
	for i := range replicas {
		c := s.add("", hostOf(23, 1+i%2), 30, busy)
		c.c.Flags, c.c.Cmd = "S", "replconf"
	}
	fill(s)
	s.limit += 2 * nodes
	s.extra = func(_ float64, shot *outage.Snapshot) {
		shot.Info["cluster_connections"] = fmt.Sprint(2 * nodes)
		if nodes == 0 {
			return
		}
		shot.Info["cluster_enabled"] = "1"
		shot.Nodes = []outage.Node{{ID: strings.Repeat("0", 40), Addr: ":6379", Flags: "myself,master", Link: "connected"}}
		for i := range nodes {
			n := outage.Node{ID: fmt.Sprintf("%040x", i+1), Addr: hostOf(24, i+1) + ":6379", Flags: "master", Link: "connected"}
			if i < stale {
				n.Flags, n.Link = "master,fail", "disconnected"
			}
			shot.Nodes = append(shot.Nodes, n)
		}
	}
	return s
}

func TestSlots(t *testing.T) {
	for name, tt := range map[string]struct {
		sim      *sim
		culprits []string
		least    float64
		says     string
	}{
		"replicas":      {slotsSim(20, 0, 0), []string{"10.0.23.1@10.0.23.1", "10.0.23.2@10.0.23.2"}, 0.8, "20 replicas hold 20 of"},
		"stale nodes":   {slotsSim(0, 12, 12), nil, 0.9, "12 of them gone"},
		"healthy nodes": {slotsSim(0, 12, 0), nil, 0.7, "24 cluster links to 12 nodes hold"},
		"both":          {slotsSim(10, 8, 4), []string{"10.0.23.1@10.0.23.1", "10.0.23.2@10.0.23.2"}, 0.8, "10 replicas"},
	} {
		for _, n := range []int{2, 4} {
			d := tt.sim.diagnose(n, 1)
			if diff := cmp.Diff([]shown{{outage.ReplicaOrClusterSlots, tt.culprits}}, show(d)); diff != "" {
				t.Errorf("%s (-want +got):\n%s\n%s", name, diff, text(d))
				continue
			}
			if f := d.Findings[0]; f.Confidence < tt.least || !strings.Contains(f.Summary, tt.says) {
				t.Errorf("%s:\n%s", name, text(d))
			}
		}
		if f, _ := tt.sim.diagnose(1, 0).Top(); f.Cause != outage.ReplicaOrClusterSlots || f.Confidence > 0.5 {
			t.Errorf("%s, one look: %s %v", name, f.Cause, f.Confidence)
		}
	}
	// Redis 6.0 counts the links and shows them in CLUSTER NODES only.
	old := slotsSim(0, 12, 12)
	inner := old.extra
	old.extra = func(at float64, shot *outage.Snapshot) {
		inner(at, shot)
		delete(shot.Info, "cluster_connections")
	}
	if f, _ := old.diagnose(2, 1).Top(); f.Cause != outage.ReplicaOrClusterSlots {
		t.Errorf("without cluster_connections: %s", f.Cause)
	}
	old.extra = func(at float64, shot *outage.Snapshot) {
		inner(at, shot)
		delete(shot.Info, "cluster_connections")
		shot.Nodes = nil
	}
	if d := old.diagnose(2, 1); len(d.Unsure) == 0 || !strings.Contains(strings.Join(d.Unsure, " "), "CLUSTER NODES") {
		t.Errorf("without CLUSTER NODES: %q", d.Unsure)
	}
}

// TestNoSlots has replicas and links that are what a limit is made for.
func TestNoSlots(t *testing.T) {
	two, six := slotsSim(2, 0, 0), slotsSim(0, 5, 0)
	two.limit, two.refusing = 100, 0
	six.limit, six.refusing = 100, 0
	roomy := slotsSim(20, 10, 10)
	roomy.limit, roomy.refusing = 2*roomy.limit, 0
	for name, s := range map[string]*sim{"two replicas": two, "six nodes": six, "room": roomy} {
		for i := 0; i < 32; i += 8 { // no pool is what its clients wait for
			s.conns[i].last = every(2.5, 0.2)
		}
		for _, n := range []int{1, 2, 5} {
			if d := s.diagnose(n, 1); len(d.Findings) > 0 {
				t.Errorf("%s, %d looks:\n%s", name, n, text(d))
			}
		}
	}
	full := slotsSim(2, 0, 0) // a full server with two replicas is full of clients
	if f, _ := full.diagnose(3, 1).Top(); f.Cause != outage.MaxclientsTooLow {
		t.Errorf("two replicas of a full server: %s", f.Cause)
	}
}

// TestTwoAtOnce has an idle crowd beside a fleet that would not fit without it.
func TestTwoAtOnce(t *testing.T) {
	s := &sim{refusing: 20}
	for h := range 2 {
		s.burst("reports", hostOf(5, h+1), 40, 50, 26)
	}
	s.pool("batch", hostOf(6, 1), 60, 24)
	for h := range 3 {
		s.pool("batch", hostOf(6, h+2), 80+0.1*float64(h), 4)
	}
	s.pool("web", "10.0.2.1", 10, 6)
	fill(s)
	for _, n := range []int{2, 4} {
		d := s.diagnose(n, 1)
		if len(d.Findings) != 2 || d.Findings[0].Cause != outage.IdleNotReaped || d.Findings[1].Cause != outage.MaxclientsTooLow ||
			d.Findings[1].Confidence < 0.5 || d.Findings[1].Needed <= s.limit {
			t.Errorf("%d looks:\n%s", n, text(d))
		}
	}
	s.limit *= 2 // the fleet fits
	s.refusing = 0
	if d := s.diagnose(3, 1); len(d.Findings) > 0 {
		t.Errorf("with room:\n%s", text(d))
	}
}

// TestRealTwoAtOnce has a leak on a server whose limit was lowered at boot, also without its log.
func TestRealTwoAtOnce(t *testing.T) {
	shots := load(t, "leak-under-clamp")
	for _, least := range []float64{0.5, 0.4} {
		d := diagnose.Diagnose(shots...)
		if len(d.Findings) != 2 || d.Findings[0].Cause != outage.ConnectionLeak || d.Findings[1].Cause != outage.FDLimitClamp || d.Findings[1].Confidence < least {
			t.Errorf("want connection-leak, then fd-limit-clamp with %v:\n%s", least, text(d))
		}
		for i := range shots {
			shots[i].Log = nil
		}
	}
}
