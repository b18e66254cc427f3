//go:build e2e && linux

package rig

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"spillway/fleet"
)

// ownProcesses is a rig in a network of its own, and sharedProcesses one that lives with others: both can be tested in
// the namespace that .ci/in-redis provides.
func ownProcesses(t *testing.T) *Processes {
	t.Helper()
	p := realProcesses(t)
	if !p.own {
		t.Fatal("this is no namespace of our own: it needs --network none and --cap-add NET_ADMIN, as .ci/in-redis has")
	}
	return p
}

func sharedProcesses(t *testing.T) *Processes {
	t.Helper()
	p := realProcesses(t)
	p.own = false
	return p
}

func hostedProcesses(t *testing.T) *Processes {
	t.Helper()
	p := ownProcesses(t)
	p.Worker = fleet.Run
	return p
}

func TestProcessesSharedInstance(t *testing.T) { testInstance(t, sharedProcesses(t), true) }
func TestProcessesSharedFull(t *testing.T)     { testFull(t, sharedProcesses(t)) }
func TestProcessesHostedInstance(t *testing.T) { testInstance(t, hostedProcesses(t), true) }
func TestProcessesHostedUntold(t *testing.T)   { testUntold(t, hostedProcesses(t)) }
func TestProcessesHostedUnread(t *testing.T)   { testHostedUnread(t, hostedProcesses(t)) }
func TestProcessesSharedRefusesCut(t *testing.T) {
	p := sharedProcesses(t)
	startRedis(t, p, server(20, 0, 0))
	i, err := p.StartInstance(t.Context(), Instance{Name: "web-1"})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(i.Addr, "127.0.") {
		t.Errorf("its address is %s", i.Addr)
	}
	if err := p.Cut(t.Context(), i); err == nil {
		t.Error("cut")
	}
}

// testUntold: an instance that was never told what to be ends when the run does.
func testUntold(t *testing.T, p *Processes) {
	startRedis(t, p, server(20, 0, 0))
	i, err := p.StartInstance(t.Context(), Instance{Name: "web-1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := i.End(t.Context()); err != nil {
		t.Fatal(err)
	}
	wait(t, i)
	if _, err := io.WriteString(i.In, "{}\n"); err == nil {
		t.Error("one that has ended still reads")
	}
	if text, err := io.ReadAll(i.Out); err != nil || len(text) > 0 {
		t.Errorf("it wrote %q, %v", text, err)
	}
}

// testHostedUnread: a worker that nobody reads can be ended all the same.
func testHostedUnread(t *testing.T, p *Processes) {
	p.Worker = func(_ context.Context, _ io.Reader, out io.Writer) error {
		_, err := io.WriteString(out, "nobody reads this\n")
		return err
	}
	i, err := p.host(t.Context(), "web-1")
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-i.Done():
		t.Fatal("the test is void: it has ended by itself")
	case <-time.After(100 * time.Millisecond):
	}
	if err := i.End(t.Context()); err != nil {
		t.Fatal(err)
	}
	if exit := wait(t, i); exit != 1 || i.Errors() == "" {
		t.Errorf("exit code %d: %s", exit, i.Errors())
	}
}

// dialFrom opens a connection from a host of the run and has Redis name it.
func dialFrom(t *testing.T, r *Redis, host string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(host)}, KeepAliveConfig: net.KeepAliveConfig{Enable: false}}
	nc, err := d.DialContext(t.Context(), "tcp", r.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	_, _ = io.WriteString(nc, "PING\r\n")
	if line, err := bufio.NewReader(nc).ReadString('\n'); err != nil || line != "+PONG\r\n" {
		t.Fatalf("%q, %v", line, err)
	}
	return nc
}

