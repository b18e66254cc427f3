//go:build e2e

package harness

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"spillway/outage"
)

// moment is when a run is cancelled: within so long of the beginning of a phase.
type moment struct {
	phase  outage.Phase
	within time.Duration
}

// moments are ten, with more of them where a run spends its time or starts things. Fix is short.
var moments = []moment{
	{outage.Prepare, 0},
	{outage.Prepare, 800 * time.Millisecond},
	{outage.Steady, 500 * time.Millisecond},
	{outage.Steady, 1500 * time.Millisecond},
	{outage.Load, 500 * time.Millisecond},
	{outage.Load, 3 * time.Second},
	{outage.Respond, time.Second},
	{outage.Respond, 2500 * time.Millisecond},
	{outage.Fix, 300 * time.Millisecond},
	{outage.Hold, 2 * time.Second},
}

// cancelLimit is how long a run may take to end once it was cancelled, its clean-up included.
const cancelLimit = 15 * time.Second

func TestACancelledRunLeavesNothing(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	for i, m := range moments {
		t.Run(fmt.Sprintf("%d-%s", i, m.phase), func(t *testing.T) {
			t.Parallel()
			after := time.Duration(rand.New(rand.NewPCG(seed, uint64(i))).Int64N(int64(m.within) + 1))
			t.Logf("cancelled %s into the %s phase or at once in a later one (seed %d)", after, m.phase, seed)
			cancelAt(t, m.phase, after)
		})
	}
}

// cancelAt runs a scenario, cancels it and looks at what is left.
func cancelAt(t *testing.T, p outage.Phase, after time.Duration) {
	ctx, cancel := context.WithTimeout(t.Context(), runLimit)
	defer cancel()
	c := &canceller{phase: p, after: after, cancel: cancel}
	if p == outage.Prepare {
		c.arm() // nobody reports progress before the first container runs
	}
	r := &Runner{Docker: docker, Seed: 1, Version: "test", Progress: c.look}
	h, err := r.Run(ctx, smallLeak(t))
	ended := time.Now()
	if c.timer == nil {
		t.Fatalf("the run ended before its %s phase: %v", p, err)
	}
	if c.timer.Stop() {
		t.Fatalf("the run ended before it was cancelled: %v", err)
	}
	<-c.done
	if took := ended.Sub(c.at); took > cancelLimit {
		t.Errorf("the run ended %s after it was cancelled", took)
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error is not the cancellation: %v", err)
	}
	if !slices.ContainsFunc(h.Events, func(e outage.Event) bool { return e.Note != nil && e.Note.Broken }) {
		t.Error("the history does not say that the run was cut short")
	}
	if p != outage.Prepare && c.saw == 0 {
		t.Error("no container of this process was seen while it ran: what is left would not be seen either")
	}
	left, err := leftovers(context.WithoutCancel(ctx))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

// canceller cancels a run some time after it has reached a phase.
type canceller struct {
	phase  outage.Phase
	after  time.Duration
	cancel context.CancelFunc

	timer *time.Timer
	done  chan struct{} // closed when it was cancelled
	at    time.Time     // when that was
	saw   int           // how many containers and networks this process had then
}

var order = []outage.Phase{outage.Prepare, outage.Steady, outage.Load, outage.Respond, outage.Fix, outage.Hold, outage.End}

func (c *canceller) look(s Status) {
	if c.timer == nil && slices.Index(order, s.Phase) >= slices.Index(order, c.phase) {
		c.arm()
	}
}

func (c *canceller) arm() {
	c.done = make(chan struct{})
	c.timer = time.AfterFunc(c.after, func() {
		defer close(c.done)
		found, _ := ours(context.Background())
		c.saw, c.at = len(found), time.Now()
		c.cancel()
	})
}
