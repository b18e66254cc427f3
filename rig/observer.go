package rig

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/hashicorp/yamux"

	"spillway/observe"
	"spillway/outage"
)

// request is the first line of a stream to the observer: what the stream is for.
type request struct {
	Op     string   `json:"op"`
	Knock  []string `json:"knock,omitempty"`  // of look: hosts to try to reach
	Nofile int64    `json:"nofile,omitempty"` // of raise and lower: the limit to set
}

// The operations of an observer.
const (
	opRedis = "redis" // relay the rest of the stream to a new connection to Redis
	opLook  = "look"  // answer with one view
	opRaise = "raise" // raise the server's file descriptor limit, answer with a failure
	opLower = "lower" // lower the server's soft file descriptor limit, answer with a failure
	opHeld  = "held"  // answer with the server's connections as the kernel shows them
	opLines = "lines" // answer with an outage.Command for each that passes the open lines
)

// failure is an answer that carries nothing but an error; empty is success.
type failure struct {
	Error string `json:"error"`
}

// view is the answer to a look.
type view struct {
	failure
	observe.HostFacts
}

// observer is the near end of the program that sits beside Redis.
type observer struct {
	process *Process
	server  *Process // beside which it runs
	session *yamux.Session
	log     *serverLog
}

// observerArgs is the command line of an observer beside the server with this port and process id.
func observerArgs(port, pid, lines int) []string {
	return []string{"role", "observer",
		"--port", strconv.Itoa(port), "--pid", strconv.Itoa(pid), "--lines", strconv.Itoa(lines)}
}

// serverStart is how long a server may take from its start to its first answer.
const serverStart = 45 * time.Second

// newObserver speaks to a started observer and waits until the server answers through it.
func newObserver(ctx context.Context, p, server *Process, log *serverLog) (*observer, error) {
	session, err := yamux.Client(stdio{p.Out, p.In}, muxConfig())
	if err != nil {
		return nil, fmt.Errorf("observer: %w", err)
	}
	o := &observer{process: p, server: server, session: session, log: log}
	if err := o.waitForServer(ctx, server); err != nil {
		o.close()
		return nil, err
	}
	return o, nil
}

func (o *observer) waitForServer(ctx context.Context, server *Process) error {
	ctx, cancel := context.WithTimeout(ctx, serverStart)
	defer cancel()
	for {
		err := o.ping(ctx)
		if err == nil {
			return nil
		}
		tick := time.NewTimer(20 * time.Millisecond)
		select {
		case <-server.done:
			return fmt.Errorf("Redis ended with exit code %d: %s", server.exit, o.serverWords(ctx, server))
		case <-o.process.done:
			return fmt.Errorf("observer ended with exit code %d: %s; Redis's log: %s",
				o.process.exit, o.process.Errors(), o.serverWords(ctx, server))
		case <-ctx.Done():
			return fmt.Errorf("waiting for Redis to answer: %w; last: %w; its log: %s", context.Cause(ctx), err, o.serverWords(ctx, server))
		case <-tick.C:
		}
	}
}

// serverWords is what the server said last.
func (o *observer) serverWords(ctx context.Context, server *Process) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 200*time.Millisecond)
	defer cancel()
	return lastWords(ctx, server, o.log)
}

// pingTime is how long one question may take, so that the end of who should answer is noticed.
const pingTime = time.Second

func (o *observer) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pingTime)
	defer cancel()
	nc, err := o.dialRedis(ctx)
	if err != nil {
		return err
	}
	c := observe.NewConn(nc)
	defer func() { _ = c.Close() }()
	_, err = c.Do(ctx, "PING")
	return err
}

// open starts a stream with a request.
func (o *observer) open(ctx context.Context, r request) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	stream, err := o.session.Open()
	if err != nil {
		return nil, fmt.Errorf("observer: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = stream.SetDeadline(time.Now()) })
	err = json.NewEncoder(stream).Encode(r)
	if !stop() {
		err = errors.Join(context.Cause(ctx), err) // the deadline may come at any moment now
	}
	if err != nil {
		_ = stream.Close()
		return nil, fmt.Errorf("observer: %w", err)
	}
	return stream, nil
}

func (o *observer) dialRedis(ctx context.Context) (net.Conn, error) {
	return o.open(ctx, request{Op: opRedis})
}

// ask sends a request and decodes its one answer.
func (o *observer) ask(ctx context.Context, r request, answer any) error {
	stream, err := o.open(ctx, r)
	if err != nil {
		return err
	}
	defer stream.Close()
	stop := context.AfterFunc(ctx, func() { _ = stream.SetDeadline(time.Now()) })
	defer stop()
	if err := json.NewDecoder(stream).Decode(answer); err != nil {
		return fmt.Errorf("observer: %s: %w", r.Op, err)
	}
	return nil
}

// setNofile raises or lowers the server's file descriptor limit.
func (o *observer) setNofile(ctx context.Context, op string, limit int64) error {
	var f failure
	if err := o.ask(ctx, request{Op: op, Nofile: limit}, &f); err != nil {
		return err
	}
	if f.Error != "" {
		return errors.New(f.Error)
	}
	return nil
}

// linesGrace is how long the observer may take to send the commands that it had seen when nobody wants more.
const linesGrace = 2 * time.Second

func (o *observer) lines(ctx context.Context, report func(outage.Command)) error {
	stream, err := o.open(ctx, request{Op: opLines})
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	defer stream.Close()
	// Closing ends our side only: what was seen until now still arrives, and then the other side ends.
	stop := context.AfterFunc(ctx, func() {
		_ = stream.SetReadDeadline(time.Now().Add(linesGrace))
		_ = stream.Close()
	})
	defer stop()
	for dec := json.NewDecoder(stream); ; {
		var c outage.Command
		if err := dec.Decode(&c); err != nil {
			if ctx.Err() != nil || errors.Is(err, io.EOF) {
				return nil
			}
			return fmt.Errorf("observer: lines: %w", err)
		}
		report(c)
	}
}

func (o *observer) close() { _ = o.session.Close() }

// hostView is the observer as the source of what only the server's host shows.
type hostView struct {
	observer *observer
	knock    func() []string
}

// Look implements observe.Host.
func (h hostView) Look(ctx context.Context) (observe.HostFacts, error) {
	var hosts []string
	if h.knock != nil {
		hosts = h.knock()
	}
	var seen view
	err := h.observer.ask(ctx, request{Op: opLook, Knock: hosts}, &seen)
	if err == nil && seen.Error != "" {
		err = errors.New(seen.Error)
	}
	seen.Log = h.observer.log.lines()
	return seen.HostFacts, err
}

// holding is the answer to which connections the server has.
type holding struct {
	failure
	Held []outage.Held `json:"held"`
}

func (o *observer) held(ctx context.Context) ([]outage.Held, error) {
	var seen holding
	err := o.ask(ctx, request{Op: opHeld}, &seen)
	if err == nil && seen.Error != "" {
		err = errors.New(seen.Error)
	}
	return seen.Held, err
}

func muxConfig() *yamux.Config {
	cfg := yamux.DefaultConfig()
	cfg.LogOutput = io.Discard
	// A daemon on a busy machine may hold a pipe for seconds; an observer that is really gone closes it.
	cfg.ConnectionWriteTimeout = 30 * time.Second
	cfg.MaxStreamWindowSize = 4 << 20 // a CLIENT LIST of 10,000 clients is 2.6 MB
	return cfg
}
