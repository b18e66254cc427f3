package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v4"

	"spillway/scenarios"
)

func showCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show NAME",
		Short: "Show a scenario with its defaults filled in",
		Long: `Show prints a scenario as it would be run. The output is a catalogue of its own: a
good beginning for one that you write.`,
		Example: `  spillway show connection-leak
  spillway show connection-leak > mine.yaml; spillway run --file mine.yaml`,
		Args: exactArgs(1, "the name of one scenario"),
		RunE: func(cmd *cobra.Command, args []string) error {
			v, err := settings(cmd)
			if err != nil {
				return err
			}
			picked, err := selection(v, args)
			if err != nil {
				return err
			}
			return show(cmd, picked)
		},
		ValidArgsFunction: one(scenarioNames),
	}
	fileFlag(cmd)
	return cmd
}

func show(cmd *cobra.Command, picked []scenarios.Scenario) error {
	out := cmd.OutOrStdout()
	for _, s := range picked {
		fmt.Fprintf(out, "# %s, from %s:%d\n", s.Name, s.File, s.Line)
	}
	enc := yaml.NewEncoder(out)
	enc.SetIndent(2)
	if err := enc.Encode(scenarios.Catalogue{Version: 1, Scenarios: picked}); err != nil {
		return err
	}
	return enc.Close()
}

func validateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "validate [FILE]",
		Short:   "Check a catalogue and report every mistake with its line",
		Example: "  spillway validate scenarios.yaml",
		RunE: func(cmd *cobra.Command, args []string) error {
			v, err := settings(cmd)
			if err != nil {
				return err
			}
			if len(args) > 1 || len(args) == 1 && cmd.Flags().Changed("file") {
				return usage("validate takes one file", "call it once for each")
			}
			if len(args) == 1 {
				v.Set("file", args[0])
			}
			c, err := catalogue(v)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %s, no mistakes\n", c.File, count(len(c.Scenarios), "scenario"))
			return nil
		},
		ValidArgsFunction: one(cobra.FixedCompletions([]string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt)),
	}
	fileFlag(cmd)
	return cmd
}

func schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "schema",
		Short:   "Print the JSON Schema of a catalogue",
		Example: "  spillway schema > scenarios.schema.json",
		Args:    exactArgs(0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			schema, err := scenarios.Schema()
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(schema)
			return err
		},
	}
}
