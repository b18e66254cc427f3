//go:build e2e

package remedy_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"spillway/outage"
	"spillway/remedy"
)

// hooked does something just before a remedy sends a command.
type hooked struct {
	remedy.Redis
	before func(args []string)
}

func (h hooked) Do(ctx context.Context, args ...string) (any, error) {
	h.before(args)
	return h.Redis.Do(ctx, args...)
}

func (h hooked) Pipeline(ctx context.Context, commands [][]string) ([]any, error) {
	h.before(commands[0])
	return h.Redis.Pipeline(ctx, commands)
}

// victim is a connection that a plan means to close.
type victim struct {
	s    *server
	conn *net.TCPConn
}

// open opens one named api, from a port of the caller's choice or from any, and has it answer once.
func (s *server) open(local *net.TCPAddr) *victim {
	s.t.Helper()
	to, err := net.ResolveTCPAddr("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	c, err := net.DialTCP("tcp", local, to)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	v := &victim{s, c}
	v.say("CLIENT SETNAME api\r\n", "+OK")
	return v
}

// say sends text, and waits for an answer that begins so; empty waits for none.
func (v *victim) say(text, want string) {
	v.s.t.Helper()
	if _, err := io.WriteString(v.conn, text); err != nil {
		v.s.t.Fatal(err)
	}
	if want == "" {
		return
	}
	_ = v.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	buf := make([]byte, 4096)
	n, err := v.conn.Read(buf)
	if err != nil || !strings.HasPrefix(string(buf[:n]), want) {
		v.s.t.Fatalf("%q: %q, %v", text, buf[:n], err)
	}
}

// again closes the connection at once, without a state that keeps its port, and opens another from the same port.
func (v *victim) again() {
	v.s.t.Helper()
	local := v.conn.LocalAddr().(*net.TCPAddr)
	_ = v.conn.SetLinger(0)
	_ = v.conn.Close()
	v.conn = v.s.open(local).conn
}

// open reports whether the server still holds the connection: nothing comes for a moment, and no end.
func (v *victim) isOpen() bool {
	_ = v.conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	_, err := v.conn.Read(make([]byte, 4096))
	var timeout net.Error
	return err == nil || errors.As(err, &timeout) && timeout.Timeout()
}

// Whatever a victim did between the plan and the second look, it is spared; those that did nothing are closed.
func TestE2EVictimsThatChanged(t *testing.T) {
	changes := []struct {
		name string
		do   func(*victim)
		why  string
	}{
		{"closed", func(v *victim) { _ = v.conn.SetLinger(0); _ = v.conn.Close() }, "gone"},
		{"connected again from the same port", (*victim).again, "gone"},
		{"used", func(v *victim) { v.say("PING\r\n", "+PONG") }, "used again"},
		{"renamed", func(v *victim) { v.say("CLIENT SETNAME batch\r\n", "+OK") }, "another connection"},
		{"renamed to nothing", func(v *victim) { v.say("*3\r\n$6\r\nCLIENT\r\n$7\r\nSETNAME\r\n$0\r\n\r\n", "+OK") }, "another connection"},
		{"subscribed", func(v *victim) { v.say("SUBSCRIBE news\r\n", "*3") }, "used again"},
		{"in a transaction", func(v *victim) { v.say("MULTI\r\n", "+OK") }, "used again"},
		{"watching", func(v *victim) { v.say("WATCH k\r\n", "+OK") }, "used again"},
		{"monitoring", func(v *victim) { v.say("MONITOR\r\n", "+OK") }, "used again"},
		{"blocked", func(v *victim) { v.say("BLPOP nothing 0\r\n", "") }, "used again"},
		{"in the middle of a command", func(v *victim) { v.say("GET some", "") }, "used again"},
	}
	s := startServer(t, 400, "--maxclients", "100")
	admin, eye := s.dial(""), s.dial("")
	var victims []*victim
	idle := []*victim{s.open(nil), s.open(nil)}
	for range changes {
		victims = append(victims, s.open(nil))
	}
	p := s.planToClose()
	if n := len(p.Actions[0].Victims); n != len(changes)+len(idle) {
		t.Fatalf("%d victims are planned: %q", n, p.Warnings)
	}
	done := false
	between := hooked{admin, func(args []string) {
		if done || args[1] != "LIST" {
			return
		}
		done = true
		for i, c := range changes {
			c.do(victims[i])
		}
		seen := func() bool { // the server has read all of it
			text, _ := s.do(eye, "CLIENT", "LIST").(string)
			return strings.Count(text, " idle=0 ")+strings.Count(text, " idle=1 ") >= len(changes)-1+2
		}
		for end := time.Now().Add(10 * time.Second); !seen(); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("the server does not read what the victims say")
			}
		}
	}}
	a := apply(t, remedy.Applier{Redis: between}, p)
	want(t, a[:1], "kill-clients done: 2 closed, 11 spared (2 another connection, 2 gone, 7 used again)")
	for i, c := range changes {
		if i > 0 && !victims[i].isOpen() {
			t.Errorf("%s: it was closed", c.name)
		}
	}
	for _, v := range idle {
		if v.isOpen() {
			t.Error("one that did nothing is open still")
		}
	}
}

