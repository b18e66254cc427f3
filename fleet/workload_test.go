package fleet

import (
	"testing"
	"time"

	"spillway/outage"
	"spillway/scenarios"
)

func TestWorkloadsAreThoseOfTheCatalogue(t *testing.T) {
	words := scenarios.Workloads()
	if len(words) != len(workloads) {
		t.Fatalf("%d workloads, the catalogue knows %d", len(workloads), len(words))
	}
	for i, w := range words {
		if workloads[i].name != w.Word {
			t.Errorf("workload %d is %q, in the catalogue %q", i, workloads[i].name, w.Word)
		}
	}
}

func TestLeakyLeaksAConnectionPerRequest(t *testing.T) {
	s := newServer(t, -1, nil)
	w := launch(t, t.Context(), spec("leaky", s.addr()))
	w.until(40, like{outage.OpRequest, outage.OK})
	// Every request recorded so far still holds its connection.
	if n := w.count(like{outage.OpRequest, outage.OK}); s.named("api-client") < n+1 {
		t.Errorf("%d connections after %d requests and one canary", s.named("api-client"), n)
	}
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	eventually(t, 20*time.Second, func() bool { open, _ := s.counts(); return open == 0 }, func() any { return s.named("api-client") })
	requests, connects := w.count(like{op: outage.OpRequest}), w.count(like{op: outage.OpConnect})
	if requests != connects || w.count(like{outage.OpRequest, outage.OK}) != requests {
		t.Errorf("%v: want as many connections as requests, all ok", w.summary())
	}
}

func TestLeakyStopsLeakingAtItsBound(t *testing.T) {
	s := newServer(t, -1, nil)
	sp := spec("leaky", s.addr())
	sp.Service.Connections, sp.Service.Rate = 12, 500
	w := launch(t, t.Context(), sp)
	w.until(12, like{outage.OpRequest, outage.OK})
	time.Sleep(200 * time.Millisecond) // 100 more requests would be due
	if got := s.named("api-client"); got != 13 {
		t.Errorf("%d connections, want 12 and the canary's", got)
	}
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
}

func TestLeakyGoesOnTryingAtTheLimit(t *testing.T) {
	s := newServer(t, 6, turnAway(full))
	sp := spec("leaky", s.addr())
	none := 0
	sp.Service.Pool.Retries = &none
	w := launch(t, t.Context(), sp)
	w.until(20, like{outage.OpRequest, outage.Refused})
	s.serve(10)
	w.until(9, like{outage.OpRequest, outage.OK}) // 10 without the canary's
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	for _, a := range w.attempts(like{outcome: outage.Refused}) {
		if a.Said != full {
			t.Errorf("%+v: want the line of Redis", a)
		}
	}
	if _, turned := s.counts(); turned != w.count(like{outage.OpConnect, outage.Refused}) {
		t.Errorf("the server turned %d away, recorded were %v", turned, w.summary())
	}
}

func TestARefusedRequestDoesNotCountAsLeaked(t *testing.T) {
	s := newServer(t, 0, turnAway(full))
	sp := spec("leaky", s.addr())
	none := 0
	sp.Service.Connections, sp.Service.Pool.Retries = 4, &none
	w := launch(t, t.Context(), sp)
	w.until(10, like{outage.OpRequest, outage.Refused})
	s.serve(-1)
	w.until(4, like{outage.OpRequest, outage.OK})
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
}

func TestPooledStaysWithinItsPool(t *testing.T) {
	s := newServer(t, -1, nil)
	sp := spec("pooled", s.addr())
	sp.Service.Rate = 500
	w := launch(t, t.Context(), sp)
	w.until(200, like{outage.OpRequest, outage.OK})
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	if s.peak() > 5 {
		t.Errorf("%d connections at once, want at most 4 and the canary's", s.peak())
	}
	if bad := w.count(like{op: outage.OpRequest}) - w.count(like{outage.OpRequest, outage.OK}); bad != 0 {
		t.Errorf("%d requests failed: %v", bad, w.summary())
	}
}

func TestAWarmPoolIsOpenedWhole(t *testing.T) {
	s := newServer(t, -1, nil)
	sp := spec("pooled", s.addr())
	sp.Service.Rate, sp.Service.Pool.Warm = 10, true // a rate that one connection serves
	w := launch(t, t.Context(), sp)
	w.until(8, like{outage.OpRequest, outage.OK})
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	if s.peak() != 5 {
		t.Errorf("%d connections at once, want the pool of 4 and the canary's", s.peak())
	}
}

func TestHoldDrivesAPoolToItsMaximumAndBeyond(t *testing.T) {
	s := newServer(t, -1, nil)
	sp := spec("pooled", s.addr())
	none := 0
	sp.Service.Hold, sp.Service.Pool.Retries, sp.Service.Pool.WaitTimeout = ms(300), &none, ms(50)
	w := launch(t, t.Context(), sp)
	w.until(10, like{outage.OpRequest, outage.PoolTimeout}) // 100 a second × 0.3 s want 30 connections; there are 4
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	if s.peak() != 5 {
		t.Errorf("%d connections at once, want 4 and the canary's", s.peak())
	}
	if n := w.count(like{outcome: outage.Refused}); n != 0 {
		t.Errorf("%d refusals by a server that refuses nobody: %v", n, w.summary())
	}
}

func TestIdleOpensExactlyItsConnectionsAndKeepsThem(t *testing.T) {
	s := newServer(t, -1, nil)
	sp := spec("idle", s.addr())
	sp.Service.Connections, sp.Service.Rate, sp.Service.Ramp = 30, 0, ms(100)
	w := launch(t, t.Context(), sp)
	w.until(30, like{outage.OpRequest, outage.OK})
	time.Sleep(100 * time.Millisecond)
	if got := s.named("api-client"); got != 31 {
		t.Errorf("%d connections, want 30 and the canary's", got)
	}
	s.kill("api-client")
	w.until(1, like{outage.OpHeld, outage.Reset})
	if got := s.named("api-client"); got > 1 {
		t.Errorf("%d connections after all were killed: idle must not open any again", got)
	}
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
}

func TestIdleCountsWhatItIsRefused(t *testing.T) {
	s := newServer(t, 10, turnAway(full))
	sp := spec("idle", s.addr())
	none := 0
	sp.Service.Connections, sp.Service.Pool.Retries = 30, &none
	w := launch(t, t.Context(), sp)
	w.until(20, like{outage.OpRequest, outage.Refused}) // 21 where the canary came first
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	if n := w.count(like{op: outage.OpRequest}); n != 30 {
		t.Errorf("%d requests, want 30: %v", n, w.summary())
	}
}
