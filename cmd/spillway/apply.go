package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/viper"

	"spillway/observe"
	"spillway/outage"
	"spillway/remedy"
)

// checkJournal refuses a journal that is there already before anything is asked of Redis.
func checkJournal(v *viper.Viper) error {
	path := v.GetString("journal")
	if path == "" {
		return nil
	}
	if _, err := os.Lstat(path); err == nil {
		return usage("journal "+path+" exists already", "--journal names another: one for each --apply; nothing was changed")
	}
	return nil
}

func apply(cmd *cobra.Command, v *viper.Viper, conn *observe.Conn, plan outage.Plan) (err error) {
	path := v.GetString("journal")
	if path == "" {
		path = "spillway-" + time.Now().Format("20060102-150405") + ".jsonl"
	}
	journal, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return usage(fmt.Sprintf("journal: %v", err), "--journal names another; nothing was changed")
	}
	defer func() { err = errors.Join(err, journal.Close()) }()
	begin := time.Now()
	a := remedy.Applier{
		Redis: conn, Journal: journal,
		Now:    func() outage.Duration { return outage.Duration(time.Since(begin)) },
		Report: func(done outage.Action) { say(cmd, v, done) },
	}
	actions, err := a.Apply(cmd.Context(), plan)
	fmt.Fprintf(os.Stderr, "journal: %s (spillway remedy URL --undo %s restores the settings)\n", path, path)
	return conclude(cmd, v, actions, err)
}

func undo(cmd *cobra.Command, v *viper.Viper, url string) error {
	path := v.GetString("undo")
	journal, err := os.Open(path)
	if err != nil {
		return usage(err.Error(), "--undo names a journal that --apply wrote")
	}
	defer closeQuietly(journal)
	conn, err := hold(cmd, v, url)
	if err != nil {
		return err
	}
	defer closeQuietly(conn)
	actions, err := remedy.Undo(cmd.Context(), conn, journal)
	if err != nil && len(actions) == 0 {
		return usage(fmt.Sprintf("%s: %v", path, err), "--undo names a journal that --apply wrote; nothing was changed")
	}
	for _, done := range actions {
		say(cmd, v, done)
	}
	if len(actions) == 0 {
		fmt.Fprintln(os.Stderr, "the journal has no change in it: there is nothing to undo")
	}
	return conclude(cmd, v, actions, err)
}

// say prints an action as it ends.
func say(cmd *cobra.Command, v *viper.Viper, a outage.Action) {
	if v.GetString("format") != "text" {
		return
	}
	if a.Kind == outage.Advise { // that it was said says nothing
		a.Result = a.Reason
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%-8s %-18s %s\n", a.State, a.Kind, a.Result)
	if a.Kind == outage.Advise {
		for _, c := range a.Commands {
			fmt.Fprintf(cmd.OutOrStdout(), "%28s%s\n", "", c)
		}
	}
}

// conclude turns what became of the actions into the exit code.
func conclude(cmd *cobra.Command, v *viper.Viper, actions []outage.Action, err error) error {
	if v.GetString("format") == "json" {
		err = errors.Join(err, writeJSON(cmd.OutOrStdout(), actions))
	}
	if err != nil {
		return err
	}
	for _, a := range actions {
		if a.State == outage.Errored {
			return &exit{exitFail, fmt.Sprintf("%s was refused: %s", a.Kind, a.Result), ""}
		}
	}
	return nil
}
