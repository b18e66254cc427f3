package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/viper"

	"spillway/observe"
	"spillway/outage"
)

// liveFlags are the flags of verbs that read a live Redis and tell what they found.
func liveFlags(cmd *cobra.Command) {
	readFlags(cmd)
	cmd.Flags().StringP("format", "o", "text", "text or json")
	oneOf(cmd, "format", "text", "json")
}

// readFlags are the flags by which a live Redis is read.
func readFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.Duration("wait", 10*time.Second, "how long to keep trying for a slot when Redis is full; 0 tries once")
	f.Int("samples", 3, "snapshots to take: growth and refusals need at least two")
	f.Duration("interval", 2*time.Second, "time between snapshots")
	f.Int("pid", 0, "process of the server, on its own machine: its limits, listen queue and sockets are read too, with no slot")
	atLeast(cmd, "wait", 0)
	between(cmd, "samples", 1, 1000)
	atLeast(cmd, "interval", 100*time.Millisecond)
}

// slotEvery is how often a full Redis is asked for a slot. A refusal costs it about 25 µs, so this takes 0.05 % of a core.
const slotEvery = 50 * time.Millisecond

// options is the way in to the Redis that url names.
func options(cmd *cobra.Command, url string) (observe.Options, error) {
	o, err := observe.ParseURL(url)
	if err != nil {
		return o, usage(err.Error(), "for example redis://10.0.0.5:6379, with the password in SPILLWAY_PASSWORD")
	}
	if o.Password == "" {
		o.Password = os.Getenv("SPILLWAY_PASSWORD")
	}
	o.Name = fmt.Sprintf("spillway:%d:%s", os.Getpid(), cmd.Name())
	return o, nil
}

// hold connects to the Redis that url names, and keeps trying for a slot while it is full.
func hold(cmd *cobra.Command, v *viper.Viper, url string) (*observe.Conn, error) {
	o, err := options(cmd, url)
	if err != nil {
		return nil, err
	}
	outside, err := newOutside(v.GetInt("pid"))
	if err != nil {
		return nil, err
	}
	ctx, wait, told := cmd.Context(), v.GetDuration("wait"), false
	conn, err := slot(ctx, o, wait, func(full error) {
		told = true
		if outside != nil {
			fmt.Fprintf(os.Stderr, "%v\ntrying for a slot for %s\n%s\n", full, wait, outside.tell(ctx))
			return
		}
		fmt.Fprintf(os.Stderr, "%v\ntrying for a slot for %s; %s\n", full, wait, meanwhile(o))
	})
	if err != nil && ctx.Err() == nil && told && outside != nil {
		fmt.Fprintln(os.Stderr, outside.tell(ctx))
	}
	return conn, err
}

// slot connects, and while Redis is full keeps trying for as long as wait says; full is called when it first is.
func slot(ctx context.Context, o observe.Options, wait time.Duration, full func(error)) (*observe.Conn, error) {
	over := time.Now().Add(wait)
	for told := false; ; told = true {
		conn, err := observe.Dial(ctx, o)
		switch {
		case err == nil:
			return conn, nil
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case !maybeFull(err):
			return nil, &exit{exitInconclusive, err.Error(), unreachable(err)}
		case time.Now().Add(slotEvery).After(over):
			return nil, &exit{exitInconclusive, fmt.Sprintf("no slot came free in %s: %v", wait, err), noSlot(err)}
		case !told:
			full(err)
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(slotEvery):
		}
	}
}

// maybeFull reports whether an error may mean that there is no free slot: the refusal's text can get lost.
func maybeFull(err error) bool {
	return errors.Is(err, observe.ErrFull) || errors.Is(err, observe.ErrClosed)
}

// meanwhile is what can be done on the host while new connections are refused.
func meanwhile(o observe.Options) string {
	_, port, err := net.SplitHostPort(o.Addr)
	if err != nil {
		return "meanwhile on the Redis host: ss -xp shows who holds the slots"
	}
	return "meanwhile on the Redis host, who holds the slots:\n" +
		"  ss -tn state established '( sport = :" + port + " )' | awk 'NR>1 {sub(/:[0-9]+$/, \"\", $4); print $4}' | sort | uniq -c | sort -rn"
}

func noSlot(err error) string {
	hint := "use a connection that is already open: save INFO, CONFIG GET '*' and CLIENT LIST of it and run spillway diagnose --from DIR; " +
		"or stop the client that holds most slots; or --wait longer"
	if !errors.Is(err, observe.ErrFull) {
		hint = "Redis closed without a word: it is full, or this port speaks TLS (rediss://). If full, " + hint
	}
	return hint
}

func unreachable(err error) string {
	if errors.Is(err, observe.ErrDenied) {
		return "the password is read from SPILLWAY_PASSWORD, or from the URL; a user's name stands before a colon: redis://user:@host"
	}
	return "is the address right, and does Redis answer redis-cli there?"
}

// sample takes the snapshots. Once there is one, a connection that breaks does not take it away again.
func sample(ctx context.Context, v *viper.Viper, conn *observe.Conn) ([]outage.Snapshot, error) {
	l := looking(v)
	if l.samples > 1 && isTerminal(os.Stderr) {
		fmt.Fprintf(os.Stderr, "taking %d snapshots, %s apart\n", l.samples, l.interval)
	}
	return l.sample(ctx, conn, func(text string) { fmt.Fprintln(os.Stderr, text) })
}

// look is how often, and with what besides, a Redis is looked at.
type look struct {
	samples  int
	interval time.Duration
	host     observe.Host // nil where it is out of reach
}

func looking(v *viper.Viper) look {
	l := look{samples: v.GetInt("samples"), interval: v.GetDuration("interval")}
	if pid := v.GetInt("pid"); pid > 0 {
		l.host = observe.LocalHost{PID: pid}
	}
	return l
}

// sample takes the snapshots; say tells what goes wrong on the way.
func (l look) sample(ctx context.Context, conn *observe.Conn, say func(string)) ([]outage.Snapshot, error) {
	begin := time.Now()
	reader := observe.Reader{Conn: conn, Host: l.host, Now: func() outage.Duration { return outage.Duration(time.Since(begin)) }}
	var snaps []outage.Snapshot
	for i := range l.samples {
		if i > 0 {
			select {
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			case <-time.After(observe.Pause(snaps[len(snaps)-1], reader.Now(), l.interval)):
			}
		}
		snap, err := reader.Snapshot(ctx)
		switch {
		case err == nil:
			snaps = append(snaps, snap)
		case len(snaps) == 0 || ctx.Err() != nil:
			return nil, fmt.Errorf("snapshot: %w", err)
		default:
			say(fmt.Sprintf("snapshot %d of %d: %v; going on with those before", i+1, l.samples, err))
			return snaps, nil
		}
	}
	return snaps, nil
}

// closeQuietly closes what nothing more is expected of.
func closeQuietly(c io.Closer) { _ = c.Close() }
