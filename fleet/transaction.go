package fleet

import (
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// transaction is a crowd whose connections each hold a transaction open, over and over: WATCH, a look at the key, Hold, then
// MULTI and EXEC. Whoever closes one breaks the transaction.
func transaction(ctx context.Context, h *host) error {
	c, l := h.client(func(o *redis.Options) {
		small(o)
		handsOutConns(o)
		o.PoolSize = h.spec.Service.Connections
	})
	defer c.Close()
	t := turns{pacer{rate: h.spec.Service.Rate, ramp: h.spec.Service.Ramp.Std()}, h.spec.Service.Connections}
	var group sync.WaitGroup
	defer group.Wait()
	start := time.Now()
	for i := range t.of {
		group.Go(func() {
			for n := i; sleep(ctx, t.due(n)-time.Since(start)); n = t.next(n, time.Since(start)) {
				_ = h.request(ctx, l, func(ctx context.Context) error { return h.transact(ctx, c, h.own(i)) })
			}
		})
	}
	return nil
}

// transact is one transaction of one connection.
func (h *host) transact(ctx context.Context, c *redis.Client, key string) error {
	return c.Watch(ctx, func(tx *redis.Tx) error {
		if err := tx.Exists(ctx, key).Err(); err != nil {
			return err
		}
		if !sleep(ctx, h.spec.Service.Hold.Std()) {
			return ctx.Err()
		}
		_, err := tx.TxPipelined(ctx, func(p redis.Pipeliner) error {
			p.Incr(ctx, key)
			p.Expire(ctx, key, time.Minute)
			return nil
		})
		return err
	}, key)
}
