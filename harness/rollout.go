package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"spillway/fleet"
	"spillway/scenarios"
)

// startRollout replaces a service's instances in the background, where the scenario says so.
func (r *run) startRollout(ctx context.Context, s scenarios.Service) {
	if s.Rollout == nil {
		return
	}
	r.rolling.Add(1)
	r.group.Go(func() error {
		defer r.rolling.Add(-1)
		err := r.rollout(ctx, s)
		if ctx.Err() != nil {
			return nil // the run was over first
		}
		return err
	})
}

// rollout deploys new instances over old ones, as an orchestrator does: up to surge more than usual run at once. With
// no surge an old one goes first.
func (r *run) rollout(ctx context.Context, s scenarios.Service) error {
	next, ready := renewed(s), r.called(rolloutOf(s.Service))
	old := r.runningOf(s.Service)
	if err := sleep(ctx, s.Rollout.After.Std()); err != nil {
		return err
	}
	for len(old) > 0 {
		batch := old[:min(max(s.Rollout.Surge, 1), len(old))]
		old = old[len(batch):]
		if s.Rollout.Surge == 0 {
			if err := r.retire(ctx, batch, s.Rollout.Drain.Std()); err != nil {
				return err
			}
		}
		fresh, err := r.launchMore(ctx, next, len(batch), ready)
		if err != nil {
			return err
		}
		ready = nil
		if err := r.briefAll(ctx, fresh); err != nil {
			return err
		}
		if err := sleep(ctx, every(s.Rollout)); err != nil {
			return err
		}
		if s.Rollout.Surge > 0 {
			if err := r.letGo(ctx, batch, s.Rollout.Drain.Std()); err != nil {
				return err
			}
		}
	}
	return nil
}

// renewed is a service with the pool that its rollout brings.
func renewed(s scenarios.Service) scenarios.Service {
	s.Pool, s.Rollout = s.Rollout.Pool, nil
	return s
}

// letGo retires instances while the rollout goes on: their drain is as long as it is.
func (r *run) letGo(ctx context.Context, batch []*instance, drain time.Duration) error {
	if drain == 0 {
		return r.stopAll(ctx, batch)
	}
	r.rolling.Add(1)
	r.group.Go(func() error {
		defer r.rolling.Add(-1)
		err := r.retire(ctx, batch, drain)
		if ctx.Err() != nil {
			return nil // the run was over first
		}
		return err
	})
	return nil
}

// retire ends instances. Before that they take no more requests for as long as they drain, and keep what they have open.
func (r *run) retire(ctx context.Context, batch []*instance, drain time.Duration) error {
	if drain > 0 {
		for _, i := range batch {
			if err := json.NewEncoder(i.process.In).Encode(fleet.Order{Do: fleet.Drain}); err != nil {
				return fmt.Errorf("tell %s to drain: %w", i.name, err)
			}
		}
		if err := sleep(ctx, drain); err != nil {
			return err
		}
	}
	return r.stopAll(ctx, batch)
}

// every is the time from one replacement to the next, in which the new instance drives its pool to its maximum.
func every(ro *scenarios.Rollout) time.Duration {
	if ro.Every > 0 {
		return ro.Every.Std()
	}
	return time.Second
}

// launchSome launches instances side by side; each waits to be told what to be.
func (r *run) launchSome(ctx context.Context, s scenarios.Service, n, generation int) ([]*instance, error) {
	launched := make([]*instance, n)
	var launching errgroup.Group
	for i := range launched {
		launching.Go(func() (err error) {
			launched[i], err = r.launch(ctx, s, generation)
			return err
		})
	}
	return launched, launching.Wait()
}

// launchMore launches what is lacking of n instances of the next generation.
func (r *run) launchMore(ctx context.Context, s scenarios.Service, n int, ready []*instance) ([]*instance, error) {
	more, err := r.launchSome(ctx, s, n-len(ready), 2)
	return append(ready, more...), err
}

// briefAll tells launched instances what to be.
func (r *run) briefAll(ctx context.Context, instances []*instance) error {
	var starting errgroup.Group
	for _, i := range instances {
		starting.Go(func() error { return r.brief(ctx, i) })
	}
	return starting.Wait()
}

// redeploy is the fix: the services run again with another workload or pool. Their old instances end first, as in a
// deploy that cannot wait.
func (r *run) redeploy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, fixLimit)
	defer cancel()
	var deploying errgroup.Group
	for _, s := range r.scenario.Fix {
		deploying.Go(func() error {
			if err := r.stopAll(ctx, r.instancesOf(s.Service)); err != nil {
				return err
			}
			return r.deploy(ctx, s, 2)
		})
	}
	return deploying.Wait()
}
