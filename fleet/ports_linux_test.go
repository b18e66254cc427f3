package fleet

import (
	"testing"
	"time"

	"spillway/outage"
)

// The kernel has no port for the connection after the last: nobody but the client's own host refuses it. It is not run
// beside others, whose sockets may have one of the eight ports.
func TestAHostRunsOutOfSourcePorts(t *testing.T) {
	s := newServer(t, -1, nil)
	sp := crowd("idle", s.addr(), 12)
	sp.Service.SourcePorts = 8
	for _, local := range []string{"", "127.0.3.9"} {
		sp.Local = local
		w := launch(t, t.Context(), sp)
		short := func() int { return w.count(like{outage.OpConnect, outage.NoPort}) }
		// The server may come to accept the last of them a little later than its client is connected.
		eventually(t, 20*time.Second, func() bool { return short() >= 5 && s.peak() >= 8 }, func() any { return []int{short(), s.peak()} })
		if got := s.peak(); got != 8 {
			t.Errorf("from %q: %d connections at once, want the 8 that there are ports for", local, got)
		}
		endsEmpty(t, w, s)
	}
}

func TestPortsOf(t *testing.T) {
	system := portRange{32768, 60999}
	for n, want := range map[int]portRange{1: {46883, 46883}, 40: {46864, 46903}, 28232: system} {
		if got, err := portsOf(n, system); err != nil || got != want {
			t.Errorf("%d: %v, %v; want %v", n, got, err, want)
		}
	}
	if _, err := portsOf(28233, system); err == nil {
		t.Error("more than there are")
	}
}
