package fleet

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"sync"
	"testing"
	"time"

	"spillway/outage"
	"spillway/scenarios"
)

// worker is an instance that runs inside a test, seen as the harness sees one: two pipes.
type worker struct {
	t    *testing.T
	in   *io.PipeWriter
	done chan error
	read sync.WaitGroup

	mu     sync.Mutex
	events []outage.Event
}

func spec(workload, redis string) Spec {
	s := Spec{
		Service:  scenarios.Service{Service: "api", Instances: 1, Workload: workload, Rate: 100, ClientName: "api-client", Pool: scenarios.Pool{Size: 4}},
		Instance: "api-1", Redis: redis, Seed: 1, Now: outage.Duration(10 * time.Second),
	}
	if workload == "slow" {
		s.Service.Hold = outage.Duration(10 * time.Millisecond)
	}
	return s
}

func launch(t *testing.T, ctx context.Context, s Spec) *worker {
	t.Helper()
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	w := &worker{t: t, in: inW, done: make(chan error, 1)}
	go func() {
		err := Run(ctx, inR, outW)
		_ = outW.Close()
		w.done <- err
	}()
	w.read.Go(func() { w.collect(outR) })
	w.send(s)
	// Whatever a failing test leaves running ends with its stdin, as in a real run.
	t.Cleanup(func() { _ = inW.Close() })
	return w
}

func (w *worker) collect(out io.Reader) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var e outage.Event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			w.t.Errorf("line %q: %v", lines.Text(), err)
			continue
		}
		w.mu.Lock()
		w.events = append(w.events, e)
		w.mu.Unlock()
	}
}

func (w *worker) send(v any) {
	w.t.Helper()
	if _, err := w.in.Write(jsonLine(w.t, v)); err != nil {
		w.t.Fatal(err)
	}
}

// stop orders a stop and returns how Run ended, once all of its output was read.
func (w *worker) stop() error {
	w.t.Helper()
	w.send(Order{Do: Stop})
	return w.wait()
}

func (w *worker) wait() error {
	w.t.Helper()
	select {
	case err := <-w.done:
		w.read.Wait()
		return err
	case <-time.After(10 * time.Second):
		w.t.Fatal("the worker still runs after 10s")
		return nil
	}
}

// seen returns the events so far.
func (w *worker) seen() []outage.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]outage.Event(nil), w.events...)
}

// like is a pattern of attempts; empty fields match anything.
type like struct {
	op      outage.Op
	outcome outage.Outcome
}

// count adds up the attempts that match.
func (w *worker) count(p like) int {
	n := 0
	for _, a := range w.attempts(p) {
		n += a.N()
	}
	return n
}

func (w *worker) attempts(p like) []outage.Attempt {
	var found []outage.Attempt
	for _, e := range w.seen() {
		if a := e.Attempt; a != nil && (p.op == "" || p.op == a.Op) && (p.outcome == "" || p.outcome == a.Outcome) {
			found = append(found, *a)
		}
	}
	return found
}

// until waits for so many attempts.
func (w *worker) until(n int, p like) {
	w.t.Helper()
	eventually(w.t, 10*time.Second, func() bool { return w.count(p) >= n }, func() any { return w.summary() })
}

// summary counts the attempts by kind, for messages.
func (w *worker) summary() map[like]int {
	sum := map[like]int{}
	for _, e := range w.seen() {
		if e.Attempt != nil {
			sum[like{e.Attempt.Op, e.Attempt.Outcome}] += e.Attempt.N()
		}
	}
	return sum
}

func jsonLine(t *testing.T, v any) []byte {
	t.Helper()
	line, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return append(line, '\n')
}
