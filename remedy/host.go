package remedy

import (
	"context"
	"fmt"
	"strconv"

	"spillway/outage"
)

// raiseNofile has the host raise the limit of the running server. What the host cannot do is data.
func (r *run) raiseNofile(ctx context.Context, a *outage.Action) error {
	return r.onHost(ctx, a, func(n int64) error { return r.Host.RaiseNofile(ctx, n) },
		"the file descriptor limit is %d; undo does not lower it")
}

// restart has the host restart the server, and takes a new connection.
func (r *run) restart(ctx context.Context, a *outage.Action) error {
	err := r.onHost(ctx, a, func(n int64) error { return r.Host.Restart(ctx, n) },
		"restarted with %d file descriptors")
	if err != nil || a.State != outage.Done || r.Redial == nil {
		return err
	}
	r.redis, err = r.Redial(ctx)
	if err != nil {
		return fmt.Errorf("connect after the restart: %w", err)
	}
	return nil
}

func (r *run) onHost(ctx context.Context, a *outage.Action, do func(int64) error, done string) error {
	if r.Host == nil {
		skip(a, "nobody here can act on the server's process")
		return nil
	}
	n, err := strconv.ParseInt(a.To, 10, 64)
	if err != nil || n <= 0 {
		refuse(a, fmt.Sprintf("%q is no file descriptor limit", a.To))
		return nil
	}
	if err := r.journal.before(*a); err != nil {
		return err
	}
	if err := do(n); err != nil {
		if ctx.Err() != nil {
			return err
		}
		refuse(a, err.Error())
	} else {
		a.State, a.Result = outage.Done, fmt.Sprintf(done, n)
	}
	return r.journal.after(*a)
}
