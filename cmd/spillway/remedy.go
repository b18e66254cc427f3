package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

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
that Redis refused; 2 wrong usage; 3 cannot tell.

With --cluster or a redis+sentinel:// URL there is a plan for each node, and a
journal for each in a folder, which --undo takes. A node of which it is not at
least half sure is left alone, and so is every Sentinel.`,
		Example: `  spillway remedy redis://10.0.0.5:6379                  # dry run
  spillway remedy redis://10.0.0.5:6379 --print          # bare commands, to copy
  spillway remedy redis://10.0.0.5:6379 --apply --journal incident.jsonl
  spillway remedy redis://10.0.0.5:6379 --undo incident.jsonl
  spillway remedy redis://10.0.0.5:6379 --cluster --apply --journal incident`,
		Args:              exactArgs(1, "one redis:// URL"),
		RunE:              runRemedy,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	liveFlags(cmd)
	clusterFlag(cmd)
	f := cmd.Flags()
	f.Bool("apply", false, "carry the plan out")
	f.Bool("print", false, "print bare commands and nothing else")
	f.String("undo", "", "restore the settings that this journal says were changed")
	f.String("journal", "", "where --apply writes what it changes (default: spillway-TIME.jsonl in this folder)")
	f.Duration("idle-over", 0, "spare connections that were idle for less (default: by cause)")
	f.Int("max", 0, "close at most so many connections, of each node, the oldest first (0: no bound)")
	between(cmd, "max", 0, 1_000_000)
	atLeast(cmd, "idle-over", 0)
	return cmd
}

func runRemedy(cmd *cobra.Command, args []string) error {
	v, err := settings(cmd)
	if err != nil {
		return err
	}
	mode, err := remedyMode(cmd)
	if err != nil {
		return err
	}
	if mode == "apply" {
		if err := checkJournal(v); err != nil {
			return err
		}
	}
	if d, err := deploymentOf(cmd, v, args[0]); err != nil {
		return err
	} else if d != nil {
		defer d.close()
		return remedyNodes(cmd, v, d, mode)
	}
	if mode == "undo" {
		return undo(cmd, v, args[0])
	}
	conn, err := hold(cmd, v, args[0])
	if err != nil {
		return err
	}
	defer closeQuietly(conn)
	return treat(cmd, v, conn, mode)
}

// remedyMode is what to do with the plan; empty prints it.
func remedyMode(cmd *cobra.Command) (string, error) {
	given := slices.DeleteFunc([]string{"apply", "print", "undo"}, func(name string) bool { return !cmd.Flags().Changed(name) })
	if len(given) > 1 {
		return "", usage("--"+strings.Join(given, " and --")+" exclude each other", "first look at the dry run, without any of them")
	}
	if cmd.Flags().Changed("journal") && !slices.Contains(given, "apply") {
		return "", usage("--journal is where --apply writes what it changes", "add --apply, or read a journal with --undo")
	}
	if len(given) == 0 || cmd.Flags().Lookup(given[0]).Value.String() == "false" {
		return "", nil
	}
	return given[0], nil
}

// treat diagnoses, plans, and prints the plan or carries it out.
func treat(cmd *cobra.Command, v *viper.Viper, conn *observe.Conn, mode string) error {
	snaps, err := sample(cmd.Context(), v, conn)
	if err != nil {
		return err
	}
	oneOfMany(snaps)
	d := diagnose.Diagnose(snaps...)
	plan := planned(v, d, snaps)
	json := v.GetString("format") == "json"
	switch {
	case len(d.Findings) == 0 && !healthy(d, snaps):
		return &exit{exitInconclusive, "cannot tell what is wrong: " + strings.Join(d.Unsure, "; "), "spillway diagnose says more; nothing was changed"}
	case len(d.Findings) == 0:
		fmt.Fprintf(os.Stderr, "nothing is wrong: %d of %d connections\n", d.Slots, d.MaxClients)
		if json {
			return writeJSON(cmd.OutOrStdout(), plan)
		}
		return nil
	case mode == "apply":
		return apply(cmd, v, conn, plan)
	case mode == "print":
		return printCommands(cmd, plan)
	case json:
		if err := writeJSON(cmd.OutOrStdout(), plan); err != nil {
			return err
		}
	default:
		if err := remedy.Print(cmd.OutOrStdout(), plan); err != nil {
			return err
		}
		fmt.Fprintln(os.Stderr, "\nThis was a dry run: nothing was changed. --apply carries it out.")
	}
	return &exit{code: exitFail}
}

// planned is what can be done, within what the flags allow.
func planned(v *viper.Viper, d outage.Diagnosis, snaps []outage.Snapshot) outage.Plan {
	return remedy.Plan(d, snaps[len(snaps)-1], remedy.Options{
		IdleOver: outage.Duration(v.GetDuration("idle-over")), MaxVictims: v.GetInt("max"),
	})
}

// printCommands prints what redis-cli can be fed with, and nothing else, on stdout.
func printCommands(cmd *cobra.Command, plan outage.Plan) error {
	commands := remedy.Commands(plan)
	for _, line := range commands {
		fmt.Fprintln(cmd.OutOrStdout(), line)
	}
	for _, a := range plan.Actions {
		if a.After > 0 {
			fmt.Fprintf(os.Stderr, "%d more are too young to be closed now: look again in %s\n", len(a.Victims), a.After.Std())
		}
	}
	if len(commands) == 0 {
		return &exit{exitFail, fmt.Sprintf("%s: there is no command for Redis in this plan", plan.Cause), "without --print the plan says what to do elsewhere"}
	}
	return &exit{code: exitFail}
}
