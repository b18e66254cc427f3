// Package harness runs one scenario from start to finish: a real Redis, the fleet that drives it into the outage, the
// responder that answers, and the history of it all.
//
// It does what the scenario says and records what happens. It expects nothing and judges nothing: that is assert's
// part. The diagnosis gets snapshots of Redis and nothing else.
package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"spillway/diagnose"
	"spillway/fleet"
	"spillway/outage"
	"spillway/remedy"
	"spillway/rig"
	"spillway/scenarios"
)

// machine is what a run needs of a rig: containers, or processes of this machine.
type machine interface {
	StartRedis(context.Context, rig.Server) (*rig.Redis, error)
	StopRedis(context.Context, *rig.Redis) error
	StartInstance(context.Context, rig.Instance) (*rig.Process, error)
	Cut(context.Context, *rig.Process) error
	StartRunbook(context.Context, rig.Runbook) (*rig.Process, error)
	StartShell(context.Context, *rig.Redis) (command string, err error)
	Close(context.Context) error
}

// Runner runs scenarios. It is safe for concurrent use.
type Runner struct {
	Docker *rig.Docker // nil runs processes of this machine
	// Hosted runs the instances of a process run inside this process: many small runs side by side then cost little.
	// One that crashes takes all of them along.
	Hosted  bool
	Seed    int64
	Version string // of Spillway, for the header
	// Watch is the time from one snapshot to the next; 0 is a second.
	Watch time.Duration
	// Patience is how long the human responder has; 0 is 10 minutes.
	Patience time.Duration
	// Diagnose and Plan are the logic under test; nil is Spillway's own. Tests put broken ones in, which must turn a run red.
	Diagnose func(...outage.Snapshot) outage.Diagnosis
	Plan     func(outage.Diagnosis, outage.Snapshot, remedy.Options) outage.Plan
	// Outside, where it is set, is shown the server's sockets at each snapshot of a server that is more than half full: what
	// its machine tells without a slot.
	Outside func(outage.Outside)
	// Progress is told, a few times a second, how a run stands; nil tells nobody.
	Progress func(Status)
	// Say shows a person what to do; nil shows nothing.
	Say func(string)
}

// Status is how a run stands.
type Status struct {
	Scenario   string
	Phase      outage.Phase
	Slots      int
	MaxClients int
	Refusals   int
	Elapsed    time.Duration
}

// Run runs a scenario. The history holds what was seen also when the error is not nil; an error means that the rig
// broke or ctx ended. Nothing that the run made is left when Run returns.
func (r *Runner) Run(ctx context.Context, s scenarios.Scenario) (h outage.History, err error) {
	lease, err := rig.NewLease()
	if err != nil {
		return h, err
	}
	defer func() { err = errors.Join(err, lease.Release()) }()
	definition, err := json.Marshal(s)
	if err != nil {
		return h, fmt.Errorf("write scenario %s: %w", s.Name, err)
	}
	rec := newRecorder(outage.Header{
		Version: outage.HistoryVersion, Scenario: s.Name, Seed: r.Seed, Started: time.Now(),
		Spillway: r.Version, Responder: s.Responder, Definition: definition,
	})
	if s.Until.Failures > 0 {
		rec.tally.fails = s.FailsBy
	}
	rec.phase(outage.Prepare)
	run := &run{Runner: r, scenario: s, rec: rec, id: lease.Run, diagnose: diagnose.Diagnose, plan: remedy.Plan}
	if r.Diagnose != nil {
		run.diagnose = r.Diagnose
	}
	if r.Plan != nil {
		run.plan = r.Plan
	}
	m, err := r.machine(ctx, lease.Run, s)
	if m != nil {
		defer func() {
			closeErr := m.Close(ctx)
			if stuck := new(rig.StuckNetworkError); errors.As(closeErr, &stuck) { // Docker's fault, and an empty network
				rec.note(stuck.Error(), false)
				h, closeErr = rec.result(), nil
			}
			if closeErr != nil {
				err = errors.Join(err, &CleanUpError{closeErr})
			}
		}()
	}
	if err == nil {
		run.machine = m
		err = run.play(ctx)
	}
	if err != nil {
		rec.note(err.Error(), true)
	}
	return rec.result(), err
}

// CleanUpError says that something of a run could not be removed; what the run itself came to is another matter.
type CleanUpError struct{ Err error }

func (e *CleanUpError) Error() string { return "clean up: " + e.Err.Error() }

func (e *CleanUpError) Unwrap() error { return e.Err }

// machine makes the rig; it may return one together with an error, and then that must be closed.
func (r *Runner) machine(ctx context.Context, run string, s scenarios.Scenario) (machine, error) {
	if r.Docker == nil {
		if err := checkTarget(s, rig.OwnNetwork()); err != nil {
			return nil, err
		}
		p, err := rig.NewProcesses(run) //nolint:contextcheck // finds a free port, with a deadline of its own
		if err != nil {
			return nil, err
		}
		if r.Hosted {
			p.Worker = fleet.Run
		}
		return p, nil
	}
	return r.Docker.NewContainers(ctx, run, s.Redis.Image)
}

// checkTarget refuses what processes cannot do. own says whether they have a network of their own.
func checkTarget(s scenarios.Scenario, own bool) error {
	cuts := slices.ContainsFunc(s.Faults, func(f scenarios.Fault) bool { return f.Cut != "" })
	if cuts && !own {
		return fmt.Errorf("scenario %s cuts a network, which needs the container target: processes of one machine share its loopback", s.Name)
	}
	return nil
}

// play runs the phases beside the goroutines that watch, and waits for all of them.
func (r *run) play(ctx context.Context) error {
	ctx, over := context.WithCancelCause(ctx)
	defer over(nil)
	group, ctx := errgroup.WithContext(ctx)
	r.group, r.life = group, ctx
	group.Go(func() error {
		err := r.phases(ctx)
		if err == nil {
			err = errOver
		}
		return err
	})
	if r.Progress != nil {
		group.Go(func() error { return r.progress(ctx, r.Progress) })
	}
	if err := group.Wait(); !errors.Is(err, errOver) {
		return err
	}
	return nil
}

// errOver ends the goroutines of a run that came to its end.
var errOver = errors.New("the run is over")

// progress reports how the run stands until it ends.
func (r *run) progress(ctx context.Context, tell func(Status)) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			r.rec.read(func(t tally) {
				tell(Status{
					Scenario: r.scenario.Name, Phase: t.phase, Slots: t.slots, MaxClients: t.maxClients,
					Refusals: t.refusals, Elapsed: r.rec.now().Std(),
				})
			})
		}
	}
}
