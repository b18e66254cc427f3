package fleet

import (
	"fmt"
	"testing"
	"time"

	"spillway/outage"
)

// crowd is an instance of a workload that opens n connections.
func crowd(workload, redis string, n int) Spec {
	sp := spec(workload, redis)
	sp.Service.Connections, sp.Service.Rate = n, 0
	return sp
}

func openIs(s *server, n int) func() bool {
	return func() bool { open, _ := s.counts(); return open == n }
}

func openNow(s *server) func() any { return func() any { open, _ := s.counts(); return open } }

// endsEmpty stops the worker and makes sure that it took no time and left nothing.
func endsEmpty(t *testing.T, w *worker, s *server) {
	t.Helper()
	start := time.Now()
	if err := w.stop(); err != nil || time.Since(start) > 10*time.Second {
		t.Errorf("stop: %v after %v", err, time.Since(start))
	}
	eventually(t, 20*time.Second, openIs(s, 0), openNow(s))
}

// saidFull makes sure that every refusal of that kind kept the line of Redis.
func saidFull(t *testing.T, w *worker, op outage.Op) {
	t.Helper()
	for _, a := range w.attempts(like{op, outage.Refused}) {
		if a.Said != full {
			t.Errorf("%+v: want the line of Redis", a)
		}
	}
}

func TestCrowdsOpenOverTheirRamp(t *testing.T) {
	for _, workload := range []string{"subscriber", "blocked", "silent", "reconnecting"} {
		t.Run(workload, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, -1, nil)
			sp := crowd(workload, s.addr(), 20)
			sp.Service.Ramp = ms(1000)
			if workload == "reconnecting" {
				sp.Service.Rate = 40 // 20 in the first second, which is the ramp
			}
			start := time.Now()
			w := launch(t, t.Context(), sp)
			time.Sleep(400 * time.Millisecond)
			got, share := s.peak(), time.Since(start).Seconds()
			if float64(got) > 20*share+2 { // one is the canary's
				t.Errorf("%d connections at %.2f of the ramp, want no more of 20", got, share)
			}
			eventually(t, 20*time.Second, openIs(s, 21), openNow(s))
			endsEmpty(t, w, s)
		})
	}
}

func TestASpecMustSayHowLargeACrowdIs(t *testing.T) {
	for _, workload := range []string{"subscriber", "blocked", "silent", "reconnecting", "bursting", "transaction"} {
		sp := crowd(workload, "127.0.0.1:1", 0)
		sp.Service.Rate = 5
		if err := sp.check(); err == nil || err.Error() != fmt.Sprintf("workload %s: no number of connections", workload) {
			t.Errorf("%s: %v", workload, err)
		}
	}
	sp := crowd("reconnecting", "127.0.0.1:1", 5)
	if err := sp.check(); err == nil || err.Error() != "workload reconnecting: no rate" {
		t.Errorf("%v", err)
	}
	sp.Service.Workload = "bursting"
	if err := sp.check(); err == nil || err.Error() != "workload bursting: no rate" {
		t.Errorf("%v", err)
	}
}

func TestSubscribersHoldAConnectionPerChannel(t *testing.T) {
	s := newServer(t, -1, nil)
	w := launch(t, t.Context(), crowd("subscriber", s.addr(), 30))
	w.until(30, like{outage.OpRequest, outage.OK})
	if times, channels := s.times("subscribe"); times != 30 || channels != 30 {
		t.Errorf("%d subscriptions of %d channels, want 30 of 30", times, channels)
	}
	if got := s.named("api-client"); got != 31 {
		t.Errorf("%d connections, want 30 and the canary's", got)
	}
	endsEmpty(t, w, s)
	if n := w.count(like{op: outage.OpRequest}); n != 30 || w.count(like{outage.OpConnect, outage.OK}) != 30 {
		t.Errorf("%v: want 30 connects and 30 requests", w.summary())
	}
}

func TestRefusedSubscribersSubscribeOnceThereIsRoom(t *testing.T) {
	s := newServer(t, 0, turnAway(full))
	w := launch(t, t.Context(), crowd("subscriber", s.addr(), 10))
	w.until(10, like{outage.OpRequest, outage.Refused})
	w.until(30, like{outage.OpConnect, outage.Refused}) // go-redis goes on by itself
	s.serve(-1)
	eventually(t, 20*time.Second, func() bool { _, channels := s.times("subscribe"); return channels == 10 }, openNow(s))
	s.kill("api-client") // and comes back
	eventually(t, 20*time.Second, func() bool { times, _ := s.times("subscribe"); return times >= 20 }, openNow(s))
	endsEmpty(t, w, s)
	saidFull(t, w, outage.OpRequest)
	saidFull(t, w, outage.OpConnect)
	if n := w.count(like{op: outage.OpRequest}); n != 10 {
		t.Errorf("%d requests, want the 10 first ones: %v", n, w.summary())
	}
}

func TestBlockedWorkersEachWaitOnAListOfTheirOwn(t *testing.T) {
	s := newServer(t, -1, nil)
	w := launch(t, t.Context(), crowd("blocked", s.addr(), 30))
	eventually(t, 20*time.Second, func() bool { _, lists := s.times("blpop"); return lists == 30 }, openNow(s))
	w.until(30, like{outage.OpConnect, outage.OK})
	time.Sleep(100 * time.Millisecond)
	if times, _ := s.times("blpop"); times != 30 || s.named("api-client") != 31 {
		t.Errorf("%d BLPOPs on %d connections, want 30 on 30 and the canary's", times, s.named("api-client"))
	}
	endsEmpty(t, w, s)
	if n := w.count(like{op: outage.OpRequest}); n != 0 {
		t.Errorf("%d requests ended, though none was answered: %v", n, w.summary())
	}
}

