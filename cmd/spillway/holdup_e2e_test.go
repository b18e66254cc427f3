//go:build e2e

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"spillway/observe"
)

// moment is a command of a remedy that has begun: the nth of that name since it asked for its own id. after is when Redis
// has answered it; else it has not seen it yet.
type moment struct {
	command string
	nth     int
	after   bool
}

func (m moment) String() string {
	when := "before"
	if m.after {
		when = "after"
	}
	return fmt.Sprintf("%s %s %d", when, m.command, m.nth)
}

// gate stands between a remedy and Redis and stops both at a moment.
type gate struct {
	at      moment
	addr    string
	reached chan struct{} // closed at that moment
	open    chan struct{} // closed to let both go on
	dropped chan struct{} // closed to drop what is held
	serving sync.WaitGroup

	listener net.Listener
	redis    string
	shut     atomic.Bool // no reply passes
}

func newGate(t *testing.T, redis string, at moment) *gate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{at: at, addr: l.Addr().String(), reached: make(chan struct{}), open: make(chan struct{}), dropped: make(chan struct{}), listener: l, redis: redis}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			g.serving.Go(func() { g.serve(conn) })
		}
	}()
	return g
}

func (g *gate) serve(conn net.Conn) {
	redis, err := net.Dial("tcp", g.redis)
	if err != nil {
		_ = conn.Close()
		return
	}
	defer conn.Close()
	defer redis.Close()
	go func() {
		defer conn.Close()
		buf := make([]byte, 64<<10)
		for {
			n, err := redis.Read(buf)
			if err != nil {
				return
			}
			if g.shut.Load() && !g.over() {
				return
			}
			if _, err := conn.Write(buf[:n]); err != nil {
				return
			}
		}
	}()
	in := bufio.NewReader(conn)
	count, begun := map[string]int{}, false
	for {
		args, err := request(in)
		if err != nil {
			return
		}
		name := strings.Join(args[:min(2, len(args))], " ")
		if begun = begun || name == "CLIENT ID"; begun {
			count[name]++
		}
		here := begun && name == g.at.command && count[name] == g.at.nth
		if here && !g.at.after && !g.stop() {
			return
		}
		g.shut.Store(here && g.at.after)
		if _, err := redis.Write(encoded(args)); err != nil {
			return
		}
		if here && g.at.after {
			time.Sleep(50 * time.Millisecond) // Redis does it, and the answer stays here
			if !g.stop() {
				return
			}
			g.shut.Store(false)
		}
	}
}

// stop tells that the moment is there, and waits until it is over; false means that all is dropped.
func (g *gate) stop() bool {
	close(g.reached)
	return g.over()
}

func (g *gate) over() bool {
	select {
	case <-g.open:
		return true
	case <-g.dropped:
		return false
	}
}

// drop closes both sides, as the kernel does when a process dies; what was held never reaches Redis.
func (g *gate) drop() {
	close(g.dropped)
	g.serving.Wait()
}

func encoded(args []string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "*%d\r\n", len(args))
	for _, a := range args {
		b.WriteString(bulk(a))
	}
	return b.Bytes()
}

// incident is a Redis full of connections that do nothing, beside one that works.
type incident struct {
	t      *testing.T
	addr   string
	admin  *observe.Conn
	crowd  []net.Conn
	health chan error // the first error of the healthy connection
}

const crowdSize = 28

