package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/viper"

	"spillway/observe"
	"spillway/outage"
	"spillway/remedy"
)

// makeRoom frees a slot from the server's own machine and returns the connection that took it. Without --apply it says how, and that is
// the end.
func makeRoom(cmd *cobra.Command, v *viper.Viper, url string, shut *locked, mode string) (*observe.Conn, error) {
	out := shut.outside
	if err := out.complete(cmd.Context()); err != nil {
		return nil, &exit{exitInconclusive, "from outside: " + err.Error(), "run it as root on the machine of Redis; nothing was changed"}
	}
	plan := remedy.Outside(out.diagnosis(), out.last, narrowed(cmd, v))
	for _, a := range plan.Actions {
		if a.Kind == outage.ResetSockets {
			out.reach(a.Commands)
		}
	}
	switch {
	case len(plan.Actions) == 0:
		return nil, &exit{exitInconclusive, shut.text, strings.Join(plan.Warnings, "; ") + "; nothing was changed"}
	case mode == "apply":
		return freeSlot(cmd, v, url, out, plan)
	case mode == "print":
		return nil, printCommands(cmd, plan)
	}
	json := v.GetString("format") == "json"
	if err := showPlan(cmd, plan, json); err != nil {
		return nil, err
	}
	if !json {
		fmt.Fprintln(os.Stderr, "\n"+dryRun(service(v)))
	}
	return nil, &exit{code: exitFail}
}

// freeSlot carries the plan out until it has a slot.
func freeSlot(cmd *cobra.Command, v *viper.Viper, url string, out *outside, plan outage.Plan) (conn *observe.Conn, err error) {
	o, err := address(cmd, v, url)
	if err != nil {
		return nil, err
	}
	path := strings.TrimSuffix(journalPath(v), ".jsonl") + ".outside.jsonl"
	journal, err := newJournal(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, journal.Close()) }()
	fmt.Fprintf(os.Stderr, "journal: %s (what was reset; it cannot be undone)\n", path)
	a := remedy.Applier{
		Sockets: out.host, Journal: journal,
		Now:    func() outage.Duration { return outage.Duration(out.sinceStart()) },
		Report: func(done outage.Action) { say(cmd, v, done) },
		Enough: func(ctx context.Context) bool {
			conn = snatch(ctx, o)
			return conn != nil
		},
	}
	actions, err := a.Apply(cmd.Context(), plan)
	if err = conclude(cmd, v, actions, err); err == nil && conn == nil {
		err = &exit{exitFail, "no slot came free for Spillway: others take each one that does", "stop the client that holds most slots; spillway diagnose --pid names its host"}
	}
	if err != nil && conn != nil {
		closeQuietly(conn)
		conn = nil
	}
	return conn, err
}

// A slot that comes free is fought for: among 50 that wait, tries 5 ms apart won it in 0.2 s, and tries 50 ms apart in 2 s.
const (
	snatchEvery = 5 * time.Millisecond
	snatchFor   = 300 * time.Millisecond
)

// snatch tries for the slot that was just freed; nil when another took it.
func snatch(ctx context.Context, o observe.Options) *observe.Conn {
	for over := time.Now().Add(snatchFor); ; {
		conn, err := observe.Dial(ctx, o)
		if err == nil {
			return conn
		}
		if !maybeFull(err) || time.Now().After(over) || sleepFor(ctx, snatchEvery) != nil {
			return nil
		}
	}
}
