package fleet

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"spillway/outage"
)

func TestAnInstanceSaysWhatItIsAndThatItStopped(t *testing.T) {
	s := newServer(t, -1, nil)
	sp := spec("pooled", s.addr())
	sp.Local, sp.Canary = "127.0.1.9", true
	w := launch(t, t.Context(), sp)
	w.until(10, like{outage.OpRequest, outage.OK})
	w.until(1, like{outage.OpFresh, outage.OK})
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	events := w.seen()
	want := outage.Instance{Service: "api", Name: "api-1", Addr: "127.0.1.9", Workload: "pooled", State: outage.Started}
	if first := events[0].Instance; first == nil || *first != want {
		t.Errorf("first event %+v, want %+v", events[0], want)
	}
	want.State = outage.Stopped
	if last := events[len(events)-1].Instance; last == nil || *last != want {
		t.Errorf("last event %+v, want %+v", events[len(events)-1], want)
	}
	for _, e := range events {
		if e.At < sp.Now || e.At > sp.Now+outage.Duration(time.Minute) || e.Actor != "api-1" {
			t.Errorf("at %v by %q: the run's clock stood at %v when the spec was sent", e.At, e.Actor, sp.Now)
		}
	}
	eventually(t, 20*time.Second, func() bool { open, _ := s.counts(); return open == 0 }, func() any { return s.named("api-client") })
}

func TestTheAddressIsFoundWithoutBeingChosen(t *testing.T) {
	if got := testHost(t, "127.0.0.1:6379").address(t.Context()); got != "127.0.0.1" {
		t.Errorf("got %q", got)
	}
}

func TestTheHeldCanaryTellsTheWholeStory(t *testing.T) {
	s := newServer(t, -1, turnAway(full))
	sp := spec("idle", s.addr())
	sp.Service.Connections = 1
	w := launch(t, t.Context(), sp)
	w.until(1, like{outage.OpHeld, outage.OK})
	s.serve(0)
	s.kill("")
	w.until(1, like{outage.OpHeld, outage.Refused})
	s.serve(-1)
	calm := w.count(like{outage.OpHeld, outage.OK})
	w.until(calm+2, like{outage.OpHeld, outage.OK})
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	var order []outage.Outcome
	for _, a := range w.attempts(like{op: outage.OpHeld}) {
		if len(order) == 0 || order[len(order)-1] != a.Outcome {
			order = append(order, a.Outcome)
		}
		if a.Outcome == outage.Refused && a.Said != full {
			t.Errorf("%+v: want the line of Redis", a)
		}
	}
	want := []outage.Outcome{outage.OK, outage.Reset, outage.Refused, outage.OK}
	if len(order) != len(want) || order[0] != want[0] || order[1] != want[1] || order[2] != want[2] || order[3] != want[3] {
		t.Errorf("held: %v, want %v", order, want)
	}
}

func TestTheFreshCanaryTellsOutcomesApart(t *testing.T) {
	down := newServer(t, 0, closeSilently)
	_ = down.ln.Close()
	for _, tc := range []struct {
		name, addr, said string
		want             outage.Outcome
	}{
		{"served", newServer(t, -1, nil).addr(), "", outage.OK},
		{"full", newServer(t, 0, turnAway(full)).addr(), full, outage.Refused},
		{"full, without a word", newServer(t, 0, closeSilently).addr(), "", outage.Refused},
		{"no password", newServer(t, 0, turnAway("-NOAUTH Authentication required.")).addr(), "-NOAUTH Authentication required.", outage.Denied},
		{"nobody listens", down.addr(), "", outage.Down},
		{"stalled", newServer(t, 0, hang).addr(), "", outage.TimedOut},
	} {
		c, v := testHost(t, tc.addr).openCanary(t.Context())
		c.close()
		if v.outcome != tc.want || v.said != tc.said {
			t.Errorf("%s: %+v, want %s, said %q", tc.name, v, tc.want, tc.said)
		}
	}
}

