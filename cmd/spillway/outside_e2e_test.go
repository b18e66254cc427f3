//go:build e2e

package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"spillway/observe"
)

// host is the connections of a host, each with its last reply still to come or come.
type host struct {
	host  string
	conns []net.Conn
}

// open connects n times from addr, every so long, and lets each say something; answer is what comes back.
func open(t *testing.T, addr string, port, n int, every time.Duration, say, answer string) host {
	t.Helper()
	s := host{host: addr}
	from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(addr)}}
	for range n {
		conn, err := from.DialContext(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		speak(t, conn, say, answer)
		s.conns = append(s.conns, conn)
		time.Sleep(every)
	}
	return s
}

func speak(t *testing.T, conn net.Conn, say, answer string) {
	t.Helper()
	if _, err := io.WriteString(conn, say); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	got := make([]byte, len(answer))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != answer {
		t.Fatalf("%s got %q, %v", conn.LocalAddr(), got, err)
	}
}

// alive counts the connections that the server has not closed.
func (s host) alive() (n int) {
	for _, conn := range s.conns {
		_ = conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		if _, err := conn.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
			n++
		}
	}
	return n
}

// lockedOut is a Redis without a free slot: a leak of one host took it, beside a pool at work, workers that wait and a subscriber.
// Nobody holds a connection from before.
type lockedOut struct {
	limit     int
	port, pid int
	leak      host
	healthy   []host
}

