package fleet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"golang.org/x/sync/errgroup"

	"spillway/outage"
)

// host is what a workload runs on: the instance's spec, its way to Redis and its record.
type host struct {
	spec   Spec
	log    *recorder
	dialer *dialer
	addr   string
}

func newHost(life context.Context, spec Spec, log *recorder) *host {
	h := &host{spec: spec, log: log, dialer: newDialer(life, spec)}
	if spec.Service.Behind != "" {
		h.dialer.opened = log.opened
	}
	return h
}

// address finds the instance's own address toward Redis. It sends nothing: connecting a UDP socket only asks for the
// route. Where the name of Redis is not known yet it is the chosen source address, or empty.
func (h *host) address(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, lookEvery) // a name server that hangs must not keep the load from starting
	defer cancel()
	h.addr = h.spec.Local
	if to, err := h.dialer.names.resolve(ctx); err == nil && h.addr == "" {
		if c, err := net.Dial("udp", to); err == nil {
			h.addr = c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap().String()
			_ = c.Close()
		}
	}
	return h.addr
}

// start starts everything that an instance does.
func (h *host) start(ctx context.Context, group *errgroup.Group) {
	i := slices.IndexFunc(workloads, func(w namedWorkload) bool { return w.name == h.spec.Service.Workload })
	group.Go(func() error { return workloads[i].run(ctx, h) })
	group.Go(func() error { h.hold(ctx); return nil })
	if h.spec.Canary {
		group.Go(func() error { h.fresh(ctx); return nil })
	}
	group.Go(func() error { return h.flush(ctx) })
}

// flush writes the record until ctx ends.
func (h *host) flush(ctx context.Context) error {
	tick := time.NewTicker(window)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := h.log.flush(); err != nil {
				return err
			}
		}
	}
}

// end waits for everything that start started; its context has ended. Gently leaves requests under way a moment.
func (h *host) end(group *errgroup.Group, gently bool) error {
	done := make(chan error, 1)
	go func() { done <- group.Wait() }()
	if gently {
		select {
		case err := <-done:
			h.dialer.end()
			return err
		case <-time.After(grace):
		}
	}
	h.dialer.end()
	select {
	case err := <-done:
		return err
	case <-time.After(lastWait):
		return fmt.Errorf("stop: the %s workload or a canary still runs %v after its connections were closed", h.spec.Service.Workload, lastWait)
	}
}

// client makes a go-redis client that is listened to. The caller closes it.
func (h *host) client(shape func(*redis.Options)) (*redis.Client, *link) {
	l := &link{dialer: h.dialer, log: h.log}
	pool := h.spec.Service.Pool
	o := &redis.Options{
		Addr:         h.spec.Redis,
		Dialer:       l.dial,
		Username:     h.spec.Service.User,
		Password:     h.spec.Service.Password,
		ReadTimeout:  pool.ReadTimeout.Std(),
		PoolSize:     pool.Size,
		MinIdleConns: pool.MinIdle,
		MaxIdleConns: pool.MaxIdle,
		PoolTimeout:  pool.WaitTimeout.Std(),
		PoolFIFO:     pool.FIFO,
		// No workload sends pipelines; the second pool for them would only cost memory.
		PipelinePoolSize: -1,
	}
	if pool.IdleTimeout != nil {
		o.ConnMaxIdleTime = orOff(pool.IdleTimeout.Std())
	}
	if pool.Retries != nil {
		o.MaxRetries = orOff(*pool.Retries)
	}
	h.identify(o)
	shape(o)
	return redis.NewClient(o), l
}

// handsOutConns shapes a client whose workload takes connections out of the pool with Conn(). Each Conn has a lock of
// its own around options that all of them share, so connections that are set up at the same time race (go-redis
// 9.23.0) when Redis does not know maintenance notifications. Without these, one command less is sent on connecting.
func handsOutConns(o *redis.Options) {
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}

// orOff turns a 0 that was asked for into go-redis's -1, since its 0 means the default.
func orOff[T ~int | ~int64](v T) T {
	if v == 0 {
		return -1
	}
	return v
}

// request does one request of the application and records how it ended. What ends because ctx did is no attempt.
func (h *host) request(ctx context.Context, l *link, do func(context.Context) error) error {
	before, start := l.so(), time.Now()
	err := do(ctx)
	if errors.Is(err, redis.Nil) {
		err = nil // a missing key is an answer
	}
	if err != nil && (ctx.Err() != nil || errors.Is(err, redis.ErrClosed)) {
		return err
	}
	h.log.attempt(outage.OpRequest, requestVerdict(err, l.since(before)), time.Since(start))
	return err
}

// command is request n of the application: mostly a GET, sometimes a SET, of one of a hundred keys of its own.
func (h *host) command(ctx context.Context, c redis.Cmdable, n int) error {
	pick := (uint64(n)*7919 + uint64(h.spec.Seed)) % 100
	key := "spillway:" + h.spec.Service.Service + ":" + strconv.FormatUint(pick, 10)
	if n%10 == 0 {
		return c.Set(ctx, key, n, 0).Err()
	}
	return c.Get(ctx, key).Err()
}

// paced starts do at the service's rate until ctx ends, and waits for what it started. It is an open loop: slow
// answers do not slow it, but at most limit requests run at once and what is due beyond them is dropped.
func (h *host) paced(ctx context.Context, limit int, do func(n int)) error {
	p := h.pacer()
	var group errgroup.Group
	group.SetLimit(limit)
	defer func() { _ = group.Wait() }() // do returns no error
	noted := false
	start := time.Now()
	for n := 0; sleep(ctx, p.due(n)-time.Since(start)); n++ {
		if group.TryGo(func() error { do(n); return nil }) || noted {
			continue
		}
		noted = true
		if err := h.log.note(fmt.Sprintf("%s: %d requests under way, what is due beyond them is dropped", h.spec.Instance, limit)); err != nil {
			return err
		}
	}
	return nil
}

// sleep waits for d and reports whether ctx still runs.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
