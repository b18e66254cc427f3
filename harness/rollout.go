package harness

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

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
	next := s
	next.Pool, next.Rollout = s.Rollout.Pool, nil
	old := r.instancesOf(s.Service)
	for len(old) > 0 {
		batch := old[:min(max(s.Rollout.Surge, 1), len(old))]
		old = old[len(batch):]
		if s.Rollout.Surge == 0 {
			if err := r.stopAll(ctx, batch); err != nil {
				return err
			}
		}
		if err := r.startSome(ctx, next, len(batch), 2); err != nil {
			return err
		}
		if err := sleep(ctx, every(s.Rollout)); err != nil {
			return err
		}
		if s.Rollout.Surge > 0 {
			if err := r.stopAll(ctx, batch); err != nil {
				return err
			}
		}
	}
	return nil
}

// every is the time from one replacement to the next, in which the new instance drives its pool to its maximum.
func every(ro *scenarios.Rollout) time.Duration {
	if ro.Every > 0 {
		return ro.Every.Std()
	}
	return time.Second
}

func (r *run) startSome(ctx context.Context, s scenarios.Service, n, generation int) error {
	var starting errgroup.Group
	for range n {
		starting.Go(func() error {
			_, err := r.startInstance(ctx, s, generation)
			return err
		})
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