func lockOut(t *testing.T, limit int) *lockedOut {
	t.Helper()
	free, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	o := &lockedOut{limit: limit}
	if o.port, err = strconv.Atoi(free); err != nil {
		t.Fatal(err)
	}
	server := exec.Command("redis-server", "--port", strconv.Itoa(o.port), "--maxclients", strconv.Itoa(limit), "--save", "", "--dir", t.TempDir())
	if err := server.Start(); err != nil {
		t.Fatalf("these tests need redis-server: %v", err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	o.pid = server.Process.Pid
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := observe.Dial(t.Context(), o.options())
		if err == nil {
			_ = conn.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("waiting for redis-server: %v", err)
		}
	}
	pooled := open(t, "127.0.0.4", o.port, 8, 0, "PING\r\n", "+PONG\r\n")
	workers := open(t, "127.0.0.5", o.port, 6, 0, "PING\r\n", "+PONG\r\n")
	for _, conn := range workers.conns {
		if _, err := io.WriteString(conn, "BLPOP jobs 0\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	subscribers := open(t, "127.0.0.6", o.port, 3, 0, "SUBSCRIBE news\r\n", "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n")
	o.healthy = []host{pooled, workers, subscribers}
	busy := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer close(busy)
		o.work(ctx, pooled)
	}()
	t.Cleanup(func() {
		cancel()
		<-busy
	})
	o.leak = open(t, "127.0.0.3", o.port, limit-17, min(80*time.Millisecond, 4*time.Second/time.Duration(limit)), "PING\r\n", "+PONG\r\n")
	if _, err := observe.Dial(t.Context(), o.options()); !errors.Is(err, observe.ErrFull) {
		t.Fatalf("not full: %v", err)
	}
	time.Sleep(2500 * time.Millisecond)
	return o
}

// work keeps a pool busy until ctx ends. Whether its connections live is seen when they are used.
func (o *lockedOut) work(ctx context.Context, s host) {
	for ctx.Err() == nil {
		for _, conn := range s.conns {
			_, _ = io.WriteString(conn, "PING\r\n")
			_ = conn.SetReadDeadline(time.Now().Add(time.Second))
			_, _ = io.ReadFull(conn, make([]byte, 7))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (o *lockedOut) options() observe.Options {
	return observe.Options{Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(o.port)), Timeout: 5 * time.Second}
}

func (o *lockedOut) url() string { return "redis://" + o.options().Addr }

// spillway runs the program, and returns what it printed and its exit code.
func (o *lockedOut) spillway(t *testing.T, args ...string) (out string, code int) {
	t.Helper()
	cmd := program(t.Context(), t, args...)
	text, err := cmd.CombinedOutput()
	t.Logf("spillway %s:\n%s", strings.Join(args, " "), text)
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(text), cmd.ProcessState.ExitCode()
}

// With no slot and no connection held, the culprit's host is named, and only it.
func TestDiagnoseNamesTheHostFromOutside(t *testing.T) {
	t.Parallel()
	o := lockOut(t, 60)
	out, code := o.spillway(t, "diagnose", o.url(), "--pid", strconv.Itoa(o.pid), "--wait", "1500ms")
	if code != exitFail || !strings.Contains(out, "connection-leak") || !strings.Contains(out, "connections of 127.0.0.3") {
		t.Errorf("exit code %d, and no leak of 127.0.0.3", code)
	}
	for _, s := range o.healthy {
		if strings.Contains(out, "connections of "+s.host) {
			t.Errorf("%s is named a culprit", s.host)
		}
	}
	if out, code = o.spillway(t, "diagnose", o.url(), "--pid", strconv.Itoa(o.pid), "--wait", "0s", "-o", "json"); code != exitFail || !strings.Contains(out, `"127.0.0.3"`) {
		t.Errorf("as JSON, tried once: exit code %d", code)
	}
}

// Out of band a slot is made, and from there the leak is cleared; nobody else loses a connection.
func TestRemedyOutOfBand(t *testing.T) {
	t.Parallel()
	o := lockOut(t, 60)
	if out, code := o.spillway(t, "remedy", o.url(), "--pid", strconv.Itoa(o.pid), "--out-of-band"); code != exitFail ||
		!strings.Contains(out, "reset-sockets") || !strings.Contains(out, "ss -K src 127.0.0.1:") || !strings.Contains(out, "dry run") {
		t.Errorf("a dry run: exit code %d", code)
	}
	if n := o.leak.alive(); n != len(o.leak.conns) {
		t.Fatalf("a dry run closed %d connections", len(o.leak.conns)-n)
	}
	o.free(t)
}

// The same of 10,000 connections. How long it takes is in the test's log.
func TestRemedyOutOfBandAtTenThousand(t *testing.T) { // not beside others: the kernel's table of sockets is theirs as well
	o := lockOut(t, 10_000)
	begin := time.Now()
	out, code := o.spillway(t, "diagnose", o.url(), "--pid", strconv.Itoa(o.pid), "--wait", "0s")
	if code != exitFail || !strings.Contains(out, "connections of 127.0.0.3") {
		t.Errorf("exit code %d, and nothing of 127.0.0.3", code)
	}
	t.Logf("diagnosed after %s", time.Since(begin).Round(10*time.Millisecond))
	begin = time.Now()
	o.free(t)
	t.Logf("freed and looked at after %s", time.Since(begin).Round(10*time.Millisecond))
}

// free applies the remedy, and makes sure that it closed the leak and nobody else.
func (o *lockedOut) free(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	journal := filepath.Join(dir, "incident.jsonl")
	out, code := o.spillway(t, "remedy", o.url(), "--pid", strconv.Itoa(o.pid), "--out-of-band", "--apply", "--journal", journal)
	if code != exitPass || !strings.Contains(out, "reset-sockets") || !strings.Contains(out, "kill-clients") {
		t.Fatalf("exit code %d", code)
	}
	conn, err := observe.Dial(t.Context(), o.options())
	if err != nil {
		t.Fatalf("still locked out: %v", err)
	}
	defer closeQuietly(conn)
	info, err := conn.Do(t.Context(), "INFO", "clients")
	if err != nil {
		t.Fatal(err)
	}
	connected := numberOf(t, info.(string), "connected_clients:")
	if left := o.leak.alive(); left > 5 || connected > o.limit/2 {
		t.Errorf("%d of %d leaked connections are left, %d connected", left, len(o.leak.conns), connected)
	}
	for _, s := range o.healthy[1:] {
		if n := s.alive(); n != len(s.conns) {
			t.Errorf("%s lost %d of %d connections", s.host, len(s.conns)-n, len(s.conns))
		}
	}
	list, err := conn.Do(t.Context(), "CLIENT", "LIST")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range o.healthy[0].conns {
		if !strings.Contains(list.(string), " addr="+c.LocalAddr().String()+" ") {
			t.Errorf("%s of the pool at work was closed", c.LocalAddr())
		}
	}
	for _, name := range []string{journal, filepath.Join(dir, "incident.outside.jsonl")} {
		if text, err := os.ReadFile(name); err != nil || strings.Count(string(text), "\n") < 3 {
			t.Errorf("journal %s: %q, %v", name, text, err)
		}
	}
}

func numberOf(t *testing.T, text, field string) int {
	t.Helper()
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), field); ok {
			n, err := strconv.Atoi(strings.TrimSpace(value))
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no %s in %q", field, text)
	return 0
}

// What is chosen from outside must not be those that serve: the hosts of the plan are the leak's alone.
func TestOutOfBandPrintsItsCommands(t *testing.T) {
	t.Parallel()
	o := lockOut(t, 60)
	out, code := o.spillway(t, "remedy", o.url(), "--pid", strconv.Itoa(o.pid), "--out-of-band", "--print")
	if code != exitFail {
		t.Errorf("exit code %d", code)
	}
	var commands []string
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "ss -K ") {
			commands = append(commands, strings.TrimSpace(line))
		}
	}
	if len(commands) < 30 || slices.ContainsFunc(commands, func(c string) bool { return !strings.Contains(c, " dst 127.0.0.3:") }) {
		t.Errorf("%d commands: %q", len(commands), commands)
	}
}
