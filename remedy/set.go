package remedy

import (
	"context"
	"fmt"
	"strconv"

	"spillway/outage"
)

// set changes one parameter: it reads the old value, writes both into the journal, sets, and reads again.
func (r *run) set(ctx context.Context, a *outage.Action) error {
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
	return r.setTo(ctx, a, true)
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

// setTo sets a.Param to a.To. When Redis refuses and offers a smaller maxclients, that is tried once: its search for
// a limit has then lowered the hard limit, so that anything larger would fail again.
func (r *run) setTo(ctx context.Context, a *outage.Action, again bool) error {
	if err := r.journal.before(*a); err != nil {
		return err
	}
	said, err := configSet(ctx, r.redis, a.Param, a.To)
	if err != nil {
		return err // without a second half in the journal: whether it took effect is not known
	}
	if said != "" {
		refuse(a, said)
		if err := r.journal.after(*a); err != nil {
			return err
		}
		if n := offered(a, said); n != "" && again {
			return r.setOffered(ctx, a, n)
		}
		return nil
	}
	if err := r.verify(ctx, a); err != nil {
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
	a.Result += fmt.Sprintf(" (Redis could not have %s and offered this)", asked)
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

// verify reads the parameter back and takes over what is really set.
func (r *run) verify(ctx context.Context, a *outage.Action) error {
	now, said, err := configGet(ctx, r.redis, a.Param)
	switch {
	case err != nil:
		return err
	case said != "":
		a.State, a.Result = outage.Done, fmt.Sprintf("Redis said OK, but %s could not be read back: %s", a.Param, said)
	case now == a.From:
		refuse(a, fmt.Sprintf("Redis said OK, but %s is still %s", a.Param, now))
	case now != a.To:
		a.State, a.Result = outage.Done, fmt.Sprintf("Redis said OK, and %s is %s instead of %s", a.Param, now, a.To)
		a.To = now
	default:
		a.State, a.Result = outage.Done, fmt.Sprintf("%s was %s and is %s", a.Param, a.From, now)
	}
	return nil
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
