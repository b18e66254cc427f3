package diagnose_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spillway/diagnose"
	"spillway/outage"
)

// TestReal has snapshots of a real redis-server 7.0.15 with go-redis clients, each host with a probe that sends PING on a
// connection of its own; the five crowds have clients that speak RESP over plain sockets. They are cut to the fields that a diagnosis reads.
// Nothing but Redis listened in the namespace of backlog-overflow, so that its drops, which were not read then, are the overflows.
func TestReal(t *testing.T) {
	tests := map[string]struct {
		cause    outage.Cause // "" wants no finding
		least    float64
		culprits string
		victims  int // 0 wants none
	}{
		"leak-early":            {outage.ConnectionLeak, 0.75, "api@127.0.1.1 api@127.0.1.2", 54},
		"leak-finished":         {outage.ConnectionLeak, 0.85, "api@127.0.1.1 api@127.0.1.2", 141},
		"unnamed-leak-finished": {outage.ConnectionLeak, 0.85, "127.0.1.1@127.0.1.1 127.0.1.2@127.0.1.2", 147},
		"pools-full":            {outage.MaxclientsTooLow, 0.75, "shop@127.0.3.1 shop@127.0.3.2 shop@127.0.3.3 shop@127.0.3.4 shop@127.0.3.5", 0},
		"idle-crowd":            {outage.IdleNotReaped, 0.75, "batch@127.0.5.1 batch@127.0.5.2 batch@127.0.5.3 batch@127.0.5.4", 78},
		"idle-used-once":        {outage.IdleNotReaped, 0.75, "batch@127.0.5.1 batch@127.0.5.2 batch@127.0.5.3 batch@127.0.5.4", 89},
		"half-open":             {outage.HalfOpenPeers, 0.9, "api@127.0.6.1 api@127.0.6.2 api@127.0.6.3", 57},
		"half-open-unnamed-cli": {outage.HalfOpenPeers, 0.5, "go-redis(,go1.26.8)@10.115.96.4 go-redis(,go1.26.8)@10.115.96.5 go-redis(,go1.26.8)@10.115.96.6", 30},
		"pinned-pool":           {outage.NotAtLimit, 0.6, "feed@10.36.192.2 feed@10.36.192.5 feed@10.36.192.6 feed@10.36.192.7", 0},
		"clamp":                 {outage.FDLimitClamp, 0.9, "", 0},
		"pubsub-pile-up":        {outage.PubSubPileUp, 0.9, "feed@127.0.1.1 feed@127.0.1.2 feed@127.0.1.3", 0},
		"blocked-workers":       {outage.BlockedWorkers, 0.9, "jobs@127.0.1.1 jobs@127.0.1.2 jobs@127.0.1.3", 0},
		"silent-connections":    {outage.SilentConnections, 0.9, "scan@127.0.1.1 scan@127.0.1.2 scan@127.0.1.3", 44},
		"reconnect-storm":       {outage.ReconnectStorm, 0.9, "api@127.0.1.1 api@127.0.1.2 api@127.0.1.3", 0},
		"oversized-pool":        {outage.OversizedPool, 0.9, "shop@127.0.1.1 shop@127.0.1.2 shop@127.0.1.3", 0},
		"deploy-surge":          {outage.DeploySurge, 0.9, "shop@127.0.1.5 shop@127.0.1.6 shop@127.0.1.7 shop@127.0.1.8", 0},
		"deploy-surge-early":    {outage.DeploySurge, 0.6, "shop@127.0.1.5 shop@127.0.1.6 shop@127.0.1.7 shop@127.0.1.8", 0},
		"replica-slots":         {outage.ReplicaOrClusterSlots, 0.85, "127.0.1.5@127.0.1.5 127.0.1.6@127.0.1.6", 0},
		"cluster-slots":         {outage.ReplicaOrClusterSlots, 0.9, "", 0},
		"fd-exhausted":          {outage.FDExhausted, 0.9, "", 0},
		"fd-exhausted-cli":      {outage.FDExhausted, 0.6, "", 0},
		"backlog-overflow":      {outage.BacklogOverflow, 0.9, "cron@172.20.0.5 cron@172.20.0.6 cron@172.20.0.7", 0},
		"port-exhaustion":       {outage.PortExhaustion, 0.8, "export@172.21.0.5", 0}, // what redis-cli alone shows
		"server-stalled":        {outage.ServerStalled, 0.75, "report@192.168.0.5", 0},
		"denied-protected":      {outage.AccessDenied, 0.85, "", 0},
		"denied-login":          {outage.AccessDenied, 0.9, "report@192.168.208.5", 0},
		"healthy-busy":          {},
		"healthy-lifo":          {},
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			shots := load(t, name)
			d := diagnose.Diagnose(shots...)
			if want.cause == "" {
				if len(d.Findings) > 0 {
					t.Fatalf("want nothing:\n%s", text(d))
				}
				return
			}
			if len(d.Findings) != 1 || d.Findings[0].Cause != want.cause || d.Findings[0].Confidence < want.least {
				t.Fatalf("want %s with %v:\n%s", want.cause, want.least, text(d))
			}
			victims := 0
			for _, c := range d.Findings[0].Culprits {
				victims += len(c.IDs)
			}
			if got := strings.Join(show(d)[0].Culprits, " "); got != want.culprits || victims != want.victims {
				t.Errorf("got %s with %d victims, want %s with %d", got, victims, want.culprits, want.victims)
			}
			checkVictims(t, shots[len(shots)-1], d)
		})
	}
}

// TestJustVanished has hosts that vanished two seconds ago: nobody can tell them from busy ones yet, so that the wrong
// cause must not be held with much confidence.
func TestJustVanished(t *testing.T) {
	d := diagnose.Diagnose(load(t, "half-open-just-now")...)
	if f, ok := d.Top(); ok && f.Confidence > 0.7 {
		t.Errorf("too sure:\n%s", text(d))
	}
}

func load(t *testing.T, name string) []outage.Snapshot {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var shots []outage.Snapshot
	if err := json.Unmarshal(data, &shots); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return shots
}
