package main

import (
	"fmt"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "spillway",
		Short: "Rehearse `ERR max number of clients reached` until it holds no surprise",
		Long: `Spillway rehearses one outage of Redis: clients refused with
"ERR max number of clients reached". A scenario starts a real Redis, drives leaky
and pooled clients against it until they are refused, and asserts that the
diagnosis names the cause and the culprit, and that the remedy clears the outage,
keeps it cleared and harms nobody. Diagnosis and remedy work on any Redis.`,
		Example: `  spillway run                              # the whole catalogue, on containers
  spillway run --only connection-leak       # one scenario
  spillway diagnose redis://10.0.0.5:6379   # a Redis in trouble
  spillway remedy redis://10.0.0.5:6379     # what to do about it (dry run)`,
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          noVerb,
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage(err.Error(), nearestFlag(cmd, err))
	})
	root.AddCommand(
		runCommand(), listCommand(), showCommand(), validateCommand(), schemaCommand(), judgeCommand(),
		diagnoseCommand(), remedyCommand(), cleanCommand(), roleCommand(),
	)
	return root
}

// noVerb answers a call without a verb, or with one that does not exist.
func noVerb(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	hint := "spillway --help lists the verbs"
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return usage(fmt.Sprintf("unknown verb %q", args[0]), hint)
}

// nearestFlag finds the flag that was probably meant.
func nearestFlag(cmd *cobra.Command, err error) string {
	_, wrong, found := strings.Cut(err.Error(), "unknown flag: --")
	if !found {
		return fmt.Sprintf("%s --help lists the flags", cmd.CommandPath())
	}
	best, distance := "", 4
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if d := levenshtein.Distance(wrong, f.Name, nil); d < distance {
			best, distance = f.Name, d
		}
	})
	if best == "" {
		return fmt.Sprintf("%s --help lists the flags", cmd.CommandPath())
	}
	return "did you mean --" + best + "?"
}

// exactArgs is cobra.ExactArgs with our exit code.
func exactArgs(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return usage(fmt.Sprintf("%s takes %s", cmd.CommandPath(), what), cmd.CommandPath()+" --help has an example")
		}
		return nil
	}
}
