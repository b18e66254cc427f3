package remedy

import (
	"context"
	"fmt"
	"io"
	"time"

	"spillway/outage"
)

// Applier carries out plans. Redis must be set, but for plans of Outside.
type Applier struct {
	// Redis is the connection to act through; it is never among the victims.
	Redis Redis
	// Host acts on the server's process; nil where nobody can, and then what needs it is skipped.
	Host Host
	// Sockets resets connections; nil where nobody can, and then reset-sockets is skipped.
	Sockets Sockets
	// Enough is asked after each batch of reset-sockets whether a slot is free; nil never is.
	Enough func(ctx context.Context) bool
	// Redial opens a new connection after a restart closed Redis; nil when Redis reconnects by itself.
	Redial func(ctx context.Context) (Redis, error)
	// Journal records what Undo needs, one journal for one Apply; it is synced before each change if it can be, as
	// files can. nil records nothing, and then nothing can be undone.
	Journal io.Writer
	// Node is the address of the server where it is one of many, for the journal to say which; empty elsewhere.
	Node string
	// Now is the clock of the run; nil counts from the beginning of Apply.
	Now func() outage.Duration
	// Report is called as each action ends; nil tells nobody.
	Report func(outage.Action)
}

// Apply carries out the actions of plan in order and returns all of them, with what became of each.
//
// A command that Redis refuses is data, in the action's State and Result, and what depends on it is skipped. The error
// says that the connection broke, the journal could not be written, or ctx ended; the actions not reached stay planned.
func (a *Applier) Apply(ctx context.Context, plan outage.Plan) ([]outage.Action, error) {
	r := run{Applier: a, redis: a.Redis, journal: journal{w: a.Journal}, actions: make([]outage.Action, len(plan.Actions))}
	copy(r.actions, plan.Actions)
	if r.Now == nil {
		start := time.Now()
		r.now = func() outage.Duration { return outage.Duration(time.Since(start)) }
	} else {
		r.now = r.Now
	}
	if err := r.journal.open(plan.Cause, a.Node); err != nil {
		return r.actions, err
	}
	for i := range r.actions {
		if err := r.act(ctx, i); err != nil {
			return r.actions, fmt.Errorf("%s: %w", r.actions[i].Kind, err)
		}
	}
	return r.actions, nil
}

// run is one Apply.
type run struct {
	*Applier
	redis   Redis
	journal journal
	now     func() outage.Duration
	actions []outage.Action
}

// act carries out action i and reports it.
func (r *run) act(ctx context.Context, i int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	a := &r.actions[i]
	why := r.hindered(i)
	if why != "" && a.Instead == "" {
		skip(a, why)
		r.end(a)
		return nil
	}
	asked := a.To
	if why != "" { // as far as it reaches
		a.To, a.Instead = a.Instead, ""
		a.Commands = []string{line("CONFIG", "SET", a.Param, a.To)}
	}
	err := r.do(ctx, a)
	switch {
	case err != nil:
		a.State, a.Result = outage.Errored, err.Error()
	case why != "":
		a.Result += fmt.Sprintf(", and not %s: %s", asked, why)
	}
	r.end(a)
	return err
}

func (r *run) do(ctx context.Context, a *outage.Action) error {
	switch a.Kind {
	case outage.KillClients:
		return r.kill(ctx, a)
	case outage.SetTimeout, outage.SetKeepalive, outage.RaiseMaxclients:
		return r.set(ctx, a)
	case outage.ResetSockets:
		return r.reset(ctx, a)
	case outage.RaiseNofile:
		return r.raiseNofile(ctx, a)
	case outage.RestartRedis:
		return r.restart(ctx, a)
	case outage.Advise:
		a.State, a.Result = outage.Done, "said; nothing was changed"
		return nil
	}
	refuse(a, fmt.Sprintf("no such action: %q", a.Kind))
	return nil
}

// hindered says what an earlier action did, or did not do, that leaves no sense in action i. A restart is for a limit
// that could not be raised live, and maxclients is not raised above a limit that nothing raised.
func (r *run) hindered(i int) string {
	tried, raised := false, false
	for _, before := range r.actions[:i] {
		switch before.Kind {
		case outage.RaiseNofile, outage.RestartRedis:
			tried = true
			raised = raised || before.State == outage.Done
		}
	}
	switch r.actions[i].Kind {
	case outage.RestartRedis:
		if raised {
			return "the file descriptor limit was raised live"
		}
	case outage.RaiseMaxclients:
		if tried && !raised {
			return "the file descriptor limit was not raised"
		}
	}
	return ""
}

func (r *run) end(a *outage.Action) {
	a.At = r.now()
	if r.Report != nil {
		r.Report(*a)
	}
}

func skip(a *outage.Action, why string)   { a.State, a.Result = outage.Skipped, why }
func refuse(a *outage.Action, why string) { a.State, a.Result = outage.Errored, why }
