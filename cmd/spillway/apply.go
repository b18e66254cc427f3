package main

import (
	"cmp"
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
	path := cmp.Or(v.GetString("journal"), journalName()+".jsonl")
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

// journalName is what a journal is called unless told otherwise, without its ending.
func journalName() string { return "spillway-" + time.Now().Format("20060102-150405") }

func undo(cmd *cobra.Command, v *viper.Viper, url string) error {
	path := v.GetString("undo")
	journal, err := os.Open(path)
	if err != nil {
		return usage(err.Error(), "--undo names a journal that --apply wrote")
	}
	defer closeQuietly(journal)
	if info, err := journal.Stat(); err == nil && info.IsDir() {
		return usage(path+" is a folder: the journals of many nodes", "add --cluster, or give the redis+sentinel:// URL; or name the journal of one node in it")
	}
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
	if v.GetString("format") == "text" {
		fmt.Fprintf(cmd.OutOrStdout(), "%-8s %-18s %s\n", a.State, a.Kind, a.Result)
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
