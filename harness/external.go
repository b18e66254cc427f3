package harness

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"

	"spillway/outage"
	"spillway/rig"
)

// runbook runs a user's executable as the responder, until it ends or its time is up. It is told by environment where
// Redis is; what it sends and what it prints is recorded.
func (r *run) runbook(ctx context.Context, path string) error {
	host, port, err := net.SplitHostPort(r.server.redis.LineAddr)
	if err != nil {
		return fmt.Errorf("responder: %w", err)
	}
	stop := r.followLines(ctx)
	defer stop()
	p, err := r.machine.StartRunbook(ctx, rig.Runbook{Path: path, Env: map[string]string{
		"REDIS_HOST": host,
		"REDIS_PORT": port,
		"REDIS_URL":  "redis://" + r.server.redis.LineAddr,
		// Where the refused clients connect: a runbook may want to try that door too.
		"REDIS_PUBLIC_URL": "redis://" + r.server.redis.Addr,
		"SPILLWAY_RUN":     r.id,
	}})
	if err != nil {
		return fmt.Errorf("responder: %w", err)
	}
	_ = p.In.Close()
	r.group.Go(func() error { return r.keepOutput(p.Out) })
	exit, err := p.Wait(ctx)
	if err != nil {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
		defer cancel()
		r.say("the runbook was ended at its time limit of " + r.mitigateLimit().String())
		return p.End(end)
	}
	text := fmt.Sprintf("the runbook ended with exit code %d", exit)
	if last := p.Errors(); last != "" {
		text += "; stderr: " + last
	}
	r.say(text)
	return nil
}

// say records a line of the responder.
func (r *run) say(text string) {
	r.rec.add("responder", outage.Event{Note: &outage.Note{Text: text}})
}

// keepOutput records what a runbook prints, line by line and bounded.
func (r *run) keepOutput(out io.Reader) error {
	const most = 500
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); n++ {
		if n < most {
			r.say(lines.Text())
		}
	}
	_, _ = io.Copy(io.Discard, out)
	return nil
}

// followLines records the commands that come through the open lines, until the returned function is called.
func (r *run) followLines(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	r.group.Go(func() error {
		defer close(done)
		return r.server.redis.Lines(ctx, func(c outage.Command) {
			r.rec.add("responder", outage.Event{Command: &c})
		})
	})
	return func() {
		cancel()
		<-done
	}
}

// human lets a person respond: the run shows the one command that opens a redis-cli, and waits.
func (r *run) human(ctx context.Context) error {
	stop := r.followLines(ctx)
	defer stop()
	command, err := r.machine.StartShell(ctx, r.server.redis)
	if err != nil {
		return fmt.Errorf("responder: %w", err)
	}
	if r.Say != nil {
		r.Say(fmt.Sprintf("Clients are being refused. You have %s. Open a redis-cli on a line that was kept open:\n\n    %s\n", r.mitigateLimit(), command))
	}
	<-ctx.Done()
	return nil
}
