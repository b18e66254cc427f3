//go:build e2e

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"spillway/observe"
	"spillway/outage"
	"spillway/watch"
)

// startRedis starts a Redis for a test and returns its address.
func startRedis(t *testing.T, args ...string) string {
	t.Helper()
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	addr := "127.0.0.1:" + port
	server := exec.Command("redis-server", append([]string{"--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir()}, args...)...)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if conn, err := net.Dial("tcp", addr); err == nil {
			_ = conn.Close()
			return addr
		}
		if time.Now().After(deadline) {
			t.Fatalf("waiting for redis-server at %s", addr)
		}
	}
}

// admin is a connection that is named as ours, so that nothing takes it for a client.
func admin(t *testing.T, addr string) *observe.Conn {
	t.Helper()
	c, err := observe.Dial(t.Context(), observe.Options{Network: "tcp", Addr: addr, Name: "spillway:test:admin"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func do(t *testing.T, c *observe.Conn, args ...string) any {
	t.Helper()
	reply, err := c.Do(t.Context(), args...)
	if err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	return reply
}

// client opens a connection under a name, that has said one thing.
func client(addr, name string) (net.Conn, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err = fmt.Fprintf(conn, "CLIENT SETNAME %s\r\nPING\r\n", name); err == nil {
		_, err = io.ReadFull(conn, make([]byte, len("+OK\r\n+PONG\r\n")))
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, conn.SetDeadline(time.Time{})
}

// load is a pool that works, and, once leaking, a service that opens connections and closes none.
type load struct {
	addr string
	end  context.Context
	wait sync.WaitGroup
}

func startLoad(t *testing.T, addr string) *load {
	ctx, cancel := context.WithCancel(t.Context())
	l := &load{addr: addr, end: ctx}
	t.Cleanup(func() { cancel(); l.wait.Wait() })
	for i := range 8 {
		conn, err := client(addr, fmt.Sprintf("web-%d", i%2+1))
		if err != nil {
			t.Fatal(err)
		}
		l.wait.Go(func() {
			defer conn.Close()
			for l.sleep(200 * time.Millisecond) {
				_, _ = io.WriteString(conn, "PING\r\n")
				_, _ = conn.Read(make([]byte, 64))
			}
		})
	}
	return l
}

func (l *load) sleep(d time.Duration) bool {
	select {
	case <-l.end.Done():
		return false
	case <-time.After(d):
		return true
	}
}

func (l *load) leak(every time.Duration) {
	l.wait.Go(func() {
		for l.sleep(every) {
			if conn, err := client(l.addr, "api-1"); err == nil {
				defer conn.Close()
			}
		}
	})
}

// watching is a `spillway watch -o json` that runs.
type watching struct {
	cmd   *exec.Cmd
	lines chan watch.View
}

func startWatch(t *testing.T, addr string, args ...string) *watching {
	t.Helper()
	w := &watching{lines: make(chan watch.View, 1000)}
	w.cmd = exec.Command(os.Getenv("SPILLWAY_BINARY"), append([]string{"watch", "redis://" + addr, "-o", "json"}, args...)...)
	w.cmd.Stderr = os.Stderr
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.cmd.Process.Kill() })
	go func() {
		defer close(w.lines)
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 16<<20)
		for lines.Scan() {
			var v watch.View
			if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
				t.Errorf("no JSON: %v: %.200s", err, lines.Bytes())
				return
			}
			w.lines <- v
		}
	}()
	return w
}

// until reads views until one is as wanted.
func (w *watching) until(t *testing.T, what string, limit time.Duration, ok func(watch.View) bool) (seen []watch.View) {
	t.Helper()
	over := time.After(limit)
	for {
		select {
		case v, more := <-w.lines:
			if !more {
				t.Fatalf("watch ended while waiting for %s", what)
			}
			if seen = append(seen, v); ok(v) {
				return seen
			}
		case <-over:
			last := watch.View{}
			if len(seen) > 0 {
				last = seen[len(seen)-1]
			}
			t.Fatalf("waiting for %s for %s: %d looks, the last %+v", what, limit, len(seen), last)
		}
	}
}

// end interrupts it, and wants exit code 0.
func (w *watching) end(t *testing.T) {
	t.Helper()
	if err := w.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	for range w.lines {
	}
	if err := w.cmd.Wait(); err != nil {
		t.Errorf("ended by SIGINT: %v", err)
	}
}

func TestWatchForetellsAndNamesALeak(t *testing.T) {
	t.Parallel()
	addr := startRedis(t, "--maxclients", "100")
	control := admin(t, addr)
	load := startLoad(t, addr)
	told := filepath.Join(t.TempDir(), "told")
	w := startWatch(t, addr, "--exec", `cat >> "`+told+`"; echo "$SPILLWAY_CAUSE at $SPILLWAY_MAXCLIENTS"; exit 7`)
	w.until(t, "a first look", 30*time.Second, func(v watch.View) bool { return v.Verdict != "" })
	load.leak(200 * time.Millisecond)

	seen := w.until(t, "a full server", time.Minute, func(v watch.View) bool { return v.Forecast.Outlook == watch.Full })
	full, foretold, held := seen[len(seen)-1].At, 0, 0
	for _, v := range seen {
		const slack = outage.Duration(3 * time.Second) // a look, and a machine that is busy
		if f := v.Forecast; f.Outlook == watch.Filling {
			foretold++
			if v.At+f.Earliest-slack <= full && full <= v.At+f.Latest+slack {
				held++
			}
		}
	}
	t.Logf("of %d forecasts %d held", foretold, held)
	if foretold < 2 || held*2 < foretold {
		t.Errorf("of %d forecasts %d held", foretold, held)
	}
	sure := func(v watch.View) bool {
		return len(v.Findings) > 0 && v.Findings[0].Sure && v.Findings[0].Cause == outage.ConnectionLeak && v.Findings[0].Culprits[0].Service == "api"
	}
	if !sure(seen[len(seen)-1]) {
		seen = append(seen, w.until(t, "the leak to be named", 30*time.Second, sure)...)
	}
	if v := seen[len(seen)-1]; len(v.Next) != 2 || !strings.HasPrefix(v.Next[0], "spillway remedy redis://"+addr) {
		t.Errorf("to type: %q", v.Next)
	}
	noted := func(text string) func(watch.View) bool {
		return func(v watch.View) bool {
			for _, n := range v.Notes {
				if strings.Contains(n.Text, text) {
					return true
				}
			}
			return false
		}
	}
	if !noted("failed: exit status 7: connection-leak at 100")(seen[len(seen)-1]) {
		w.until(t, "what became of --exec", 30*time.Second, noted("exec for connection-leak failed: exit status 7: connection-leak at 100"))
	}

	// A timeout of a second reaps the leak and the test's own connection, and not the watch, which speaks oftener than that.
	do(t, control, "CONFIG", "SET", "timeout", "1")
	begun := seen[len(seen)-1].At
	for _, v := range w.until(t, "ten seconds more", time.Minute, func(v watch.View) bool { return v.At > begun+outage.Duration(10*time.Second) }) {
		if strings.HasPrefix(v.Trouble, "connection lost") {
			t.Fatalf("the connection did not survive: %s", v.Trouble)
		}
	}
	control = admin(t, addr)
	do(t, control, "CONFIG", "SET", "timeout", "0")
	do(t, control, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
	w.until(t, "the loss of the connection", 30*time.Second, noted("connection lost"))
	w.until(t, "another connection", 30*time.Second, func(v watch.View) bool { return v.Trouble == "" })
	w.end(t)

	data, err := os.ReadFile(told)
	if err != nil {
		t.Fatal(err)
	}
	var f outage.Finding
	if err := json.Unmarshal(data, &f); err != nil || f.Cause != outage.ConnectionLeak || len(f.Culprits) == 0 {
		t.Errorf("--exec was to run once, with the finding: %v: %s", err, data)
	}
}

// A watch that starts at a full Redis waits for a slot, and says so.
func TestWatchTriesForASlot(t *testing.T) {
	t.Parallel()
	addr := startRedis(t, "--maxclients", "30")
	control := admin(t, addr)
	for range 29 {
		conn, err := client(addr, "reports")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	w := startWatch(t, addr)
	seen := w.until(t, "its being refused", 30*time.Second, func(v watch.View) bool { return v.Trouble != "" })
	if v := seen[len(seen)-1]; !strings.Contains(v.Trouble, "max number of clients reached") || len(v.Next) != 1 || !strings.HasPrefix(v.Next[0], "ss -tn") {
		t.Errorf("%q, %q", v.Trouble, v.Next)
	}
	do(t, control, "CONFIG", "SET", "maxclients", "40")
	w.until(t, "a slot", 30*time.Second, func(v watch.View) bool { return v.Trouble == "" && v.Slots.Taken == 31 })
	w.end(t)
}

// TestWatchCost measures by the server's own figures what a watch takes of its time, with thousands of clients connected.
func TestWatchCost(t *testing.T) {
	const clients, lasting = 5000, 30 * time.Second
	addr := startRedis(t, "--maxclients", "10000")
	control := admin(t, addr)
	for i := range clients {
		conn, err := client(addr, fmt.Sprintf("api-%d", i%40))
		if err != nil {
			t.Fatalf("client %d: %v", i, err)
		}
		defer conn.Close()
	}
	rest := spent(t, control)
	time.Sleep(lasting / 3)
	idle := spent(t, control).since(rest)

	before := spent(t, control)
	w := startWatch(t, addr)
	seen := w.until(t, "the time to pass", 3*lasting, func(v watch.View) bool { return v.At > outage.Duration(lasting) })
	all := spent(t, control).since(before)
	w.end(t)
	last := seen[len(seen)-1].Cost
	fmt.Printf("WATCH COST with %d clients, over %.0f s: %.2f %% of the time in its commands (its own figure: %.2f %%), %.0f lists of the clients; "+
		"CPU of the server %.2f %%, without a watch %.2f %%\n",
		clients, all.over, 100*all.commands/all.over, 100*last.Share, all.lists, 100*all.cpu/all.over, 100*idle.cpu/idle.over)
	if share := all.commands / all.over; share > watch.Most {
		t.Errorf("the watch took %.4f of the server's time", share)
	}
	if last.By != "commandstats" || last.Share > watch.Most {
		t.Errorf("by its own account: %+v", last)
	}
}

// used is what a server spent, in seconds.
type used struct{ at, over, commands, lists, cpu float64 }

func (u used) since(before used) used {
	return used{over: u.at - before.at, commands: u.commands - before.commands, lists: u.lists - before.lists, cpu: u.cpu - before.cpu}
}

// spent reads what the server spent on all commands, and altogether.
func spent(t *testing.T, c *observe.Conn) used {
	t.Helper()
	text, _ := do(t, c, "INFO", "all").(string)
	info := observe.ParseInfo(text)
	u := used{at: float64(time.Now().UnixMicro()) / 1e6}
	for name, value := range info {
		switch {
		case strings.HasPrefix(name, "cmdstat_"):
			for field := range strings.SplitSeq(value, ",") {
				if usec, ok := strings.CutPrefix(field, "usec="); ok {
					u.commands += number(t, usec) / 1e6
				}
				if calls, ok := strings.CutPrefix(field, "calls="); ok && (name == "cmdstat_client|list" || name == "cmdstat_client") {
					u.lists += number(t, calls)
				}
			}
		case name == "used_cpu_user" || name == "used_cpu_sys":
			u.cpu += number(t, value)
		}
	}
	return u
}

func number(t *testing.T, text string) float64 {
	t.Helper()
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
