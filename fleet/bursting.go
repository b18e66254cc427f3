package fleet

import (
	"context"
	"sync"
	"time"

	"spillway/outage"
)

// bursting opens all its connections at the same instant, asks one PING on each, keeps them until the next burst and
// closes them then: what cron jobs, cold caches and restarted fleets do to a listen queue. The rate is bursts a second. A
// burst that takes longer than its time delays the next.
func bursting(ctx context.Context, h *host) error {
	p := pacer{rate: h.spec.Service.Rate, ramp: h.spec.Service.Ramp.Std()}
	open := make([]*canary, h.spec.Service.Connections)
	defer func() { closeAll(open) }()
	start := time.Now()
	for n := 0; sleep(ctx, p.due(n)-time.Since(start)); n++ {
		closeAll(open)
		h.burst(ctx, open)
	}
	return nil
}

// burst fills open with new connections; one that could not be opened is nil.
func (h *host) burst(ctx context.Context, open []*canary) {
	var group sync.WaitGroup
	gate := make(chan struct{})
	for i := range open {
		group.Go(func() {
			<-gate
			began := time.Now()
			c, v := h.openTold(ctx, func(v verdict, took time.Duration) { h.log.attempt(outage.OpConnect, v, took) })
			open[i] = c
			if ctx.Err() == nil {
				h.log.attempt(outage.OpRequest, v, time.Since(began))
			}
		})
	}
	close(gate)
	group.Wait()
}

func closeAll(open []*canary) {
	for i, c := range open {
		c.close()
		open[i] = nil
	}
}
