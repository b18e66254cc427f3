package rig

import (
	"net"
	"sync/atomic"
	"syscall"
	"testing"
)

// scarce is a listener that has no file descriptors left for a while.
type scarce struct {
	net.Listener
	failures atomic.Int32
}

func (s *scarce) Accept() (net.Conn, error) {
	if s.failures.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return s.Listener.Accept()
}

func TestLinesOutliveScarcity(t *testing.T) {
	f := startFake(t)
	l, err := listenLines(t.Context(), f.addr, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	s := &scarce{Listener: inner}
	s.failures.Store(3)
	l2 := &openLines{redis: l.redis, listener: s, free: l.free, commands: l.commands, stop: func() {}}
	l2.wg.Go(func() { l2.accept(t.Context()) })
	c := dial(t, inner.Addr().String())
	c.do("PING", "+PONG\r\n")
	_ = c.nc.Close()
	_ = inner.Close()
	l2.wg.Wait()
}
