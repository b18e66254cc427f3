package fleet

import (
	"testing"
	"time"

	"spillway/outage"
)

func TestBurstingOpensAllAndClosesThemAtTheNext(t *testing.T) {
	t.Parallel()
	s := newServer(t, -1, nil)
	sp := crowd("bursting", s.addr(), 20)
	sp.Service.Rate = 2
	w := launch(t, t.Context(), sp)
	// The third burst has closed two of them, and never were two open at once; one more is the canary's.
	opened := func() bool { return w.count(like{outage.OpConnect, outage.OK}) >= 60 }
	eventually(t, 20*time.Second, opened, func() any { return w.count(like{outage.OpConnect, outage.OK}) })
	if got := s.peak(); got < 21 || got > 41 {
		t.Errorf("%d connections at once, want one burst of 20 and the canary, and at most as many that are about to close", got)
	}
	if got := w.count(like{outage.OpRequest, outage.OK}); got < 40 {
		t.Errorf("%d requests, want one on each connection", got)
	}
	endsEmpty(t, w, s)
}

// A burst that is refused comes back whole.
func TestBurstingComesBack(t *testing.T) {
	t.Parallel()
	s := newServer(t, 6, turnAway(full))
	sp := crowd("bursting", s.addr(), 10)
	sp.Service.Rate = 2
	w := launch(t, t.Context(), sp)
	refused := func() int { return w.count(like{outage.OpConnect, outage.Refused}) }
	eventually(t, 20*time.Second, func() bool { return refused() >= 12 }, func() any { return refused() })
	saidFull(t, w, outage.OpConnect)
	s.serve(-1)
	eventually(t, 20*time.Second, openIs(s, 11), openNow(s))
	endsEmpty(t, w, s)
}
