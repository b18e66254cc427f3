package harness

import (
	"context"
	"fmt"
	"time"
)

// poll is how often a condition is looked at; short beside anything a run measures.
const poll = 25 * time.Millisecond

// waitFor waits until done says so. It gives up after limit, and then tells what was waited for and what it last saw:
// `waiting for refusals: 0 of 50 after 20s; connected 997/1000`.
func waitFor(ctx context.Context, what string, limit time.Duration, done func() (ok bool, saw string)) error {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		ok, saw := done()
		if ok {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-deadline.C:
			return &tooLate{fmt.Sprintf("waiting for %s: %s after %s", what, saw, limit)}
		case <-tick.C:
		}
	}
}

// tooLate is the error of a wait whose limit passed. It is not always a broken rig: the judge may know better.
type tooLate struct{ text string }

func (t *tooLate) Error() string { return t.text }

// sleep waits for d or the end of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
