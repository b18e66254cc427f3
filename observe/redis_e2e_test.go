//go:build e2e && linux

package observe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"spillway/outage"
)

// server is a redis-server of this machine.
type server struct {
	port   int
	socket string
	log    string
	cmd    *exec.Cmd
}

func (s server) options() Options {
	return Options{Addr: fmt.Sprintf("127.0.0.1:%d", s.port), Timeout: 5 * time.Second}
}
func (s server) host() LocalHost { return LocalHost{PID: s.cmd.Process.Pid, Port: s.port, Log: s.log} }

// start runs redis-server with further directives until the test ends.
func start(t *testing.T, directives ...string) server {
	t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatalf("these tests need redis-server: %v", err)
	}
	dir := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := server{port: l.Addr().(*net.TCPAddr).Port, socket: filepath.Join(dir, "s"), log: filepath.Join(dir, "redis.log")}
	_ = l.Close()
	args := append([]string{"--port", strconv.Itoa(s.port), "--bind", "127.0.0.1", "--save", "", "--dir", dir, "--unixsocket", s.socket, "--logfile", s.log}, directives...)
	s.cmd = exec.Command(binary, args...)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	})
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		text, _ := os.ReadFile(s.log)
		if strings.Contains(string(text), "eady to accept connections") {
			return s
		}
		if time.Now().After(deadline) {
			t.Fatalf("redis-server is not ready after 10s; its log:\n%s", text)
		}
	}
}

