package remedy

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"

	"spillway/outage"
)

// Undo reads a journal and undoes it.
func Undo(ctx context.Context, r Redis, journal io.Reader) ([]outage.Action, error) {
	j, err := ReadJournal(journal)
	if err != nil {
		return nil, err
	}
	return j.Undo(ctx, r)
}

// Undo restores the settings that j says were changed, or may have been, the last one first, and returns what became of each.
//
// A setting that is as it was is left alone, and that is success; so is doing it twice. A setting that somebody has since
// changed to a third value is left alone too, and said; so is each while another remedy is at work, which may count on it.
// What cannot be undone is returned as skipped. The error says that the connection broke.
func (j Journal) Undo(ctx context.Context, r Redis) ([]outage.Action, error) {
	other, err := atWork(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("look for other remedies: %w", err)
	}
	var undone []outage.Action
	for _, c := range slices.Backward(j.changes) {
		if c.after != nil && c.after.State != outage.Done && len(c.after.Killed) == 0 {
			continue // refused, or nothing fitted: nothing was changed
		}
		a, err := c.undo(ctx, r, other)
		undone = append(undone, a)
		if err != nil {
			return undone, fmt.Errorf("undo %s: %w", a.Kind, err)
		}
	}
	return undone, nil
}

// undo reverts one change, unless another remedy is at work.
func (c change) undo(ctx context.Context, r Redis, other string) (outage.Action, error) {
	was := c.before
	if c.after != nil {
		was.From, was.To, was.Killed = c.after.From, c.after.To, c.after.Killed
	}
	a := outage.Action{Kind: was.Kind, Param: was.Param, From: was.To, To: was.From}
	switch was.Kind {
	case outage.SetTimeout, outage.SetKeepalive, outage.RaiseMaxclients:
		if why := foreign(was); why != "" {
			skip(&a, why)
			return a, nil
		}
		a.Reason = "it was " + was.From + " before the remedy"
		a.Commands = []string{line("CONFIG", "SET", was.Param, was.From)}
		err := restore(ctx, r, &a, other)
		if err != nil {
			refuse(&a, err.Error())
		}
		return a, err
	case outage.KillClients, outage.ResetSockets:
		skip(&a, fmt.Sprintf("%d closed connections stay closed", len(was.Killed)))
		if c.after == nil {
			skip(&a, fmt.Sprintf("up to %d connections were closed and stay closed", len(was.Victims)))
		}
	case outage.RaiseNofile:
		skip(&a, "the file descriptor limit of the process stays as it is: it is gone with the next restart")
	default:
		skip(&a, fmt.Sprintf("%s cannot be undone", was.Kind))
	}
	return a, nil
}

// foreign says why a remedy never wrote this change; empty when it may have. A journal is a file that others may have touched, and
// CONFIG SET of something else can make a server write where it should not.
func foreign(was outage.Action) string {
	param := map[outage.ActionKind]string{outage.SetTimeout: paramTimeout, outage.SetKeepalive: paramKeepalive, outage.RaiseMaxclients: paramMaxclients}[was.Kind]
	if was.Param != param {
		return fmt.Sprintf("%s sets %s, and the journal says %q: somebody changed the journal, so nothing is set", was.Kind, param, was.Param)
	}
	if n, err := strconv.ParseInt(was.From, 10, 32); err != nil || n < 0 {
		return fmt.Sprintf("%q is no value for %s: somebody changed the journal, so nothing is set", was.From, param)
	}
	return ""
}

// restore sets a.Param from a.From back to a.To, if it is still a.From and nobody else is at work.
func restore(ctx context.Context, r Redis, a *outage.Action, other string) error {
	now, said, err := configGet(ctx, r, a.Param)
	switch {
	case err != nil:
		return err
	case said != "":
		refuse(a, said)
		return nil
	case now == a.To:
		a.State, a.Result = outage.Undone, fmt.Sprintf("%s is %s already", a.Param, now)
		return nil
	case now != a.From:
		skip(a, fmt.Sprintf("%s is %s now, neither %s from before nor %s from the remedy: somebody changed it since, so it is left alone; if that was a later remedy, undo its journal and then this one", a.Param, now, a.To, a.From))
		return nil
	case other != "":
		skip(a, fmt.Sprintf("%s: it may count on %s %s, which is left alone; undo again when it has ended", other, a.Param, now))
		return nil
	}
	if said, err = configSet(ctx, r, a.Param, a.To); err != nil {
		return err
	}
	if said != "" {
		refuse(a, said)
		return nil
	}
	a.State, a.Result = outage.Undone, fmt.Sprintf("%s was %s and is %s again", a.Param, a.From, a.To)
	if a.Kind == outage.RaiseMaxclients {
		a.Result += "; open connections stay, and new ones are refused while there are as many"
	}
	return nil
}
