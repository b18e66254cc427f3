package harness

import (
	"context"

	"golang.org/x/sync/errgroup"

	"spillway/scenarios"
)

// launchFleet launches every instance that the scenario starts with, what replaces those that are cut off, and the first
// instances of a rollout, all ahead of their time: Docker may need seconds for each, and a start, a ramp or a cut is to
// come when the scenario says. Hosts that vanish do not leave their addresses to those that replace them either.
func (r *run) launchFleet(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, fleetLimit)
	defer cancel()
	var launching errgroup.Group
	ahead := func(what string, s scenarios.Service, n, generation int) {
		launching.Go(func() error {
			launched, err := r.launchSome(ctx, s, n, generation)
			if err != nil {
				return err
			}
			r.fleet.mu.Lock()
			defer r.fleet.mu.Unlock()
			if r.fleet.waiting == nil {
				r.fleet.waiting = map[string][]*instance{}
			}
			r.fleet.waiting[what] = launched
			return nil
		})
	}
	for _, s := range r.scenario.Fleet {
		ahead(s.Service, s, s.Instances, 1)
	}
	if err := launching.Wait(); err != nil { // the first generation is numbered first
		return err
	}
	for _, s := range r.scenario.Fleet {
		if s.Rollout != nil {
			ahead(rolloutOf(s.Service), renewed(s), min(s.Rollout.Surge, s.Instances), 2)
		}
	}
	for _, f := range r.scenario.Faults {
		if s, ok := r.scenario.Service(f.Cut); ok && f.Replace {
			ahead(replacementsOf(f.Cut), s, s.Instances, 2)
		}
	}
	return launching.Wait()
}

// What instances other than a service's first were launched for.
func rolloutOf(service string) string      { return "rollout of " + service }
func replacementsOf(service string) string { return "replacements of " + service }

// called returns the instances that were launched ahead for something, once.
func (r *run) called(what string) []*instance {
	r.fleet.mu.Lock()
	defer r.fleet.mu.Unlock()
	waiting := r.fleet.waiting[what]
	delete(r.fleet.waiting, what)
	return waiting
}