func dial(t *testing.T, o Options) *Conn {
	t.Helper()
	c, err := Dial(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestFullRedis(t *testing.T) {
	s := start(t, "--maxclients", "3", "--tcp-backlog", "64")
	o := s.options()
	o.Name = "spillway:e2e:admin"
	admin := dial(t, o)
	o.Name = "api-1"
	dial(t, o)
	dial(t, o)
	for i := range 50 {
		if _, err := Dial(t.Context(), s.options()); !errors.Is(err, ErrFull) {
			t.Fatalf("try %d at the limit: %v, want ErrFull", i, err)
		}
	}
	if _, err := Dial(t.Context(), Options{Network: "unix", Addr: s.socket, Password: "unused"}); !errors.Is(err, ErrFull) {
		t.Errorf("unix socket: %v, want ErrFull", err)
	}

	snap, err := (&Reader{Conn: admin, Host: s.host()}).Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if snap.MaxClients() != 3 || snap.Slots() != 3 || snap.Rejected() != 51 || len(snap.Clients) != 3 {
		t.Errorf("limit %d, slots %d, rejected %d, listed %d; want 3, 3, 51, 3", snap.MaxClients(), snap.Slots(), snap.Rejected(), len(snap.Clients))
	}
	var names []string
	for _, c := range snap.Clients {
		names = append(names, c.Name)
		if c.Host() != "127.0.0.1" || c.Multi != -1 || c.User != "default" {
			t.Errorf("client %+v", c)
		}
	}
	slices.Sort(names)
	if !slices.Equal(names, []string{"api-1", "api-1", "spillway:e2e:admin"}) {
		t.Errorf("names %v", names)
	}
	for _, name := range []string{"maxclients", "timeout", "tcp-keepalive", "tcp-backlog", "maxmemory-policy", "client-output-buffer-limit"} {
		if snap.Config[name] == "" {
			t.Errorf("CONFIG has no %s", name)
		}
	}
	if snap.Info["cmdstat_ping"] == "" || snap.Version() == "" {
		t.Errorf("INFO lacks cmdstat_ping or a version")
	}
	if len(snap.Missing) > 0 {
		t.Errorf("missing: %+v", snap.Missing)
	}
	checkHost(t, s, snap)
}

func checkHost(t *testing.T, s server, snap outage.Snapshot) {
	t.Helper()
	var want unix.Rlimit
	if err := unix.Prlimit(s.cmd.Process.Pid, unix.RLIMIT_NOFILE, nil, &want); err != nil {
		t.Fatal(err)
	}
	if p := snap.Process; p == nil || p.NofileSoft != int64(want.Cur) || p.NofileHard != int64(want.Max) || p.OpenFDs < 7 || p.OpenFDs > 20 || len(p.Args) == 0 {
		t.Errorf("process %+v, want limits %+v", p, want)
	}
	if l := snap.Listen; l == nil || l.Backlog != 64 || l.Queue != 0 || l.Drops == nil || *l.Drops != 0 {
		t.Errorf("listen queue %+v, want 0 of 64", l)
	}
	if len(snap.Log) == 0 || !strings.Contains(snap.Log[0], "is starting") {
		t.Errorf("log %q", snap.Log)
	}
}

func TestFullCluster(t *testing.T) {
	s := start(t, "--maxclients", "1", "--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(freePort(t)))
	dial(t, s.options())
	_, err := Dial(t.Context(), s.options())
	if !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "cluster connections") {
		t.Errorf("got %v, want ErrFull with the text of a cluster", err)
	}
}

func freePort(t *testing.T) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

// A stopped server: the kernel completes connections, which wait in its queue and get no answer.
func TestStoppedRedis(t *testing.T) {
	s := start(t, "--tcp-backlog", "16")
	if err := s.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	o := s.options()
	o.Timeout = 200 * time.Millisecond
	for range 3 {
		nc, err := net.Dial("tcp", o.Addr)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = nc.Close() }()
	}
	if facts, err := s.host().Look(t.Context()); err != nil || facts.Listen == nil || facts.Listen.Queue != 3 {
		t.Errorf("listen queue %+v, %v; want 3 waiting", facts.Listen, err)
	}
	if _, err := Dial(t.Context(), o); !errors.Is(err, ErrSilent) {
		t.Errorf("got %v, want ErrSilent", err)
	}
	for range 20 {
		nc, err := net.DialTimeout("tcp", o.Addr, 100*time.Millisecond)
		if err != nil {
			break
		}
		defer func() { _ = nc.Close() }()
	}
	if _, err := Dial(t.Context(), o); !errors.Is(err, ErrUnanswered) {
		t.Errorf("with a full queue: %v, want ErrUnanswered", err)
	}
}

// Out of file descriptors below maxclients: connects succeed, and silence follows.
func TestRedisOutOfFiles(t *testing.T) {
	s := start(t, "--maxclients", "100")
	admin := dial(t, s.options())
	before, err := s.host().Look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// The numbers below 3 are taken for good, whichever of the higher ones are free.
	limit := unix.Rlimit{Cur: 3, Max: uint64(before.Process.NofileHard)}
	if err := unix.Prlimit(s.cmd.Process.Pid, unix.RLIMIT_NOFILE, &limit, nil); err != nil {
		t.Fatal(err)
	}
	o := s.options()
	o.Timeout = 300 * time.Millisecond
	if _, err := Dial(t.Context(), o); !errors.Is(err, ErrSilent) {
		t.Errorf("got %v, want ErrSilent", err)
	}
	waiting, err := net.Dial("tcp", o.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = waiting.Close() }()
	snap, err := (&Reader{Conn: admin, Host: s.host()}).Snapshot(t.Context())
	if err != nil || snap.Listen == nil || snap.Listen.Queue < 1 || snap.Process.NofileSoft != int64(limit.Cur) || snap.Rejected() != 0 {
		t.Errorf("queue %+v, process %+v, rejected %d, %v", snap.Listen, snap.Process, snap.Rejected(), err)
	}
}

// A subscriber that stops reading: the bytes on the way show at its socket.
func TestSocketsOfRedis(t *testing.T) {
	s := start(t)
	admin := dial(t, s.options())
	deaf := dial(t, s.options())
	if _, err := deaf.Do(t.Context(), "SUBSCRIBE", "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.Do(t.Context(), "PUBLISH", "x", strings.Repeat("y", 16<<20)); err != nil {
		t.Fatal(err)
	}
	peer := deaf.nc.LocalAddr().String()
	deadline := time.Now().Add(5 * time.Second)
	for {
		facts, err := s.host().Look(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(facts.Sockets, func(s outage.Socket) bool { return s.Peer == peer && s.SendQueue > 0 }) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("no unacknowledged bytes to %s; sockets %+v", peer, facts.Sockets)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestRedisThatForbids(t *testing.T) {
	s := start(t, "--rename-command", "CONFIG", "", "--user", "mon", "on", ">pw", "-@all", "+info")
	full := dial(t, s.options())
	snap, err := (&Reader{Conn: full, Host: s.host()}).Snapshot(t.Context())
	if err != nil || !strings.HasPrefix(whyMissing(snap)["CONFIG GET"], "ERR unknown command") || len(snap.Clients) != 1 {
		t.Errorf("without CONFIG: %v, %+v", err, snap.Missing)
	}
	o := s.options()
	o.Username, o.Password = "mon", "pw"
	o.Name = "spillway:e2e:mon"
	snap, err = (&Reader{Conn: dial(t, o)}).Snapshot(t.Context())
	if err != nil || !strings.HasPrefix(whyMissing(snap)["CLIENT LIST"], "NOPERM") || snap.Connected() != 2 {
		t.Errorf("with INFO alone: %v, %+v", err, snap.Missing)
	}
	o.Password = "wrong"
	if _, err := Dial(t.Context(), o); !errors.Is(err, ErrDenied) {
		t.Errorf("wrong password: %v, want ErrDenied", err)
	}
}

// A full-size server must neither slow the look down nor overflow a reply.
func TestManyClients(t *testing.T) {
	const clients = 9000
	// Protected mode of 7.0 takes 127.0.0.2 for a stranger.
	s := start(t, "--maxclients", strconv.Itoa(clients+10), "--protected-mode", "no")
	admin := dial(t, s.options())
	for i := range clients {
		nc, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+i%3))}}).DialContext(t.Context(), "tcp", s.options().Addr)
		if err != nil {
			t.Fatalf("client %d: %v", i, err)
		}
		defer func() { _ = nc.Close() }()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r := Reader{Conn: admin, Host: s.host()}
	begin := time.Now()
	snap, err := r.Snapshot(ctx)
	took := time.Since(begin)
	begin = time.Now()
	if _, err := s.host().Look(ctx); err != nil {
		t.Fatal(err)
	}
	t.Logf("snapshot with %d clients: %v, of it the host %v", len(snap.Clients), took, time.Since(begin))
	if err != nil || len(snap.Clients) < clients || snap.Process.OpenFDs < clients {
		t.Errorf("%d clients, %+v, %v", len(snap.Clients), snap.Process, err)
	}
	if took > 2*time.Second {
		t.Errorf("took %v; 0.2s here, so the margin is tenfold", took)
	}
}

