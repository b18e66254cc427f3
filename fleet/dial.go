package fleet

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"spillway/outage"
)

// keepAlive is that of go-redis's own dialer, which a custom one would lose.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 5 * time.Second, Count: 3}

// dialTimeout is go-redis's default.
const dialTimeout = 5 * time.Second

// dialer opens every connection of an instance, listens to it, and can end them all.
type dialer struct {
	life  context.Context // the instance's: go-redis dials on contexts of its own
	names *resolver
	net   net.Dialer
	// opened is told of every connection, as soon as it is there.
	opened func(net.Conn)

	mu    sync.Mutex
	open  map[*sniffed]struct{}
	ended bool
}

func newDialer(life context.Context, spec Spec) *dialer {
	d := &dialer{
		life:   life,
		names:  newResolver(spec.Redis, spec.Local),
		net:    net.Dialer{Timeout: dialTimeout, KeepAliveConfig: keepAlive},
		open:   make(map[*sniffed]struct{}),
		opened: func(net.Conn) {},
	}
	if spec.Local != "" {
		d.net.LocalAddr = &net.TCPAddr{IP: net.ParseIP(spec.Local)}
	}
	return d
}

// dial opens a connection to Redis. tell gets the verdict on it, at most once; see sniffed.
func (d *dialer) dial(ctx context.Context, tell func(verdict, time.Duration)) (net.Conn, error) {
	born := time.Now()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(d.life, cancel)()
	addr, err := d.names.resolve(ctx)
	var conn net.Conn
	if err == nil {
		conn, err = d.net.DialContext(ctx, "tcp", addr)
	}
	if err != nil {
		d.names.doubt()
		// A dial that we gave up tells nothing about Redis.
		if !errors.Is(err, context.Canceled) && ctx.Err() != context.Canceled {
			tell(verdict{outcome: beforeServed(err), saw: sawOf(err)}, time.Since(born))
		}
		return nil, err
	}
	d.opened(conn)
	c := &sniffed{Conn: conn, born: born, tell: tell, closed: d.forget}
	if !d.remember(c) {
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	return c, nil
}

func (d *dialer) remember(c *sniffed) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended {
		return false
	}
	d.open[c] = struct{}{}
	return true
}

func (d *dialer) forget(c *sniffed) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.open, c)
}

// end closes every open connection and lets none be opened any more, so that nothing can wait for an answer.
func (d *dialer) end() {
	d.mu.Lock()
	d.ended = true
	open := d.open
	d.open = nil
	d.mu.Unlock()
	for c := range open {
		c.shut.Store(true) // no last look: thousands of them would take seconds
		c.judged.Store(true)
		_ = c.Conn.Close()
	}
}

// meetings counts what the connections of a client met.
type meetings struct {
	refused int
	denied  int
	said    string // the latest line with which Redis turned one away; empty when the latest was turned away without
}

// link is the dialer of one go-redis client: it remembers what the client's connections met, so that a request can be
// told why it failed.
type link struct {
	dialer *dialer
	log    *recorder

	mu  sync.Mutex
	met meetings
}

// dial is an Options.Dialer.
func (l *link) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	return l.dialer.dial(ctx, l.tell)
}

func (l *link) tell(v verdict, took time.Duration) {
	l.log.attempt(outage.OpConnect, v, took)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch v.outcome {
	case outage.Refused:
		l.met.refused++
		l.met.said = v.said
	case outage.Denied:
		l.met.denied++
		l.met.said = v.said
	}
}

// so returns what was met so far.
func (l *link) so() meetings {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.met
}

// since returns what was met after before was taken.
func (l *link) since(before meetings) meetings {
	now := l.so()
	return meetings{refused: now.refused - before.refused, denied: now.denied - before.denied, said: now.said}
}
