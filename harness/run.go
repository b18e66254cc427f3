package harness

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"spillway/outage"
	"spillway/remedy"
	"spillway/rig"
	"spillway/scenarios"
)

// run is one run of one scenario.
type run struct {
	*Runner
	id       string
	scenario scenarios.Scenario
	machine  machine
	rec      *recorder
	diagnose func(...outage.Snapshot) outage.Diagnosis
	plan     func(outage.Diagnosis, outage.Snapshot, remedy.Options) outage.Plan
	group    *errgroup.Group // owns every goroutine of the run
	life     context.Context // ends with the run: what a phase starts may outlive the phase

	server  server
	fleet   fleetState
	rolling atomic.Int32 // rollouts under way
}

// Limits of the phases that no scenario sets.
const (
	steadyLimit  = 20 * time.Second // for every canary's first answer: container starts included
	fixLimit     = 20 * time.Second // for a redeploy
	holdLimit    = 15 * time.Second // for the snapshots of the hold phase, beyond its own time
	rolloutLimit = time.Minute      // for a rollout, beyond the scenario's duration
	mitigation   = 20 * time.Second // for the responder, where the scenario sets no limit
)

// phases goes through the run from start to finish.
func (r *run) phases(ctx context.Context) error {
	if err := r.prepare(ctx); err != nil {
		return err
	}
	if err := r.steady(ctx); err != nil {
		return err
	}
	reached, err := r.load(ctx)
	if err != nil {
		return err
	}
	if reached && r.scenario.Until.Duration == 0 {
		if err := r.answer(ctx); err != nil {
			return err
		}
	}
	r.rec.phase(outage.End)
	return r.stopFleet(ctx)
}

// prepare starts Redis, opens the admin connections, before there is any load since they would be refused at the limit, and
// launches the fleet, which does nothing yet.
func (r *run) prepare(ctx context.Context) error {
	s := rig.Server{Redis: r.scenario.Redis}
	if r.external() {
		s.Lines = 3 // a runbook's pipeline may run that many redis-cli at once
	}
	if err := r.startServer(ctx, s); err != nil {
		return err
	}
	r.group.Go(func() error { return r.watch(ctx) })
	return r.launchFleet(ctx)
}

// external reports whether somebody other than the built-in responder answers.
func (r *run) external() bool {
	return r.scenario.Responder != "spillway" && r.scenario.Responder != "none"
}

// steady starts the healthy services and waits until a canary of each answers, on a held connection and on a new one.
func (r *run) steady(ctx context.Context) error {
	r.rec.phase(outage.Steady)
	spare := r.scenario.Expect.Spare
	var starting errgroup.Group
	for _, service := range r.scenario.Fleet {
		if slices.Contains(spare, service.Service) && service.Start == 0 {
			starting.Go(func() error { return r.deploy(ctx, service, 1) })
		}
	}
	if err := starting.Wait(); err != nil {
		return err
	}
	err := waitFor(ctx, "a canary of each healthy service", steadyLimit, func() (ok bool, saw string) {
		r.rec.read(func(t tally) { ok, saw = t.canaries(spare, 0, r.startsLater) })
		return ok, saw
	})
	if err != nil {
		return err
	}
	return r.lookAgain(ctx) // at a healthy fleet
}

// startsLater reports whether a service is not part of the steady state.
func (r *run) startsLater(service string) bool {
	i := slices.IndexFunc(r.scenario.Fleet, func(s scenarios.Service) bool { return s.Service == service })
	return i >= 0 && r.scenario.Fleet[i].Start > 0
}

// canaries reports whether the latest canaries of the services, later than since, are well.
func (t tally) canaries(services []string, since outage.Duration, except func(string) bool) (ok bool, saw string) {
	for _, s := range services {
		if except(s) {
			continue
		}
		if f := t.fresh[s]; !f.ok || f.at < since {
			return false, fmt.Sprintf("no new connection of %s answers", s)
		}
		if h := t.held[s]; !h.ok {
			return false, fmt.Sprintf("no open connection of %s answers", s)
		}
	}
	return true, ""
}

