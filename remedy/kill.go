package remedy

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"spillway/outage"
)

const (
	// batch bounds how long the server is busy with us: a kill costs it about 20 µs and a pass over its clients.
	batch = 250
	// pause lets it serve the others between two batches.
	pause = 10 * time.Millisecond
)

// kill closes the victims of a that are still what the plan took them for.
func (r *run) kill(ctx context.Context, a *outage.Action) error {
	a.Killed, a.Spared = nil, 0
	if len(a.Victims) == 0 {
		skip(a, "there are no victims")
		return nil
	}
	if err := sleep(ctx, a.After.Std()); err != nil {
		return err
	}
	self, err := self(ctx, r.redis) // without it SKIPME still protects us
	if err != nil {
		return err
	}
	if err := r.journal.before(*a); err != nil {
		return err
	}
	k := killing{run: r, a: a, self: self, spared: map[string]int{}}
	said, err := k.all(ctx)
	if err != nil {
		// No second half: what the broken connection still carried is not known.
		return fmt.Errorf("after %d of %d were closed: %w", len(a.Killed), len(a.Victims), err)
	}
	k.conclude(said)
	return r.journal.after(*a)
}

// killing is one kill-clients under way.
type killing struct {
	*run
	a      *outage.Action
	self   int64
	spared map[string]int // by reason
	whole  bool           // the server cannot list by id
}

// all goes through the victims in batches, until Redis refuses; said is what it refused with.
func (k *killing) all(ctx context.Context) (said string, err error) {
	first := true
	for victims := range slices.Chunk(k.a.Victims, batch) {
		if !first {
			if err := sleep(ctx, pause); err != nil {
				return "", err
			}
		}
		first = false
		if said, err = k.batch(ctx, victims); said != "" || err != nil {
			return said, err
		}
	}
	return "", nil
}

// batch reads the victims' lines again and closes those that still fit.
func (k *killing) batch(ctx context.Context, victims []outage.Victim) (said string, err error) {
	now, said, err := k.lines(ctx, victims)
	if said != "" || err != nil {
		return said, err
	}
	var fit []outage.Victim
	var commands [][]string
	for _, v := range victims {
		c, listed := now[v.ID]
		if why := changed(v, c, listed); why != "" {
			k.spared[why]++
			continue
		}
		if v.ID == k.self {
			k.spared["our own connection"]++
			continue
		}
		fit = append(fit, v)
		commands = append(commands, killArgs(v))
	}
	if len(fit) == 0 {
		return "", nil
	}
	replies, err := k.redis.Pipeline(ctx, commands)
	said = k.count(fit, replies)
	return said, err
}

// count takes over what Redis answered to each kill: a number of closed connections, or an error.
func (k *killing) count(fit []outage.Victim, replies []any) (said string) {
	for i, reply := range replies {
		if i == len(fit) {
			break
		}
		switch reply := reply.(type) {
		case error:
			if said == "" {
				said = reply.Error()
			}
		case int64:
			if reply > 0 {
				k.a.Killed = append(k.a.Killed, fit[i])
			} else {
				k.spared["gone"]++
			}
		default:
			k.spared["Redis did not say"]++
		}
	}
	return said
}

// lines reads the lines of the victims: by id from 6.2 on, else all of them.
func (k *killing) lines(ctx context.Context, victims []outage.Victim) (now map[int64]outage.Client, said string, err error) {
	args := []string{"CLIENT", "LIST"}
	if !k.whole {
		args = append(args, "ID")
		for _, v := range victims {
			args = append(args, strconv.FormatInt(v.ID, 10))
		}
	}
	reply, err := k.redis.Do(ctx, args...)
	said = answered(err)
	switch {
	case err != nil && said == "":
		return nil, "", err
	case !k.whole && strings.Contains(said, "syntax error"):
		k.whole = true
		return k.lines(ctx, victims)
	case said != "":
		return nil, said, nil
	}
	text, ok := reply.(string)
	if !ok {
		return nil, fmt.Sprintf("CLIENT LIST answered a %T", reply), nil
	}
	return clientLines(text), "", nil
}

// changed says why a victim is no longer what the plan took it for; empty when it is.
//
// age - idle is the age at which a connection was last used. While that stands still, nothing happened on it since the
// diagnosis, so it has also been idle for at least as long as it was then.
func changed(v outage.Victim, c outage.Client, listed bool) string {
	switch {
	case !listed:
		return "gone"
	case c.Addr != v.Addr || c.Name != v.Name || c.Age < v.Age:
		return "another connection"
	// A first command may come within the second in which the diagnosis saw the connection.
	case c.Age-c.Idle > v.Age-v.Idle || v.Cmd != "" && c.Cmd != v.Cmd:
		return "used again"
	}
	return exempt(c)
}

// conclude turns the counts into the action's state and result.
func (k *killing) conclude(said string) {
	a := k.a
	for _, n := range k.spared {
		a.Spared += n
	}
	text := fmt.Sprintf("%d closed", len(a.Killed))
	if a.Spared > 0 {
		var why []string
		for _, w := range sortedKeys(k.spared) {
			why = append(why, fmt.Sprintf("%d %s", k.spared[w], w))
		}
		text += fmt.Sprintf(", %d spared (%s)", a.Spared, strings.Join(why, ", "))
	}
	switch {
	case said != "":
		refuse(a, text+", then Redis refused: "+said)
	case len(a.Killed) == 0:
		skip(a, text)
	default:
		a.State, a.Result = outage.Done, text
	}
}

// sleep waits for d or for the end of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
