//go:build e2e

package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"spillway/observe"
)

// crowd are clients of one server: some in use all the time, some that leak.
type crowd struct {
	t       *testing.T
	addr    string
	stop    context.CancelFunc
	group   sync.WaitGroup
	lost    atomic.Int64 // connections in use that ended
	refused atomic.Int64
	asked   atomic.Int64 // PINGs on connections in use that were answered
	give    chan time.Duration
}

// pool keeps n connections that are used several times a second.
func (c *crowd) pool(ctx context.Context, n int, name string) {
	for range n {
		conn, err := observe.Dial(ctx, observe.Options{Addr: c.addr, Name: name})
		if err != nil {
			c.t.Fatal(err)
		}
		c.group.Go(func() {
			defer conn.Close()
			for ctx.Err() == nil {
				if _, err := conn.Do(ctx, "PING"); err != nil && ctx.Err() == nil {
					c.lost.Add(1)
					return
				}
				c.asked.Add(1)
				time.Sleep(200 * time.Millisecond)
			}
		})
	}
}

// leak opens a connection at each tick of every, uses it once, and never closes it.
func (c *crowd) leak(ctx context.Context, every time.Duration, name string) {
	c.group.Go(func() {
		var all []net.Conn
		defer func() {
			for _, conn := range all {
				conn.Close()
			}
		}()
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)}, Timeout: time.Second}
		for ctx.Err() == nil {
			select {
			case <-ctx.Done():
				return
			case after := <-c.give:
				pause(ctx, after)
				if len(all) > 0 {
					all[0].Close()
					all = all[1:]
				}
				pause(ctx, time.Second) // whoever waits for a slot gets it
			case <-time.After(every):
			}
			conn, err := dialer.DialContext(ctx, "tcp", c.addr)
			if err != nil {
				continue
			}
			answer := make([]byte, 64)
			_ = conn.SetDeadline(time.Now().Add(time.Second))
			fmt.Fprintf(conn, "CLIENT SETNAME %s\r\nPING\r\n", name)
			n, _ := conn.Read(answer)
			if bytes.Contains(answer[:n], []byte("max number of clients")) {
				c.refused.Add(1)
				conn.Close()
				continue
			}
			_ = conn.SetDeadline(time.Time{})
			all = append(all, conn)
		}
	})
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// lend has the leak give up its oldest connection after a while, and stop for a second.
func (c *crowd) lend(after time.Duration) { c.give <- after }

// full waits until clients are refused again.
func (c *crowd) full() {
	c.t.Helper()
	was := c.refused.Load()
	within(c.t, time.Minute, "a full Redis", func() bool { return c.refused.Load() > was })
}

func newCrowd(t *testing.T, port int) (*crowd, context.Context) {
	ctx, stop := context.WithCancel(t.Context())
	c := &crowd{t: t, addr: addrOf(port), stop: stop, give: make(chan time.Duration)}
	t.Cleanup(c.end)
	return c, ctx
}

func (c *crowd) end() {
	c.stop()
	c.group.Wait()
}
