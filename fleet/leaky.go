package fleet

import (
	"context"
	"sync"

	"github.com/redis/go-redis/v9"
)

// leakyInFlight bounds the requests under way: at the limit each takes half a second, with its retries.
const leakyInFlight = 256

// small makes a client cheap enough to have thousands of. Not realistic about it: the buffers (32 KiB each by
// default), and that a real leaked client could open more than one connection. What Redis sees and what the
// application suffers stay the same.
func small(o *redis.Options) {
	o.PoolSize = 1
	o.MinIdleConns = 0
	o.ReadBufferSize = 4 << 10
	o.WriteBufferSize = 4 << 10
}

// leaky is the honest leak: a new client for every request, one command, never closed. A client that got no connection
// is dropped, since it holds nothing. With Connections it stops when it has leaked so many, and keeps holding them,
// whether or not Redis still does: a leaky application does not look either.
func leaky(ctx context.Context, h *host) error {
	leak := leak{most: h.spec.Service.Connections}
	defer leak.close()
	return h.paced(ctx, leakyInFlight, func(n int) {
		if !leak.reserve() {
			return
		}
		c, l := h.client(small)
		if err := h.request(ctx, l, func(ctx context.Context) error { return h.command(ctx, c, n) }); err != nil {
			leak.release()
			_ = c.Close()
			return
		}
		leak.keep(c)
	})
}

// leak holds the clients that nobody closes.
type leak struct {
	most int // 0 is no bound

	mu    sync.Mutex
	taken int // kept, or being opened
	kept  []*redis.Client
}

func (k *leak) reserve() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.most > 0 && k.taken >= k.most {
		return false
	}
	k.taken++
	return true
}

func (k *leak) release() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.taken--
}

func (k *leak) keep(c *redis.Client) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.kept = append(k.kept, c)
}

func (k *leak) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range k.kept {
		_ = c.Close()
	}
}
