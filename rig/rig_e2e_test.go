//go:build e2e && linux

package rig

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"spillway/fleet"
	"spillway/observe"
	"spillway/outage"
	"spillway/scenarios"
)

// machine is what both rigs can do.
type machine interface {
	StartRedis(context.Context, Server) (*Redis, error)
	StopRedis(context.Context, *Redis) error
	StartInstance(context.Context, Instance) (*Process, error)
	StartRunbook(context.Context, Runbook) (*Process, error)
	Close(context.Context) error
}

// server is a server as scenarios ask for it.
func server(maxClients, nofile, lines int) Server {
	return Server{Redis: scenarios.Redis{Image: testImage, MaxClients: maxClients, Nofile: nofile}, Lines: lines}
}

func startRedis(t *testing.T, m machine, s Server) *Redis {
	t.Helper()
	r, err := m.StartRedis(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// admin opens a connection by way of the observer.
func admin(t *testing.T, r *Redis) *observe.Conn {
	t.Helper()
	nc, err := r.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := observe.NewConn(nc)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func do(t *testing.T, c *observe.Conn, args ...string) any {
	t.Helper()
	reply, err := c.Do(t.Context(), args...)
	if err != nil {
		t.Fatalf("%s: %v", strings.Join(args, " "), err)
	}
	return reply
}

// effective is maxclients as it is in force.
func effective(t *testing.T, c *observe.Conn) int {
	t.Helper()
	n, err := strconv.Atoi(observe.ParseInfo(fmt.Sprint(do(t, c, "INFO")))["maxclients"])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// fill takes every slot of a server until it keeps refusing, and returns one of the connections that it took. A slot of
// those with which the observer waited for the server may become free late.
func fill(t *testing.T, r *Redis) *observe.Conn {
	t.Helper()
	var held *observe.Conn
	for refusals := 0; refusals < 5; {
		c := admin(t, r)
		if _, err := c.Do(t.Context(), "PING"); err == nil {
			held, refusals = c, 0
			continue
		}
		refusals++
		time.Sleep(20 * time.Millisecond)
	}
	if held == nil {
		t.Fatal("refused from the start")
	}
	return held
}

// testClamp: the file descriptor limit holds, is seen, and a restart with another one works.
func testClamp(t *testing.T, m machine) {
	s := server(1000, 100, 1)
	r := startRedis(t, m, s)
	c := admin(t, r)
	if got := effective(t, c); got != 100-reservedFDs {
		t.Errorf("maxclients is %d under a limit of 100 file descriptors", got)
	}
	facts, err := r.Host(nil).Look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if p := facts.Process; p == nil || p.NofileSoft != 100 || p.NofileHard != 100 || p.OpenFDs == 0 {
		t.Errorf("process %+v", p)
	}
	if facts.Listen == nil || facts.Listen.Backlog == 0 {
		t.Errorf("listen %+v", facts.Listen)
	}
	if !slices.ContainsFunc(facts.Log, func(line string) bool { return strings.Contains(line, "maxclients") }) {
		t.Errorf("the log does not say that it was clamped:\n%s", strings.Join(facts.Log, "\n"))
	}

	if err := m.StopRedis(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Do(t.Context(), "PING"); err == nil {
		t.Error("a server that was stopped answers")
	}
	s.Nofile = 1000 + reservedFDs
	again := startRedis(t, m, s)
	if again.Addr != r.Addr || again.LineAddr != r.LineAddr {
		t.Errorf("it moved from %s to %s", r.Addr, again.Addr)
	}
	if got := effective(t, admin(t, again)); got != 1000 {
		t.Errorf("maxclients is %d after the restart", got)
	}
}

// testFull: at the limit the connection from before goes on, and a new one hears the literal text.
func testFull(t *testing.T, m machine) {
	r := startRedis(t, m, server(6, 0, 2))
	before := admin(t, r)
	do(t, before, "PING")
	held := fill(t, r)
	for range 3 {
		nc, err := r.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		newCaller(t, nc).want(refusal)
	}
	if got := do(t, before, "PING"); got != "PONG" {
		t.Errorf("the connection from before says %v", got)
	}
	do(t, held, "PING")
	if n, _ := strconv.Atoi(observe.ParseInfo(fmt.Sprint(do(t, before, "INFO")))["rejected_connections"]); n < 3 {
		t.Errorf("rejected_connections is %d", n)
	}
	// Its machine shows them without a slot: those that are held, and none that was refused.
	seen, err := r.Held(t.Context())
	if err != nil || len(seen) != 6 {
		t.Errorf("%d connections from outside, %v: %+v", len(seen), err, seen)
	}
}

// testRunbook: at the limit a runbook reaches Redis by its line, and each of its commands is seen.
func testRunbook(t *testing.T, m machine) {
	r := startRedis(t, m, server(12, 0, 3))
	admin(t, r)
	fill(t, r)
	ctx, cancel := context.WithCancel(t.Context())
	var seen []outage.Command
	lines := make(chan error, 1)
	go func() { lines <- r.Lines(ctx, func(c outage.Command) { seen = append(seen, c) }) }()

	host, port, _ := strings.Cut(r.LineAddr, ":")
	public, publicPort, _ := strings.Cut(r.Addr, ":")
	p, err := m.StartRunbook(t.Context(), Runbook{
		Path: script(t, `#!/bin/sh
r() { redis-cli -h "$REDIS_HOST" -p "$REDIS_PORT" "$@"; }
redis-cli -h "$PUBLIC" -p "$PUBLIC_PORT" PING
r CLIENT KILL ADDR 10.9.9.9:0
r CLIENT LIST | cut -d' ' -f1 | xargs -n1 -P3 sh -c 'redis-cli -h "$REDIS_HOST" -p "$REDIS_PORT" ECHO $0' | wc -l
printf 'MULTI\nPING\n' | r
r PING
echo "note" >&2
exit 4
`),
		Env: map[string]string{"REDIS_HOST": host, "REDIS_PORT": port, "PUBLIC": public, "PUBLIC_PORT": publicPort},
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = p.In.Close()
	got := readAll(t, p)
	exit := wait(t, p)
	cancel()
	if err := <-lines; err != nil {
		t.Error(err)
	}
	if exit != 4 || p.Errors() != "note" {
		t.Errorf("exit code %d, stderr %q", exit, p.Errors())
	}
	want := "max number of clients reached|(error) ERR No such client|12|OK|QUEUED|PONG|"
	got = strings.ReplaceAll(got, "\n", "|")
	for _, part := range []string{"max number of clients reached", "12|OK|QUEUED|PONG|"} {
		if !strings.Contains(got, part) {
			t.Errorf("it printed %q, not something like %q", got, want)
		}
	}
	names := map[string]int{}
	for _, c := range seen {
		names[strings.ToUpper(c.Args[0])]++
		if isCommand(c.Args, "CLIENT", "KILL") && c.Closed != 0 {
			t.Errorf("%q closed %d", c.Args, c.Closed)
		}
	}
	if names["ECHO"] != 12 || names["CLIENT"] != 2 || names["PING"] != 2 || names["MULTI"] != 1 {
		t.Errorf("seen: %v", names)
	}
}

// testInstance: an instance waits for its spec, runs, reports and ends when told.
func testInstance(t *testing.T, m machine, local bool) {
	r := startRedis(t, m, server(50, 0, 0))
	p, err := m.StartInstance(t.Context(), Instance{Name: "web-1", Nofile: 256})
	if err != nil {
		t.Fatal(err)
	}
	if p.Addr == "" {
		t.Error("it has no address of its own")
	}
	spec := fleet.Spec{
		Service: scenarios.Service{
			Service: "web", Instances: 1, Workload: "pooled", Rate: 20, ClientName: "web-1", Pool: scenarios.Pool{Size: 2},
		},
		Instance: "web-1", Redis: r.Addr, Seed: 1,
	}
	if local {
		spec.Local = p.Addr
	}
	if err := json.NewEncoder(p.In).Encode(spec); err != nil {
		t.Fatal(err)
	}
	told := make(chan string, 1)
	events := make(chan int, 1)
	go func() {
		n := 0
		for dec := json.NewDecoder(p.Out); ; n++ {
			var e outage.Event
			if dec.Decode(&e) != nil {
				events <- n
				return
			}
			if e.Instance != nil && e.Instance.State == outage.Started {
				told <- e.Instance.Name
			}
		}
	}()
	select {
	case name := <-told:
		if name != "web-1" {
			t.Errorf("%s runs", name)
		}
	case <-time.After(15 * time.Second):
		t.Fatalf("it does not run; its stderr: %s", p.Errors())
	}
	c := admin(t, r)
	eventually(t, "its connections", func() bool {
		list := fmt.Sprint(do(t, c, "CLIENT", "LIST"))
		return strings.Contains(list, "addr="+p.Addr+":") && strings.Contains(list, "name=web-1")
	})
	if err := json.NewEncoder(p.In).Encode(fleet.Order{Do: fleet.Stop}); err != nil {
		t.Fatal(err)
	}
	if exit := wait(t, p); exit != 0 {
		t.Errorf("exit code %d: %s", exit, p.Errors())
	}
	if n := <-events; n < 2 {
		t.Errorf("%d events", n)
	}
}

// testBadServer: a server that cannot start is told quickly, and by its own words.
func testBadServer(t *testing.T, m machine) {
	s := server(50, 0, 1)
	s.Directives = map[string]string{"no-such-directive": "1"}
	start := time.Now()
	_, err := m.StartRedis(t.Context(), s)
	if err == nil || !strings.Contains(err.Error(), "no-such-directive") {
		t.Errorf("got %v", err)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
}

// testUnread: writing to a program that does not read ends with the program.
func testUnread(t *testing.T, m machine) {
	p, err := m.StartRunbook(t.Context(), Runbook{Path: script(t, "#!/bin/sh\necho up\nexec sleep 300\n")})
	if err != nil {
		t.Fatal(err)
	}
	ready(t, p)
	wrote := make(chan error, 1)
	go func() {
		_, err := p.In.Write(make([]byte, 16<<20))
		wrote <- err
	}()
	select {
	case err := <-wrote:
		t.Fatalf("the test is void: the write ended: %v", err)
	case <-time.After(time.Second):
	}
	start := time.Now()
	if err := p.End(t.Context()); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-wrote:
		if err == nil {
			t.Error("a write that nobody read succeeded")
		}
	case <-time.After(5 * time.Second):
		t.Error("the write hangs")
	}
	wait(t, p)
	if took := time.Since(start); took > 8*time.Second {
		t.Errorf("ending it took %s", took)
	}
	if err := p.End(t.Context()); err != nil {
		t.Errorf("ending it twice: %v", err)
	}
}
