package harness

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"spillway/outage"
	"spillway/scenarios"
)

// fault carries out one fault at its time.
func (r *run) fault(ctx context.Context, f scenarios.Fault, begin time.Time) error {
	do := r.cutOff
	if f.LowerNofile > 0 {
		do = r.lowerNofile
	}
	err := do(ctx, f, begin)
	if ctx.Err() != nil {
		return nil // the run was over first
	}
	return err
}

// replacementLead is how long before a cut the replacements are launched. They wait for the cut, but have their
// addresses: those of the hosts that vanish must not be handed out again while Redis still talks to them.
const replacementLead = 2 * time.Second

// cutOff takes the network of every instance of a service away at once, and lets others take their place.
func (r *run) cutOff(ctx context.Context, f scenarios.Fault, begin time.Time) error {
	service, _ := r.scenario.Service(f.Cut)
	if err := sleep(ctx, f.At.Std()-replacementLead-time.Since(begin)); err != nil {
		return err
	}
	replacements, err := r.launchReplacements(ctx, f, service)
	if err != nil {
		return err
	}
	if err := sleep(ctx, f.At.Std()-time.Since(begin)); err != nil {
		return err
	}
	victims := r.runningOf(f.Cut)
	if len(victims) == 0 {
		return fmt.Errorf("cut %s at %s: no instance of it runs yet", f.Cut, f.At)
	}
	if err := r.cutAll(ctx, victims); err != nil {
		return err
	}
	if err := sleep(ctx, f.ReplaceAfter.Std()); err != nil {
		return err
	}
	var starting errgroup.Group
	for _, i := range replacements {
		starting.Go(func() error { return r.brief(ctx, i) })
	}
	return starting.Wait()
}

func (r *run) launchReplacements(ctx context.Context, f scenarios.Fault, s scenarios.Service) ([]*instance, error) {
	if !f.Replace {
		return nil, nil
	}
	replacements := make([]*instance, s.Instances)
	var launching errgroup.Group
	for n := range replacements {
		launching.Go(func() (err error) {
			replacements[n], err = r.launch(ctx, s, 2)
			return err
		})
	}
	return replacements, launching.Wait()
}

// cutAll cuts instances off side by side, so that they vanish together as the hosts of one rack do.
func (r *run) cutAll(ctx context.Context, victims []*instance) error {
	var mu sync.Mutex
	var errs []error
	var cutting errgroup.Group
	for _, i := range victims {
		cutting.Go(func() error {
			err := r.machine.Cut(ctx, i.process)
			r.rec.add("rig", outage.Event{Instance: &outage.Instance{
				Service: i.service.Service, Name: i.name, Addr: i.process.Addr, Workload: i.service.Workload,
				State: outage.Cut, Generation: i.generation,
			}})
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, err)
			return nil
		})
	}
	_ = cutting.Wait()
	return errors.Join(errs...)
}
