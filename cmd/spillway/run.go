package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/viper"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"spillway/assert"
	"spillway/harness"
	"spillway/outage"
	"spillway/scenarios"
)

func runCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run [GLOB...]",
		Short: "Run scenarios on a real Redis and judge them",
		Long: `Run starts each scenario's Redis, drives its fleet into the outage, lets the
responder answer and judges what happened. Exit codes: 0 every check passed,
1 a check failed, 2 wrong usage or catalogue, 3 inconclusive or the rig broke.

--replay DIR makes a scenario of an incident that was captured, or saved by hand
with redis-cli: the same services and counts, scaled to the machine, and the same
finding expected. What a capture does not tell is assumed, and said. Of a folder of
many nodes, each node in trouble becomes one. --show prints what would be run:
save it as a catalogue, and edit it.`,
		Example: `  spillway run                                     # the whole catalogue
  spillway run connection-leak --out out           # one scenario, history kept
  spillway run --control                           # must stay broken unremedied
  spillway run connection-leak --responder exec:examples/runbooks/corrected.sh
  spillway run --responder human --seed 7          # a game day: some outage
  spillway run --replay incident                   # what spillway capture saved
  spillway run --replay incident --show > mine.yaml
  spillway run --parallel 2 --settings             # what is in force, and why`,
		RunE:              runRun,
		ValidArgsFunction: scenarioNames,
	}
	fileFlag(cmd)
	outputFlags(cmd)
	f := cmd.Flags()
	f.StringSlice("only", nil, "run the scenarios whose names match these globs")
	f.String("replay", "", "run what was captured in this folder, instead of a catalogue")
	f.Bool("show", false, "with --replay: print the scenarios and run nothing")
	f.Int("parallel", 4, "scenarios that run at the same time; one of 5,000 slots runs alone")
	f.String("target", "", "container or process (default: container where a Docker daemon answers, else process)")
	f.String("image", "", "Redis image for every scenario, instead of the one it names")
	f.String("responder", "", "who answers the outage: spillway, none, exec:PATH or human (default: as the scenario says)")
	f.Bool("control", false, "run with no responder: each outage must stay")
	f.Int64("seed", 1, "seed of everything random, written to the report")
	f.String("out", "", "keep a history of each scenario in this folder")
	f.Duration("patience", 10*time.Minute, "how long the human responder has")
	f.Bool("settings", false, "print each setting in force and where it comes from, and run nothing")
	between(cmd, "parallel", 1, 64)
	atLeast(cmd, "patience", time.Second)
	oneOf(cmd, "target", "container", "process")
	notEmpty(cmd, "only", "a scenario's name or a glob; leave --only out to run all")
	complete(cmd, "only", scenarioNames)
	complete(cmd, "responder", responders)
	complete(cmd, "out", folders)
	complete(cmd, "replay", folders)
	return cmd
}

func runRun(cmd *cobra.Command, args []string) error {
	v, err := settings(cmd)
	if err != nil {
		return err
	}
	picked, replayed, err := chosen(cmd, v, args)
	if err != nil {
		return err
	}
	if show, _ := cmd.Flags().GetBool("show"); show {
		_, err := cmd.OutOrStdout().Write(replayed)
		return err
	}
	if picked, err = override(v, picked); err != nil {
		return err
	}
	if settings, _ := cmd.Flags().GetBool("settings"); settings {
		return showSettings(cmd, v, picked[0].File)
	}
	if err := checkOutput(v); err != nil {
		return err
	}
	show := newDisplay(v.GetBool("quiet"))
	tellReplay(replayed, show)
	runner, closeRunner, err := newRunner(cmd.Context(), v, show)
	if err != nil {
		return err
	}
	defer closeRunner()
	begin := time.Now()
	results, err := runAll(cmd.Context(), v, runner, picked, show)
	show.close()
	if cmd.Context().Err() != nil {
		return cutShort(err)
	}
	if len(picked) > 1 {
		show.note(fmt.Sprintf("%d scenarios in %s, %d at a time", len(picked), time.Since(begin).Round(time.Second), v.GetInt("parallel")))
	}
	delivered := deliver(cmd, v, results)
	if err != nil {
		hint := ""
		if left := new(harness.CleanUpError); errors.As(err, &left) {
			hint = "spillway clean removes what is left, once the daemon answers"
		}
		return &exit{exitInconclusive, err.Error(), hint}
	}
	return delivered
}

