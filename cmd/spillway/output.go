package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/viper"
	"golang.org/x/term"

	"spillway/assert"
	"spillway/report"
)

func outputFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringP("format", "o", "text", "text, json or md")
	f.String("junit", "", "write a JUnit report to this file")
	f.BoolP("quiet", "q", false, "no progress on stderr")
	oneOf(cmd, "format", "text", "json", "md")
}

// checkOutput refuses files that could not be written, before a run whose results they are for.
func checkOutput(v *viper.Viper) error {
	if dir := v.GetString("out"); dir != "" {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return usage("--out: "+err.Error(), "name a folder that can be made")
		}
	}
	if path := v.GetString("junit"); path != "" {
		if err := writable(path); err != nil {
			return usage("--junit: "+err.Error(), "name a file in a folder that exists")
		}
	}
	return nil
}

// writable tries, and leaves everything as it was.
func writable(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err == nil {
		return errors.Join(f.Close(), os.Remove(path))
	}
	if errors.Is(err, os.ErrExist) {
		if f, err = os.OpenFile(path, os.O_WRONLY, 0o644); err == nil {
			return f.Close()
		}
	}
	return err
}

// deliver writes the results in every form that was asked for, and turns them into the exit code.
func deliver(cmd *cobra.Command, v *viper.Viper, results []assert.Result) error {
	out := cmd.OutOrStdout()
	var err error
	switch v.GetString("format") {
	case "json":
		err = report.JSON(out, results)
	case "md":
		err = report.Markdown(out, results)
	default:
		err = report.Text(out, results, report.Options{Color: color(), Width: width(os.Stdout)})
	}
	if err != nil {
		return err
	}
	if path := v.GetString("junit"); path != "" {
		if err := writeFile(path, func(w io.Writer) error {
			return report.JUnit(w, results, map[string]string{"judged by": "spillway " + version})
		}); err != nil {
			return err
		}
	}
	if os.Getenv("GITHUB_ACTIONS") == "true" {
		if err := github(cmd.ErrOrStderr(), results); err != nil {
			return err
		}
	}
	return outcomeOf(results)
}

func outcomeOf(results []assert.Result) error {
	var all []assert.Outcome
	for _, r := range results {
		all = append(all, r.Outcome)
	}
	switch assert.Merge(all...) {
	case assert.Pass:
		return nil
	case assert.Fail:
		return &exit{code: exitFail}
	}
	return &exit{code: exitInconclusive}
}

// github writes annotations beside the results, which may be JSON, and a summary where the runner has a file for it.
func github(out io.Writer, results []assert.Result) error {
	if err := report.GitHub(out, results); err != nil {
		return err
	}
	path := os.Getenv("GITHUB_STEP_SUMMARY")
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("write step summary: %w", err)
	}
	defer f.Close()
	return report.Markdown(f, results)
}

func writeFile(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		_ = f.Close()
		return fmt.Errorf("write %s: %w", path, err)
	}
	return f.Close()
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

func color() bool { return isTerminal(os.Stdout) && os.Getenv("NO_COLOR") == "" }

// width is the width of a terminal, or 100 columns where there is none.
func width(f *os.File) int {
	if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
		return w
	}
	return 100
}