// A canary that gave its slot up in a stall could not come back afterwards.
func TestTheHeldCanaryIsNotClosedInAStall(t *testing.T) {
	t.Parallel() // it takes as long as the canary's patience
	s := newServer(t, -1, nil)
	sp := spec("idle", s.addr())
	sp.Service.Connections = 1
	w := launch(t, t.Context(), sp)
	w.until(1, like{outage.OpHeld, outage.OK})
	s.slowDown(canaryPatience + 300*time.Millisecond)
	w.until(1, like{outage.OpHeld, outage.TimedOut})
	s.slowDown(0)
	calm := w.count(like{outage.OpHeld, outage.OK})
	w.until(calm+2, like{outage.OpHeld, outage.OK})
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	if s.peak() != 2 || w.count(like{outage.OpHeld, outage.Reset}) != 0 {
		t.Errorf("%d connections at once, want the idle one and the canary's: %v", s.peak(), w.summary())
	}
}

func TestTheHeldCanaryKeepsItsConnectionThroughAStall(t *testing.T) {
	conn := &script{rdErr: context.DeadlineExceeded}
	c := newCanary(conn)
	if v := verdictOfPing(c.ping()); v.outcome != outage.TimedOut {
		t.Fatalf("first PING: %+v", v)
	}
	conn.reads = []string{"+PONG\r\n+PONG\r\n"}
	if v := verdictOfPing(c.ping()); v.outcome != outage.OK {
		t.Errorf("PING after the stall: %+v", v)
	}
	if len(conn.reads) != 0 || c.owed != 0 || c.in.Buffered() != 0 {
		t.Errorf("the late reply was left for the next PING: %d owed", c.owed)
	}
}

func TestTheEndOfStdinEndsEverything(t *testing.T) {
	for _, named := range workloads {
		workload := named.name
		s := newServer(t, 3, turnAway(full)) // some requests are asleep between their retries
		sp := spec(workload, s.addr())
		sp.Service.Connections = 50
		w := launch(t, t.Context(), sp)
		w.until(1, like{outage.OpConnect, outage.OK})
		_ = w.in.Close()
		start := time.Now()
		if err := w.wait(); err != nil || time.Since(start) > 10*time.Second {
			t.Errorf("%s: %v after %v", workload, err, time.Since(start))
		}
		for _, e := range w.seen() {
			if e.Instance != nil && e.Instance.State == outage.Stopped {
				t.Errorf("%s: says that it was stopped", workload)
			}
		}
		eventually(t, 20*time.Second, func() bool { open, _ := s.counts(); return open == 0 }, func() any { return s.named("api-client") })
	}
}

func TestStopLetsRequestsUnderWayEnd(t *testing.T) {
	s := newServer(t, -1, nil)
	sp := spec("pooled", s.addr())
	w := launch(t, t.Context(), sp)
	w.until(10, like{outage.OpRequest, outage.OK})
	s.slowDown(200 * time.Millisecond)
	time.Sleep(100 * time.Millisecond) // now all 4 connections wait for an answer
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	eventually(t, 20*time.Second, func() bool { open, _ := s.counts(); return open == 0 }, func() any { return s.named("api-client") })
	if ok := w.count(like{outage.OpRequest, outage.OK}); ok != s.answered() {
		t.Errorf("%d requests were answered, %d recorded as ok: %v", s.answered(), ok, w.summary())
	}
}

func TestStopEndsRequestsThatHang(t *testing.T) {
	s := newServer(t, 0, hang)
	w := launch(t, t.Context(), spec("leaky", s.addr()))
	eventually(t, 20*time.Second, func() bool { open, _ := s.counts(); return open > 5 }, func() any { return w.summary() })
	start := time.Now()
	if err := w.stop(); err != nil || time.Since(start) > 10*time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
}

func TestTheEndOfTheContextEndsEverything(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w := launch(t, ctx, spec("pooled", newServer(t, -1, nil).addr()))
	w.until(1, like{outage.OpRequest, outage.OK})
	cancel()
	if err := w.wait(); err != nil {
		t.Error(err)
	}
}