// large is the number of connections from which a scenario runs alone: its clients and its kills take all that two cores
// have, and beside others it would be late for reasons that are not its own.
const large = 5000

// slotsOf is how many of the scenarios that may run at the same time s counts for.
func slotsOf(s scenarios.Scenario, parallel int64) int64 {
	if s.Redis.MaxClients >= large {
		return parallel
	}
	return 1
}

// runAll runs the scenarios side by side and judges each. A scenario whose rig broke is judged too: inconclusive.
func runAll(ctx context.Context, v *viper.Viper, runner *harness.Runner, picked []scenarios.Scenario, show *display) ([]assert.Result, error) {
	results := make([]assert.Result, len(picked))
	problems := make([]error, len(picked))
	var group errgroup.Group
	parallel := v.GetInt64("parallel")
	slots := semaphore.NewWeighted(parallel)
	for i, s := range picked {
		n := slotsOf(s, parallel)
		if slots.Acquire(ctx, n) != nil {
			break // interrupted
		}
		if s.Responder == "human" {
			show.hide(s.Name)
		}
		group.Go(func() error {
			defer slots.Release(n)
			if ctx.Err() != nil {
				return nil
			}
			h, err := runner.Run(ctx, s)
			problems[i] = saveHistory(v.GetString("out"), s.Name, h)
			if ctx.Err() != nil {
				problems[i] = errors.Join(err, problems[i])
				return nil
			}
			left := new(harness.CleanUpError)
			if errors.As(err, &left) { // the verdicts are about the run, and do not say so
				problems[i] = errors.Join(problems[i], fmt.Errorf("%s: %w", s.Name, left))
			}
			results[i] = judge(s, h)
			if err != nil && results[i].Outcome == assert.Pass {
				// The run itself was sound; what it left behind is not.
				results[i].Outcome = assert.Inconclusive
				results[i].Verdicts = append(results[i].Verdicts, assert.Verdict{
					Check: "rig", Want: "a rig that leaves nothing behind", Got: err.Error(),
				})
			}
			show.done(s.Name, results[i].Outcome)
			return nil
		})
	}
	_ = group.Wait() // one scenario's trouble must not hide another's
	return results, errors.Join(problems...)
}

func judge(s scenarios.Scenario, h outage.History) assert.Result {
	if s.Responder == "none" {
		return assert.Control(s, h)
	}
	return assert.Check(s, h)
}

// saveHistory keeps what was seen, also of a run that broke. Where the folder cannot take it, a disk that is full among the
// reasons, it is kept in the folder for temporary files: a run is not repeated for want of room.
func saveHistory(dir, name string, h outage.History) error {
	if dir == "" {
		return nil
	}
	err := writeHistory(filepath.Join(dir, name), h)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("keep history: %w", err)
	rescue, tempErr := os.MkdirTemp("", "spillway-kept-")
	if tempErr != nil {
		return errors.Join(err, tempErr)
	}
	folder := filepath.Join(rescue, name)
	if again := writeHistory(folder, h); again != nil {
		return errors.Join(err, again, os.RemoveAll(rescue))
	}
	return fmt.Errorf("%w; it is in %s instead", err, folder)
}

// writeHistory writes a history whole or not at all: one that is torn would only be taken for a run that was cut short.
func writeHistory(folder string, h outage.History) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	path := filepath.Join(folder, historyFile)
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := errors.Join(h.Write(f), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// cutShort ends an interrupted run, whose clean-up has been done by now: it says what that could not do.
func cutShort(err error) error {
	if left := leftovers(err); left != nil {
		return &exit{exitInterrupted, "interrupted, and: " + left.Error(), "spillway clean removes what is left"}
	}
	return &exit{exitInterrupted, "interrupted; everything the run made was removed", ""}
}

// leftovers are the parts of err that are more than the interruption itself.
func leftovers(err error) error {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		var left []error
		for _, e := range many.Unwrap() {
			left = append(left, leftovers(e))
		}
		return errors.Join(left...)
	}
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
