package rig

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/yamux"

	"spillway/observe"
)

// Watchman is the far end of an observer: the program that runs beside Redis, in its network and process namespaces.
// When its stdin ends, its run is gone: it ends Redis, and then itself.
type Watchman struct {
	Port  int // where Redis listens on loopback
	PID   int // the server's process id
	Lines int // connections to open at once and keep for a responder
}

// Serve answers requests over the pipe until it ends, or ctx does.
func (w Watchman) Serve(ctx context.Context, pipe io.ReadWriteCloser) error {
	if w.PID <= 0 { // a signal to such a number reaches whole groups
		return errors.New("no process id of the server")
	}
	server, err := os.FindProcess(w.PID) // now, while the process id is surely the server's
	if err != nil {
		return fmt.Errorf("find the server: %w", err)
	}
	session, err := yamux.Server(pipe, muxConfig())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	context.AfterFunc(ctx, func() { _ = session.Close() })
	var lines *openLines
	var streams sync.WaitGroup
	defer func() {
		cancel()
		// Process 1 of a namespace hears only signals that it handles; Redis handles this one.
		_ = server.Signal(syscall.SIGTERM)
		if lines != nil {
			lines.close()
		}
		streams.Wait()
	}()
	if w.Lines > 0 {
		if lines, err = listenLines(ctx, w.redisAddr(), w.Lines); err != nil {
			return err
		}
	}
	for {
		stream, err := session.Accept()
		if err != nil { // the other end is gone, or we were told to end
			return nil //nolint:nilerr // that is how it ends
		}
		streams.Go(func() {
			defer stream.Close()
			w.answer(ctx, stream, lines)
		})
	}
}

func (w Watchman) redisAddr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(w.Port)) }

// answer serves one stream. A stream that asks for nonsense is closed.
func (w Watchman) answer(ctx context.Context, stream net.Conn, lines *openLines) {
	stop := context.AfterFunc(ctx, func() { _ = stream.SetDeadline(time.Now()) })
	defer stop()
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
		_ = out.Encode(w.look(ctx, r.Knock))
	case opHeld:
		_ = out.Encode(w.held(ctx))
	case opRaise:
		_ = out.Encode(w.raise(r.Nofile))
	case opLower:
		_ = out.Encode(w.lower(r.Nofile))
	case opLines:
		if lines != nil {
			reportLines(ctx, lines, in, stream)
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
	hangUp := func() { // a writer may wait for a reader that is gone
		_ = redis.Close()
		_ = stream.SetDeadline(time.Now())
	}
	var sending sync.WaitGroup
	sending.Go(func() {
		_, _ = io.Copy(redis, in)
		hangUp()
	})
	_, _ = io.Copy(stream, redis)
	_ = stream.Close()
	hangUp()
	sending.Wait()
}

// reportLines reports the commands of the open lines until the other side closes the stream.
func reportLines(ctx context.Context, lines *openLines, in io.Reader, stream net.Conn) {
	ctx, cancel := context.WithCancel(ctx)
	var listening sync.WaitGroup
	listening.Go(func() {
		_, _ = io.Copy(io.Discard, in)
		cancel()
	})
	lines.report(ctx, json.NewEncoder(stream))
	_ = stream.SetReadDeadline(time.Now())
	listening.Wait()
}

func (w Watchman) held(ctx context.Context) holding {
	held, err := observe.LocalHost{PID: w.PID, Port: w.Port}.Held(ctx)
	if err != nil {
		return holding{failure: failure{fmt.Sprintf("look at the server's sockets: %v", err)}}
	}
	return holding{Held: held}
}

// knockTime is how long a host may take to answer a knock: far beyond any round trip inside one machine.
const knockTime = 300 * time.Millisecond

func (w Watchman) look(ctx context.Context, knock []string) view {
	facts, err := observe.LocalHost{PID: w.PID, Port: w.Port}.Look(ctx)
	if err != nil {
		return view{failure: failure{fmt.Sprintf("look at the server's host: %v", err)}}
	}
	if len(knock) > 0 {
		facts.Peers = observe.Knock(ctx, knock, 1, knockTime)
	}
	return view{HostFacts: facts}
}
