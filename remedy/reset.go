package remedy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"spillway/outage"
)

// reset resets the victims of a that are still what the plan took them for, one, then two, then four at a time, until a slot is free.
func (r *run) reset(ctx context.Context, a *outage.Action) error {
	a.Killed, a.Spared = nil, 0
	switch {
	case r.Sockets == nil:
		skip(a, "nobody here can reset sockets of the server's machine")
		return nil
	case len(a.Victims) == 0:
		skip(a, "there are no victims")
		return nil
	}
	if err := r.journal.before(*a); err != nil {
		return err
	}
	k := killing{run: r, a: a, spared: map[string]int{}}
	said, left, err := k.resets(ctx)
	if err != nil {
		return fmt.Errorf("after %d of %d were reset: %w", len(a.Killed), len(a.Victims), err)
	}
	k.conclude("")
	if said != "" {
		refuse(a, a.Result+", then refused: "+said)
	}
	if left > 0 && a.State == outage.Done {
		a.Result += fmt.Sprintf("; then a slot was free, and %d were left", left)
	}
	return r.journal.after(*a)
}

// resets goes through the victims; left is how many it did not need to try.
func (k *killing) resets(ctx context.Context) (said string, left int, err error) {
	rest := k.a.Victims
	for size := 1; len(rest) > 0; size = min(2*size, batch) {
		now, err := k.Sockets.Held(ctx)
		if err != nil {
			return "", 0, err
		}
		victims := rest[:min(size, len(rest))]
		rest = rest[len(victims):]
		if said, err = k.resetBatch(ctx, victims, byCookie(now)); said != "" || err != nil {
			return said, 0, err
		}
		if k.Enough != nil && len(k.a.Killed) > 0 && k.Enough(ctx) {
			return "", len(rest), nil
		}
		if err := sleep(ctx, pause); err != nil {
			return "", 0, err
		}
	}
	return "", 0, nil
}

func (k *killing) resetBatch(ctx context.Context, victims []outage.Victim, now map[int64]outage.Held) (said string, err error) {
	var fit []outage.Victim
	var sockets []outage.Held
	for _, v := range victims {
		h, there := now[v.ID]
		switch {
		case !there || h.Peer != v.Addr:
			k.spared["gone"]++
		case h.Received != v.Received:
			k.spared["used again"]++
		default:
			fit, sockets = append(fit, v), append(sockets, h)
		}
	}
	results, err := k.Sockets.Reset(ctx, sockets)
	for i, result := range results {
		switch {
		case result == nil:
			k.a.Killed = append(k.a.Killed, fit[i])
		case errors.Is(result, fs.ErrNotExist):
			k.spared["gone"]++
		case said == "":
			said = result.Error()
		}
	}
	if err != nil && errors.Is(err, os.ErrPermission) { // nobody let us: that is an answer
		return err.Error(), nil
	}
	return said, err
}
