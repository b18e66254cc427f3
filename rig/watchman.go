package rig

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/hashicorp/yamux"
	"golang.org/x/sync/errgroup"

	"spillway/observe"
)

// Watchman is the far end of an observer: the program that runs beside Redis, in its network and process namespaces.
// When its stdin ends, its run is gone: it ends Redis, and then itself.
type Watchman struct {
	Port  int // where Redis listens on loopback
	PID   int // the server's process id
	Lines int // connections to open at once and keep for a responder
}

// Serve answers requests over the pipe until it ends.
func (w Watchman) Serve(ctx context.Context, pipe io.ReadWriteCloser) error {
	session, err := yamux.Server(pipe, muxConfig())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var lines *openLines
	if w.Lines > 0 {
		if lines, err = listenLines(ctx, w.redisAddr(), w.Lines); err != nil {
			return err
		}
		defer lines.close()
	}
	var streams errgroup.Group
	for {
		stream, err := session.Accept()
		if err != nil { // the other end is gone
			cancel()
			w.endServer()
			_ = streams.Wait()
			return nil
		}
		streams.Go(func() error {
			defer stream.Close()
			w.answer(ctx, stream, lines)
			return nil
		})
	}
}

func (w Watchman) redisAddr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(w.Port)) }

// answer serves one stream. A stream that asks for nonsense is closed.
func (w Watchman) answer(ctx context.Context, stream net.Conn, lines *openLines) {
	in := bufio.NewReader(stream)
	header, err := in.ReadBytes('\n')
	if err != nil {
		return
	}
	var r request
	if err := json.Unmarshal(header, &r); err != nil {
		return
	}
	out := json.NewEncoder(stream)
	switch r.Op {
	case opRedis:
		w.relay(ctx, in, stream)
	case opLook:
		facts, err := w.look(ctx, r.Knock)
		if err == nil {
			_ = out.Encode(facts)
		}
	case opRaise:
		_ = out.Encode(w.raise(r.Nofile))
	case opLines:
		if lines != nil {
			lines.report(ctx, out)
		}
	}
}

// relay joins the stream with a new connection to Redis, until either side closes.
func (w Watchman) relay(ctx context.Context, in io.Reader, stream net.Conn) {
	dialer := net.Dialer{Timeout: 5 * time.Second}
	redis, err := dialer.DialContext(ctx, "tcp", w.redisAddr())
	if err != nil {
		return
	}
	defer redis.Close()
	go func() {
		_, _ = io.Copy(redis, in)
		_ = redis.Close()
	}()
	_, _ = io.Copy(stream, redis)
	_ = stream.Close()
}

// knockTime is how long a host may take to answer a knock: far beyond any round trip inside one machine.
const knockTime = 300 * time.Millisecond

func (w Watchman) look(ctx context.Context, knock []string) (observe.HostFacts, error) {
	facts, err := observe.LocalHost{PID: w.PID, Port: w.Port}.Look(ctx)
	if err != nil {
		return facts, fmt.Errorf("look at the server's host: %w", err)
	}
	if len(knock) > 0 {
		facts.Peers = observe.Knock(ctx, knock, 1, knockTime)
	}
	return facts, nil
}