// TestPeekAtRedis peeks at a connection that was just used, and at one that rests.
func TestPeekAtRedis(t *testing.T) {
	s := start(t, "--maxclients", "100")
	rests, works := dial(t, s.options()), dial(t, s.options())
	r := &Reader{Conn: dial(t, s.options())}
	first, err := r.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	id := func(c *Conn) int64 {
		n, err := c.Do(t.Context(), "CLIENT", "ID")
		if err != nil {
			t.Fatal(err)
		}
		return n.(int64)
	}
	resting, working := id(rests), id(works)
	peeks, err := Rest(t.Context(), first, r.now, 3*time.Second, sleeps, func(ctx context.Context) (outage.Peek, error) {
		if _, err := works.Do(ctx, "PING"); err != nil {
			t.Error(err)
		}
		return r.Peek(ctx)
	})
	if err != nil || len(peeks) != 2 {
		t.Fatalf("%d peeks, %v", len(peeks), err)
	}
	began, _ := first.Number(serverClock)
	for _, p := range peeks {
		// One second more or less: the reading began in the second before, or Redis had its clock from then.
		gone := p.Time/1e6 - began/1e6
		if idle := p.Idle[resting]; len(p.Idle) != 3 || gone < 1 || idle < gone-1 || idle > gone+1 || p.Idle[working] > 1 || p.Took <= 0 {
			t.Errorf("after %d s: %+v, want %d at rest and %d in use", gone, p, resting, working)
		}
	}
}
