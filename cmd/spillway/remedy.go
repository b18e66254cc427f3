package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/viper"

	"spillway/diagnose"
	"spillway/observe"
	"spillway/outage"
	"spillway/profile"
	"spillway/remedy"
	"spillway/report"
)

func remedyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "remedy URL",
		Short: "Say what to do about it, and do it with --apply",
		Long: `Remedy diagnoses a live Redis and plans what to do. Without --apply it is a dry
run: it prints the plan and changes nothing. With --apply it re-checks each victim
at the moment of the kill and writes a journal, from which --undo restores the
settings; killed halfway, it can be undone from there, or run again with a journal
of its own: then undo the later one first. It closes only connections that the
diagnosis has evidence against, and --match-…, --ignore-…, --idle-over, --max and
--victims take some of them away. Of several --match-… each has to fit, of one that
is repeated any; --ignore-… wins. An expression that matches nothing is an error,
and never means all.
Where no slot is free, --out-of-band resets sockets on the machine of Redis, first
one, then two, four …, takes the first slot that this frees, and goes on from there.
Exit codes: 0 nothing to do, or done; 1 a plan that was not applied, or an action
that Redis refused; 2 wrong usage; 3 cannot tell.

With --cluster or a redis+sentinel:// URL there is a plan for each node, and a
journal for each in a folder, which --undo takes. A node of which it is not at
least half sure is left alone, and so is every Sentinel. An expression has to match
something on one of them; --max and --victims are for each.`,
		Example: `  spillway remedy redis://10.0.0.5:6379                  # dry run
  spillway remedy redis://10.0.0.5:6379 --print          # bare commands, to copy
  spillway remedy redis://10.0.0.5:6379 --match-name 'api-*' --max 50
  spillway remedy redis://10.0.0.5:6379 --apply --journal incident.jsonl
  spillway remedy redis://10.0.0.5:6379 --undo incident.jsonl
  spillway remedy redis://127.0.0.1 --pid 4711 --out-of-band --apply
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
	f.Bool("out-of-band", false, "with --pid: while no slot is free, reset sockets of the hosts that hold them, until one is")
	narrowFlags(cmd)
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
	if p := service(v); p.ReadOnly && (mode == "apply" || mode == "undo") {
		return usage(fmt.Sprintf("--profile %s changes nothing, and --%s does", p.Name, mode), "leave out one of them")
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
	if shut := (*locked)(nil); errors.As(err, &shut) && outOfBand(v) && maybeFull(shut.why) {
		conn, err = makeRoom(cmd, v, args[0], shut, mode)
	}
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
	if f := cmd.Flags(); f.Changed("out-of-band") {
		if f.Changed("cluster") {
			return "", usage("--out-of-band frees a slot of one Redis, and --cluster is for many", "name that node alone: redis://host:port --pid PID --out-of-band")
		}
		if !f.Changed("pid") {
			return "", usage("--out-of-band needs --pid", "the process of the server, on its own machine: --pid $(pgrep -o redis-server)")
		}
		if slices.Contains(given, "undo") {
			return "", usage("--undo and --out-of-band exclude each other", "closed connections stay closed; settings are restored through a slot")
		}
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
	d, last := diagnose.Diagnose(snaps...), &snaps[len(snaps)-1]
	plan, options, err := planned(cmd, v, conn, d, last)
	if err != nil {
		return err
	}
	json := v.GetString("format") == "json"
	switch {
	case len(d.Findings) == 0 && !healthy(d, snaps):
		tellUnread(*last)
		return &exit{exitInconclusive, "cannot tell what is wrong: " + strings.Join(d.Unsure, "; "), "spillway diagnose says more; nothing was changed"}
	case len(d.Findings) == 0:
		fmt.Fprintf(os.Stderr, "nothing is wrong: %d of %d connections\n", d.Slots, d.MaxClients)
		if json {
			return report.Encode(cmd.OutOrStdout(), plan)
		}
		return nil
	}
	if err := options.Select.Check(remedy.Server{Diagnosis: d, Clients: last.Clients}); err != nil {
		return matchless(err)
	}
	switch {
	case mode == "apply" && adviceOnly(plan, service(v), *last):
		if err := showPlan(cmd, plan, json); err != nil {
			return err
		}
		return &exit{exitFail, "nothing of this can be done from here, and nothing was changed", "the plan says who can"}
	case mode == "apply":
		tellUnread(*last)
		return apply(cmd, v, conn, plan, last.Clients, options.Self)
	case mode == "print":
		tellUnread(*last, "CONFIG", "CLIENT")
		return printCommands(cmd, plan)
	}
	if err := showPlan(cmd, plan, json); err != nil {
		return err
	}
	if !json {
		fmt.Fprintln(os.Stderr, "\n"+dryRun(service(v)))
	}
	return &exit{code: exitFail}
}

// planned is what can be done about d by whoever conn is logged in as, within what the flags allow.
func planned(cmd *cobra.Command, v *viper.Viper, conn *observe.Conn, d outage.Diagnosis, last *outage.Snapshot) (outage.Plan, remedy.Options, error) {
	options := narrowed(cmd, v)
	if len(d.Findings) > 0 {
		if err := observe.Rights(cmd.Context(), conn, last); err != nil {
			return outage.Plan{}, options, fmt.Errorf("what may be done here: %w", err)
		}
	}
	if id, err := conn.Do(cmd.Context(), "CLIENT", "ID"); err == nil { // what it does not tell is 0, for unknown
		options.Self, _ = id.(int64)
	}
	if p := service(v); p.Name != "" {
		options.Service = p
	}
	return remedy.Plan(d, *last, options), options, nil
}

func showPlan(cmd *cobra.Command, plan outage.Plan, json bool) error {
	if json {
		return report.Encode(cmd.OutOrStdout(), plan)
	}
	return remedy.Print(cmd.OutOrStdout(), plan)
}

func dryRun(p profile.Profile) string {
	if p.ReadOnly {
		return "Nothing was changed, and with --profile " + p.Name + " nothing can be."
	}
	return "This was a dry run: nothing was changed. --apply carries it out."
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
