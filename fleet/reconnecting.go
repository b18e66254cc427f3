package fleet

import (
	"context"
	"sync"
	"time"

	"spillway/outage"
)

// reconnecting is a crowd without back-off: each client names its connection, sends one PING, gives it up when its
// next turn comes and connects anew at once. Refused or not, it never comes later than its turn, but also not sooner:
// the rate is that of all connects of the instance.
func reconnecting(ctx context.Context, h *host) error {
	t := turns{h.pacer(), h.spec.Service.Connections}
	var group sync.WaitGroup
	defer group.Wait()
	start := time.Now()
	for i := range t.of {
		group.Go(func() { h.reconnect(ctx, start, t, i) })
	}
	return nil
}

// turns deals the connects of a pacer to so many clients in rotation. It is pure.
type turns struct {
	pacer
	of int
}

// next returns the first turn after turn n of the same client that is not over yet at elapsed: one that a slow answer
// made it miss is not made up for.
func (t turns) next(n int, elapsed time.Duration) int {
	for n += t.of; t.due(n) < elapsed; n += t.of {
	}
	return n
}

// reconnect is one client, from its turn n on.
func (h *host) reconnect(ctx context.Context, start time.Time, t turns, n int) {
	var c *canary
	defer func() { c.close() }()
	for sleep(ctx, t.due(n)-time.Since(start)) {
		c.close()
		began := time.Now()
		var v verdict
		c, v = h.openTold(ctx, func(v verdict, took time.Duration) { h.log.attempt(outage.OpConnect, v, took) })
		if ctx.Err() == nil {
			h.log.attempt(outage.OpRequest, v, time.Since(began))
		}
		n = t.next(n, time.Since(start))
	}
}
