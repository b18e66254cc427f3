package harness

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestWaitFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin, looks := time.Now(), 0
		err := waitFor(t.Context(), "a thing", time.Minute, func() (bool, string) {
			looks++
			return looks == 4, ""
		})
		if took := time.Since(begin); err != nil || took != 3*poll {
			t.Errorf("%v after %s, want nothing after %s", err, took, 3*poll)
		}
	})
}

// The first look comes at once: what is there already is not waited for.
func TestWaitForWhatIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		begin := time.Now()
		err := waitFor(ctx, "a thing", 0, func() (bool, string) { return true, "" })
		if took := time.Since(begin); err != nil || took != 0 {
			t.Errorf("%v after %s", err, took)
		}
	})
}

func TestWaitForGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		err := waitFor(t.Context(), "refusals", 20*time.Second, func() (bool, string) { return false, "0 of 50, connected 997/1000" })
		var late *tooLate
		if !errors.As(err, &late) || err.Error() != "waiting for refusals: 0 of 50, connected 997/1000 after 20s" {
			t.Errorf("got %v", err)
		}
		if took := time.Since(begin); took != 20*time.Second {
			t.Errorf("gave up after %s", took)
		}
	})
}

// A wait that is cancelled is not too late, and says why it was cancelled.
func TestWaitForIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		why := errors.New("the observer is gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(3*time.Second, func() { cancel(why) })
		begin := time.Now()
		err := waitFor(ctx, "refusals", time.Minute, func() (bool, string) { return false, "" })
		var late *tooLate
		if !errors.Is(err, why) || errors.As(err, &late) || time.Since(begin) != 3*time.Second {
			t.Errorf("%v after %s", err, time.Since(begin))
		}
	})
}

func TestSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		why := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		begin := time.Now()
		if err := sleep(ctx, time.Second); err != nil || time.Since(begin) != time.Second {
			t.Errorf("%v after %s", err, time.Since(begin))
		}
		if err := sleep(ctx, -time.Second); err != nil || time.Since(begin) != time.Second {
			t.Errorf("a moment that is over is waited for: %v", err)
		}
		time.AfterFunc(time.Second, func() { cancel(why) })
		if err := sleep(ctx, time.Hour); !errors.Is(err, why) || time.Since(begin) != 2*time.Second {
			t.Errorf("%v after %s", err, time.Since(begin))
		}
	})
}
