package fleet

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// openAtOnce bounds how many connections of a crowd are opened at a time: more would only queue up at the listener.
const openAtOnce = 64

// again is how long a client that was turned away waits where its library does not say.
const again = time.Second

// crowd opens Connections connections, evenly over the ramp. open returns once connection i is there or was refused;
// what it returns then runs until the connection has had its day. crowd returns when all have.
func (h *host) crowd(ctx context.Context, open func(i int) (stay func())) {
	n := h.spec.Service.Connections
	slots := make(chan struct{}, openAtOnce)
	var group sync.WaitGroup
	defer group.Wait()
	start := time.Now()
	for i := range n {
		if !sleep(ctx, spread(i, n, h.spec.Service.Ramp.Std())-time.Since(start)) {
			return
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		group.Go(func() {
			stay := open(i)
			<-slots
			stay()
		})
	}
}

// own names the channel or the list that is connection i's alone.
func (h *host) own(i int) string { return fmt.Sprintf("spillway:%s:%d", h.spec.Instance, i) }
