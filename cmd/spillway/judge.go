package main

import (
	"fmt"
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
		Use:   "judge DIR",
		Short: "Judge saved histories again, without Docker",
		Long: `Judge reads what 'spillway run --out DIR' kept and reaches the same verdicts. Each
history carries the scenario as it was run, so no catalogue is needed.`,
		Example: "  spillway run --out out\n  spillway judge out",
		Args:    exactArgs(1, "the folder that --out named"),
		RunE: func(cmd *cobra.Command, args []string) error {
			v, err := settings(cmd)
			if err != nil {
				return err
			}
			paths, err := histories(args[0])
			if err != nil {
				return err
			}
			var results []assert.Result
			for _, path := range paths {
				r, err := judgeFile(path)
				if err != nil {
					return fmt.Errorf("%s: %w", path, err)
				}
				results = append(results, r)
			}
			return deliver(cmd, v, results)
		},
	}
	outputFlags(cmd)
	return cmd
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
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return nil, err
		}
		paths = append(paths, found...)
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
	defer f.Close()
	h, err := outage.ReadHistory(f)
	if err != nil {
		return assert.Result{}, err
	}
	return assert.Judge(h)
}
