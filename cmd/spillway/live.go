package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/viper"

	"spillway/observe"
	"spillway/outage"
)

// liveFlags are the flags of verbs that read a live Redis.
func liveFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.Duration("wait", 10*time.Second, "how long to keep trying for a slot when Redis is full")
	f.Int("samples", 3, "snapshots to take: growth and refusals need at least two")
	f.Duration("interval", 2*time.Second, "time between snapshots")
	f.StringP("format", "o", "text", "text or json")
}

// slotEvery is how often a full Redis is asked for a slot. A refusal costs it about 25 µs, so this takes 0.05 % of a core.
const slotEvery = 50 * time.Millisecond

// hold connects to the Redis that url names, and keeps trying for a slot while it is full.
func hold(ctx context.Context, v *viper.Viper, url string) (*observe.Conn, error) {
	o, err := observe.ParseURL(url)
	if err != nil {
		return nil, usage(err.Error(), "redis://[user:password@]host:port, rediss://… for TLS, or unix:///path")
	}
	if o.Password == "" {
		o.Password = os.Getenv("SPILLWAY_PASSWORD")
	}
	o.Name = fmt.Sprintf("spillway:%d:diagnose", os.Getpid())
	ctx, cancel := context.WithTimeout(ctx, v.GetDuration("wait"))
	defer cancel()
	told := false
	for {
		conn, err := observe.Dial(ctx, o)
		if err == nil {
			return conn, nil
		}
		if !maybeFull(err) {
			return nil, &exit{exitInconclusive, err.Error(), "is the address right, and does Redis answer redis-cli there?"}
		}
		if !told {
			fmt.Fprintf(os.Stderr, "%v\ntrying for a slot for %s; meanwhile on the Redis host: %s\n",
				err, v.GetDuration("wait"), outside)
			told = true
		}
		select {
		case <-ctx.Done():
			return nil, &exit{exitInconclusive, fmt.Sprintf("no slot came free in %s: %v", v.GetDuration("wait"), err), noSlot}
		case <-time.After(slotEvery):
		}
	}
}

// What can be done while a new connection is refused.
const (
	outside = "ss -tn state established '( sport = :6379 )' | awk 'NR>1 {sub(/:[0-9]+$/, \"\", $4); print $4}' | sort | uniq -c | sort -rn shows who holds the slots"
	noSlot  = "use a connection that is already open: save INFO, CONFIG GET '*' and CLIENT LIST of it and run spillway diagnose --from DIR; " +
		"or stop the client that holds most slots; or --wait longer"
)

// maybeFull reports whether an error may mean that there is no free slot: the refusal's text can get lost.
func maybeFull(err error) bool {
	return errors.Is(err, observe.ErrFull) || errors.Is(err, observe.ErrClosed)
}

// sample takes the snapshots.
func sample(ctx context.Context, v *viper.Viper, conn *observe.Conn) ([]outage.Snapshot, error) {
	begin := time.Now()
	reader := observe.Reader{Conn: conn, Now: func() outage.Duration { return outage.Duration(time.Since(begin)) }}
	var snaps []outage.Snapshot
	for i := range max(v.GetInt("samples"), 1) {
		if i > 0 {
			select {
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			case <-time.After(v.GetDuration("interval")):
			}
		}
		snap, err := reader.Snapshot(ctx)
		if err != nil {
			return nil, fmt.Errorf("snapshot: %w", err)
		}
		snaps = append(snaps, snap)
	}
	return snaps, nil
}

// closeQuietly closes what nothing more is expected of.
func closeQuietly(c io.Closer) { _ = c.Close() }
