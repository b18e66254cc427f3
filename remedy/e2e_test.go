//go:build e2e

package remedy_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"spillway/observe"
	"spillway/outage"
	"spillway/remedy"
)

// server is a redis-server of this machine, on a port of its own.
type server struct {
	t    *testing.T
	args []string
	addr string
	cmd  *exec.Cmd
}

// startServer starts redis-server under a file descriptor limit and fails, rather than skips, where there is none.
func startServer(t *testing.T, nofile int64, args ...string) *server {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatalf("%v: install redis-server to run the tests against a real Redis", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	_ = l.Close()
	s := &server{t: t, addr: l.Addr().String(), args: append([]string{path, "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir()}, args...)}
	t.Cleanup(s.stop)
	if err := s.start(t.Context(), nofile); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *server) start(ctx context.Context, nofile int64) error {
	s.cmd = exec.Command("sh", append([]string{"-c", fmt.Sprintf(`ulimit -n %d && exec "$@"`, nofile), "sh"}, slices.Concat(powerless(), s.args)...)...)
	if err := s.cmd.Start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		c, err := observe.Dial(ctx, observe.Options{Addr: s.addr})
		if err == nil {
			return c.Close()
		}
		if ctx.Err() != nil {
			return fmt.Errorf("waiting for redis-server at %s: last saw %w", s.addr, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// powerless takes CAP_SYS_RESOURCE from the server where the test has it: with it no limit would hold.
func powerless() []string {
	status, _ := os.ReadFile("/proc/self/status")
	for l := range strings.Lines(string(status)) {
		if hex, ok := strings.CutPrefix(l, "CapEff:"); ok {
			const sysResource = 24
			if caps, _ := strconv.ParseUint(strings.TrimSpace(hex), 16, 64); caps&(1<<sysResource) != 0 {
				return []string{"setpriv", "--bounding-set=-sys_resource", "--inh-caps=-sys_resource"}
			}
		}
	}
	return nil
}

func (s *server) stop() {
	if s.cmd != nil && s.cmd.Process != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	}
}

// dial opens a connection of that name and sends commands whose answers are not waited for.
func (s *server) dial(name string, commands ...[]string) *observe.Conn {
	s.t.Helper()
	c, err := observe.Dial(s.t.Context(), observe.Options{Addr: s.addr, Name: name})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	for _, args := range commands {
		s.do(c, args...)
	}
	return c
}

func (s *server) do(c *observe.Conn, args ...string) any {
	s.t.Helper()
	v, err := c.Do(s.t.Context(), args...)
	if err != nil {
		s.t.Fatalf("%q: %v", args, err)
	}
	return v
}

func (s *server) config(c *observe.Conn, param string) string {
	s.t.Helper()
	return s.do(c, "CONFIG", "GET", param).([]any)[1].(string)
}

// Restart and RaiseNofile make the server a Host that is not allowed to raise limits.
func (s *server) Restart(ctx context.Context, nofile int64) error {
	s.stop()
	return s.start(ctx, nofile)
}

func (*server) RaiseNofile(context.Context, int64) error {
	return errors.New("operation not permitted")
}

func (s *server) snapshot(c *observe.Conn) outage.Snapshot {
	s.t.Helper()
	snap, err := (&observe.Reader{Conn: c}).Snapshot(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return snap
}

// alive returns how many of the connections still answer.
func alive(t *testing.T, conns []*observe.Conn) (n int) {
	for _, c := range conns {
		if _, err := c.Do(t.Context(), "PING"); err == nil {
			n++
		}
	}
	return n
}

// A real server full of leaked connections: only those are closed, and everything that is set can be undone.
func TestE2ELeak(t *testing.T) {
	s := startServer(t, 400, "--maxclients", "60")
	admin := s.dial("")
	leaked := make([]*observe.Conn, 40)
	for i := range leaked {
		leaked[i] = s.dial("api", []string{"PING"})
	}
	transaction := s.dial("api", []string{"MULTI"})
	noEvict := s.dial("api", []string{"CLIENT", "NO-EVICT", "ON"})
	raw := []net.Conn{s.raw("SUBSCRIBE news\r\n"), s.raw("BLPOP nothing 0\r\n"), s.raw("MONITOR\r\n")}
	busy := s.dial("api")
	for deadline := time.Now().Add(2500 * time.Millisecond); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		s.do(busy, "PING")
	}
	for s.full() == nil {
	}

	snap := s.snapshot(admin)
	culprit := outage.Culprit{Service: "api"}
	for _, c := range snap.Clients { // the worst diagnosis there is: everybody did it
		culprit.IDs = append(culprit.IDs, c.ID)
	}
	d := outage.Diagnosis{Findings: []outage.Finding{{Cause: outage.ConnectionLeak, Growth: 1, Culprits: []outage.Culprit{culprit}}}}
	snap.Process = &outage.Process{NofileSoft: 400, NofileHard: 400}
	plan := remedy.Plan(d, snap, remedy.Options{})
	if got := steps(plan); !slices.Equal(got, []string{"kill-clients 40", "raise-maxclients maxclients 60>120", "set-timeout timeout 0>300"}) {
		t.Fatalf("planned %q; warnings %q", got, plan.Warnings)
	}
	s.do(leaked[7], "PING") // it turns out to be alive

	var journal bytes.Buffer
	actions := apply(t, remedy.Applier{Redis: admin, Journal: &journal}, plan)
	want(t, actions, "kill-clients done: 39 closed, 1 spared (1 used again)",
		"raise-maxclients done: maxclients was 60 and is 120", "set-timeout done: timeout was 0 and is 300")
	if n := alive(t, leaked); n != 1 {
		t.Errorf("%d of the leaked connections are alive, want the one that was used", n)
	}
	if n := alive(t, []*observe.Conn{busy, transaction, noEvict}); n != 3 {
		t.Errorf("%d of 3 connections that had to be spared are alive", n)
	}
	for i, c := range raw {
		if err := stillOpen(c); err != nil {
			t.Errorf("connection %d with a role: %v", i, err)
		}
	}
	if err := s.full(); err != nil {
		t.Errorf("a new connection is refused after the remedy: %v", err)
	}
	for range 2 {
		if _, err := remedy.Undo(t.Context(), admin, bytes.NewReader(journal.Bytes())); err != nil {
			t.Fatal(err)
		}
		if got := s.config(admin, "timeout") + " " + s.config(admin, "maxclients"); got != "0 60" {
			t.Errorf("after undo timeout and maxclients are %s, want 0 60", got)
		}
	}
}

// raw opens a connection whose command does not end, and waits until the server has taken it.
func (s *server) raw(command string) net.Conn {
	s.t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	if _, err := c.Write([]byte("CLIENT SETNAME api\r\n" + command)); err != nil {
		s.t.Fatal(err)
	}
	buf := make([]byte, 512)
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := c.Read(buf); err != nil {
		s.t.Fatal(err)
	}
	return c
}

// full opens a connection more and keeps it; the error is the server's refusal.
func (s *server) full() error {
	c, err := observe.Dial(s.t.Context(), observe.Options{Addr: s.addr, Name: "web"})
	if err == nil {
		s.t.Cleanup(func() { _ = c.Close() })
		return nil
	}
	if !errors.Is(err, observe.ErrFull) {
		s.t.Fatalf("neither let in nor refused: %v", err)
	}
	return err
}

// stillOpen drains c until nothing comes for a moment; an end of the stream is an error.
func stillOpen(c net.Conn) error {
	buf := make([]byte, 64<<10)
	for {
		_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if _, err := c.Read(buf); err != nil {
			var timeout net.Error
			if errors.As(err, &timeout) && timeout.Timeout() {
				return nil
			}
			return err
		}
	}
}

// The limit of the process is not known to the plan: the server names what it can, and gets it.
func TestE2EOffer(t *testing.T) {
	s := startServer(t, 200, "--maxclients", "50")
	admin := s.dial("")
	d := outage.Diagnosis{Findings: []outage.Finding{{Cause: outage.MaxclientsTooLow, Needed: 5000}}}
	plan := remedy.Plan(d, s.snapshot(admin), remedy.Options{})
	a := apply(t, remedy.Applier{Redis: admin}, plan)[0]
	if a.State != outage.Done || s.config(admin, "maxclients") != a.To {
		t.Fatalf("%s: %s; maxclients is %s", a.State, a.Result, s.config(admin, "maxclients"))
	}
	if n, _ := strconv.Atoi(a.To); n <= 50 || n > 200-32 || !strings.Contains(a.Result, "offered") {
		t.Errorf("maxclients is %d: %s", n, a.Result)
	}
}

// A clamped server whose limit cannot be raised live is restarted, and then has what it was asked for.
func TestE2EClampRestart(t *testing.T) {
	s := startServer(t, 200, "--maxclients", "400")
	admin := s.dial("")
	effective, _ := strconv.Atoi(s.config(admin, "maxclients"))
	if effective >= 400 {
		t.Fatalf("the server was not clamped: maxclients is %d", effective)
	}
	snap := s.snapshot(admin)
	snap.Process = &outage.Process{NofileSoft: 200, NofileHard: 200}
	d := outage.Diagnosis{Findings: []outage.Finding{{Cause: outage.FDLimitClamp, Asked: 400, Effective: effective}}}
	plan := remedy.Plan(d, snap, remedy.Options{CanRaiseNofile: true, CanRestart: true})
	a := remedy.Applier{Redis: admin, Host: s, Redial: func(ctx context.Context) (remedy.Redis, error) {
		c, err := observe.Dial(ctx, observe.Options{Addr: s.addr})
		admin = c
		return c, err
	}}
	want(t, apply(t, a, plan), "raise-nofile errored: operation not permitted", "restart-redis done: restarted with 432 file descriptors",
		"raise-maxclients skipped: maxclients is 400 already", "advise done: said; nothing was changed")
	if got := s.config(admin, "maxclients"); got != "400" {
		t.Errorf("maxclients is %s", got)
	}
	_ = admin.Close()
}

// What Redis refuses is data: an ACL that allows to look and to kill, and no CONFIG.
func TestE2ENoperm(t *testing.T) {
	s := startServer(t, 400)
	admin := s.dial("")
	s.do(admin, "ACL", "SETUSER", "mon", "on", "nopass", "+@all", "-config")
	mon, err := observe.Dial(t.Context(), observe.Options{Addr: s.addr, Username: "mon", Password: "x"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = mon.Close() })
	a := apply(t, remedy.Applier{Redis: mon}, planOf(setTimeout, setKeepalive))
	for _, a := range a {
		if a.State != outage.Errored || !strings.Contains(a.Result, "NOPERM") {
			t.Errorf("%s %s: %s", a.Kind, a.State, a.Result)
		}
	}
}
