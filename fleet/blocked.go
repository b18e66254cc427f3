package fleet

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"
)

// blocked is a crowd of queue workers: each waits for work on a list of its own, which never comes, and keeps a
// connection of the pool busy with it. A wait has no end, so that only one that failed is an attempt.
func blocked(ctx context.Context, h *host) error {
	c, l := h.client(func(o *redis.Options) {
		small(o)
		o.PoolSize = h.spec.Service.Connections
		o.MaxConcurrentDials = openAtOnce
	})
	defer c.Close()
	// go-redis does not look at ctx while it reads.
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	h.crowd(ctx, func(i int) func() {
		return func() { h.work(ctx, c, l, h.own(i)) }
	})
	return nil
}

// work waits on a list over and over.
func (h *host) work(ctx context.Context, c *redis.Client, l *link, list string) {
	for ctx.Err() == nil {
		err := h.request(ctx, l, func(ctx context.Context) error { return c.BLPop(ctx, 0, list).Err() })
		if err != nil && !errors.Is(err, redis.Nil) && !sleep(ctx, again) {
			return
		}
	}
}
