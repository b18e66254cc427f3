package fleet

import (
	"bytes"
	"context"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"spillway/outage"
)

// testHost is a host without a workload, whose record goes nowhere.
func testHost(t *testing.T, addr string) *host {
	t.Helper()
	s := spec("pooled", addr)
	h := newHost(t.Context(), s, newRecorder(s, &bytes.Buffer{}, time.Now()))
	t.Cleanup(h.dialer.end)
	return h
}

func noRetries(o *redis.Options) { o.MaxRetries = -1; o.DialerRetries = 1 }

// ask does one PING on a new client and returns what was recorded of its connections and of the request.
func ask(t *testing.T, h *host, shape func(*redis.Options)) (connects []outage.Attempt, request outage.Attempt) {
	t.Helper()
	c, l := h.client(shape)
	defer c.Close()
	_ = h.request(t.Context(), l, func(ctx context.Context) error { return c.Ping(ctx).Err() })
	for _, e := range h.log.folds.take() {
		if e.Attempt.Op == outage.OpConnect {
			connects = append(connects, *e.Attempt)
		} else {
			request = *e.Attempt
		}
	}
	return connects, request
}

// failDial makes every dial fail as a full port range or file table does.
func failDial(errno syscall.Errno) func(*host) {
	return func(h *host) {
		h.dialer.net.Control = func(string, string, syscall.RawConn) error { return errno }
	}
}

func TestOutcomesAreToldApart(t *testing.T) {
	down := newServer(t, 0, closeSilently)
	_ = down.ln.Close()
	for _, tc := range []struct {
		name string
		addr string
		rig  func(*host)
		want outage.Outcome // of the connection and of the request
		said string
	}{
		{"served", newServer(t, -1, nil).addr(), nil, outage.OK, ""},
		{"full", newServer(t, 0, turnAway(full)).addr(), nil, outage.Refused, full},
		{"full, without a word", newServer(t, 0, closeSilently).addr(), nil, outage.Refused, ""},
		{"protected mode", newServer(t, 0, turnAway("-DENIED Redis is running in protected mode")).addr(), nil, outage.Denied, "-DENIED Redis is running in protected mode"},
		{"stalled", newServer(t, 0, hang).addr(), nil, outage.TimedOut, ""},
		{"nobody listens", down.addr(), nil, outage.Down, ""},
		{"no source port", down.addr(), failDial(syscall.EADDRNOTAVAIL), outage.NoPort, ""},
		{"no file", down.addr(), failDial(syscall.EMFILE), outage.NoFile, ""},
	} {
		h := testHost(t, tc.addr)
		if tc.rig != nil {
			tc.rig(h)
		}
		connects, request := ask(t, h, func(o *redis.Options) { noRetries(o); o.ReadTimeout = 100 * time.Millisecond })
		if len(connects) != 1 || connects[0].N() != 1 || connects[0].Outcome != tc.want || connects[0].Said != tc.said {
			t.Errorf("%s: connections %+v, want one that is %s, said %q", tc.name, connects, tc.want, tc.said)
		}
		if request.Outcome != tc.want || request.Said != tc.said {
			t.Errorf("%s: request %+v, want %s, said %q", tc.name, request, tc.want, tc.said)
		}
		if (request.Saw == "") != (tc.want == outage.OK) || bytes.Contains([]byte(request.Saw), []byte("127.0.0.1")) {
			t.Errorf("%s: the application saw %q", tc.name, request.Saw)
		}
	}
}

