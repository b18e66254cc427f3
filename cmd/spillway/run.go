package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/viper"
	"golang.org/x/sync/errgroup"

	"spillway/assert"
	"spillway/harness"
	"spillway/outage"
	"spillway/report"
	"spillway/rig"
	"spillway/scenarios"
)

func runCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run [GLOB...]",
		Short: "Run scenarios on a real Redis and judge them",
		Long: `Run starts each scenario's Redis, drives its fleet into the outage, lets the
responder answer and judges what happened. Exit codes: 0 every check passed,
1 a check failed, 2 wrong usage or catalogue, 3 inconclusive or the rig broke.`,
		Example: `  spillway run                                        # the whole catalogue
  spillway run connection-leak --out out              # one scenario, its history kept
  spillway run --control                              # must stay broken without a remedy
  spillway run connection-leak --responder exec:examples/runbooks/corrected.sh
  spillway run connection-leak --responder human      # a game day`,
		RunE: runRun,
	}
	fileFlag(cmd)
	outputFlags(cmd)
	f := cmd.Flags()
	f.StringSlice("only", nil, "run the scenarios whose names match these globs")
	f.Int("parallel", 4, "scenarios that run at the same time")
	f.String("target", "", "container or process (default: container where a Docker daemon answers, else process)")
	f.String("image", "", "Redis image for every scenario, instead of the one it names")
	f.String("responder", "", "who answers the outage: spillway, none, exec:PATH or human (default: as the scenario says)")
	f.Bool("control", false, "run with no responder: each outage must stay")
	f.Int64("seed", 1, "seed of everything random, written to the report")
	f.String("out", "", "keep a history of each scenario in this folder")
	f.Duration("patience", 10*time.Minute, "how long the human responder has")
	return cmd
}

func runRun(cmd *cobra.Command, args []string) error {
	v, err := settings(cmd)
	if err != nil {
		return err
	}
	_, picked, err := selection(v, args)
	if err != nil {
		return err
	}
	if picked, err = applySettings(v, picked); err != nil {
		return err
	}
	if err := checkOutput(v); err != nil {
		return err
	}
	runner, closeRunner, err := newRunner(cmd.Context(), v)
	if err != nil {
		return err
	}
	defer closeRunner()
	progress := report.NewProgress(os.Stderr, isTerminal(os.Stderr) && !v.GetBool("quiet"), width(os.Stderr))
	runner.Progress = func(s harness.Status) { progress.Update(report.Status(s)) }
	runner.Say = func(text string) { fmt.Fprintln(os.Stderr, text) }
	results, err := runAll(cmd.Context(), v, runner, picked, progress)
	progress.Close()
	if err != nil {
		return err
	}
	return deliver(cmd, v, results)
}

// applySettings overrides what flags and environment override in the scenarios.
func applySettings(v *viper.Viper, picked []scenarios.Scenario) ([]scenarios.Scenario, error) {
	responder := v.GetString("responder")
	control := v.GetBool("control")
	if control {
		if responder != "" && responder != "none" {
			return nil, usage("--control runs with responder none", "leave --responder out")
		}
		responder = "none"
		picked = slices.DeleteFunc(slices.Clone(picked), func(s scenarios.Scenario) bool { return !assert.HasControl(s) })
		if len(picked) == 0 {
			return nil, usage("none of these scenarios expects an outage, so there is nothing to control", "spillway list shows which do")
		}
	}
	if err := checkResponder(responder); err != nil {
		return nil, err
	}
	if name, path, ok := strings.Cut(responder, ":"); ok && name == "exec" {
		abs, err := filepath.Abs(path)
		if err != nil {
			return nil, err
		}
		responder = "exec:" + abs
	}
	for i := range picked {
		if responder != "" {
			picked[i].Responder = responder
		}
		if image := v.GetString("image"); image != "" {
			picked[i].Redis.Image = image
		}
	}
	return picked, nil
}

