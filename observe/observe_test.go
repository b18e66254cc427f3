package observe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spillway/outage"
)

func bulk(s string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(s), s) }

// redis answers as one with these settings would; a command in refuse gets that error instead.
func redis(config map[string]string, clients string, refuse map[string]string) func(net.Conn) {
	return answering(func(args ...string) string {
		switch name := args[0]; {
		case refuse[name] != "":
			return refuse[name]
		case name == "INFO":
			return bulk("# Server\r\nredis_version:7.0.15\r\nconnected_clients:2\r\n")
		case name == "SLOWLOG" || name == "ACL":
			return "*0\r\n"
		case name == "CLIENT":
			return bulk(clients)
		case name == "CONFIG":
			if value, ok := config[args[2]]; ok {
				return "*2\r\n" + bulk(args[2]) + bulk(value)
			}
			return "*0\r\n"
		}
		return "-ERR unknown command\r\n"
	})
}

type fakeHost struct {
	facts HostFacts
	err   error
}

func (h fakeHost) Look(context.Context) (HostFacts, error) { return h.facts, h.err }

func TestSnapshot(t *testing.T) {
	clients := "id=1 addr=10.0.0.1:5 idle=9 multi=-1\nid=2 addr=10.0.0.2:6 name=spillway:r:admin\n"
	facts := HostFacts{
		Process: &outage.Process{NofileSoft: 1024}, Listen: &outage.Listen{Queue: 1, Backlog: 4096}, Log: []string{"from Docker"},
		Missing: []outage.Missing{{What: "log", Why: "no file"}, {What: "file descriptors", Why: "permission denied"}},
	}
	var knocked []string
	r := Reader{
		Conn: pipe(t, redis(map[string]string{"maxclients": "100", "tcp-backlog": "511"}, clients, nil)),
		Host: fakeHost{facts: facts},
		Knock: func(_ context.Context, hosts []string) []outage.Peer {
			knocked = hosts
			return []outage.Peer{{Host: hosts[0]}}
		},
		Now: func() outage.Duration { return 7 },
	}
	got, err := r.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.Latency <= 0 {
		t.Errorf("latency %v, want some", got.Latency)
	}
	got.Latency = 0
	want := outage.Snapshot{
		At:      7,
		Info:    map[string]string{"redis_version": "7.0.15", "connected_clients": "2"},
		Config:  map[string]string{"maxclients": "100", "tcp-backlog": "511"},
		Clients: []outage.Client{{ID: 1, Addr: "10.0.0.1:5", Idle: 9, Multi: -1}, {ID: 2, Addr: "10.0.0.2:6", Name: "spillway:r:admin", Multi: -1}},
		Process: facts.Process, Listen: &outage.Listen{Queue: 1, Backlog: 511}, Log: facts.Log, Peers: []outage.Peer{{Host: "10.0.0.1"}},
		Missing: []outage.Missing{{What: "file descriptors", Why: "permission denied"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"10.0.0.1"}, knocked); diff != "" {
		t.Error(diff)
	}
}

func TestSnapshotGoesOnWithWhatItHas(t *testing.T) {
	refuse := map[string]string{
		"CONFIG": "-NOPERM User mon has no permissions to run the 'config|get' command\r\n",
		"CLIENT": "-ERR unknown command 'CLIENT', with args beginning with: 'LIST' \r\n",
	}
	r := Reader{Conn: pipe(t, redis(nil, "", refuse)), Host: fakeHost{err: errors.New("no /proc here")}}
	got, err := r.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []outage.Missing{
		{What: "CLIENT LIST", Why: "ERR unknown command 'CLIENT', with args beginning with: 'LIST'"},
		{What: "CONFIG GET", Why: "NOPERM User mon has no permissions to run the 'config|get' command"},
		{What: "host", Why: "no /proc here"},
	}
	if diff := cmp.Diff(want, got.Missing); diff != "" || got.Info["redis_version"] != "7.0.15" {
		t.Errorf("info %v\n%s", got.Info, diff)
	}
}

func TestSnapshotWithABadLine(t *testing.T) {
	r := Reader{Conn: pipe(t, redis(nil, "id=1 addr=a:1\nid=?\n", nil))}
	got, err := r.Snapshot(t.Context())
	if err != nil || len(got.Clients) != 1 {
		t.Fatalf("%d clients, %v; want 1", len(got.Clients), err)
	}
	if why := whyMissing(got); !strings.HasPrefix(why["CLIENT LIST"], "1 of 2 lines are no client") || why["host"] == "" {
		t.Errorf("missing: %v", why)
	}
}

// CLIENT LIST can close the connection that asks, where client-output-buffer-limit is set for normal clients.
func TestSnapshotOfAConnectionThatBreaks(t *testing.T) {
	r := Reader{Conn: pipe(t, func(nc net.Conn) { _, _ = io.WriteString(nc, "+PONG\r\n"+bulk("connected_clients:5000\r\n")) })}
	got, err := r.Snapshot(t.Context())
	if !errors.Is(err, ErrClosed) {
		t.Errorf("error %v, want ErrClosed", err)
	}
	if got.Connected() != 5000 || whyMissing(got)["CLIENT LIST"] == "" || whyMissing(got)["CONFIG GET"] == "" {
		t.Errorf("got %+v", got)
	}
}
