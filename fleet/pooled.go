package fleet

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// pooled is the healthy service: one client for the whole instance. With Hold a request keeps its connection out of
// the pool for that long, as a slow command would, so that a pool can be driven to its maximum.
func pooled(ctx context.Context, h *host) error {
	holds, pool := h.spec.Service.Hold > 0, h.spec.Service.Pool
	c, l := h.client(func(o *redis.Options) {
		if holds || pool.Warm {
			handsOutConns(o)
		}
	})
	defer c.Close()
	if pool.Warm {
		h.takeAll(ctx, c, l, pool.Size)
	}
	return h.paced(ctx, max(4*pool.Size, 64), func(n int) {
		if !holds {
			_ = h.request(ctx, l, func(ctx context.Context) error { return h.command(ctx, c, n) })
			return
		}
		conn := c.Conn()
		defer func() { _ = conn.Close() }()
		if err := h.request(ctx, l, func(ctx context.Context) error { return h.command(ctx, conn, n) }); err == nil {
			sleep(ctx, h.spec.Service.Hold.Std())
		}
	})
}
