package fleet

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"
)

// idle opens Connections connections through one pool, uses each once, and then does nothing: the pool never reaps
// them, and what it loses or was refused it does not open again.
func idle(ctx context.Context, h *host) error {
	n := h.spec.Service.Connections
	c, l := h.client(func(o *redis.Options) {
		small(o)
		handsOutConns(o)
		o.PoolSize = n
		o.MaxIdleConns = 0
		o.ConnMaxIdleTime = -1
	})
	defer c.Close()
	h.takeAll(ctx, c, l, n)
	<-ctx.Done()
	return nil
}

// takeAll takes n connections out of the pool at the same time, so that it must open as many, and gives them back.
func (h *host) takeAll(ctx context.Context, c *redis.Client, l *link, n int) {
	conns := make([]*redis.Conn, n)
	defer func() {
		for _, conn := range conns {
			if conn != nil {
				_ = conn.Close()
			}
		}
	}()
	var group errgroup.Group
	group.SetLimit(openAtOnce)
	defer func() { _ = group.Wait() }() // pings return no error: they are attempts
	start := time.Now()
	for i := range n {
		if !sleep(ctx, spread(i, n, h.spec.Service.Ramp.Std())-time.Since(start)) {
			return
		}
		group.Go(func() error {
			conns[i] = c.Conn()
			_ = h.request(ctx, l, func(ctx context.Context) error { return conns[i].Ping(ctx).Err() })
			return nil
		})
	}
}
