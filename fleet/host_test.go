package fleet

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"spillway/scenarios"
)

func TestPoolSettingsReachGoRedis(t *testing.T) {
	type settings struct {
		Size, MinIdle, MaxIdle, Retries int
		IdleTime, Wait                  time.Duration
		FIFO                            bool
	}
	never, brief, none, two := ms(0), ms(1500), 0, 2
	for _, tc := range []struct {
		name string
		pool scenarios.Pool
		want settings
	}{
		{"unset is the default of go-redis", scenarios.Pool{Size: 10},
			settings{Size: 10, Retries: 3, IdleTime: 30 * time.Minute, Wait: 6 * time.Second}},
		{"all set", scenarios.Pool{Size: 7, MinIdle: 2, MaxIdle: 3, IdleTimeout: &brief, WaitTimeout: ms(250), FIFO: true, Retries: &two},
			settings{Size: 7, MinIdle: 2, MaxIdle: 3, Retries: 2, IdleTime: 1500 * time.Millisecond, Wait: 250 * time.Millisecond, FIFO: true}},
		{"0 is off where 0 was asked for", scenarios.Pool{Size: 1, IdleTimeout: &never, Retries: &none},
			settings{Size: 1, Retries: 0, IdleTime: -1, Wait: 6 * time.Second}},
	} {
		h := testHost(t, newServer(t, -1, nil).addr())
		h.spec.Service.Pool = tc.pool
		c, _ := h.client(func(*redis.Options) {})
		o := c.Options()
		got := settings{o.PoolSize, o.MinIdleConns, o.MaxIdleConns, o.MaxRetries, o.ConnMaxIdleTime, o.PoolTimeout, o.PoolFIFO}
		_ = c.Close()
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}

func TestNothingIsDialledAfterTheEnd(t *testing.T) {
	s := newServer(t, -1, nil)
	h := testHost(t, s.addr())
	h.dialer.end()
	told := 0
	if c, err := h.dialer.dial(t.Context(), func(verdict, time.Duration) { told++ }); err == nil {
		_ = c.Close()
		t.Error("dialled")
	}
	if told != 0 {
		t.Error("a dial that we gave up was recorded")
	}
	eventually(t, 20*time.Second, func() bool { open, _ := s.counts(); return open == 0 }, func() any { return "a connection is open" })
}

func TestWhatTheEndCutsOffIsNoAttempt(t *testing.T) {
	h := testHost(t, newServer(t, 0, hang).addr())
	c, l := h.client(noRetries)
	defer c.Close()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = h.request(ctx, l, func(ctx context.Context) error { return c.Ping(ctx).Err() })
	}()
	time.Sleep(20 * time.Millisecond)
	cancel()
	h.dialer.end()
	<-done
	for _, e := range h.log.folds.take() {
		t.Errorf("recorded %+v, which we did ourselves", *e.Attempt)
	}
}
