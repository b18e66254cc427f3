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
	switch {
	case f.LowerNofile > 0:
		do = r.lowerNofile
	case f.Meet > 0:
		do = r.meet
	}
	err := do(ctx, f, begin)
	if ctx.Err() != nil {
		return nil // the run was over first
	}
	return err
}

// cutOff takes the network of every instance of a service away at once, and lets others take their place.
func (r *run) cutOff(ctx context.Context, f scenarios.Fault, begin time.Time) error {
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
	return r.briefAll(ctx, r.called(replacementsOf(f.Cut)))
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
