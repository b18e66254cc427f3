package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"spillway/assert"
	"spillway/outage"
)

// historyFile is what --out DIR keeps of each scenario, in a folder of its name.
const historyFile = "history.jsonl"

func judgeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "judge DIR|FILE",
		Short: "Judge saved histories again, without Docker",
		Long: `Judge reads what 'spillway run --out DIR' kept and reaches the same verdicts. Each
history carries the scenario as it was run, so no catalogue is needed.`,
		Example: `  spillway run --out out
  spillway judge out
  spillway judge out/connection-leak/history.jsonl -o json`,
		Args: exactArgs(1, "the folder that --out named, or one history"),
		RunE: runJudge,
	}
	outputFlags(cmd)
	return cmd
}

func runJudge(cmd *cobra.Command, args []string) error {
	v, err := settings(cmd)
	if err != nil {
		return err
	}
	paths, err := histories(args[0])
	if err != nil {
		return err
	}
	if err := checkOutput(v); err != nil {
		return err
	}
	var results []assert.Result
	var broken []error
	for _, path := range paths {
		r, err := judgeFile(path)
		if err != nil {
			broken = append(broken, fmt.Errorf("%s: %w", path, err))
			continue
		}
		results = append(results, r)
	}
	if len(broken) > 0 && len(results) > 0 {
		_ = deliver(cmd, v, results) // its exit code does not count: not everything was judged
	}
	if len(broken) > 0 {
		return usage(errors.Join(broken...).Error(), "spillway run --out writes histories; this is not what it wrote")
	}
	return deliver(cmd, v, results)
}

// histories finds the history files of a folder, or takes the one file it names.
func histories(dir string) ([]string, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, usage(err.Error(), "name the folder that --out named")
	}
	if !info.IsDir() {
		return []string{dir}, nil
	}
	var paths []string
	for _, pattern := range []string{historyFile, "*/" + historyFile} {
		found, err := fs.Glob(os.DirFS(dir), pattern)
		if err != nil {
			return nil, err
		}
		for _, name := range found {
			paths = append(paths, filepath.Join(dir, name))
		}
	}
	if len(paths) == 0 {
		return nil, usage(fmt.Sprintf("no %s in %s or its folders", historyFile, dir), "spillway run --out DIR writes them")
	}
	slices.Sort(paths)
	return paths, nil
}

func judgeFile(path string) (assert.Result, error) {
	f, err := os.Open(path)
	if err != nil {
		return assert.Result{}, err
	}
	defer closeQuietly(f)
	h, err := outage.ReadHistory(f)
	if err != nil {
		return assert.Result{}, err
	}
	return assert.Judge(h)
}