func TestDroppedRequestsAreSaid(t *testing.T) {
	sp := spec("pooled", newServer(t, -1, nil).addr())
	sp.Service.Hold, sp.Service.Pool.WaitTimeout, sp.Service.Rate = ms(5000), ms(5000), 1000
	w := launch(t, t.Context(), sp)
	noted := func() int {
		n := 0
		for _, e := range w.seen() {
			if e.Note != nil && strings.Contains(e.Note.Text, "64 requests under way") {
				n++
			}
		}
		return n
	}
	eventually(t, 20*time.Second, func() bool { return noted() > 0 }, func() any { return w.summary() })
	time.Sleep(100 * time.Millisecond)
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	if noted() != 1 {
		t.Errorf("said %d times", noted())
	}
}

func TestABadSpecIsRefusedAsAWhole(t *testing.T) {
	sp := spec("leeky", "nowhere")
	sp.Service.ClientName, sp.Service.Ramp, sp.Local = "two words", ms(-1), "10.255.255.1"
	w := launch(t, t.Context(), sp)
	err := w.wait()
	for _, want := range []string{`"leeky"`, `"nowhere"`, `"two words"`, "negative", "10.255.255.1"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\ndoes not name %s", err, want)
		}
	}
	if len(w.seen()) != 0 {
		t.Errorf("it said %v", w.seen())
	}
}

func TestAnInstanceGuessesNothing(t *testing.T) {
	for _, tc := range []struct {
		workload string
		spoil    func(*Spec)
		want     string
	}{
		{"leaky", func(s *Spec) { s.Service.Rate = 0 }, "no rate"},
		{"pooled", func(s *Spec) { s.Service.Pool.Size = 0 }, "no pool size"},
		{"idle", func(s *Spec) { s.Service.Connections = 0 }, "no number of connections"},
		{"pooled", func(s *Spec) { s.Instance = "" }, "no service or no instance"},
	} {
		s := spec(tc.workload, "127.0.0.1:6379")
		tc.spoil(&s)
		if err := s.check(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", tc.workload, err, tc.want)
		}
	}
}

func TestLinesThatAreNotUnderstoodBreakTheRig(t *testing.T) {
	if err := Run(t.Context(), strings.NewReader(`{"servise":{}}`+"\n"), io.Discard); err == nil || !strings.Contains(err.Error(), "servise") {
		t.Errorf("a spec with an unknown key: %v", err)
	}
	if err := Run(t.Context(), strings.NewReader(""), io.Discard); err == nil {
		t.Error("no spec at all is taken for an instance")
	}
	for _, order := range []string{`{"do":"dance"}`, `{"dos":"stop"}`, "stop"} {
		w := launch(t, t.Context(), spec("pooled", newServer(t, -1, nil).addr()))
		w.until(1, like{outage.OpRequest, outage.OK})
		_, _ = w.in.Write([]byte(order + "\n"))
		if err := w.wait(); err == nil {
			t.Errorf("order %s: no error", order)
		}
	}
}

// stuck is an out that takes the first lines and then no more.
type stuck struct{ left int }

func (s *stuck) Write(p []byte) (int, error) {
	if s.left--; s.left < 0 {
		return 0, errors.New("nobody reads")
	}
	return len(p), nil
}

func TestAnOutThatTakesNoMoreBreaksTheRig(t *testing.T) {
	inR, inW := io.Pipe()
	defer inW.Close()
	done := make(chan error, 1)
	go func() { done <- Run(t.Context(), inR, &stuck{left: 1}) }()
	line := jsonLine(t, spec("pooled", newServer(t, -1, nil).addr()))
	if _, err := inW.Write(line); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-done:
		if err == nil || !strings.Contains(err.Error(), "nobody reads") {
			t.Errorf("got %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("still runs after 10s though it cannot write")
	}
}