// A host that was cut vanishes as one that lost its power: Redis keeps its connection and hears nothing, nobody answers
// a knock, and only keepalive finds out.
func TestProcessesCut(t *testing.T) {
	p := ownProcesses(t)
	s := server(50, 0, 0)
	s.Directives = map[string]string{"tcp-keepalive": "0"} // switched on when it was seen that nothing else helps
	r := startRedis(t, p, s)
	var i [3]*Process
	for n := range i {
		var err error
		if i[n], err = p.StartInstance(t.Context(), Instance{Name: fmt.Sprintf("web-%d", n+1), Behind: []string{"", "nat", "nat"}[n]}); err != nil {
			t.Fatal(err)
		}
	}
	alive, gone := i[0], i[1]
	if gone.Addr != i[2].Addr || gone.Addr == alive.Addr {
		t.Fatalf("addresses %s, %s, %s", alive.Addr, gone.Addr, i[2].Addr)
	}
	dialFrom(t, r, alive.Addr)
	lost := dialFrom(t, r, gone.Addr)
	c := admin(t, r)
	if err := p.Cut(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	if err := p.Cut(t.Context(), i[2]); err != nil {
		t.Errorf("cutting what has vanished already: %v", err)
	}
	// What either side sends from now on is lost: a FIN too.
	_, _ = io.WriteString(lost, "PING\r\n")
	_ = lost.Close()
	peers := func() map[string]bool {
		facts, err := r.Host(func() []string { return []string{alive.Addr, gone.Addr} }).Look(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		answers := map[string]bool{}
		for _, peer := range facts.Peers {
			answers[peer.Host] = peer.Answers
		}
		return answers
	}
	answers := peers()
	if answer, known := answers[gone.Addr]; answer || !known {
		t.Errorf("the vanished host answers %t, known %t", answer, known)
	}
	if !answers[alive.Addr] {
		t.Errorf("the living host does not answer: %v", answers)
	}
	connected := func() bool {
		return strings.Contains(fmt.Sprint(do(t, c, "CLIENT", "LIST")), "addr="+gone.Addr+":")
	}
	time.Sleep(1500 * time.Millisecond)
	if !connected() {
		t.Fatal("Redis lost the connection of the vanished host")
	}
	// An instance that comes later is not behind what vanished.
	later, err := p.StartInstance(t.Context(), Instance{Name: "web-4", Behind: "nat"})
	if err != nil || later.Addr == gone.Addr {
		t.Errorf("a later instance has %v, %v", later.Addr, err)
	}
}

// Keepalive of a second finds a vanished host within some seconds, as Redis does it: one probe, then two thirds more.
func TestProcessesCutKeepalive(t *testing.T) {
	p := ownProcesses(t)
	s := server(50, 0, 0)
	s.Directives = map[string]string{"tcp-keepalive": "1"}
	r := startRedis(t, p, s)
	i, err := p.StartInstance(t.Context(), Instance{Name: "web-1"})
	if err != nil {
		t.Fatal(err)
	}
	dialFrom(t, r, i.Addr)
	c := admin(t, r)
	if err := p.Cut(t.Context(), i); err != nil {
		t.Fatal(err)
	}
	eventually(t, "its end by keepalive", func() bool {
		return !strings.Contains(fmt.Sprint(do(t, c, "CLIENT", "LIST")), "addr="+i.Addr+":")
	})
}

// Two runs beside each other have networks of their own; what a killed one left is removed, and nothing else.
func TestProcessesStrayAddresses(t *testing.T) {
	p := ownProcesses(t)
	startRedis(t, p, server(20, 0, 0))
	left, err := newPrivateNet(p.home, "dead0000")
	if err != nil {
		t.Fatal(err)
	}
	if left.net.Overlaps(p.net.net) {
		t.Fatalf("both have %s", left.net)
	}
	if _, err := left.add(); err != nil {
		t.Fatal(err)
	}
	removed, err := CleanProcesses(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(removed) != 2 || slices.ContainsFunc(removed, func(l Leftover) bool { return l.Run != "dead0000" || l.Kind != "address" }) {
		t.Errorf("removed %v", removed)
	}
	if again, err := CleanProcesses(t.Context()); err != nil || len(again) > 0 {
		t.Errorf("removed %v, %v", again, err)
	}
	if _, err := p.StartInstance(t.Context(), Instance{Name: "web-1"}); err != nil {
		t.Errorf("the living run: %v", err)
	}
}
