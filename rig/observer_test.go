//go:build linux

package rig

import (
	"context"
	"errors"
	"io"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spillway/observe"
	"spillway/outage"
)

// beside is an observer joined to a watchman inside the test, beside a fake Redis and a process that stands in for it.
type beside struct {
	*observer
	server *exec.Cmd
	ended  chan struct{} // the server's
	signal syscall.Signal
	served chan error // how the watchman ended
	stop   context.CancelFunc
}

type pipeEnd struct {
	io.Reader
	io.Writer
	close func() error
}

func (p pipeEnd) Close() error { return p.close() }

// watch starts a watchman and an observer that knows it, without waiting for Redis.
func watch(t *testing.T, f *fakeRedis, lines int) *beside {
	t.Helper()
	b := &beside{server: exec.Command("sleep", "300"), ended: make(chan struct{}), served: make(chan error, 1)}
	b.server.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := b.server.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = b.server.Wait()
		b.signal = b.server.ProcessState.Sys().(syscall.WaitStatus).Signal()
		close(b.ended)
	}()
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	var ctx context.Context
	ctx, b.stop = context.WithCancel(context.Background())
	p := &Process{Name: "observer", In: inW, Out: outR, errors: &tail{}, done: make(chan struct{})}
	go func() {
		w := Watchman{Port: f.port(), PID: b.server.Process.Pid, Lines: lines}
		b.served <- w.Serve(ctx, pipeEnd{inR, outW, func() error { _ = inR.Close(); return outW.Close() }})
		_ = outW.Close()
		close(p.done)
	}()
	log := newServerLog()
	log.add("* Ready to accept connections")
	var err error
	b.observer, err = newObserver(t.Context(), p, &Process{Name: "redis", errors: &tail{}, done: b.ended}, log)
	t.Cleanup(func() {
		b.stop()
		_ = b.server.Process.Kill()
		<-b.ended
		if b.observer != nil {
			b.close()
			<-p.done
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestObserverRelays(t *testing.T) {
	f := startFake(t)
	b := watch(t, f, 0)
	r := &Redis{observer: b.observer}
	nc, err := r.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := newCaller(t, nc)
	c.do("BIG 6000000", "$6000000\r\n"+strings.Repeat("x", 6000000)+"\r\n")

	f.limit(1)
	late, err := r.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	refused := newCaller(t, late)
	refused.want(refusal)
	refused.wantEnd()
	c.do("PING", "+PONG\r\n") // what was open before goes on

	_ = nc.Close()
	eventually(t, "the end of a relay to reach Redis", func() bool { return f.count() == 0 })
}

// A relay whose reader went away in the middle of an answer must not stay.
func TestObserverRelayLeftInTheMiddle(t *testing.T) {
	f := startFake(t)
	b := watch(t, f, 0)
	for range 5 {
		nc, err := b.dialRedis(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		c := newCaller(t, nc)
		c.send("BIG 30000000\r\n")
		c.want("$30000000\r\nxx")
		_ = nc.Close()
	}
	eventually(t, "relays to end", func() bool { return f.count() == 0 && b.session.NumStreams() == 0 })
	nc, err := b.dialRedis(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	newCaller(t, nc).do("PING", "+PONG\r\n")
}

func TestObserverLooks(t *testing.T) {
	f := startFake(t)
	b := watch(t, f, 0)
	facts, err := (&Redis{observer: b.observer}).Host(func() []string { return []string{"127.0.0.1"} }).Look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if facts.Process == nil || facts.Process.NofileSoft <= 0 || !strings.Contains(strings.Join(facts.Process.Args, " "), "sleep") {
		t.Errorf("process %+v", facts.Process)
	}
	if facts.Listen == nil || facts.Listen.Backlog <= 0 {
		t.Errorf("listen %+v", facts.Listen)
	}
	if d := cmp.Diff([]outage.Peer{{Host: "127.0.0.1", Answers: true}}, facts.Peers); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"* Ready to accept connections"}, facts.Log); d != "" {
		t.Error(d)
	}

	_ = b.server.Process.Kill()
	<-b.ended
	facts, err = (&Redis{observer: b.observer}).Host(nil).Look(t.Context())
	if err == nil || !strings.Contains(err.Error(), "look at the server's host") {
		t.Errorf("a server that is gone: %v", err)
	}
	if len(facts.Log) != 1 {
		t.Error("the log of a server that is gone was lost")
	}
}

func TestObserverRaises(t *testing.T) {
	f := startFake(t)
	b := watch(t, f, 0)
	r := &Redis{observer: b.observer}
	limits := func() (soft, hard int64) {
		t.Helper()
		facts, err := observe.LocalHost{PID: b.server.Process.Pid, Port: f.port()}.Look(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return facts.Process.NofileSoft, facts.Process.NofileHard
	}
	_, hard := limits()
	for _, c := range []struct {
		do func(context.Context, int64) error
		to int64
	}{{r.LowerNofile, 32}, {r.RaiseNofile, 64}} {
		if err := c.do(t.Context(), c.to); err != nil {
			t.Fatal(err)
		}
		// The hard limit stays: without CAP_SYS_RESOURCE nobody could raise it again.
		if gotSoft, gotHard := limits(); gotSoft != c.to || gotHard != hard {
			t.Errorf("%d/%d, want %d/%d", gotSoft, gotHard, c.to, hard)
		}
	}
	if err := r.LowerNofile(t.Context(), 64); err == nil || !strings.Contains(err.Error(), "no lower") {
		t.Errorf("got %v", err)
	}
	err := r.RaiseNofile(t.Context(), 1<<40) // beyond fs.nr_open: refused to everybody
	if err == nil || !strings.Contains(err.Error(), "prlimit --pid") {
		t.Errorf("got %v", err)
	}
}

func TestObserverGivesUp(t *testing.T) {
	f := startFake(t)
	b := watch(t, f, 0)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.dialRedis(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("dial: %v", err)
	}
	if _, err := b.look(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("look: %v", err)
	}
	// A host that answers nothing for a while, as a stopped container: the wait ends with its context.
	brief, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	if err := b.ask(brief, request{Op: opRedis}, &view{}); err == nil {
		t.Error("an answer from nowhere")
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("giving up took %s", took)
	}
	// Nonsense is hung up on, and the rest goes on.
	if err := b.ask(t.Context(), request{Op: "nonsense"}, &view{}); err == nil {
		t.Error("nonsense was answered")
	}
	if err := b.ping(t.Context()); err != nil {
		t.Error(err)
	}
}

func (b *beside) look(ctx context.Context) (observe.HostFacts, error) {
	return (&Redis{observer: b.observer}).Host(nil).Look(ctx)
}

// Not a command of a runbook may be lost, also of one that ends at once.
func TestObserverReportsLines(t *testing.T) {
	f := startFake(t)
	b := watch(t, f, 1)
	r := &Redis{observer: b.observer}
	for round := range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		var got []outage.Command
		done := make(chan error, 1)
		go func() { done <- r.Lines(ctx, func(c outage.Command) { got = append(got, c) }) }()
		c := dial(t, f.lineAddr())
		for range 200 {
			c.do("PING", "+PONG\r\n")
		}
		c.do("CLIENT KILL TYPE normal", ":3\r\n")
		start := time.Now()
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("round %d: ending the report took %s", round, took)
		}
		if len(got) != 201 || got[200].Closed != 3 {
			t.Errorf("round %d: %d of 201 commands were reported", round, len(got))
		}
		_ = c.nc.Close()
	}
	if err := r.Lines(ended(), func(outage.Command) {}); err != nil {
		t.Errorf("a report that nobody wanted any more: %v", err)
	}
}

// The dead-man's switch: when the observer's stdin ends, the server ends.
func TestWatchmanEndsTheServer(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(*beside)
	}{
		{"its stdin ends", func(b *beside) { _ = b.process.In.Close() }},
		{"the session is closed", func(b *beside) { b.close() }},
		{"it is told to end", func(b *beside) { b.stop() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := startFake(t)
			b := watch(t, f, 2)
			nc, err := b.dialRedis(t.Context()) // a relay in use, and a report, do not hold it up
			if err != nil {
				t.Fatal(err)
			}
			newCaller(t, nc).do("PING", "+PONG\r\n")
			reported := make(chan error, 1)
			go func() { reported <- b.lines(t.Context(), func(outage.Command) {}) }()
			tt.end(b)
			select {
			case <-b.ended:
			case <-time.After(5 * time.Second):
				t.Fatal("the server still runs")
			}
			if b.signal != syscall.SIGTERM {
				t.Errorf("the server was ended by %v", b.signal)
			}
			select {
			case err := <-b.served:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(5 * time.Second):
				t.Fatal("the watchman still runs")
			}
			<-reported
			eventually(t, "its connections to be closed", func() bool { return f.count() == 0 })
			if _, err := b.dialRedis(t.Context()); err == nil {
				t.Error("an observer that is gone opened a connection")
			}
		})
	}
}

// A watchman without a process to watch refuses.
func TestWatchmanNeedsAServer(t *testing.T) {
	inR, _ := io.Pipe()
	err := Watchman{Port: 1}.Serve(t.Context(), pipeEnd{inR, io.Discard, inR.Close})
	if err == nil {
		t.Error("it served process 0")
	}
}

// A server that dies at its start is told at once and by its own words.
func TestObserverOfADeadServer(t *testing.T) {
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := nobody.Addr().(*net.TCPAddr).Port
	_ = nobody.Close()
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	served := make(chan error, 1)
	self := exec.Command("sleep", "300")
	if err := self.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		served <- Watchman{Port: port, PID: self.Process.Pid}.Serve(t.Context(), pipeEnd{inR, outW, func() error { _ = inR.Close(); return outW.Close() }})
	}()
	p := &Process{In: inW, Out: outR, errors: &tail{}, done: make(chan struct{})}
	server := &Process{Name: "redis", errors: &tail{}, done: make(chan struct{}), exit: 1}
	log := newServerLog()
	log.follow(strings.NewReader("Bad directive or wrong number of arguments\n"))
	time.AfterFunc(50*time.Millisecond, func() { close(server.done) })
	start := time.Now()
	_, err = newObserver(t.Context(), p, server, log)
	if err == nil || !strings.Contains(err.Error(), "exit code 1: Bad directive") {
		t.Errorf("got %v", err)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	_ = self.Wait() // ended by the watchman, as its session was closed
}

// An observer that says nothing and does not end, as behind a daemon that hangs, holds up neither start nor end.
func TestObserverThatHangs(t *testing.T) {
	inR, inW := io.Pipe()
	go func() { _, _ = io.Copy(io.Discard, inR) }()
	outR, outW := io.Pipe()
	defer outW.Close()
	p := &Process{In: inW, Out: outR, errors: &tail{}, done: make(chan struct{})}
	server := &Process{Name: "redis", errors: &tail{}, done: make(chan struct{})}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := newObserver(ctx, p, server, newServerLog())
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
}
