// Package rig is the machinery of a run: a private place with a real Redis, an observer beside it and one process
// for each instance of the fleet, reached over stdio alone.
//
// There are two rigs. Containers puts everything into one internal Docker network, with the Docker API as the only
// way in: no published port, no route from the host. Processes does the same with child processes and source
// addresses of 127.0.0.0/8, where there is no Docker.
//
// The package starts, connects and removes. It knows nothing of scenarios' expectations and judges nothing.
package rig

import (
	"context"
	"io"
	"net"
	"time"

	"spillway/observe"
	"spillway/outage"
	"spillway/scenarios"
)

// Label marks everything that a run makes; its value is the run's id.
const Label = "spillway.run"

// hostLabel says which lock files tell whether the run still lives.
const hostLabel = "spillway.host"

// Server is what a rig needs to know to start Redis.
type Server struct {
	scenarios.Redis
	// Lines is how many connections the observer opens at once and keeps for a responder that is not built in.
	Lines int
}

// Redis is a running server as the rest of a run reaches it.
type Redis struct {
	// Addr is where the clients of the rig connect: host:port.
	Addr string
	// LineAddr is where a responder connects to be handed a connection that was opened before the outage; empty without Lines.
	LineAddr string
	Target   outage.Target

	observer *observer
}

// Dial opens a connection to Redis by way of the observer: net.Conn's deadlines work, addresses mean nothing.
func (r *Redis) Dial(ctx context.Context) (net.Conn, error) { return r.observer.dialRedis(ctx) }

// Host returns what only the server's host shows. Knock names hosts of clients that Look should try to reach.
func (r *Redis) Host(knock func() []string) observe.Host {
	return hostView{observer: r.observer, knock: knock}
}

// Held lists the connections of the server as its own machine shows them, which takes no slot.
func (r *Redis) Held(ctx context.Context) ([]outage.Held, error) { return r.observer.held(ctx) }

// Lines calls report for each command that came through LineAddr and its answer, until ctx ends or the observer is gone.
func (r *Redis) Lines(ctx context.Context, report func(outage.Command)) error {
	return r.observer.lines(ctx, report)
}

// RaiseNofile raises the file descriptor limit of the running server, and the hard limit where it is lower. That needs
// CAP_SYS_RESOURCE; without, the error says so.
func (r *Redis) RaiseNofile(ctx context.Context, limit int64) error {
	return r.observer.setNofile(ctx, opRaise, limit)
}

// LowerNofile lowers the soft file descriptor limit of the running server, as prlimit can; RaiseNofile undoes it.
func (r *Redis) LowerNofile(ctx context.Context, limit int64) error {
	return r.observer.setNofile(ctx, opLower, limit)
}

// Process is a program of the run, at the other end of its stdio.
type Process struct {
	Name string
	// Addr is its source address in the rig, which it may share with others behind a gateway; empty for what runs beside Redis.
	Addr string
	// In is its stdin. A write fails when the program has left it unread for half a minute, or has been ended.
	In  io.WriteCloser
	Out io.Reader

	errors *tail
	done   chan struct{} // closed when it has ended
	exit   int
	end    func(ctx context.Context) error // ends it by force; ending one that is gone is success
	hangUp func()                          // closes our ends of its stdio; nil: they close when it has ended
	id     string
}

// Errors returns the last lines that the program wrote to stderr.
func (p *Process) Errors() string { return p.errors.String() }

// Wait waits until the program has ended and returns its exit code.
func (p *Process) Wait(ctx context.Context) (int, error) {
	select {
	case <-p.done:
		return p.exit, nil
	default:
	}
	select {
	case <-p.done:
		return p.exit, nil
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// End ends the program by force. Ending one that is already gone is success.
func (p *Process) End(ctx context.Context) error { return p.end(ctx) }

// HangUp gives up a program that cannot be ended, as when the daemon hangs: nothing more is heard of it. It takes the end of
// its stdin for its own.
func (p *Process) HangUp() {
	if p.hangUp != nil {
		p.hangUp()
	}
}

// Instance is what a rig needs to know to start an instance of a service.
type Instance struct {
	Name   string
	Nofile int // file descriptors it may need
	// Behind is the gateway whose source address it shares with every other instance behind it; empty: its own address.
	Behind string
}

// Runbook is a user's own executable, run beside redis-cli.
type Runbook struct {
	Path string
	Env  map[string]string
}

// grace is how long clean-up may take once a run is over or was cancelled.
const grace = 30 * time.Second

// detached returns a context for clean-up: it outlives the cancellation of ctx, but not grace.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), grace)
}
