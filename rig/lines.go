package rig

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"spillway/outage"
)

// linePort is where, beside Redis, a responder is handed a connection that was opened before the outage. Operations
// teams keep such a line open, because at the limit a new connection is refused like any other.
const linePort = 6390

// openLines keeps connections to Redis open and lends them, one at a time, to whoever connects to linePort.
// Commands and answers pass through it unchanged, and are reported.
type openLines struct {
	listener net.Listener
	free     chan net.Conn
	commands chan outage.Command
	wg       sync.WaitGroup
}

// listenLines opens n lines to redis and listens beside it.
func listenLines(ctx context.Context, redis string, n int) (*openLines, error) {
	l := &openLines{free: make(chan net.Conn, n), commands: make(chan outage.Command, 1024)}
	for i := range n {
		line, err := dialLine(ctx, redis, i+1)
		if err != nil {
			l.close()
			return nil, err
		}
		l.free <- line
	}
	var err error
	l.listener, err = net.Listen("tcp", lineListen(redis))
	if err != nil {
		l.close()
		return nil, fmt.Errorf("listen for a responder: %w", err)
	}
	l.wg.Go(func() { l.accept(ctx) })
	return l, nil
}

// lineListen is the address that lends lines: any of the container's, or loopback where Redis is on loopback only.
func lineListen(redis string) string {
	_, port, _ := net.SplitHostPort(redis)
	if port == strconv.Itoa(redisPort) {
		return fmt.Sprintf(":%d", linePort)
	}
	return "127.0.0.1:" + linePortOf(port)
}

// linePortOf is the line port of a server that listens on loopback: the port below its own.
func linePortOf(redisPort string) string {
	n, _ := strconv.Atoi(redisPort)
	return strconv.Itoa(n - 1)
}

// dialLine opens one connection and names it, retrying while the server starts.
func dialLine(ctx context.Context, redis string, i int) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, serverStart)
	defer cancel()
	name := fmt.Sprintf("spillway:line:%d", i)
	for {
		nc, err := new(net.Dialer).DialContext(ctx, "tcp", redis)
		if err == nil {
			reply, err := exchange(nc, "CLIENT", "SETNAME", name)
			if err == nil && strings.HasPrefix(reply, "+OK") {
				return nc, nil
			}
			_ = nc.Close()
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("open line %d to Redis: %w", i, context.Cause(ctx))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// exchange sends one command and returns the first line of the answer.
func exchange(nc net.Conn, args ...string) (string, error) {
	_ = nc.SetDeadline(time.Now().Add(time.Second))
	defer func() { _ = nc.SetDeadline(time.Time{}) }()
	if _, err := nc.Write(encode(args)); err != nil {
		return "", err
	}
	return bufio.NewReader(nc).ReadString('\n')
}

func (l *openLines) accept(ctx context.Context) {
	for {
		client, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.wg.Go(func() {
			defer client.Close()
			l.lend(ctx, client)
		})
	}
}

// lend gives a client a line for as long as it stays connected.
func (l *openLines) lend(ctx context.Context, client net.Conn) {
	stop := context.AfterFunc(ctx, func() { _ = client.Close() })
	defer stop()
	var line net.Conn
	select {
	case line = <-l.free:
	case <-ctx.Done():
		return
	}
	healthy := l.converse(client, line)
	if healthy {
		l.free <- line
		return
	}
	_ = line.Close() // killed by its own user, or left in the middle of an answer: there is one line less
}

// converse passes commands and answers until the client goes; it reports whether the line can be lent again.
func (l *openLines) converse(client, line net.Conn) bool {
	in, out := bufio.NewReader(client), bufio.NewReader(line)
	for {
		args, raw, err := readCommand(in)
		if err != nil {
			return true
		}
		if len(args) > 0 && strings.EqualFold(args[0], "QUIT") {
			_, _ = client.Write([]byte("+OK\r\n"))
			return true
		}
		if _, err := line.Write(raw); err != nil {
			return false
		}
		first, err := copyReply(client, out)
		l.note(args, first)
		if err != nil {
			return false
		}
	}
}

// note queues a command for the report; when nobody reads reports it is dropped.
func (l *openLines) note(args []string, first string) {
	c := outage.Command{Args: args, Reply: cut(first, 200), Error: strings.HasPrefix(first, "-"), Closed: -1}
	if len(args) >= 2 && strings.EqualFold(args[0], "CLIENT") && strings.EqualFold(args[1], "KILL") {
		c.Closed = closedBy(first)
	}
	select {
	case l.commands <- c:
	default:
	}
}

// closedBy reads how many connections a CLIENT KILL closed from its answer: :3, +OK for the old form's one, or an error.
func closedBy(reply string) int {
	switch {
	case strings.HasPrefix(reply, ":"):
		n, err := strconv.Atoi(reply[1:])
		if err != nil {
			return -1
		}
		return n
	case strings.HasPrefix(reply, "+OK"):
		return 1
	}
	return 0
}

func cut(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

// report writes each command as it passes, until ctx ends or the writer fails.
func (l *openLines) report(ctx context.Context, out *json.Encoder) {
	for {
		select {
		case <-ctx.Done():
			return
		case c := <-l.commands:
			if out.Encode(c) != nil {
				return
			}
		}
	}
}

func (l *openLines) close() {
	if l.listener != nil {
		_ = l.listener.Close()
	}
	for {
		select {
		case line := <-l.free:
			_ = line.Close()
		default:
			l.wg.Wait()
			return
		}
	}
}
