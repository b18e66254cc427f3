package fleet

import (
	"testing"
	"time"

	"spillway/outage"
)

func TestNextSpin(t *testing.T) {
	const hold = time.Second
	for name, tt := range map[string]struct{ cpu, took, want time.Duration }{
		"a core of its own":         {time.Second, time.Second, time.Second},
		"half of a core":            {time.Second, 2 * time.Second, 500 * time.Millisecond},
		"it can spend no more":      {time.Second, 100 * time.Millisecond, time.Second},
		"it must do something":      {50 * time.Millisecond, time.Minute, 50 * time.Millisecond},
		"an answer before its time": {250 * time.Millisecond, 0, time.Second},
	} {
		if got := nextSpin(hold, tt.cpu, tt.took); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

// The server of this package answers EVAL as any other command: what matters is that nobody runs two at once, and that one
// connection is enough.
func TestSlowRunsOneCommandAtATime(t *testing.T) {
	s := newServer(t, 10, turnAway(full))
	sp := spec("slow", s.addr())
	w := launch(t, t.Context(), sp)
	w.until(5, like{outage.OpRequest, outage.OK})
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	if s.peak() > 2 {
		t.Errorf("%d connections at once, want its own and the canary's", s.peak())
	}
}

func TestSlowNeedsAHold(t *testing.T) {
	sp := spec("slow", "127.0.0.1:6379")
	sp.Service.Hold = 0
	if err := sp.check(); err == nil {
		t.Error("a slow service without a hold was taken")
	}
}
