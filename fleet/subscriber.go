package fleet

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// confirmIn is how long a subscriber waits for Redis to confirm its subscription: go-redis's own read timeout.
const confirmIn = 3 * time.Second

// subscriber opens a connection per channel, as pub/sub needs it, and stays. Its one request is the first SUBSCRIBE;
// what comes after it, reconnecting and subscribing again, is go-redis's and shows as connects.
func subscriber(ctx context.Context, h *host) error {
	c, l := h.client(func(o *redis.Options) {
		small(o)
		handsOutConns(o)
	})
	defer c.Close()
	h.crowd(ctx, func(i int) func() {
		sub := c.Subscribe(ctx)
		_ = h.request(ctx, l, func(ctx context.Context) error { return subscribe(ctx, sub, h.own(i)) })
		return func() { receive(ctx, sub) }
	})
	return nil
}

// subscribe returns when Redis has confirmed.
func subscribe(ctx context.Context, sub *redis.PubSub, channel string) error {
	if err := sub.Subscribe(ctx, channel); err != nil {
		return err
	}
	_, err := sub.ReceiveTimeout(ctx, confirmIn)
	return err
}

// receive has go-redis keep the subscription alive until ctx ends, and waits for its receiver to end too.
func receive(ctx context.Context, sub *redis.PubSub) {
	defer context.AfterFunc(ctx, func() { _ = sub.Close() })()
	for range sub.Channel() { // nobody publishes; it ends with sub
	}
}
