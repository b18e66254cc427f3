//go:build e2e

package fleet

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"spillway/outage"
)

// startRedis starts a real redis-server of this machine and ends it with the test.
func startRedis(t *testing.T, maxclients int) string {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatalf("%v: install it, as with apt-get install redis-server", err)
	}
	port := freePort(t)
	var out bytes.Buffer
	cmd := exec.Command(path, "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--maxclients", strconv.Itoa(maxclients),
		"--save", "", "--protected-mode", "no", "--dir", t.TempDir())
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("redis-server said:\n%s", out.String())
		}
	})
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	eventually(t, 10*time.Second, func() bool {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return false
		}
		_ = c.Close()
		return true
	}, func() any { return "no listener at " + addr })
	return addr
}

// freePort picks a port below those that outgoing connections get: one that a closed connection still holds, even
// from another loopback address, cannot be listened on.
func freePort(t *testing.T) int {
	t.Helper()
	for range 100 {
		port := 20000 + rand.IntN(12000)
		if ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			_ = ln.Close()
			return port
		}
	}
	t.Fatal("no free port between 20000 and 32000 in 100 tries")
	return 0
}

// admin is an open line to Redis: at the limit a new one would be refused.
type admin struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func newAdmin(t *testing.T, addr string) *admin {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &admin{t, c, bufio.NewReader(c)}
}

// ask sends a command whose reply is a bulk string, and returns it.
func (a *admin) ask(command string) string {
	a.t.Helper()
	_ = a.conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := fmt.Fprintf(a.conn, "%s\r\n", command); err != nil {
		a.t.Fatal(err)
	}
	head, err := a.in.ReadString('\n')
	if err != nil {
		a.t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(head, "$")))
	if err != nil {
		a.t.Fatalf("%s: %q", command, head)
	}
	body := make([]byte, n+2)
	for read := 0; read < len(body); {
		k, err := a.in.Read(body[read:])
		if err != nil {
			a.t.Fatal(err)
		}
		read += k
	}
	return string(body[:n])
}

func (a *admin) stat(name string) int {
	a.t.Helper()
	for line := range strings.Lines(a.ask("INFO")) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), name+":"); ok {
			n, err := strconv.Atoi(v)
			if err != nil {
				a.t.Fatal(err)
			}
			return n
		}
	}
	a.t.Fatalf("no %s in INFO", name)
	return 0
}

func TestALeakFillsARealRedisAndEveryRefusalKeepsItsLine(t *testing.T) {
	addr := startRedis(t, 20)
	redis := newAdmin(t, addr)
	before := redis.stat("rejected_connections")
	sp := spec("leaky", addr)
	sp.Local, sp.Canary = "127.0.1.7", true
	w := launch(t, t.Context(), sp)
	w.until(50, like{outage.OpRequest, outage.Refused})
	w.until(3, like{outage.OpFresh, outage.Refused})

	if n := redis.stat("connected_clients"); n != 20 {
		t.Errorf("%d clients connected, want 20", n)
	}
	for line := range strings.Lines(redis.ask("CLIENT LIST")) {
		if strings.Contains(line, "addr=127.0.1.7:") != strings.Contains(line, "name=api-client ") {
			t.Errorf("a connection without its name or its address: %s", line)
		}
	}
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	for _, a := range w.attempts(like{outcome: outage.Refused}) {
		if a.Said != full {
			t.Errorf("%+v: want the line of Redis", a)
		}
	}
	for _, a := range w.attempts(like{outage.OpRequest, outage.Refused}) {
		if a.Saw == "" || strings.Contains(a.Saw, "max number of clients") || strings.Contains(a.Saw, "127.0.") {
			t.Errorf("the application saw %q", a.Saw)
		}
	}
	if n := w.count(like{op: outage.OpHeld}) - w.count(like{outage.OpHeld, outage.OK}); n != 0 {
		t.Errorf("the held canary suffered %d times: %v", n, w.summary())
	}
	recorded := w.count(like{outage.OpConnect, outage.Refused}) + w.count(like{outage.OpFresh, outage.Refused})
	// Retries under way when the order to stop came are given up unrecorded, so Redis may know of a few more.
	if rejected := redis.stat("rejected_connections") - before; recorded > rejected || recorded < rejected-rejected/20-5 {
		t.Errorf("recorded %d refusals, Redis counts %d", recorded, rejected)
	}
	eventually(t, 20*time.Second, func() bool { return redis.stat("connected_clients") == 1 }, func() any { return redis.stat("connected_clients") })
}

// A password keeps clients out on every version. Protected mode would do so from 127.0.1.7 on redis 7.0 only: from 8.0
// on, as valkey 8.1, it takes all of 127.0.0.0/8 for local.
func TestDeniedIsNotRefused(t *testing.T) {
	addr := startRedis(t, 100)
	admin := newAdmin(t, addr)
	if _, err := fmt.Fprint(admin.conn, "CONFIG SET requirepass secret\r\n"); err != nil {
		t.Fatal(err)
	}
	if line, err := admin.in.ReadString('\n'); err != nil || line != "+OK\r\n" {
		t.Fatalf("%q, %v", line, err)
	}
	sp := spec("leaky", addr)
	sp.Local, sp.Canary = "127.0.1.7", true
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w := launch(t, ctx, sp)
	w.until(5, like{outage.OpRequest, outage.Denied})
	w.until(1, like{outage.OpFresh, outage.Denied})
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	if n := w.count(like{outcome: outage.Refused}); n != 0 {
		t.Errorf("%d refusals: %v", n, w.summary())
	}
}
