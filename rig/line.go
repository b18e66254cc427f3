package rig

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// line is a connection to Redis that is lent.
type line struct {
	name string
	nc   net.Conn // nil when it was lost
	out  *bufio.Reader
}

// openLine opens a line, retrying while the server starts.
func openLine(ctx context.Context, redis string, i int) (*line, error) {
	ctx, cancel := context.WithTimeout(ctx, serverStart)
	defer cancel()
	l := &line{name: fmt.Sprintf("spillway:line:%d", i)}
	for {
		_, err := l.open(ctx, redis)
		if err == nil {
			return l, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("open line %d to Redis: %w; last: %w", i, context.Cause(ctx), err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// lineAnswer is how long Redis may take to answer on a line that nobody uses.
const lineAnswer = time.Second

// open connects and gives the connection its name. Where Redis refuses, it returns what Redis said.
func (l *line) open(ctx context.Context, redis string) (refusal string, err error) {
	nc, err := (&net.Dialer{Timeout: lineAnswer}).DialContext(ctx, "tcp", redis)
	if err != nil {
		return "", err
	}
	l.nc, l.out = nc, bufio.NewReaderSize(nc, maxLine)
	_ = nc.SetDeadline(time.Now().Add(lineAnswer))
	_, _ = nc.Write(encode("CLIENT", "SETNAME", l.name)) // at the limit the answer is there before the question
	reply, err := l.out.ReadString('\n')
	if err == nil && !strings.HasPrefix(reply, "+OK") {
		err = errors.New(strings.TrimSpace(reply))
	}
	if err != nil {
		l.lose()
		return reply, err
	}
	return "", nc.SetDeadline(time.Time{})
}

// reopen replaces a connection that was lost. It tries twice, as the slot of one just closed is free only in a moment.
func (l *line) reopen(ctx context.Context, redis string) (refusal string, err error) {
	l.lose()
	if refusal, err = l.open(ctx, redis); err == nil {
		return "", nil
	}
	select {
	case <-ctx.Done():
		return refusal, err
	case <-time.After(100 * time.Millisecond):
		return l.open(ctx, redis)
	}
}

// lose closes the connection.
func (l *line) lose() {
	if l.nc != nil {
		_ = l.nc.Close()
		l.nc = nil
	}
}

// alive reports whether the connection stands, with nothing to read on it. A killed one would be read to its end at once.
func (l *line) alive() bool {
	if l.nc == nil {
		return false
	}
	_ = l.nc.SetReadDeadline(time.Now().Add(time.Millisecond))
	_, err := l.out.Peek(1)
	_ = l.nc.SetReadDeadline(time.Time{})
	return errors.Is(err, os.ErrDeadlineExceeded)
}

// reset brings the connection back to how it was opened, whatever its user did to it: a transaction, MONITOR, another
// database or protocol. It reports whether it can be lent again.
func (l *line) reset() bool {
	mark := randomID(8)
	_ = l.nc.SetDeadline(time.Now().Add(lineAnswer))
	// Before Redis 6.2 there is no RESET, and its error does no harm.
	script := append(encode("RESET"), encode("SELECT", "0")...)
	script = append(script, encode("CLIENT", "SETNAME", l.name)...)
	if _, err := l.nc.Write(append(script, encode("PING", mark)...)); err != nil {
		return false
	}
	for { // messages of a subscription or of MONITOR come first
		reply, err := readLine(l.out, maxAnswerLine)
		if err != nil || strings.HasPrefix(reply, "+QUEUED") {
			return false
		}
		if strings.TrimSpace(reply) == mark {
			return l.nc.SetDeadline(time.Time{}) == nil
		}
	}
}