func TestRefusedWorkersComeBack(t *testing.T) {
	s := newServer(t, 4, turnAway(full))
	w := launch(t, t.Context(), crowd("blocked", s.addr(), 10))
	w.until(6, like{outage.OpRequest, outage.Refused})
	s.serve(-1)
	eventually(t, 20*time.Second, func() bool { _, lists := s.times("blpop"); return lists == 10 }, openNow(s))
	endsEmpty(t, w, s)
	saidFull(t, w, outage.OpRequest)
	if n := w.count(like{outage.OpRequest, outage.PoolTimeout}); n != 0 {
		t.Errorf("%d found no room in a pool of their own: %v", n, w.summary())
	}
}

func TestSilentConnectionsCountAndSayNothing(t *testing.T) {
	s, start := newServer(t, 8, turnAway(full)), time.Now()
	w := launch(t, t.Context(), crowd("silent", s.addr(), 12))
	w.until(5, like{outage.OpConnect, outage.Refused}) // 4 where the canary came last
	s.serve(-1)
	w.until(12, like{outage.OpConnect, outage.OK})
	eventually(t, 20*time.Second, openIs(s, 13), openNow(s))
	if s.named("") != 12 {
		t.Errorf("%d connections without a name, want 12", s.named(""))
	}
	saidFull(t, w, outage.OpConnect)
	for _, a := range w.attempts(like{outage.OpConnect, outage.OK}) {
		if a.Latency.Std() >= settled {
			t.Errorf("%+v: the wait is not part of the connect", a)
		}
	}
	endsEmpty(t, w, s)
	if n := w.count(like{op: outage.OpRequest}); n != 0 {
		t.Errorf("%d requests by clients without a word: %v", n, w.summary())
	}
	if _, turned := s.counts(); float64(turned) > 12*max(1, time.Since(start).Seconds()) {
		t.Errorf("%d turned away: want a try a second of each", turned)
	}
}

func TestASilentConnectionThatWasTakenIsNotOpenedAgain(t *testing.T) {
	s := newServer(t, -1, nil)
	w := launch(t, t.Context(), crowd("silent", s.addr(), 5))
	w.until(5, like{outage.OpConnect, outage.OK})
	s.kill("")
	w.until(1, like{outage.OpHeld, outage.Reset})
	time.Sleep(again + 200*time.Millisecond)
	if n := s.named(""); n != 0 {
		t.Errorf("%d came back", n)
	}
	endsEmpty(t, w, s)
	if n := w.count(like{op: outage.OpConnect}); n != 5 {
		t.Errorf("%v: want 5 connects", w.summary())
	}
}

func TestReconnectingKeepsToItsRate(t *testing.T) {
	s := newServer(t, -1, nil)
	sp := crowd("reconnecting", s.addr(), 20)
	sp.Service.Rate = 200
	w := launch(t, t.Context(), sp)
	w.until(40, like{outage.OpRequest, outage.OK})
	from, start := w.count(like{op: outage.OpConnect}), time.Now()
	time.Sleep(time.Second)
	got, want := w.count(like{op: outage.OpConnect})-from, 200*time.Since(start).Seconds()
	if float64(got) > 1.15*want+20 || float64(got) < want/4 { // a tenth of a second of them may be written late
		t.Errorf("%d connects, want about %.0f", got, want)
	}
	endsEmpty(t, w, s)
	if s.peak() > 40 { // the server may learn of a close after the connect that followed it
		t.Errorf("%d at once, want 20 and the canary's", s.peak())
	}
}

func TestReconnectingDoesNotBackOffWhenRefused(t *testing.T) {
	s := newServer(t, 0, turnAway(full))
	sp := crowd("reconnecting", s.addr(), 5)
	sp.Service.Rate = 100
	w := launch(t, t.Context(), sp)
	start := time.Now()
	w.until(100, like{outage.OpConnect, outage.Refused})
	if took := time.Since(start); took < 700*time.Millisecond || took > 20*time.Second {
		t.Errorf("100 refusals took %v, want about a second", took)
	}
	endsEmpty(t, w, s)
	saidFull(t, w, outage.OpConnect)
	if c, r := w.count(like{outage.OpConnect, outage.Refused}), w.count(like{outage.OpRequest, outage.Refused}); c != r {
		t.Errorf("%d connects and %d requests refused", c, r)
	}
}

func TestAMissedTurnIsNotMadeUpFor(t *testing.T) {
	turns := turns{pacer{rate: 10}, 4} // a turn every 0.4 s
	for _, tc := range []struct {
		n       int
		elapsed time.Duration
		want    int
	}{
		{0, 0, 4},
		{0, 390 * time.Millisecond, 4},
		{0, 410 * time.Millisecond, 8},
		{3, 2 * time.Second, 23},
	} {
		if got := turns.next(tc.n, tc.elapsed); got != tc.want {
			t.Errorf("after turn %d at %v: %d, want %d", tc.n, tc.elapsed, got, tc.want)
		}
	}
}
