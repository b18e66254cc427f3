package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v4"

	"spillway/scenarios"
)

func listCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list [GLOB...]",
		Short:   "List the scenarios of the catalogue",
		Example: "  spillway list\n  spillway list 'connection-*' --format json",
		RunE: func(cmd *cobra.Command, args []string) error {
			v, err := settings(cmd)
			if err != nil {
				return err
			}
			_, picked, err := selection(v, args)
			if err != nil {
				return err
			}
			switch format := v.GetString("format"); format {
			case "json":
				return json.NewEncoder(cmd.OutOrStdout()).Encode(picked)
			case "text":
				return list(cmd, picked)
			default:
				return usage(fmt.Sprintf("unknown format %q", format), "text or json")
			}
		},
	}
	fileFlag(cmd)
	cmd.Flags().String("format", "text", "text or json")
	return cmd
}

func list(cmd *cobra.Command, picked []scenarios.Scenario) error {
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SCENARIO\tEXPECTS\tMAXCLIENTS\tWHAT")
	for _, s := range picked {
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\n", s.Name, s.Expect.Cause, s.Redis.MaxClients, s.Description)
	}
	return w.Flush()
}

func showCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "show NAME",
		Short:   "Show a scenario with its defaults filled in",
		Example: "  spillway show connection-leak",
		Args:    exactArgs(1, "the name of one scenario"),
		RunE: func(cmd *cobra.Command, args []string) error {
			v, err := settings(cmd)
			if err != nil {
				return err
			}
			_, picked, err := selection(v, args)
			if err != nil {
				return err
			}
			enc := yaml.NewEncoder(cmd.OutOrStdout())
			enc.SetIndent(2)
			for _, s := range picked {
				fmt.Fprintf(cmd.OutOrStdout(), "# %s:%d\n", s.File, s.Line)
				if err := enc.Encode(s); err != nil {
					return err
				}
			}
			return enc.Close()
		},
	}
	fileFlag(cmd)
	return cmd
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
			if len(args) > 1 {
				return usage("validate takes one file", "")
			}
			if len(args) == 1 {
				v.Set("file", args[0])
			}
			c, err := catalogue(v)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %d scenarios, no mistakes\n", c.File, len(c.Scenarios))
			return nil
		},
	}
	fileFlag(cmd)
	return cmd
}

func schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "schema",
		Short:   "Print the JSON Schema of a catalogue",
		Example: "  spillway schema > scenarios.schema.json",
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