func TestPoolTimeoutIsNoRefusal(t *testing.T) {
	h := testHost(t, newServer(t, -1, nil).addr())
	c, l := h.client(func(o *redis.Options) { noRetries(o); o.PoolSize = 1; o.PoolTimeout = 20 * time.Millisecond })
	defer c.Close()
	busy := c.Conn()
	defer busy.Close()
	if err := busy.Ping(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	h.log.folds.take()
	_ = h.request(t.Context(), l, func(ctx context.Context) error { return c.Ping(ctx).Err() })
	got := h.log.folds.take()
	if len(got) != 1 || got[0].Attempt.Outcome != outage.PoolTimeout {
		t.Errorf("got %+v, want one pool-timeout", got)
	}
}

func TestAKilledConnectionIsAReset(t *testing.T) {
	s := newServer(t, -1, nil)
	h := testHost(t, s.addr())
	c, l := h.client(noRetries)
	defer c.Close()
	conn := c.Conn()
	defer conn.Close()
	if err := conn.Ping(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	s.kill("api-client")
	eventually(t, 20*time.Second, func() bool { open, _ := s.counts(); return open == 0 }, func() any { return s.named("api-client") })
	h.log.folds.take()
	_ = h.request(t.Context(), l, func(ctx context.Context) error { return conn.Ping(ctx).Err() })
	got := h.log.folds.take()
	if len(got) != 1 || got[0].Attempt.Outcome != outage.Reset {
		t.Errorf("got %+v, want one reset", got)
	}
}

// The dialer must change nothing for go-redis: neither its retries nor its check for stale connections.
func TestSniffingLeavesRetriesAsTheyAre(t *testing.T) {
	rejects := func(do func(addr string)) int {
		s := newServer(t, 0, turnAway(full))
		do(s.addr())
		_, turned := s.counts()
		return turned
	}
	plain := rejects(func(addr string) {
		c := redis.NewClient(&redis.Options{Addr: addr})
		defer c.Close()
		if err := c.Ping(t.Context()).Err(); err == nil {
			t.Error("a full server answered")
		}
	})
	sniffing := rejects(func(addr string) {
		connects, _ := ask(t, testHost(t, addr), func(*redis.Options) {})
		if len(connects) != 1 || connects[0].N() != 4 || connects[0].Said != full {
			t.Errorf("recorded %+v, want 4 refusals with their line", connects)
		}
	})
	if plain != 4 || sniffing != plain {
		t.Errorf("rejects of one command: %d plain, %d sniffing, want 4", plain, sniffing)
	}
	once := rejects(func(addr string) { ask(t, testHost(t, addr), noRetries) })
	if once != 1 {
		t.Errorf("rejects without retries: %d, want 1", once)
	}
}

func TestSniffingLeavesTheStaleCheckOn(t *testing.T) {
	s := newServer(t, -1, nil)
	c, _ := testHost(t, s.addr()).client(noRetries)
	defer c.Close()
	for i := range 20 {
		if err := c.Ping(t.Context()).Err(); err != nil {
			t.Fatalf("ping %d, after the idle connection was closed: %v", i, err)
		}
		s.kill("")
		eventually(t, 20*time.Second, func() bool { open, _ := s.counts(); return open == 0 }, func() any { return "still open" })
		time.Sleep(2 * time.Millisecond) // until the FIN has arrived: the kernel tells nobody
	}
}

func TestEveryRefusalOfManyAtOnceKeepsItsLine(t *testing.T) {
	s := newServer(t, 0, turnAway(full))
	h := testHost(t, s.addr())
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			c, l := h.client(func(o *redis.Options) { small(o); noRetries(o) })
			defer c.Close()
			for range 10 {
				_ = h.request(t.Context(), l, func(ctx context.Context) error { return c.Ping(ctx).Err() })
			}
		})
	}
	wg.Wait()
	counts := map[outage.Op]int{}
	for _, e := range h.log.folds.take() {
		if e.Attempt.Outcome != outage.Refused || e.Attempt.Said != full {
			t.Errorf("%+v, want refused with its line", e.Attempt)
		}
		counts[e.Attempt.Op] += e.Attempt.N()
	}
	if counts[outage.OpConnect] != 500 || counts[outage.OpRequest] != 500 {
		t.Errorf("recorded %v, want 500 of each", counts)
	}
}
