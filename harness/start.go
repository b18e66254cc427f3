package harness

import (
	"context"
	"fmt"
	"slices"
	"time"

	"spillway/outage"
	"spillway/scenarios"
)

// fleetLimit is how long the services that the load begins with may take until they run. Docker on a busy machine
// starts about one container a second.
const fleetLimit = time.Minute

// startLoad starts the services that the load begins with, and returns when they run: from then on a scenario's times
// count, so that a machine that starts things slowly does not shift them. An outage that comes first ends the wait.
func (r *run) startLoad(ctx context.Context, there func() bool) (begin time.Time, err error) {
	r.rec.phase(outage.Load)
	for _, service := range r.scenario.Fleet {
		if service.Start == 0 && !r.isSteady(service) {
			r.group.Go(func() error { return r.arrive(ctx, service) })
		}
	}
	err = waitFor(ctx, "the fleet to run", fleetLimit, func() (ok bool, saw string) {
		running, due := r.begun()
		return running == due || there(), fmt.Sprintf("%d of %d instances", running, due)
	})
	begin = time.Now()
	for _, service := range r.scenario.Fleet {
		if r.isSteady(service) {
			r.startRollout(ctx, service)
		}
	}
	return begin, err
}

// isSteady reports whether a service was started before the load.
func (r *run) isSteady(s scenarios.Service) bool {
	return s.Start == 0 && slices.Contains(r.scenario.Expect.Spare, s.Service)
}

// arrive deploys a service, and then begins its rollout.
func (r *run) arrive(ctx context.Context, s scenarios.Service) error {
	if err := r.deploy(ctx, s, 1); err != nil {
		return err
	}
	r.startRollout(ctx, s)
	return nil
}

// begun counts the instances that the load begins with, and how many of them have begun: of a service with a ramp only the
// first is due at once.
func (r *run) begun() (running, due int) {
	for _, s := range r.scenario.Fleet {
		if s.Start > 0 || r.isSteady(s) {
			continue
		}
		n := s.Instances
		if s.Ramp > 0 {
			n = min(n, 1)
		}
		due += n
		running += min(n, len(r.runningOf(s.Service)))
	}
	return running, due
}
