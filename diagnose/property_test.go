package diagnose_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"spillway/diagnose"
	"spillway/outage"
)

// anyClient draws a connection that a server might list, or a dump might hold by mistake.
func anyClient(t *rapid.T) outage.Client {
	c := outage.Client{
		ID:   rapid.Int64Range(-2, 60).Draw(t, "id"),
		Addr: rapid.SampledFrom([]string{"10.0.0.1:1", "10.0.0.2:2", "[::1]:3", "/run/redis.sock:0", "", "x"}).Draw(t, "addr"),
		Name: rapid.SampledFrom([]string{"", "api-1", "api-2", "web", "spillway:r:s", "$(x)'\"", "\x1b[0m"}).Draw(t, "name"),
		Age:  rapid.Int64Range(-1, 40).Draw(t, "age"),
		// A flag more often than not would leave nothing to suspect.
		Flags:   rapid.SampledFrom([]string{"N", "N", "N", "N", "", "P", "b", "x", "S", "M", "O", "e", "Pe"}).Draw(t, "flags"),
		Multi:   rapid.SampledFrom([]int{-1, -1, -1, -1, 0, 2}).Draw(t, "multi"),
		Sub:     rapid.SampledFrom([]int{0, 0, 0, 1}).Draw(t, "sub"),
		Cmd:     rapid.SampledFrom([]string{"get", "NULL", "NULL", "ping", "hello", ""}).Draw(t, "cmd"),
		LibName: rapid.SampledFrom([]string{"", "go-redis"}).Draw(t, "lib"),
		User:    rapid.SampledFrom([]string{"", "default", "app"}).Draw(t, "user"),
	}
	c.Idle = rapid.SampledFrom([]int64{0, 1, 3, c.Age, c.Age / 2, -1, 1 << 40}).Draw(t, "idle")
	return c
}

func anySnapshot(t *rapid.T) outage.Snapshot {
	clients := rapid.SliceOfN(rapid.Custom(anyClient), 0, 60).Draw(t, "clients")
	// A server gives each of its connections an id of its own.
	slices.SortFunc(clients, func(a, b outage.Client) int { return int(a.ID - b.ID) })
	clients = slices.CompactFunc(clients, func(a, b outage.Client) bool { return a.ID == b.ID })
	s := outage.Snapshot{
		At:      outage.Duration(rapid.IntRange(0, 40).Draw(t, "at")) * outage.Duration(time.Second),
		Clients: clients,
	}
	if rapid.Bool().Draw(t, "info") {
		limit := rapid.SampledFrom([]string{"", "-1", "0", "1", "50", "x", strconv.Itoa(len(clients)), strconv.Itoa(len(clients) + 2)}).Draw(t, "limit")
		s.Info = map[string]string{
			"connected_clients": strconv.Itoa(len(clients)), "maxclients": limit, "connected_slaves": "1",
			"total_connections_received": strconv.Itoa(rapid.IntRange(0, 999).Draw(t, "accepted")),
			"rejected_connections":       strconv.Itoa(rapid.IntRange(0, 99).Draw(t, "rejected")),
		}
		s.Config = map[string]string{"maxclients": limit, "timeout": rapid.SampledFrom([]string{"0", "", "5", "x", "900"}).Draw(t, "timeout")}
	}
	if rapid.Bool().Draw(t, "host") {
		s.Process = &outage.Process{NofileSoft: rapid.Int64Range(-1, 100).Draw(t, "soft"), NofileHard: 64, Args: []string{"--maxclients"}}
		s.Log = []string{"maxclients has been reduced to 50", "You requested maxclients of 99999999999999999999 requiring"}
	}
	for _, c := range clients {
		if rapid.IntRange(0, 5).Draw(t, "socket") == 0 {
			s.Sockets = append(s.Sockets, outage.Socket{Peer: c.Addr, SendQueue: 1, Retransmits: 3})
			s.Peers = append(s.Peers, outage.Peer{Host: c.Host(), Answers: rapid.Bool().Draw(t, "answers")})
		}
	}
	return s
}

func latest(shots []outage.Snapshot, at outage.Duration) []outage.Snapshot {
	var last []outage.Snapshot
	for _, s := range shots {
		if s.At == at && len(s.Clients) > 0 {
			last = append(last, s)
		}
	}
	return last
}

// TestAnything has snapshots that no server would give.
func TestAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shots := rapid.SliceOfN(rapid.Custom(anySnapshot), 0, 5).Draw(t, "snapshots")
		d := diagnose.Diagnose(shots...)
		if d.Findings == nil {
			t.Fatalf("findings are nil")
		}
		last := 1.0
		for _, f := range d.Findings {
			if !(f.Confidence >= 0 && f.Confidence <= last) {
				t.Fatalf("confidence %v after %v", f.Confidence, last)
			}
			last = f.Confidence
			if f.Culprits == nil || len(f.Evidence) == 0 || len(f.Commands) == 0 || f.Summary == "" {
				t.Fatalf("%s is not whole: %+v", f.Cause, f)
			}
			said := f.Summary + strings.Join(f.Commands, "\n")
			for _, e := range f.Evidence {
				said += e.Command
				if strings.Contains(e.Text, "\x1b") {
					t.Fatalf("a name comes through as it is: %q", e.Text)
				}
			}
			if strings.Contains(said, "\x1b") || strings.Contains(strings.Join(f.Commands, "\n"), "$(x)") {
				t.Fatalf("a name comes through as it is: %q", said)
			}
			for _, c := range f.Culprits {
				checkAttribution(t, c)
				if len(c.IDs) > c.Connections {
					t.Fatalf("%s: %d of %d connections", f.Cause, len(c.IDs), c.Connections)
				}
			}
		}
		// With two snapshots of one instant, either may be taken for the last.
		if last := latest(shots, d.At); len(last) == 1 {
			checkVictims(t, last[0], d)
		}
	})
}

// TestFleets draws servers that could be, with every kind of client on them, and looks for a victim that is none.
func TestFleets(t *testing.T) {
	named := map[outage.Cause]int{}
	rapid.Check(t, func(t *rapid.T) {
		s := &sim{refusing: float64(rapid.IntRange(0, 3).Draw(t, "refusing"))}
		for i := range rapid.IntRange(1, 8).Draw(t, "groups") {
			host := hostOf(1, rapid.IntRange(1, 4).Draw(t, "host"))
			name := rapid.SampledFrom([]string{"", "api", fmt.Sprintf("api-%d", i), "web"}).Draw(t, "name")
			born := float64(rapid.IntRange(40, 95).Draw(t, "born"))
			size := rapid.IntRange(1, 30).Draw(t, "size")
			switch rapid.SampledFrom([]string{"pool", "lifo", "leak", "burst"}).Draw(t, "kind") {
			case "pool":
				s.pool(name, host, born, size)
			case "lifo":
				s.lifo(name, host, born, size)
			case "leak":
				s.leak(name, host, born, now, float64(1+size/6))
			case "burst":
				s.burst(name, host, born, born+4, size)
			}
		}
		if rapid.Bool().Draw(t, "noise") {
			noise(s)
		}
		fill(s)
		s.limit += rapid.IntRange(0, 40).Draw(t, "free")
		d := s.diagnose(rapid.IntRange(1, 6).Draw(t, "looks"), 1.5)
		for _, f := range d.Findings {
			named[f.Cause]++
		}
		checkVictims(t, s.at(now), d)
	})
	for _, cause := range []outage.Cause{outage.ConnectionLeak, outage.MaxclientsTooLow} {
		if named[cause] == 0 {
			t.Errorf("no fleet drawn showed %s: %v", cause, named)
		}
	}
}
