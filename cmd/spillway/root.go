package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func rootCommand() *cobra.Command {
	cobra.EnableCommandSorting = false // the order below is the order of use
	root := &cobra.Command{
		Use:   "spillway",
		Short: "Rehearse `ERR max number of clients reached` until it holds no surprise",
		Long: `Spillway rehearses one outage of Redis: clients refused with
"ERR max number of clients reached". A scenario starts a real Redis, drives leaky
and pooled clients against it until they are refused, and asserts that the
diagnosis names the cause and the culprit, and that the remedy clears the outage,
keeps it cleared and harms nobody. Diagnosis and remedy work on any Redis.

Exit codes: 0 pass, 1 a check failed or a problem was found, 2 wrong usage or a bad
file, 3 inconclusive or the rig broke, 130 interrupted.
Each flag can be set by environment, too: SPILLWAY_SEED=7 is --seed 7. A flag beats
the environment, which beats the settings of a catalogue. The password of a live
Redis comes from --password-file, SPILLWAY_PASSWORD, REDISCLI_AUTH or its URL, in
this order, and that of the Sentinels of a redis+sentinel:// URL from
SPILLWAY_SENTINEL_PASSWORD, for SPILLWAY_SENTINEL_USER where they have users.`,
		Example: `  spillway run                              # the whole catalogue, on containers
  spillway run --only connection-leak       # one scenario
  spillway diagnose redis://10.0.0.5:6379   # a Redis in trouble
  spillway remedy redis://10.0.0.5:6379     # what to do about it (dry run)`,
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs, // so that an unknown verb comes to noVerb
		RunE:          noVerb,

		SuggestionsMinimumDistance: 2,
		CompletionOptions:          cobra.CompletionOptions{DisableDefaultCmd: true}, // it accepts any shell
	}
	root.SetFlagErrorFunc(flagError)
	root.SetHelpCommand(helpCommand())
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages ", ".FlagUsagesWrapped 80 "))
	group(root, "Rehearse the outage:", runCommand(), trialsCommand(), judgeCommand(), cleanCommand())
	group(root, "Write scenarios:", listCommand(), showCommand(), validateCommand(), schemaCommand())
	group(root, "A Redis in trouble:", diagnoseCommand(), remedyCommand(), watchCommand(), captureCommand())
	root.AddCommand(completionCommand(), roleCommand())
	return root
}

func group(root *cobra.Command, title string, verbs ...*cobra.Command) {
	root.AddGroup(&cobra.Group{ID: title, Title: title})
	for _, verb := range verbs {
		verb.GroupID = title
		root.AddCommand(verb)
	}
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

func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "help [VERB]",
		Short:   "Explain a verb",
		Example: "  spillway help diagnose",
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			verb, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return noVerb(root, args)
			}
			verb.InitDefaultHelpFlag()
			verb.InitDefaultVersionFlag()
			return verb.Help()
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			var verbs []string
			for _, verb := range cmd.Root().Commands() {
				if len(args) == 0 && verb.IsAvailableCommand() {
					verbs = append(verbs, cobra.CompletionWithDesc(verb.Name(), verb.Short))
				}
			}
			return verbs, cobra.ShellCompDirectiveNoFileComp
		},
	}
}

// flagError says what is wrong with a flag, and what was probably meant.
func flagError(cmd *cobra.Command, err error) error {
	if !cmd.HasParent() && cmd.Flags().NArg() > 0 {
		return noVerb(cmd, cmd.Flags().Args()) // the flag is unknown because the verb is
	}
	hint := cmd.CommandPath() + " --help lists the flags"
	var unknown *pflag.NotExistError
	var wrong *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown) && cmd.Flags().Lookup("tls-ca") != nil && spelledElsewhere[unknown.GetSpecifiedName()] != "":
		hint = "here it is " + spelledElsewhere[unknown.GetSpecifiedName()]
		if unknown.GetSpecifiedShortnames() != "" {
			return usage("unknown shorthand flag: -"+unknown.GetSpecifiedName(), hint) // what follows may be a password
		}
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "":
		if near := nearestFlag(cmd, unknown.GetSpecifiedName()); near != "" {
			hint = "did you mean --" + near + "?"
		}
	case errors.As(err, &wrong):
		return wrongValue("--"+wrong.GetFlag().Name, wrong.GetValue(), wrong.GetFlag(), wrong.Unwrap())
	}
	return usage(err.Error(), hint)
}

// nearestFlag finds the flag that was probably meant; it is empty when none is near.
func nearestFlag(cmd *cobra.Command, wrong string) string {
	best, distance := "", 4
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if d := levenshtein.Distance(wrong, f.Name, nil); d < min(distance, len(f.Name)) {
			best, distance = f.Name, d
		}
	})
	return best
}

// exactArgs is cobra.ExactArgs with our exit code.
func exactArgs(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return usage(fmt.Sprintf("%s takes %s", cmd.Name(), what), cmd.CommandPath()+" --help has an example")
		}
		return nil
	}
}