// load starts the rest of the fleet with its faults and rollouts, and drives until the outage is there, or for the
// duration. reached is false when clients were not refused, or did not fail, as often as asked: the judge says what that means.
func (r *run) load(ctx context.Context) (reached bool, err error) {
	until := r.scenario.Until
	what, wanted := "refusals", until.Refusals
	if until.Failures > 0 {
		what, wanted = "failures", until.Failures
	}
	there := func() (ok bool, saw string) {
		r.rec.read(func(t tally) {
			met := t.refusals
			if until.Failures > 0 {
				met = t.failures
			}
			ok = wanted > 0 && met >= wanted
			saw = fmt.Sprintf("%d of %d, connected %d/%d", met, wanted, t.slots, t.maxClients)
		})
		return ok, saw
	}
	begin, err := r.startLoad(ctx, func() bool { ok, _ := there(); return ok })
	if err != nil {
		return false, err
	}
	for _, service := range r.scenario.Fleet {
		if service.Start == 0 {
			continue
		}
		r.group.Go(func() error {
			if err := sleep(ctx, service.Start.Std()-time.Since(begin)); err != nil {
				return nil //nolint:nilerr // the run is over
			}
			return r.arrive(ctx, service)
		})
	}
	for _, fault := range r.scenario.Faults {
		r.group.Go(func() error { return r.fault(ctx, fault, begin) })
	}
	if wanted == 0 {
		return true, r.calm(ctx, until.Duration.Std())
	}
	err = waitFor(ctx, what, until.Within.Std(), there)
	if late := new(tooLate); errors.As(err, &late) {
		r.rec.note(late.Error(), false)
		return false, nil
	}
	return err == nil, err
}

// calm lets a load without an outage run for its time, and rollouts to their end however slow this machine starts things.
func (r *run) calm(ctx context.Context, d time.Duration) error {
	if err := sleep(ctx, d); err != nil {
		return err
	}
	err := waitFor(ctx, "the rollout", rolloutLimit, func() (bool, string) {
		n := r.rolling.Load()
		return n == 0, fmt.Sprintf("%d still under way", n)
	})
	if err != nil {
		return err
	}
	return r.lookAgain(ctx) // at what the rollout ends with
}

// lookAgain waits for one more snapshot that was begun from now on. Without one the judge says what that means.
func (r *run) lookAgain(ctx context.Context) error {
	since := r.rec.now()
	err := waitFor(ctx, "another snapshot", holdLimit, func() (ok bool, saw string) {
		r.rec.read(func(t tally) {
			ok = t.lastLook > since
			saw = fmt.Sprintf("the latest is of %s", t.lastLook)
		})
		return ok, saw
	})
	if late := new(tooLate); errors.As(err, &late) {
		r.rec.note(late.Error(), false)
		return nil
	}
	return err
}

// answer lets the responder act; once there is relief the fix is deployed, and then it must stay clear.
func (r *run) answer(ctx context.Context) error {
	r.rec.phase(outage.Respond)
	relieved, err := r.respond(ctx)
	if err != nil {
		return err
	}
	if relieved && len(r.scenario.Fix) > 0 {
		r.rec.phase(outage.Fix)
		if err := r.redeploy(ctx); err != nil {
			return err
		}
	}
	r.rec.phase(outage.Hold)
	return r.hold(ctx)
}

// hold waits for as long as it must stay clear, and until enough snapshots lie within that time: on a busy machine one
// may take seconds, and without them nobody could say that it stayed clear.
func (r *run) hold(ctx context.Context) error {
	hold := scenarios.DefaultHold.Std()
	if c := r.scenario.Expect.Cleared; c != nil && c.Hold > 0 {
		hold = c.Hold.Std()
	}
	if err := sleep(ctx, hold+r.watchEvery()); err != nil {
		return err
	}
	err := waitFor(ctx, "snapshots of the hold phase", holdLimit, func() (ok bool, saw string) {
		r.rec.read(func(t tally) {
			watched := (t.lastLook - t.firstLook).Std()
			ok = t.looks >= 3 && watched >= hold*2/3
			saw = fmt.Sprintf("%d in %s", t.looks, watched)
		})
		return ok, saw
	})
	if late := new(tooLate); errors.As(err, &late) {
		r.rec.note(late.Error(), false)
		return nil
	}
	return err
}

// mitigateLimit is how long the responder has.
func (r *run) mitigateLimit() time.Duration {
	e := r.scenario.Expect
	switch {
	case r.scenario.Responder == "human" && r.Patience > 0:
		return r.Patience
	case r.scenario.Responder == "human":
		return 10 * time.Minute
	case e.Mitigate > 0:
		return e.Mitigate.Std()
	case e.Recover > 0:
		return e.Recover.Std()
	}
	return mitigation
}
