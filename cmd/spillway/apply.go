package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/viper"

	"spillway/observe"
	"spillway/outage"
	"spillway/remedy"
	"spillway/report"
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

// journalPath is where --apply writes.
func journalPath(v *viper.Viper) string {
	return cmp.Or(v.GetString("journal"), journalName()+".jsonl")
}

// journalName is what a journal is called unless told otherwise, without its ending.
func journalName() string { return "spillway-" + time.Now().Format("20060102-150405") }

// newJournal makes a journal, and never touches one that is there.
func newJournal(path string) (*os.File, error) {
	journal, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, usage(fmt.Sprintf("journal: %v", err), "--journal names another; nothing was changed")
	}
	syncFolder(path)
	return journal, nil
}

// syncFolder makes the name of a new file outlive a crash of the machine, where the system can do that.
func syncFolder(path string) {
	if folder, err := os.Open(filepath.Dir(path)); err == nil {
		_ = folder.Sync()
		closeQuietly(folder)
	}
}

// apply carries plan out. clients and self are the connections that there were, and which of them is conn.
func apply(cmd *cobra.Command, v *viper.Viper, conn *observe.Conn, plan outage.Plan, clients []outage.Client, self int64) (err error) {
	path := journalPath(v)
	journal, err := newJournal(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, journal.Close()) }()
	// Before the first change, since whoever is killed says nothing at the end.
	fmt.Fprintf(os.Stderr, "journal: %s (spillway remedy URL --undo %s restores the settings, also if this is cut off)\n", path, path)
	tellOthers("", clients, self)
	begin := time.Now()
	a := remedy.Applier{
		Redis: conn, Journal: journal,
		Now:    func() outage.Duration { return outage.Duration(time.Since(begin)) },
		Report: func(done outage.Action) { say(cmd, v, done) },
	}
	actions, err := a.Apply(cmd.Context(), plan)
	return conclude(cmd, v, actions, err)
}

func undo(cmd *cobra.Command, v *viper.Viper, url string) error {
	path := v.GetString("undo")
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return usage(path+" is a folder: the journals of many nodes", "add --cluster, or give the redis+sentinel:// URL; or name the journal of one node in it")
	}
	journal, err := readJournal(path)
	if err != nil {
		return err
	}
	conn, err := hold(cmd, v, url)
	if err != nil {
		return err
	}
	defer closeQuietly(conn)
	actions, err := journal.Undo(cmd.Context(), conn)
	for _, done := range actions {
		say(cmd, v, done)
	}
	if len(actions) == 0 && err == nil {
		fmt.Fprintln(os.Stderr, "the journal has no change in it: there is nothing to undo")
	}
	return conclude(cmd, v, actions, err)
}

// readJournal reads the journal before anything is asked of Redis, and tells where it was cut off.
func readJournal(path string) (remedy.Journal, error) {
	const hint = "--undo names a journal that --apply wrote; nothing was changed"
	file, err := os.Open(path)
	if err != nil {
		return remedy.Journal{}, usage(err.Error(), hint)
	}
	defer closeQuietly(file)
	journal, err := remedy.ReadJournal(file)
	if err != nil {
		return remedy.Journal{}, usage(fmt.Sprintf("%s: %v", path, err), hint)
	}
	if journal.Torn {
		fmt.Fprintf(os.Stderr, "%s ends in the middle of a line: it was cut off there, and what that line was about to say had not happened yet or is looked at again\n", path)
	}
	if a, ok := journal.Unfinished(); ok {
		fmt.Fprintf(os.Stderr, "%s was cut off in %s: whether that took effect is seen on the server\n", path, a.Kind)
	}
	return journal, nil
}

// tellOthers says which other remedies are at work; before names the node where there are many.
func tellOthers(before string, clients []outage.Client, self int64) {
	for _, other := range remedy.Others(clients, self) {
		complain("", before+other+": what it does first is gone, spared or set already when this plan comes to it")
	}
}

// say prints an action as it ends.
func say(cmd *cobra.Command, v *viper.Viper, a outage.Action) { sayOf(cmd, v, "", a) }

// sayOf prints an action of one node of many as it ends; node is empty for a single Redis.
func sayOf(cmd *cobra.Command, v *viper.Viper, node string, a outage.Action) {
	if v.GetString("format") != "text" {
		return
	}
	if a.Kind == outage.Advise { // that it was said says nothing
		a.Result = a.Reason
	}
	if node != "" {
		node = report.Clean(node, 0) + "  "
	}
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "%s%-8s %-18s %s\n", node, report.Clean(string(a.State), 0), report.Clean(string(a.Kind), 0), report.Clean(a.Result, 0))
	if a.Kind == outage.Advise {
		for _, c := range a.Commands {
			fmt.Fprintf(out, "%s%28s%s\n", node, "", report.Clean(c, 0))
		}
	}
}

// conclude turns what became of the actions into the exit code.
func conclude(cmd *cobra.Command, v *viper.Viper, actions []outage.Action, err error) error {
	if v.GetString("format") == "json" {
		err = errors.Join(err, report.Encode(cmd.OutOrStdout(), actions))
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