func newIncident(ctx context.Context, t *testing.T) *incident {
	t.Helper()
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	i := &incident{t: t, addr: "127.0.0.1:" + port, health: make(chan error, 1)}
	server := exec.Command("redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir(), "--maxclients", "32")
	if err := server.Start(); err != nil {
		t.Fatalf("%v: install redis to run the tests against a real one", err)
	}
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	i.admin = i.dial(ctx, "spillway:0:test")
	for range crowdSize {
		conn, err := net.Dial("tcp", i.addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		i.crowd = append(i.crowd, conn)
		answer := make([]byte, len("+OK\r\n+PONG\r\n"))
		if _, err = io.WriteString(conn, "CLIENT SETNAME reports\r\nPING\r\n"); err == nil {
			_, err = io.ReadFull(conn, answer)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	web := i.dial(ctx, "web")
	go func() {
		for ctx.Err() == nil {
			if _, err := web.Do(ctx, "PING"); err != nil && ctx.Err() == nil {
				i.health <- err
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
	}()
	return i
}

// dial waits until Redis is there.
func (i *incident) dial(ctx context.Context, name string) *observe.Conn {
	i.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		c, err := observe.Dial(ctx, observe.Options{Addr: i.addr, Name: name})
		if err == nil {
			i.t.Cleanup(func() { _ = c.Close() })
			return c
		}
		if time.Now().After(end) {
			i.t.Fatal(err)
		}
	}
}

func (i *incident) timeout() string {
	i.t.Helper()
	reply, err := i.admin.Do(i.t.Context(), "CONFIG", "GET", "timeout")
	if err != nil {
		i.t.Fatal(err)
	}
	return reply.([]any)[1].(string)
}

// left counts the crowd as Redis lists it.
func (i *incident) left() int {
	i.t.Helper()
	reply, err := i.admin.Do(i.t.Context(), "CLIENT", "LIST")
	if err != nil {
		i.t.Fatal(err)
	}
	return strings.Count(reply.(string), " name=reports ")
}

// refill takes away what room there is but for n who come, after a part of the crowd was closed: or nothing would be wrong.
func (i *incident) refill(n int) {
	i.t.Helper()
	left := i.left()
	if left == 0 || left == crowdSize {
		return
	}
	if _, err := i.admin.Do(i.t.Context(), "CONFIG", "SET", "maxclients", strconv.Itoa(left+2+n)); err != nil {
		i.t.Fatal(err)
	}
}

func (i *incident) healthy() {
	i.t.Helper()
	select {
	case err := <-i.health:
		i.t.Errorf("the healthy connection was closed: %v", err)
	default:
	}
}

// remedy prepares a remedy of this Redis through addr.
func (i *incident) remedy(ctx context.Context, addr string, args ...string) (cmd *exec.Cmd, said *bytes.Buffer) {
	i.t.Helper()
	cmd = program(ctx, i.t, append([]string{"remedy", "redis://" + addr, "--samples", "2", "--interval", "1s"}, args...)...)
	said = &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = said, said
	return cmd, said
}

// does runs a remedy to its end and returns what it said; it must end well, or have found nothing that it could tell.
func (i *incident) does(ctx context.Context, args ...string) string {
	i.t.Helper()
	cmd, said := i.remedy(ctx, i.addr, args...)
	if err := cmd.Run(); err != nil && !nothing(said.String()) {
		i.t.Errorf("remedy %v: %v: %s", args, err, said)
	}
	return said.String()
}

// nothing reports whether a remedy came when another had done it all.
func nothing(said string) bool {
	return strings.Contains(said, "nothing is wrong") || strings.Contains(said, "nothing was changed")
}

// manyIncidents starts n of them, and waits until their crowds are idle.
func manyIncidents(ctx context.Context, t *testing.T, n int) []*incident {
	t.Helper()
	var list []*incident
	for range n {
		list = append(list, newIncident(ctx, t))
	}
	time.Sleep(7 * time.Second)
	return list
}

// killedAt are the moments at which a remedy is killed: each step of it, and some more of its kills that a seed chooses.
func killedAt() []moment {
	list := []moment{
		{"CLIENT ID", 2, false}, {"CLIENT LIST", 1, true}, {"CLIENT KILL", 1, false}, {"CLIENT KILL", crowdSize, true},
		{"CONFIG GET", 1, false}, {"CONFIG GET", 1, true}, {"CONFIG GET", 2, true}, {"CONFIG GET", 3, true}, {"CONFIG SET", 1, false}, {"CONFIG SET", 1, true}, {"CONFIG GET", 4, false}, {"CONFIG GET", 4, true},
	}
	dice := rand.New(rand.NewPCG(6, 6))
	for range 4 {
		list = append(list, moment{"CLIENT KILL", 2 + dice.IntN(crowdSize-2), dice.IntN(2) == 0})
	}
	return list
}

// A remedy that is killed at any moment can be undone, and can be run again; nobody healthy is closed, and the settings
// end as they were, or as the second plan has them.
func TestRemedyIsKilled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	moments := killedAt()
	for n, i := range manyIncidents(ctx, t, len(moments)) {
		journal, later := filepath.Join(t.TempDir(), "journal.jsonl"), filepath.Join(t.TempDir(), "later.jsonl")
		g := newGate(t, i.addr, moments[n])
		cmd, said := i.remedy(ctx, g.addr, "--apply", "--journal", journal)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-g.reached:
		case <-time.After(30 * time.Second):
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			t.Fatalf("%s: it never came to that: %s", moments[n], said)
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		g.drop()
		if !strings.Contains(said.String(), "journal: "+journal) {
			t.Errorf("%s: where the journal is was not said in time: %s", moments[n], said)
		}
		cut := i.timeout()
		told := ""
		if n%2 == 1 { // run it again, and undo both
			i.refill(1)
			told = i.does(ctx, "--apply", "--journal", later)
			switch now := i.timeout(); {
			case nothing(told):
				if now != cut || i.left() != 0 {
					t.Errorf("%s: timeout is %s, %d of the crowd are left, and nothing was done: %s", moments[n], now, i.left(), told)
				}
			case now != "300" || i.left() != 0:
				t.Errorf("%s: after it was run again timeout is %s, and %d of the crowd are left: %s", moments[n], now, i.left(), told)
			default:
				told += i.does(ctx, "--undo", later)
			}
		}
		for range 2 {
			told += i.does(ctx, "--undo", journal)
			if now := i.timeout(); now != "0" {
				t.Errorf("%s: after undo timeout is %s: %s", moments[n], now, told)
			}
		}
		i.healthy()
		t.Logf("killed %s: timeout was %s then, %d of the crowd are left", moments[n], cut, i.left())
	}
}

var closedBy = regexp.MustCompile(`kill-clients +(\d+) closed`)

// closed is how many connections a remedy says that it closed.
func closed(t *testing.T, said string) int {
	t.Helper()
	m := closedBy.FindStringSubmatch(said)
	if m == nil {
		if nothing(said) {
			return 0
		}
		t.Fatalf("no kill in %s", said)
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

// Two operators who have both made their plans: one of them is held at each of its steps while the other does everything.
// Then two who are not held.
func TestTwoOperators(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	planned := moment{"CLIENT ID", 2, false}
	moments := []moment{
		planned, {"CLIENT LIST", 1, false}, {"CLIENT KILL", 1, false}, {"CLIENT KILL", 9, false}, {"CONFIG GET", 1, false}, {"CONFIG GET", 2, false}, {"CONFIG GET", 3, false}, {"CONFIG SET", 1, false},
		{}, {}, {}, {}, // not held: as it comes
	}
	for n, i := range manyIncidents(ctx, t, len(moments)) {
		journals := [2]string{filepath.Join(t.TempDir(), "one.jsonl"), filepath.Join(t.TempDir(), "two.jsonl")}
		held := moments[n].nth > 0
		last := moment{}
		if held {
			last = planned
		}
		g, h := newGate(t, i.addr, moments[n]), newGate(t, i.addr, last)
		two, twoSaid := i.remedy(ctx, h.addr, "--apply", "--journal", journals[1])
		one, oneSaid := i.remedy(ctx, g.addr, "--apply", "--journal", journals[0])
		begin := func(cmd *exec.Cmd, g *gate, said *bytes.Buffer) {
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if !held {
				time.Sleep(time.Duration(n%4) * 20 * time.Millisecond)
				return
			}
			select {
			case <-g.reached:
			case <-time.After(30 * time.Second):
				t.Fatalf("%s: it never came to that: %s", moments[n], said)
			}
		}
		end := func(cmd *exec.Cmd, said *bytes.Buffer) {
			if err := cmd.Wait(); err != nil && (held || !nothing(said.String())) {
				t.Errorf("%s: %v: %s", moments[n], err, said)
			}
		}
		begin(two, h, twoSaid)
		begin(one, g, oneSaid)
		close(h.open)
		end(two, twoSaid)
		if moments[n] == (moment{"CLIENT LIST", 1, false}) { // one is not done yet: what it may count on is not undone
			if undone := i.does(ctx, "--undo", journals[1]); !strings.Contains(undone, "another remedy is at work") || i.timeout() != "300" {
				t.Errorf("%s: undone under the other's hands, timeout %s: %s", moments[n], i.timeout(), undone)
			}
		}
		close(g.open)
		end(one, oneSaid)
		if held && !strings.Contains(oneSaid.String(), "another remedy is at work: spillway:"+strconv.Itoa(two.Process.Pid)+":remedy-apply") {
			t.Errorf("%s: the other is not told of: %s", moments[n], oneSaid)
		}
		// Held in the middle of the exchange, which Redis does not do, it cannot know of the other.
		if said := oneSaid.String(); held && !strings.Contains(said, "timeout is 300 already") && moments[n].command != "CONFIG SET" {
			t.Errorf("%s: what the other set is not told: %s", moments[n], said)
		}
		if sum := closed(t, oneSaid.String()) + closed(t, twoSaid.String()); sum != crowdSize || i.left() != 0 || i.timeout() != "300" {
			t.Errorf("%s: %d closed in all, %d left, timeout %s: %s%s", moments[n], sum, i.left(), i.timeout(), oneSaid, twoSaid)
		}
		for _, journal := range append(journals[:], journals[:]...) {
			if _, err := os.Stat(journal); errors.Is(err, os.ErrNotExist) {
				continue // there was nothing left to do
			}
			i.does(ctx, "--undo", journal)
		}
		if now := i.timeout(); now != "0" {
			t.Errorf("%s: after both undid, timeout is %s", moments[n], now)
		}
		i.healthy()
		t.Logf("held %s: %s%s", moments[n], oneSaid, twoSaid)
	}
}
