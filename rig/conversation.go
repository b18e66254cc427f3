package rig

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// conversation is a client on a line that it was lent.
type conversation struct {
	client net.Conn
	line   *line
	note   func(args []string, firstLine string)

	pending  chan []string // commands that were sent and not answered
	answered atomic.Int64
	progress chan struct{} // an answer was passed on
	over     chan struct{} // the line says nothing more
}

// Limits of a conversation.
const (
	mostPending = 4096            // commands that a client may send ahead
	farewell    = 2 * time.Second // for the answers still due when a client has said its last command
)

// What a borrowed line cannot do, because it must be usable afterwards, and who was answered what must be known.
var cannotBorrow = [][]string{{"CLIENT", "REPLY"}, {"SYNC"}, {"PSYNC"}}

// hold passes commands and answers until the client goes; it reports whether the line can be used again.
func (c *conversation) hold(ctx context.Context) (healthy bool) {
	c.pending = make(chan []string, mostPending)
	c.progress = make(chan struct{}, 1)
	c.over = make(chan struct{})
	redis := c.line.nc // the line may lose it before the function below has run
	stop := context.AfterFunc(ctx, func() {
		_ = c.client.Close()
		_ = redis.SetDeadline(time.Now())
	})
	defer stop()
	var answers sync.WaitGroup
	answers.Go(c.answers)
	sent, last := c.commands(ctx)
	drained := c.drained(ctx, sent)
	_ = redis.SetReadDeadline(time.Now())
	answers.Wait()
	_, _ = io.WriteString(c.client, last)
	for len(c.pending) > 0 {
		c.note(<-c.pending, "")
	}
	if !stop() || !drained {
		return false
	}
	return redis.SetReadDeadline(time.Time{}) == nil
}

// commands passes commands on until the client has no more. It returns their number, and what to tell the client in the end.
func (c *conversation) commands(ctx context.Context) (sent int64, last string) {
	in := bufio.NewReader(c.client)
	for {
		args, raw, err := readCommand(in)
		switch {
		case isHangup(err):
			return sent, ""
		case err != nil:
			return sent, "-ERR Protocol error: " + err.Error() + "\r\n"
		case len(args) == 0:
			continue // Redis does not answer those
		case isCommand(args, "QUIT"):
			return sent, "+OK\r\n"
		}
		for _, words := range cannotBorrow {
			if isCommand(args, words...) {
				return sent, "-ERR " + args[0] + " is not possible on a borrowed line\r\n"
			}
		}
		if subscribes(args) { // answered by any number of messages
			c.note(args, "")
		} else if !c.expect(ctx, args) {
			return sent, ""
		} else {
			sent++
		}
		if _, err := c.line.nc.Write(raw); err != nil {
			return sent, ""
		}
	}
}

// subscribes reports whether a command is answered by messages that are no answers of their own.
func subscribes(args []string) bool {
	return strings.HasSuffix(strings.ToUpper(args[0]), "SUBSCRIBE")
}

// expect makes the next answer that of a command; it reports false when there will be none.
func (c *conversation) expect(ctx context.Context, args []string) bool {
	select {
	case c.pending <- args:
		return true
	case <-c.over:
	case <-ctx.Done():
	}
	return false
}

// isHangup reports whether an error of reading commands came from the connection, not from what it carried.
func isHangup(err error) bool {
	if err == nil {
		return false
	}
	_, isNet := err.(net.Error)                                 //nolint:errorlint // readCommand passes them on as they are
	return isNet || err == io.EOF || err == io.ErrUnexpectedEOF //nolint:errorlint // likewise
}

// answers passes answers on until the line ends or its deadline is set. A client that is gone does not stop it: the
// line is read to the end of the answer, and can be lent again.
func (c *conversation) answers() {
	defer close(c.over)
	to := &forgiving{c.client}
	for {
		var mine bool
		err := copyReply(to, c.line.out, func(first string) {
			if len(first) > 0 && first[0] == '>' { // pushed by RESP3, no answer
				return
			}
			select {
			case args := <-c.pending:
				mine = true
				c.note(args, first) // before the client sees it: what it does next may be to end the run
			default: // a message of a subscription, or a line of MONITOR
			}
		})
		if err != nil {
			_ = c.client.SetReadDeadline(time.Now()) // a line that is gone has no use for more commands
			return
		}
		if mine {
			c.answered.Add(1)
		}
		select {
		case c.progress <- struct{}{}:
		default:
		}
	}
}

// drained waits until every command that was sent has been answered.
func (c *conversation) drained(ctx context.Context, sent int64) bool {
	limit := time.NewTimer(farewell)
	defer limit.Stop()
	for c.answered.Load() < sent {
		select {
		case <-c.progress:
		case <-c.over:
			return false
		case <-limit.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// forgiving writes to a client for as long as it listens.
type forgiving struct{ to io.Writer }

func (f *forgiving) Write(p []byte) (int, error) {
	if _, err := f.to.Write(p); err != nil {
		f.to = io.Discard
	}
	return len(p), nil
}