// planToClose waits until all of api are idle for long enough, and plans to close them.
func (s *server) planToClose() outage.Plan {
	s.t.Helper()
	time.Sleep(2100 * time.Millisecond)
	eye := s.dial("")
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		snap := s.snapshot(eye)
		culprit := outage.Culprit{Service: "api"}
		ready := true
		for _, c := range snap.Clients {
			if c.Name == "api" {
				culprit.IDs = append(culprit.IDs, c.ID)
				ready = ready && c.Idle >= 2
			}
		}
		if ready {
			return remedy.Plan(outage.Diagnosis{Findings: []outage.Finding{{Cause: outage.ConnectionLeak, Culprits: []outage.Culprit{culprit}}}}, snap, remedy.Options{})
		}
		if time.Now().After(end) {
			s.t.Fatal("they do not become idle")
		}
	}
}

// After the second look the server itself compares id and address: one that took the place of a victim is spared also then.
func TestE2EVictimReplacedAtTheKill(t *testing.T) {
	s := startServer(t, 400)
	admin := s.dial("")
	idle, gone, again := s.open(nil), s.open(nil), s.open(nil)
	p := s.planToClose()
	did := false
	a := apply(t, remedy.Applier{Redis: hooked{admin, func(args []string) {
		if !did && args[1] == "KILL" {
			did = true
			_ = gone.conn.SetLinger(0)
			_ = gone.conn.Close()
			again.again()
		}
	}}}, p)
	want(t, a[:1], "kill-clients done: 1 closed, 2 spared (2 gone)")
	if idle.isOpen() || !again.isOpen() {
		t.Errorf("the idle one is open: %v, the one that came back: %v", idle.isOpen(), again.isOpen())
	}
}

// Two who set the same parameter at once, met at every step: the wider or tighter value stays, and undo of both restores.
func TestE2ETwoOperatorsSet(t *testing.T) {
	s := startServer(t, 4000, "--maxclients", "100")
	one, two := s.dial(""), s.dial("")
	raise := func(to int) outage.Plan {
		return planOf(sets(outage.RaiseMaxclients, "maxclients", fmt.Sprint(to)), sets(outage.SetTimeout, "timeout", fmt.Sprint(100000/to)))
	}
	for _, to := range [][2]int{{200, 400}, {400, 200}, {300, 300}} {
		for step := 1; ; step++ {
			var mine, theirs strings.Builder
			n := 0
			var second []outage.Action
			first := apply(t, remedy.Applier{Journal: &mine, Redis: hooked{one, func([]string) {
				if n++; n == step {
					second = apply(t, remedy.Applier{Redis: two, Journal: &theirs}, raise(to[1]))
				}
			}}}, raise(to[0]))
			most := max(to[0], to[1])
			if got := s.config(one, "maxclients") + " " + s.config(one, "timeout"); second != nil && got != fmt.Sprintf("%d %d", most, 100000/most) {
				t.Errorf("%v, met at step %d: %s; %q and %q", to, step, got, outcomes(first), outcomes(second))
			}
			for range 2 {
				for _, journal := range []string{mine.String(), theirs.String()} {
					if journal == "" {
						continue
					}
					if _, err := remedy.Undo(t.Context(), one, strings.NewReader(journal)); err != nil {
						t.Fatal(err)
					}
				}
			}
			if got := s.config(one, "maxclients") + " " + s.config(one, "timeout"); got != "100 0" {
				t.Fatalf("%v, met at step %d: undo left %s; %q and %q", to, step, got, outcomes(first), outcomes(second))
			}
			if second == nil { // one was done before that step
				if step < 6 {
					t.Errorf("they met at %d steps only", step-1)
				}
				break
			}
		}
	}
}