// checkResponder refuses what no run could use, before anything is started.
func checkResponder(responder string) error {
	name, path, _ := strings.Cut(responder, ":")
	switch {
	case responder == "", responder == "spillway", responder == "none", responder == "human":
		return nil
	case name == "exec":
		info, err := os.Stat(path)
		if err != nil {
			return usage("--responder "+responder+": "+err.Error(), "exec: takes the path of an executable")
		}
		if info.IsDir() || info.Mode()&0o111 == 0 {
			return usage("--responder "+responder+": not an executable", "chmod +x "+path)
		}
		return nil
	}
	return usage(fmt.Sprintf("unknown responder %q", responder), "spillway, none, exec:PATH or human")
}

// newRunner connects to Docker, or settles for processes of this machine, and removes what killed runs left.
func newRunner(ctx context.Context, v *viper.Viper) (*harness.Runner, func(), error) {
	runner := &harness.Runner{Seed: v.GetInt64("seed"), Version: version, Patience: v.GetDuration("patience")}
	target := v.GetString("target")
	switch target {
	case "process":
		return runner, func() {}, nil
	case "", "container":
	default:
		return nil, nil, usage(fmt.Sprintf("unknown target %q", target), "container or process")
	}
	docker, err := rig.ConnectDocker(ctx, func(text string) { fmt.Fprintln(os.Stderr, text) })
	if errors.Is(err, rig.ErrNoDocker) && target == "" {
		if _, none := rig.NewProcesses(""); none != nil {
			return nil, nil, &exit{exitInconclusive, "no Docker daemon answers, and " + none.Error(),
				"start Docker, or install redis-server (apt-get install redis-server) and use --target process"}
		}
		fmt.Fprintln(os.Stderr, "no Docker daemon answers: running redis-server of this machine (--target process)")
		return runner, func() {}, nil
	}
	if err != nil {
		return nil, nil, &exit{exitInconclusive, err.Error(), "start Docker, or use --target process with a redis-server on PATH"}
	}
	runner.Docker = docker
	removed, _, err := docker.Clean(ctx)
	for _, l := range removed {
		fmt.Fprintln(os.Stderr, "removed what a killed run left:", l)
	}
	return runner, func() { _ = docker.Close() }, err
}

// runAll runs the scenarios side by side and judges each. A scenario whose rig broke is judged too: inconclusive.
func runAll(ctx context.Context, v *viper.Viper, runner *harness.Runner, picked []scenarios.Scenario, progress *report.Progress) ([]assert.Result, error) {
	results := make([]assert.Result, len(picked))
	var group errgroup.Group
	group.SetLimit(max(v.GetInt("parallel"), 1))
	for i, s := range picked {
		group.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			h, err := runner.Run(ctx, s)
			if ctx.Err() != nil {
				return errors.Join(ctx.Err(), saveHistory(v.GetString("out"), s.Name, h))
			}
			results[i] = judge(s, h)
			if err != nil && results[i].Outcome == assert.Pass {
				results[i].Outcome = assert.Inconclusive
				results[i].Notes = append(results[i].Notes, err.Error())
			}
			progress.Done(s.Name, results[i].Outcome)
			return saveHistory(v.GetString("out"), s.Name, h)
		})
	}
	return results, group.Wait()
}

func judge(s scenarios.Scenario, h outage.History) assert.Result {
	if s.Responder == "none" {
		return assert.Control(s, h)
	}
	return assert.Check(s, h)
}

// saveHistory keeps what was seen, also of a run that broke.
func saveHistory(dir, name string, h outage.History) error {
	if dir == "" {
		return nil
	}
	folder := filepath.Join(dir, name)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("keep history: %w", err)
	}
	f, err := os.Create(filepath.Join(folder, historyFile))
	if err != nil {
		return fmt.Errorf("keep history: %w", err)
	}
	return errors.Join(h.Write(f), f.Close())
}
