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
	Nofile int64    `json:"nofile,omitempty"` // of raise: the limit to set
}

// The operations of an observer.
const (
	opRedis = "redis" // relay the rest of the stream to a new connection to Redis
	opLook  = "look"  // answer with one observe.HostFacts
	opRaise = "raise" // raise the server's file descriptor limit, answer with a failure
	opLines = "lines" // answer with an outage.Command for each that passes the open lines
)

// failure is an answer that carries nothing but an error; empty is success.
type failure struct {
	Error string `json:"error"`
}

// observer is the near end of the program that sits beside Redis.
type observer struct {
	process *Process
	session *yamux.Session
	log     *serverLog
}

// observerArgs is the command line of an observer beside the server with this port and process id.
func observerArgs(port, pid, lines int) []string {
	return []string{"role", "observer",
		"--port", strconv.Itoa(port), "--pid", strconv.Itoa(pid), "--lines", strconv.Itoa(lines)}
}

// serverStart is how long a server may take from its start to its first answer.
const serverStart = 15 * time.Second

// newObserver speaks to a started observer and waits until the server answers through it.
func newObserver(ctx context.Context, p *Process, log *serverLog) (*observer, error) {
	session, err := yamux.Client(stdio{p.Out, p.In}, muxConfig())
	if err != nil {
		return nil, fmt.Errorf("observer: %w", err)
	}
	o := &observer{process: p, session: session, log: log}
	ctx, cancel := context.WithTimeout(ctx, serverStart)
	defer cancel()
	for {
		err := o.ping(ctx)
		if err == nil {
			return o, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for Redis to answer: %w; last: %w; its log: %s", context.Cause(ctx), err, log.last())
		case <-p.done:
			return nil, fmt.Errorf("observer ended with %d: %s; Redis's log: %s", p.exit, p.Errors(), log.last())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (o *observer) ping(ctx context.Context) error {
	nc, err := o.dialRedis(ctx)
	if err != nil {
		return err
	}
	c := observe.NewConn(nc)
	defer c.Close()
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
	if deadline, ok := ctx.Deadline(); ok {
		_ = stream.SetDeadline(deadline)
	}
	if err := json.NewEncoder(stream).Encode(r); err != nil {
		_ = stream.Close()
		return nil, fmt.Errorf("observer: %w", err)
	}
	_ = stream.SetDeadline(time.Time{})
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

func (o *observer) raiseNofile(ctx context.Context, limit int64) error {
	var f failure
	if err := o.ask(ctx, request{Op: opRaise, Nofile: limit}, &f); err != nil {
		return err
	}
	if f.Error != "" {
		return errors.New(f.Error)
	}
	return nil
}

func (o *observer) lines(ctx context.Context, report func(outage.Command)) error {
	stream, err := o.open(ctx, request{Op: opLines})
	if err != nil {
		return err
	}
	defer stream.Close()
	stop := context.AfterFunc(ctx, func() { _ = stream.Close() })
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
	var facts observe.HostFacts
	err := h.observer.ask(ctx, request{Op: opLook, Knock: hosts}, &facts)
	facts.Log = h.observer.log.lines()
	return facts, err
}

// stdio joins the two directions of a program's stdio for the multiplexer.
type stdio struct {
	io.Reader
	io.WriteCloser
}

func muxConfig() *yamux.Config {
	cfg := yamux.DefaultConfig()
	cfg.LogOutput = io.Discard
	// A daemon on a busy machine may hold a pipe for seconds; an observer that is really gone closes it.
	cfg.ConnectionWriteTimeout = 30 * time.Second
	cfg.MaxStreamWindowSize = 4 << 20 // a CLIENT LIST of 10,000 clients is 2.6 MB
	return cfg
}
