package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/viper"

	"spillway/diagnose"
	"spillway/observe"
	"spillway/outage"
	"spillway/remedy"
)

func remedyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "remedy URL",
		Short: "Say what to do about it, and do it with --apply",
		Long: `Remedy diagnoses a live Redis and plans what to do. Without --apply it is a dry
run: it prints the plan and changes nothing. With --apply it re-checks each victim
at the moment of the kill and writes a journal, from which --undo restores the
settings. It closes only connections that the diagnosis has evidence against.
Exit codes: 0 nothing to do, or done; 1 a plan that was not applied, or an action
that Redis refused; 2 wrong usage; 3 cannot tell.`,
		Example: `  spillway remedy redis://10.0.0.5:6379                  # dry run
  spillway remedy redis://10.0.0.5:6379 --print          # bare commands, for copying
  spillway remedy redis://10.0.0.5:6379 --apply --journal incident.jsonl
  spillway remedy redis://10.0.0.5:6379 --undo incident.jsonl`,
		Args: exactArgs(1, "one redis:// URL"),
		RunE: runRemedy,
	}
	liveFlags(cmd)
	f := cmd.Flags()
	f.Bool("apply", false, "carry the plan out")
	f.Bool("print", false, "print bare commands and nothing else")
	f.String("undo", "", "restore the settings that this journal says were changed")
	f.String("journal", "", "where --apply writes what it changes (default: spillway-TIME.jsonl in this folder)")
	f.Duration("idle-over", 0, "spare connections that were idle for less (default: by cause)")
	f.Int("max", 0, "close at most so many connections, the oldest first (0: no bound)")
	cmd.MarkFlagsMutuallyExclusive("apply", "print", "undo")
	return cmd
}

func runRemedy(cmd *cobra.Command, args []string) error {
	v, err := settings(cmd)
	if err != nil {
		return err
	}
	conn, err := hold(cmd.Context(), v, args[0])
	if err != nil {
		return err
	}
	defer closeQuietly(conn)
	if journal := v.GetString("undo"); journal != "" {
		return undo(cmd, conn, journal)
	}
	snaps, err := sample(cmd.Context(), v, conn)
	if err != nil {
		return err
	}
	d := diagnose.Diagnose(snaps...)
	if len(d.Findings) == 0 {
		return nothingToDo(cmd, d)
	}
	plan := remedy.Plan(d, snaps[len(snaps)-1], remedy.Options{
		IdleOver: outage.Duration(v.GetDuration("idle-over")), MaxVictims: v.GetInt("max"),
	})
	switch {
	case v.GetBool("apply"):
		return apply(cmd, v, conn, plan)
	case v.GetBool("print"):
		for _, line := range remedy.Commands(plan) {
			fmt.Fprintln(cmd.OutOrStdout(), line)
		}
	case v.GetString("format") == "json":
		if err := json.NewEncoder(cmd.OutOrStdout()).Encode(plan); err != nil {
			return err
		}
	default:
		remedy.Print(cmd.OutOrStdout(), plan)
		fmt.Fprintln(os.Stderr, "\nThis was a dry run: nothing was changed. --apply carries it out.")
	}
	return &exit{code: exitFail}
}

// nothingToDo tells a healthy Redis from one that could not be read.
func nothingToDo(cmd *cobra.Command, d outage.Diagnosis) error {
	if len(d.Unsure) > 0 {
		return &exit{exitInconclusive, "cannot tell: " + d.Unsure[0], "spillway diagnose says more"}
	}
	fmt.Fprintf(cmd.OutOrStdout(), "nothing is wrong: %d of %d connections\n", d.Slots, d.MaxClients)
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
		Report: func(done outage.Action) { say(cmd, done) },
	}
	actions, err := a.Apply(cmd.Context(), plan)
	fmt.Fprintf(os.Stderr, "journal: %s (spillway remedy URL --undo %s restores the settings)\n", path, path)
	if err != nil {
		return err
	}
	return outcomeOfActions(actions)
}

func undo(cmd *cobra.Command, conn *observe.Conn, path string) error {
	journal, err := os.Open(path)
	if err != nil {
		return usage(err.Error(), "--undo names a journal that --apply wrote")
	}
	defer closeQuietly(journal)
	actions, err := remedy.Undo(cmd.Context(), conn, journal)
	for _, done := range actions {
		say(cmd, done)
	}
	if err != nil {
		return err
	}
	return outcomeOfActions(actions)
}

func say(cmd *cobra.Command, a outage.Action) {
	fmt.Fprintf(cmd.OutOrStdout(), "%-8s %-18s %s\n", a.State, a.Kind, a.Result)
}

func outcomeOfActions(actions []outage.Action) error {
	for _, a := range actions {
		if a.State == outage.Errored {
			return &exit{exitFail, fmt.Sprintf("%s was refused: %s", a.Kind, a.Result), ""}
		}
	}
	return nil
}
