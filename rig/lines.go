package rig

import (
	"context"
	"encoding/json"
	"errors"
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
	redis    string
	listener net.Listener
	free     chan *line
	commands chan outage.Command
	stop     context.CancelFunc
	wg       sync.WaitGroup
}

// listenLines opens n lines to redis and listens beside it.
func listenLines(ctx context.Context, redis string, n int) (*openLines, error) {
	l := &openLines{redis: redis, free: make(chan *line, n), commands: make(chan outage.Command, 1024)}
	ctx, l.stop = context.WithCancel(ctx)
	for i := range n {
		line, err := openLine(ctx, redis, i+1)
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
	l.wg.Go(func() { l.keep(ctx) })
	return l, nil
}

// keepEvery is how often free lines are used, so that no server's timeout, of whole seconds, reaps them.
const keepEvery = 400 * time.Millisecond

// keep uses each free line now and then.
func (l *openLines) keep(ctx context.Context) {
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for range cap(l.free) {
			select {
			case free := <-l.free:
				if free.alive() && !free.reset() {
					free.lose()
				}
				l.free <- free
			default: // all are lent
			}
		}
	}
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

func (l *openLines) accept(ctx context.Context) {
	for {
		client, err := l.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of file descriptors, perhaps: others may give some back
			select {
			case <-ctx.Done():
				return
			case <-time.After(50 * time.Millisecond):
			}
			continue
		}
		l.wg.Go(func() {
			defer client.Close()
			l.lend(ctx, client)
		})
	}
}

// lend gives a client a line for as long as it stays connected. A line that was lost, killed by its own user perhaps,
// is opened anew, unless Redis refuses: then the client is told what Redis said.
func (l *openLines) lend(ctx context.Context, client net.Conn) {
	var lent *line
	select {
	case lent = <-l.free:
	case <-ctx.Done():
		return
	}
	defer func() { l.free <- lent }()
	if !lent.alive() {
		if refusal, err := lent.reopen(ctx, l.redis); err != nil {
			_, _ = client.Write([]byte(refusal))
			return
		}
	}
	c := conversation{client: client, line: lent, note: l.note}
	if !c.hold(ctx) || !lent.reset() {
		lent.lose()
	}
}

// note queues a command for the report; when nobody reads reports it is dropped.
func (l *openLines) note(args []string, first string) {
	c := outage.Command{Args: abridge(args), Reply: cut(first, 200), Error: isError(first), Closed: -1}
	if isCommand(args, "CLIENT", "KILL") {
		c.Closed = closedBy(first)
	}
	select {
	case l.commands <- c:
	default:
	}
}

// abridge shortens what a history need not repeat at full length, and hides passwords.
func abridge(args []string) []string {
	const most, longest = 64, 200
	var short []string
	for _, a := range args[:min(len(args), most)] {
		short = append(short, cut(a, longest))
	}
	if len(args) > most {
		short = append(short, fmt.Sprintf("(%d more)", len(args)-most))
	}
	for i, a := range short {
		if strings.EqualFold(a, "AUTH") && (i == 0 || strings.EqualFold(short[0], "HELLO")) {
			for j := i + 1; j < min(len(short), i+3); j++ {
				short[j] = "***"
			}
		}
	}
	return short
}

// isCommand reports whether a command begins with these words.
func isCommand(args []string, words ...string) bool {
	if len(args) < len(words) {
		return false
	}
	for i, w := range words {
		if !strings.EqualFold(args[i], w) {
			return false
		}
	}
	return true
}

// isError reports whether an answer's first line is an error: a simple one, or RESP3's long one.
func isError(first string) bool {
	return strings.HasPrefix(first, "-") || strings.HasPrefix(first, "!")
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
	case reply == "": // no answer: it may have killed its own line
		return -1
	}
	return 0
}

func cut(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

// report writes each command as it passes, until the writer fails or ctx ends; then it still writes what has passed.
func (l *openLines) report(ctx context.Context, out *json.Encoder) {
	for {
		select {
		case c := <-l.commands:
			if out.Encode(c) != nil {
				return
			}
		case <-ctx.Done():
			for {
				select {
				case c := <-l.commands:
					if out.Encode(c) != nil {
						return
					}
				default:
					return
				}
			}
		}
	}
}

func (l *openLines) close() {
	l.stop()
	if l.listener != nil {
		_ = l.listener.Close()
	}
	l.wg.Wait()
	for {
		select {
		case line := <-l.free:
			line.lose()
		default:
			return
		}
	}
}
