package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"spillway/report"
	"spillway/scenarios"
)

func listCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list [GLOB...]",
		Short:   "List the scenarios of the catalogue",
		Example: "  spillway list\n  spillway list 'connection-*' -o json",
		RunE: func(cmd *cobra.Command, args []string) error {
			v, err := settings(cmd)
			if err != nil {
				return err
			}
			picked, err := selection(v, args)
			if err != nil {
				return err
			}
			if v.GetString("format") == "json" {
				return report.Encode(cmd.OutOrStdout(), picked)
			}
			columns := 0 // a pipe gets a scenario a line
			if isTerminal(os.Stdout) {
				columns = width(os.Stdout)
			}
			return list(cmd.OutOrStdout(), picked, columns)
		},
		ValidArgsFunction: scenarioNames,
	}
	fileFlag(cmd)
	cmd.Flags().StringP("format", "o", "text", "text or json")
	oneOf(cmd, "format", "text", "json")
	return cmd
}

// list writes a table whose last column is wrapped to fit into so many columns; 0 wraps nothing.
func list(out io.Writer, picked []scenarios.Scenario, columns int) error {
	name, cause := len("SCENARIO"), len("EXPECTS")
	for _, s := range picked {
		name, cause = max(name, len(s.Name)), max(cause, len(s.Expect.Cause))
	}
	var b strings.Builder
	row := func(first, second, text string) {
		fmt.Fprintf(&b, "%-*s  %-*s  %s\n", name, first, cause, second, text)
	}
	row("SCENARIO", "EXPECTS", "WHAT")
	for _, s := range picked {
		lines := []string{report.Clean(s.Description, 0)}
		if columns > 0 {
			lines = wrap(lines[0], max(columns-name-cause-4, 20))
		}
		row(s.Name, string(s.Expect.Cause), lines[0])
		for _, line := range lines[1:] {
			row("", "", line)
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// wrap breaks text between words, into at least one line.
func wrap(text string, columns int) []string {
	lines := []string{""}
	for _, word := range strings.Fields(text) {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case utf8.RuneCountInString(*last)+1+utf8.RuneCountInString(word) <= columns:
			*last += " " + word
		default:
			lines = append(lines, word)
		}
	}
	return lines
}
