package observe

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spillway/outage"
)

func TestKnock(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	defer func() { _ = l.Close() }()
	// 127.0.0.1 accepts, 127.0.0.2 resets; the rest are no hosts to knock at.
	got := Knock(t.Context(), []string{"127.0.0.1", "127.0.0.2", "/run/redis.sock", "host.invalid", ""}, port, 2*time.Second)
	want := []outage.Peer{{Host: "127.0.0.1", Answers: true}, {Host: "127.0.0.2", Answers: true}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestKnockIsBounded(t *testing.T) {
	var hosts []string
	for i := range 50 {
		hosts = append(hosts, fmt.Sprintf("127.0.0.%d", i+1))
	}
	if got := Knock(t.Context(), hosts, ClosedPort, 5*time.Second); len(got) != MaxKnocks {
		t.Errorf("%d answers, want %d", len(got), MaxKnocks)
	}
}

func TestKnockable(t *testing.T) {
	clients := []outage.Client{
		{Addr: "10.0.0.1:1", Idle: 500}, {Addr: "10.0.0.1:2", Idle: 1}, {Addr: "10.0.0.2:1", Idle: 300},
		{Addr: "[::1]:5", Idle: 40}, {Addr: "/run/r.sock:0", Idle: 900}, {Addr: "10.0.0.3:1", Idle: 900, Name: "spillway:r:admin"},
	}
	if diff := cmp.Diff([]string{"10.0.0.2", "::1", "10.0.0.1"}, knockable(clients)); diff != "" {
		t.Error(diff)
	}
	clients = nil
	for i := range 100 {
		clients = append(clients, outage.Client{Addr: fmt.Sprintf("10.0.1.%d:1", i), Idle: int64(i)})
	}
	got := knockable(clients)
	if len(got) != MaxKnocks || got[0] != "10.0.1.99" || got[27] != "10.0.1.72" || got[28] != "10.0.1.3" || got[31] != "10.0.1.0" {
		t.Errorf("got %v", got)
	}
}
