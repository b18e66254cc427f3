package fleet

import (
	"context"
	"sync/atomic"
	"time"

	"spillway/outage"
)

// silent opens connections and never sends a byte on them, as probes, scanners and half-done handshakes do. One that
// is turned away is tried again after a second; one that Redis had taken and closes later is not.
func silent(ctx context.Context, h *host) error {
	h.crowd(ctx, func(int) func() {
		hush := h.hush(ctx)
		return func() {
			for !hush() && sleep(ctx, again) {
				hush = h.hush(ctx)
			}
		}
	})
	return nil
}

// hush opens a connection. What it returns listens to it until it is closed, by Redis or because ctx ended, and
// reports whether Redis had taken it.
func (h *host) hush(ctx context.Context) (listen func() (taken bool)) {
	var taken atomic.Bool
	opened, err := h.dialer.dial(ctx, func(v verdict, took time.Duration) {
		taken.Store(v.outcome == outage.OK)
		h.log.attempt(outage.OpConnect, v, took)
	})
	if err != nil {
		return func() bool { return false }
	}
	conn := opened.(*sniffed)
	return func() bool {
		defer func() { _ = conn.Close() }()
		defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
		conn.await()
		var buf [64]byte
		for {
			if _, err := conn.Read(buf[:]); err != nil {
				return taken.Load()
			}
		}
	}
}
