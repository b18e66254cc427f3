package observe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// DefaultTimeout bounds a dial, and an exchange whose context has no deadline.
const DefaultTimeout = 10 * time.Second

// closeGrace is how long a reply is waited for after a write failed: the refusal is there already, or never comes.
const closeGrace = time.Second

// Conn is a RESP2 client over one connection: one exchange at a time, from any goroutine.
//
// It expects what a full Redis does: send its refusal before any command and close. So it reads although a write
// failed, and takes an unsolicited refusal for the failure of the connection, not for the answer to a command.
// After any failure of the connection every further call returns that failure.
type Conn struct {
	nc      net.Conn
	r       *bufio.Reader
	turn    chan struct{} // holds a token while nobody talks
	broken  error         // guarded by turn
	timeout time.Duration
	limit   int64
	allow   Guard
	id      int64  // ours in CLIENT LIST, where the server did not let us name the connection; 0 where it did, or where it does not tell
	name    string // what it would be called
}

// NewConn returns a Conn over nc, which it owns from then on. It sends nothing: Dial also logs in.
func NewConn(nc net.Conn) *Conn {
	c := &Conn{nc: nc, r: bufio.NewReaderSize(nc, 32<<10), turn: make(chan struct{}, 1), timeout: DefaultTimeout, limit: maxReply}
	c.turn <- struct{}{}
	return c
}

// Close closes the connection; an exchange under way ends with an error.
func (c *Conn) Close() error { return c.nc.Close() }

// Do sends one command and returns its reply: a string, int64, []any or nil. An error reply is returned as an Error.
func (c *Conn) Do(ctx context.Context, args ...string) (any, error) {
	replies, err := c.Pipeline(ctx, [][]string{args})
	if err != nil {
		return nil, err
	}
	switch e := replies[0].(type) {
	case Error:
		return nil, e
	case oversize:
		return nil, e
	}
	return replies[0], nil
}

// Pipeline sends commands at once and returns their replies in order; an error reply is an element of type Error, and so is, with
// another type of error, what stands for a reply too long to hold.
// With an error, which means that the connection broke, it returns the replies that came before. What the connection's Guard holds back is
// not sent: its reply is an Error that begins with NOTSENT.
func (c *Conn) Pipeline(ctx context.Context, cmds [][]string) ([]any, error) {
	if len(cmds) == 0 {
		return nil, nil
	}
	for _, args := range cmds {
		// Redis answers an empty command with nothing at all, which would be waited for.
		if len(args) == 0 {
			return nil, errors.New("empty command")
		}
	}
	sent, held := c.allow.sort(cmds)
	if len(sent) == 0 {
		return held, nil
	}
	replies, err := c.send(ctx, sent)
	return merge(held, replies), err
}

func (c *Conn) send(ctx context.Context, cmds [][]string) ([]any, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.timeout)
		defer cancel()
	}
	// A context that is over already must not cost the connection.
	if ctx.Err() != nil {
		return nil, c.over(ctx, cmds[0][0])
	}
	select {
	case <-c.turn:
	case <-ctx.Done():
		return nil, fmt.Errorf("%s: wait for the connection: %w", cmds[0][0], context.Cause(ctx))
	}
	defer func() { c.turn <- struct{}{} }()
	if c.broken != nil {
		return nil, c.broken
	}
	replies, err := c.exchange(ctx, cmds)
	if err != nil {
		c.broken = err
	}
	return replies, err
}

// over says why a command was not sent for which no time was left: the connection may have broken over the one before.
func (c *Conn) over(ctx context.Context, command string) error {
	select {
	case <-c.turn:
		defer func() { c.turn <- struct{}{} }()
		if c.broken != nil {
			return c.broken
		}
	default: // in use, by somebody with more time
	}
	return fmt.Errorf("%s: %w", command, context.Cause(ctx))
}

func (c *Conn) exchange(ctx context.Context, cmds [][]string) ([]any, error) {
	start := time.Now()
	disarm := c.arm(ctx)
	defer disarm()

	// Written beside the reading, because a peer that refuses may not read at all.
	wrote := make(chan error, 1)
	go func() {
		_, err := c.nc.Write(encode(cmds))
		if err != nil && !isTimeout(err) {
			_ = c.nc.SetReadDeadline(soonest(ctx, closeGrace))
		}
		wrote <- err
	}()
	replies, err := c.read(len(cmds))
	if err != nil {
		_ = c.nc.Close() // nothing more can come of it, and the write may hang
	}
	writeErr := <-wrote
	if err == nil {
		return replies, nil
	}
	if isTimeout(err) && writeErr != nil && !isTimeout(writeErr) {
		err = writeErr
	}
	return replies, c.explain(ctx, err, fmt.Sprintf("%s, %d of %d replies after %v", cmds[0][0], len(replies), len(cmds), time.Since(start).Round(time.Millisecond)))
}

func (c *Conn) read(n int) ([]any, error) {
	var replies []any
	d := newDecoder(c.r, c.limit)
	for len(replies) < n {
		v, err := d.reply()
		if err != nil {
			return replies, err
		}
		if e, ok := v.(Error); ok && e.unsolicited() {
			return replies, e
		}
		replies = append(replies, v)
	}
	return replies, nil
}

var past = time.Unix(1, 0)

// arm makes ctx end reads and writes. The function it returns lifts that, and must be called.
func (c *Conn) arm(ctx context.Context) (disarm func()) {
	deadline, _ := ctx.Deadline()
	_ = c.nc.SetDeadline(deadline)
	cut := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(cut)
		if c.nc.SetDeadline(past) != nil {
			_ = c.nc.Close() // a relay without deadlines
		}
	})
	return func() {
		if !stop() {
			<-cut // or it would cut the next exchange
		}
		_ = c.nc.SetDeadline(time.Time{})
	}
}

// soonest is d from now, or the deadline of ctx when that comes first.
func soonest(ctx context.Context, d time.Duration) time.Time {
	t := time.Now().Add(d)
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(t) {
		return deadline
	}
	return t
}

// explain names the wall. What the connection itself says is kept as text only.
func (c *Conn) explain(ctx context.Context, err error, doing string) error {
	var broken protocolError
	var said Error
	switch {
	case errors.As(err, &said):
		return said
	case errors.Is(err, ErrSpeaksTLS):
		return err
	case errors.As(err, &broken), errors.Is(err, net.ErrClosed):
		return fmt.Errorf("%s: %w", doing, err)
	case errors.Is(ctx.Err(), context.Canceled):
		return fmt.Errorf("%s: %w", doing, context.Cause(ctx))
	case isTimeout(err):
		return fmt.Errorf("%s: %w (%w)", doing, ErrSilent, context.DeadlineExceeded)
	}
	return fmt.Errorf("%s: %w (%w)", doing, ErrClosed, err)
}

// isHangup reports whether the peer went away.
func isHangup(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}
