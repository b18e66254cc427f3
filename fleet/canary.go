package fleet

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"spillway/outage"
)

const (
	canaryEvery    = 500 * time.Millisecond
	canaryPatience = 2 * time.Second // more than a busy Redis needs, less than a watcher has
)

// hold is the canary on a held connection: it is opened at the start and answers a PING every half second, or does not.
// A connection that was closed under it is a Reset; from then on every half second it tries to open another one, and
// these tries are OpHeld too: refused while Redis is full, ok once it is back. A PING without an answer in time is
// timed-out and leaves the connection open, since closing it would lose the slot that the canary is about.
func (h *host) hold(ctx context.Context) {
	var c *canary
	defer func() { c.close() }()
	each(ctx, func() {
		start := time.Now()
		var v verdict
		if c == nil {
			c, v = h.openCanary(ctx)
		} else {
			v = verdictOfPing(c.ping())
		}
		if ctx.Err() != nil {
			return
		}
		h.log.attempt(outage.OpHeld, v, time.Since(start))
		if v.outcome != outage.OK && v.outcome != outage.TimedOut {
			c.close()
			c = nil
		}
	})
}

// fresh is the canary on new connections: what someone who connects now meets, without a library and without retries.
func (h *host) fresh(ctx context.Context) {
	each(ctx, func() {
		start := time.Now()
		c, v := h.openCanary(ctx)
		c.close()
		if ctx.Err() == nil {
			h.log.attempt(outage.OpFresh, v, time.Since(start))
		}
	})
}

// each does what it is told at once and every half second until ctx ends; what takes longer delays the next.
func each(ctx context.Context, do func()) {
	tick := time.NewTicker(canaryEvery)
	defer tick.Stop()
	for {
		do()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// canary is one raw connection. A nil canary is one that could not be opened.
type canary struct {
	conn net.Conn
	in   *bufio.Reader
	owed int // replies to requests whose time ran out
}

func newCanary(conn net.Conn) *canary {
	return &canary{conn: conn, in: bufio.NewReader(conn)}
}

// openCanary opens a connection, names it and sends a PING. The canary is nil unless Redis answered.
func (h *host) openCanary(ctx context.Context) (*canary, verdict) {
	return h.openTold(ctx, func(verdict, time.Duration) {})
}

// openTold is openCanary whose connection is an attempt of its own: tell gets the verdict on it, as from a dial.
func (h *host) openTold(ctx context.Context, tell func(verdict, time.Duration)) (*canary, verdict) {
	ctx, cancel := context.WithTimeout(ctx, canaryPatience)
	defer cancel()
	var first *verdict
	conn, err := h.dialer.dial(ctx, func(v verdict, took time.Duration) {
		first = &v
		tell(v, took)
	})
	if err != nil {
		return nil, verdict{outcome: beforeServed(err), saw: sawOf(err)}
	}
	c := newCanary(conn)
	hello := h.introduction()
	err = c.ask(strings.Join(hello, "")+command("PING"), len(hello)+1)
	if first != nil && first.outcome != outage.OK {
		// What the connection met first explains whatever failed after it.
		v := *first
		if v.saw == "" && !errors.As(err, new(replyError)) {
			v.saw = sawOf(err)
		}
		c.close()
		return nil, v
	}
	v := verdictOfPing(err)
	if v.outcome != outage.OK {
		c.close()
		return nil, v
	}
	return c, v
}

// login is the AUTH of a service that has a password, as its library sends it; empty without one.
func (h *host) login() string {
	switch s := h.spec.Service; {
	case s.Password == "":
		return ""
	case s.User == "":
		return command("AUTH", s.Password)
	default:
		return command("AUTH", s.User, s.Password)
	}
}

// ping asks whether Redis still serves the connection.
func (c *canary) ping() error { return c.ask(command("PING"), 1) }

// ask sends commands and waits for their replies, and for those still owed. Only the last reply counts: a server
// that does not know CLIENT SETNAME serves all the same.
func (c *canary) ask(commands string, replies int) error {
	_ = c.conn.SetDeadline(time.Now().Add(canaryPatience))
	if _, err := c.conn.Write([]byte(commands)); err != nil {
		return err
	}
	c.owed += replies
	var last error
	for c.owed > 0 {
		line, err := c.in.ReadString('\n')
		if err != nil {
			if last != nil && outcomeOf(err) == outage.Reset {
				return last // it said why, then closed
			}
			return err
		}
		c.owed--
		if last = nil; strings.HasPrefix(line, "-") {
			last = replyError(cut(line))
		}
	}
	return last
}

// command is a command on the wire.
func command(args ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(args))
	for _, a := range args {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(a), a)
	}
	return b.String()
}

func (c *canary) close() {
	if c != nil {
		_ = c.conn.Close()
	}
}

// replyError is a reply that is an error, with its leading minus.
type replyError string

func (e replyError) Error() string { return string(e) }

// verdictOfPing names the result of a PING on a connection that Redis serves.
func verdictOfPing(err error) verdict {
	var reply replyError
	if !errors.As(err, &reply) {
		return verdict{outcome: outcomeOf(err), saw: sawOf(err)}
	}
	v := verdict{outcome: outcomeOfLine(string(reply)), said: string(reply), saw: strings.TrimPrefix(string(reply), "-")}
	if v.outcome == outage.OK {
		v.outcome = outage.Failed
	}
	return v
}
