//go:build e2e

package fleet

import (
	"strings"
	"testing"
	"time"

	"spillway/outage"
)

// lines counts the lines of CLIENT LIST that hold all of that.
func (a *admin) lines(with ...string) int {
	a.t.Helper()
	n := 0
lines:
	for line := range strings.Lines(a.ask("CLIENT LIST")) {
		for _, text := range with {
			if !strings.Contains(line, text) {
				continue lines
			}
		}
		n++
	}
	return n
}

// fills waits until n connections of an instance look like that to Redis, with the rest refused.
func (a *admin) fills(w *worker, n int, with ...string) {
	a.t.Helper()
	w.until(3, like{outage.OpConnect, outage.Refused})
	eventually(a.t, 5*time.Second, func() bool { return a.lines(with...) == n }, func() any { return a.ask("CLIENT LIST") })
}

// emptied stops the worker, and makes sure that it leaves at once and that its refusals kept their line.
func (a *admin) emptied(w *worker) {
	a.t.Helper()
	start := time.Now()
	if err := w.stop(); err != nil || time.Since(start) > 10*time.Second {
		a.t.Errorf("stop: %v after %v", err, time.Since(start))
	}
	for _, tried := range w.attempts(like{outcome: outage.Refused}) {
		if tried.Said != full {
			a.t.Errorf("%+v: want the line of Redis", tried)
		}
	}
	if n := w.count(like{op: outage.OpHeld}) - w.count(like{outage.OpHeld, outage.OK}); n != 0 {
		a.t.Errorf("the held canary suffered %d times: %v", n, w.summary())
	}
	eventually(a.t, 5*time.Second, func() bool { return a.stat("connected_clients") == 1 }, func() any { return a.ask("CLIENT LIST") })
}

// held is an instance of a crowd that had room for its canary first.
func held(t *testing.T, workload, addr string, rate float64) *worker {
	t.Helper()
	sp := crowd(workload, addr, 30)
	sp.Service.Rate, sp.Service.Ramp = rate, ms(500)
	w := launch(t, t.Context(), sp)
	w.until(1, like{outage.OpHeld, outage.OK})
	return w
}

// Beside the crowd, a Redis of 20 holds the admin and the canary.
const crowdsRoom = 18

func TestARealRedisIsFullOfSubscribers(t *testing.T) {
	addr := startRedis(t, 20)
	a := newAdmin(t, addr)
	w := held(t, "subscriber", addr, 0)
	a.fills(w, crowdsRoom, " name=api-client ", " sub=1 ")
	if n := w.count(like{outage.OpRequest, outage.OK}); n != crowdsRoom {
		t.Errorf("%d subscribed at once, want %d: %v", n, crowdsRoom, w.summary())
	}
	a.emptied(w)
}

func TestARealRedisIsFullOfBlockedWorkers(t *testing.T) {
	addr := startRedis(t, 20)
	a := newAdmin(t, addr)
	w := held(t, "blocked", addr, 0)
	a.fills(w, crowdsRoom, " name=api-client ", " flags=b ", " cmd=blpop ")
	if n := a.stat("blocked_clients"); n != crowdsRoom {
		t.Errorf("%d blocked clients, want %d", n, crowdsRoom)
	}
	w.until(1, like{outage.OpRequest, outage.Refused})
	a.emptied(w)
}

func TestARealRedisIsFullOfSilentConnections(t *testing.T) {
	addr := startRedis(t, 20)
	a := newAdmin(t, addr)
	w := held(t, "silent", addr, 0)
	a.fills(w, crowdsRoom, " name= ", " cmd=NULL ", " argv-mem=0 ")
	w.until(crowdsRoom, like{outage.OpConnect, outage.OK})
	a.emptied(w)
}

func TestARealRedisIsFullOfReconnectingClients(t *testing.T) {
	addr := startRedis(t, 20)
	a := newAdmin(t, addr)
	came := func() int { return a.stat("total_connections_received") + a.stat("rejected_connections") }
	before := came()
	w := held(t, "reconnecting", addr, 100)
	a.fills(w, crowdsRoom, " name=api-client ", " cmd=ping ", " age=0 ")
	w.until(50, like{outage.OpRequest, outage.Refused})
	a.emptied(w)
	// Those under way at the end, and the canary's, are not in the record.
	if tried, all := w.count(like{op: outage.OpConnect}), came()-before; all < tried || all > tried+31 {
		t.Errorf("recorded %d connects, Redis counts %d", tried, all)
	}
}
