package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
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
	f.Int("samples", 4, "snapshots to take: growth and refusals need two, growth below the limit 4.5s of them")
	f.Duration("interval", 2*time.Second, "time between snapshots")
	f.Int("pid", 0, "process of the server, on its own machine: its limits, listen queue and sockets are read too, with no slot")
	atLeast(cmd, "wait", 0)
	between(cmd, "samples", 1, 1000)
	atLeast(cmd, "interval", 100*time.Millisecond)
	connectFlags(cmd)
}

// slotEvery is how often a full Redis is asked for a slot. A refusal costs it about 25 µs, so this takes 0.05 % of a core.
const slotEvery = 50 * time.Millisecond

// address says how to reach the Redis that url names.
func address(cmd *cobra.Command, v *viper.Viper, url string) (observe.Options, error) {
	o, err := access(v, url)
	if err != nil {
		return o, err
	}
	o.Name = fmt.Sprintf("spillway:%d:%s", os.Getpid(), doing(cmd))
	return o, nil
}

// toType is the URL as it may be shown and typed: without the password.
func toType(o observe.Options) string {
	o.Password = ""
	return o.String()
}

// hold connects to the Redis that url names, and keeps trying for a slot while it is full. Where it gets none the error is a locked.
func hold(cmd *cobra.Command, v *viper.Viper, url string) (*observe.Conn, error) {
	o, err := address(cmd, v, url)
	if err != nil {
		return nil, err
	}
	outside, err := newOutside(v.GetInt("pid"), o)
	if err != nil {
		return nil, err
	}
	ctx, wait := cmd.Context(), v.GetDuration("wait")
	conn, err := slot(ctx, v, o, wait, func(err error, first bool) bool {
		switch {
		case outOfBand(v) && outside != nil && outside.looks > 1:
			return false
		case first && outside != nil:
			complain("", refused(err))
			fmt.Fprintf(os.Stderr, "trying for a slot for %s\n%s\n", wait, outside.tell(ctx))
		case outside.due():
			fmt.Fprintln(os.Stderr, outside.tell(ctx))
		case first:
			complain("", refused(err))
			fmt.Fprintf(os.Stderr, "trying for a slot for %s; %s\n", wait, meanwhile(o))
		}
		return true
	})
	if shut := (*locked)(nil); errors.As(err, &shut) {
		shut.outside = outside
	}
	return conn, err
}

// slot connects, and while Redis is full keeps trying for as long as wait says; where it gets none the error is a locked. full is told each refusal, and may end that by false.
func slot(ctx context.Context, v *viper.Viper, o observe.Options, wait time.Duration, full func(err error, first bool) bool) (*observe.Conn, error) {
	begin := time.Now()
	for first := true; ; first = false {
		conn, err := observe.Dial(ctx, o)
		switch {
		case err == nil:
			return conn, nil
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case !maybeFull(err):
			return nil, &locked{exit{exitInconclusive, err.Error(), unreachable(v, o, err)}, err, nil}
		case time.Since(begin)+slotEvery > wait, !full(err, first):
			waited := min(wait, time.Since(begin).Round(100*time.Millisecond)) // it may have been slow to be refused
			return nil, &locked{exit{exitInconclusive, fmt.Sprintf("no slot came free in %s: %s", waited, refused(err)), noSlot(o, err)}, err, nil}
		}
		if err := sleepFor(ctx, slotEvery); err != nil {
			return nil, err
		}
	}
}

// locked is the end of a wait for a slot: Redis did not let us in, and all that is known of it was seen from outside.
type locked struct {
	exit
	why     error    // of observe.Dial
	outside *outside // nil where no process was named
}

// Unwrap makes it the exit that it is for verbs that need a slot.
func (l *locked) Unwrap() error { return &l.exit }

// outOfBand reports whether a slot may be made where there is none.
func outOfBand(v *viper.Viper) bool { return v.GetBool("out-of-band") }

// doing names the verb, and whether it changes anything: by that others know that somebody is at work.
func doing(cmd *cobra.Command) string {
	for _, mode := range []string{"apply", "undo"} {
		if f := cmd.Flags().Lookup(mode); f != nil && f.Changed && f.Value.String() != "false" {
			return cmd.Name() + "-" + mode
		}
	}
	return cmd.Name()
}

// maybeFull reports whether an error may mean that there is no free slot: the refusal's text can get lost.
func maybeFull(err error) bool {
	return errors.Is(err, observe.ErrFull) || errors.Is(err, observe.ErrClosed)
}

// meanwhile is what can be done on the host while new connections are refused.
func meanwhile(o observe.Options) string {
	command := meanwhileCommand(o)
	if strings.HasPrefix(command, "ss -xp") {
		return "meanwhile on the Redis host: ss -xp shows who holds the slots"
	}
	return "meanwhile on the Redis host, who holds the slots:\n  " + command
}

// meanwhileCommand shows on the Redis host who holds the slots.
func meanwhileCommand(o observe.Options) string {
	_, port, err := net.SplitHostPort(o.Addr)
	if err != nil {
		return "ss -xp"
	}
	return "ss -tn state established '( sport = :" + port + " )' | awk 'NR>1 {sub(/:[0-9]+$/, \"\", $4); print $4}' | sort | uniq -c | sort -rn"
}

// refused says that a close without a word may be a refusal.
func refused(err error) string {
	if errors.Is(err, observe.ErrFull) {
		return err.Error()
	}
	return "possibly full: " + err.Error()
}

func noSlot(o observe.Options, err error) string {
	hint := "use a connection that is already open: save INFO, CONFIG GET '*' and CLIENT LIST of it and run spillway diagnose --from DIR; " +
		"or stop the client that holds most slots; or --wait longer"
	switch {
	case errors.Is(err, observe.ErrFull):
		return hint
	case o.TLS != nil:
		return "a full Redis closes a TLS connection without a word, and so does a TLS proxy whose Redis is gone. If full, " + hint
	}
	return "Redis closed without a word: it is full, or this port speaks TLS (rediss://). If full, " + hint
}

// sample takes the snapshots. Once there is one, a connection that breaks does not take it away again.
func sample(ctx context.Context, v *viper.Viper, conn *observe.Conn) ([]outage.Snapshot, error) {
	l := looking(v)
	if l.samples > 1 && isTerminal(os.Stderr) {
		fmt.Fprintf(os.Stderr, "taking %d snapshots, %s apart\n", l.samples, l.interval)
	}
	return l.sample(ctx, conn, func(text string) { complain("", text) })
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
		l.host, _ = observe.LocalHost{PID: pid}.WithPort() // what is not seen is missing in each snapshot
	}
	return l
}

// sample takes the snapshots; say tells what goes wrong on the way.
func (l look) sample(ctx context.Context, conn *observe.Conn, say func(string)) ([]outage.Snapshot, error) {
	begin := time.Now()
	reader := observe.Reader{Conn: conn, Host: l.host, Now: func() outage.Duration { return outage.Duration(time.Since(begin)) }}
	var snaps []outage.Snapshot
	for i := range l.samples {
		var peeks []outage.Peek
		if i > 0 {
			var err error
			if peeks, err = observe.Rest(ctx, snaps[len(snaps)-1], reader.Now, l.interval, sleepFor, reader.Peek); err != nil {
				return nil, err
			}
		}
		snap, err := reader.Snapshot(ctx)
		snap.Peeks = peeks
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

// sleepFor waits for d, or until ctx ends, with its cause.
func sleepFor(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
