package remedy

import (
	"context"
	"fmt"
	"strconv"

	"spillway/outage"
)

// mostTries is how often a setting is looked at again that somebody else changes at the same time.
const mostTries = 3

// set changes one parameter. Redis cannot compare and set, and somebody else may be at it: the value is read, written into
// the journal and read again before it is set, and the setting itself tells what it replaced.
func (r *run) set(ctx context.Context, a *outage.Action) error {
	for range mostTries {
		old, said, err := configGet(ctx, r.redis, a.Param)
		if err != nil {
			return err
		}
		if said != "" {
			refuse(a, fmt.Sprintf("what cannot be read cannot be restored, so it is not changed: %s", said))
			return nil
		}
		if why := settled(a, old); why != "" {
			skip(a, why)
			return nil
		}
		a.From, a.Undo = old, []string{line("CONFIG", "SET", a.Param, old)}
		if err := r.setTo(ctx, a, true); err != nil || a.State != outage.Planned {
			return err
		}
	}
	skip(a, fmt.Sprintf("somebody else keeps changing %s, so it is left alone", a.Param))
	return nil
}

// settled says why a parameter needs no change; empty when it does. Seconds become smaller, and 0 means never;
// maxclients becomes larger.
func settled(a *outage.Action, now string) string {
	have, err := strconv.ParseInt(now, 10, 64)
	if err != nil {
		return fmt.Sprintf("%s is %q, which is no number", a.Param, now)
	}
	to, err := strconv.ParseInt(a.To, 10, 64)
	if err != nil || to <= 0 {
		return fmt.Sprintf("%q is no value for %s", a.To, a.Param)
	}
	if a.Kind == outage.RaiseMaxclients {
		if to > mostClients {
			return fmt.Sprintf("maxclients %d is more than this tool sets", to)
		}
		if have >= to {
			return fmt.Sprintf("maxclients is %d already", have)
		}
		return ""
	}
	if have > 0 && have <= to {
		return fmt.Sprintf("%s is %d already", a.Param, have)
	}
	return ""
}

// setTo sets a.Param from a.From to a.To; the action stays planned when it is no longer a.From. When Redis refuses and
// offers a smaller maxclients, that is tried once: its search for a limit has then lowered the hard limit, so that
// anything larger would fail again.
func (r *run) setTo(ctx context.Context, a *outage.Action, again bool) error {
	if err := r.journal.before(*a); err != nil {
		return err
	}
	// The disk may have taken its time.
	if now, said, err := configGet(ctx, r.redis, a.Param); err != nil {
		return err
	} else if said == "" && now != a.From {
		left := *a
		skip(&left, fmt.Sprintf("%s became %s before it was set", a.Param, now))
		return r.journal.after(left)
	}
	x, err := r.exchange(ctx, a.Param, a.To)
	if err != nil {
		return err // without a second half in the journal: whether it took effect is not known
	}
	if x.said != "" {
		refuse(a, x.said)
		if err := r.journal.after(*a); err != nil {
			return err
		}
		if n := offered(a, x.said); n != "" && again {
			return r.setOffered(ctx, a, n)
		}
		return nil
	}
	if err := r.concludeSet(ctx, a, x); err != nil {
		return err
	}
	return r.journal.after(*a)
}

func (r *run) setOffered(ctx context.Context, a *outage.Action, n string) error {
	asked := a.To
	a.To, a.State = n, outage.Planned
	a.Commands = append(a.Commands[:len(a.Commands):len(a.Commands)], line("CONFIG", "SET", a.Param, n))
	if err := r.setTo(ctx, a, false); err != nil {
		return err
	}
	if a.State != outage.Planned {
		a.Result += fmt.Sprintf(" (Redis could not have %s and offered this)", asked)
	}
	return nil
}

// exchanged is what a setting was in the moment in which it was set, and what it is since; empty where Redis does not tell.
type exchanged struct {
	was, now string
	said     string // why Redis refuses to set it
	unread   string // why it does not tell what the setting is since
}

// exchange sets a parameter between two readings, in one pipeline: Redis answers it in one go, to nobody else in between.
func (r *run) exchange(ctx context.Context, param, value string) (x exchanged, err error) {
	get := []string{"CONFIG", "GET", param}
	replies, err := r.redis.Pipeline(ctx, [][]string{get, {"CONFIG", "SET", param, value}, get})
	switch {
	case err != nil:
		return x, err
	case len(replies) != 3:
		return x, fmt.Errorf("CONFIG SET %s: %d replies to 3 commands", param, len(replies))
	}
	x.was, _ = configValue(replies[0], param)
	if refused, ok := replies[1].(error); ok {
		x.said = refused.Error()
	}
	var told bool
	if x.now, told = configValue(replies[2], param); !told {
		x.unread = fmt.Sprintf("CONFIG GET %s answered nothing", param)
		if refused, ok := replies[2].(error); ok {
			x.unread = refused.Error()
		}
	}
	return x, nil
}

// concludeSet takes over what is really set, and gives back what somebody else set in the same moment, if it serves as well.
func (r *run) concludeSet(ctx context.Context, a *outage.Action, x exchanged) error {
	if x.was != "" && x.was != a.From {
		if why := settled(a, x.was); why != "" {
			return r.giveBack(ctx, a, x)
		}
		a.From, a.Undo = x.was, []string{line("CONFIG", "SET", a.Param, x.was)}
	}
	switch {
	case x.unread != "":
		a.State, a.Result = outage.Done, fmt.Sprintf("Redis said OK, but %s could not be read back: %s", a.Param, x.unread)
	case x.now == a.From:
		refuse(a, fmt.Sprintf("Redis said OK, but %s is still %s", a.Param, x.now))
	case x.now != a.To:
		a.State, a.Result = outage.Done, fmt.Sprintf("Redis said OK, and %s is %s instead of %s", a.Param, x.now, a.To)
		a.To = x.now
	default:
		a.State, a.Result = outage.Done, fmt.Sprintf("%s was %s and is %s", a.Param, a.From, x.now)
	}
	return nil
}

// giveBack restores what somebody else set between our last reading and our setting. It is done once, so that two who meet
// like this do not go on forever.
func (r *run) giveBack(ctx context.Context, a *outage.Action, x exchanged) error {
	if x.was != a.To {
		said, err := configSet(ctx, r.redis, a.Param, x.was)
		switch {
		case err != nil:
			return err
		case said != "":
			a.State, a.Result = outage.Done, fmt.Sprintf("%s was set to %s by somebody else in the same moment, is %s now and could not be given back: %s", a.Param, x.was, x.now, said)
			a.From = x.was
			return nil
		}
	}
	skip(a, fmt.Sprintf("%s is %s already: somebody else set it in the same moment", a.Param, x.was))
	return nil
}

// offered returns the maxclients that Redis says it can have, if that is more than it has.
func offered(a *outage.Action, said string) string {
	m := tryWith.FindStringSubmatch(said)
	if a.Kind != outage.RaiseMaxclients || m == nil {
		return ""
	}
	if n := number(m[1]); n > number(a.From) && n < number(a.To) {
		return m[1]
	}
	return ""
}

// configGet reads a parameter; said is why Redis does not tell.
func configGet(ctx context.Context, r Redis, param string) (value, said string, err error) {
	reply, err := r.Do(ctx, "CONFIG", "GET", param)
	if err != nil {
		if said = answered(err); said != "" {
			return "", said, nil
		}
		return "", "", err
	}
	value, ok := configValue(reply, param)
	if !ok {
		return "", fmt.Sprintf("CONFIG GET %s answered nothing", param), nil
	}
	return value, "", nil
}

// configSet sets a parameter; said is why Redis refuses.
func configSet(ctx context.Context, r Redis, param, value string) (said string, err error) {
	_, err = r.Do(ctx, "CONFIG", "SET", param, value)
	if err == nil {
		return "", nil
	}
	if said = answered(err); said != "" {
		return said, nil
	}
	return "", err
}
