package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"spillway/fleet"
	"spillway/outage"
	"spillway/rig"
	"spillway/scenarios"
)

// fleetState is the instances that run.
type fleetState struct {
	mu      sync.Mutex
	living  []*instance
	started map[string]int         // how many instances of a service were ever started
	waiting map[string][]*instance // launched ahead, by what for; each waits to be told what to be
}

// instance is one running instance of a service.
type instance struct {
	name       string
	service    scenarios.Service
	generation int
	canary     bool
	process    *rig.Process
	running    chan struct{} // closed when it says that its load runs
	leaving    bool          // it was told to stop: its end is no surprise
}

// Limits of instances.
const (
	stopLimit = 5 * time.Second // to close its connections and end
	spareFDs  = 256             // what an instance needs beyond its connections to Redis
	mostFDs   = 16_000          // of a leak without a bound: some daemons grant no more than 20,000
)

// deploy starts every instance of a service, spread over its ramp, and waits until their load runs.
func (r *run) deploy(ctx context.Context, s scenarios.Service, generation int) error {
	var starting errgroup.Group
	pause := s.Ramp.Std() / time.Duration(max(s.Instances, 1))
	waiting := r.called(s.Service)
	for i := range s.Instances {
		starting.Go(func() error {
			if err := sleep(ctx, pause*time.Duration(i)); err != nil {
				return err
			}
			if i < len(waiting) {
				return r.brief(ctx, waiting[i])
			}
			_, err := r.startInstance(ctx, s, generation)
			return err
		})
	}
	return starting.Wait()
}

// startInstance starts one instance and waits until its load runs.
func (r *run) startInstance(ctx context.Context, s scenarios.Service, generation int) (*instance, error) {
	i, err := r.launch(ctx, s, generation)
	if err != nil {
		return nil, err
	}
	return i, r.brief(ctx, i)
}

// launch starts an instance's process, which has an address from then on and waits to be told what to be.
func (r *run) launch(ctx context.Context, s scenarios.Service, generation int) (*instance, error) {
	i := r.enlist(s, generation)
	process, err := r.machine.StartInstance(ctx, rig.Instance{Name: i.name, Nofile: r.needsFDs(s), Behind: s.Behind})
	if err != nil {
		return nil, err
	}
	r.fleet.mu.Lock()
	i.process = process
	r.fleet.mu.Unlock()
	r.group.Go(func() error { return r.listen(r.life, i) })
	return i, nil
}

// brief tells a launched instance what to be, and waits until its load runs.
func (r *run) brief(ctx context.Context, i *instance) error {
	s, process := i.service, i.process
	spec := fleet.Spec{
		Service: s, Instance: i.name, Redis: r.server.redis.Addr, Canary: i.canary,
		Seed: r.Seed, Now: r.rec.now(),
	}
	spec.Service.ClientName = clientName(i)
	if r.Docker == nil {
		spec.Local = process.Addr
	}
	if err := json.NewEncoder(process.In).Encode(spec); err != nil {
		return fmt.Errorf("tell %s what to be: %w; %s", i.name, err, process.Errors())
	}
	select {
	case <-i.running:
		return nil
	case <-process.Done():
		return fmt.Errorf("%s ended at its start: %s", i.name, process.Errors())
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// clientName is what the connections of an instance are called: the instance's name unless the scenario says otherwise.
func clientName(i *instance) string {
	switch s := i.service; {
	case s.Unnamed:
		return ""
	case s.ClientName != "" && s.ClientName != s.Service:
		return s.ClientName
	}
	return i.name
}

// needsFDs is how many file descriptors an instance may need. A leak without a bound takes what Redis has, and as much
// again when a responder raises the limit.
func (r *run) needsFDs(s scenarios.Service) int {
	n := max(s.Connections, s.Pool.Size)
	if s.Workload == "leaky" && s.Connections == 0 {
		n = max(n, min(2*r.scenario.Redis.MaxClients, mostFDs))
	}
	return n + spareFDs
}

// enlist gives a new instance its name, and the canary when no living instance of its service and generation has it.
func (r *run) enlist(s scenarios.Service, generation int) *instance {
	f := &r.fleet
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.started == nil {
		f.started = map[string]int{}
	}
	f.started[s.Service]++
	i := &instance{
		name:    fmt.Sprintf("%s-%d", s.Service, f.started[s.Service]),
		service: s, generation: generation, running: make(chan struct{}),
	}
	if slices.Contains(r.scenario.Expect.Spare, s.Service) {
		// An older generation is about to leave, and takes its canary along.
		i.canary = !slices.ContainsFunc(f.living, func(other *instance) bool {
			return other.service.Service == s.Service && other.generation >= generation && other.canary && !other.leaving
		})
	}
	f.living = append(f.living, i)
	return i
}

// listen records what an instance tells until it ends, or is ended because the run is over. An end that nobody asked
// for is a broken rig.
func (r *run) listen(ctx context.Context, i *instance) error {
	stop := context.AfterFunc(ctx, func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
		defer cancel()
		if i.process.End(end) != nil { // what is left is removed with the rig
			i.process.HangUp()
		}
	})
	defer stop()
	dec := json.NewDecoder(i.process.Out)
	var behind outage.Duration // how far its clock is, which began only when its program had started
	for {
		var e outage.Event
		if err := dec.Decode(&e); err != nil {
			return r.ended(ctx, i)
		}
		if e.Instance != nil && e.Instance.State == outage.Started {
			behind = max(0, r.rec.now()-e.At)
		}
		e.At += behind
		if e.Instance != nil {
			e.Instance.Generation = i.generation
			if i.process.Addr != "" {
				e.Instance.Addr = i.process.Addr
			}
			if e.Instance.State == outage.Started {
				close(i.running)
			}
		}
		r.rec.put(e)
	}
}

func (r *run) ended(ctx context.Context, i *instance) error {
	r.fleet.mu.Lock()
	leaving := i.leaving
	r.fleet.living = slices.DeleteFunc(r.fleet.living, func(other *instance) bool { return other == i })
	r.fleet.mu.Unlock()
	if leaving || ctx.Err() != nil {
		return nil
	}
	exit, _ := i.process.Wait(ctx)
	r.rec.add("rig", outage.Event{Instance: &outage.Instance{
		Service: i.service.Service, Name: i.name, Addr: i.process.Addr, Workload: i.service.Workload,
		State: outage.Exited, Generation: i.generation,
		Detail: fmt.Sprintf("exit code %d: %s", exit, lastWords(exit, i.process.Errors())),
	}})
	return fmt.Errorf("%s ended by itself with exit code %d: %s", i.name, exit, lastWords(exit, i.process.Errors()))
}

// lastWords is what a program said before it ended; one that was killed could say nothing.
func lastWords(exit int, said string) string {
	const killed = 128 + 9
	switch {
	case said != "":
		return said
	case exit == killed:
		return "killed, by somebody or for want of memory"
	}
	return "it said nothing"
}

// instancesOf returns the living instances of a service, oldest first.
func (r *run) instancesOf(service string) []*instance {
	r.fleet.mu.Lock()
	defer r.fleet.mu.Unlock()
	var found []*instance
	for _, i := range r.fleet.living {
		if i.service.Service == service && !i.leaving && i.process != nil {
			found = append(found, i)
		}
	}
	return found
}

// runningOf returns those whose load runs.
func (r *run) runningOf(service string) []*instance {
	return slices.DeleteFunc(r.instancesOf(service), func(i *instance) bool {
		select {
		case <-i.running:
			return false
		default:
			return true
		}
	})
}

// stop tells an instance to close its connections and end, and ends it by force when it does not.
func (r *run) stop(ctx context.Context, i *instance) error {
	r.fleet.mu.Lock()
	i.leaving = true
	r.fleet.mu.Unlock()
	asked := json.NewEncoder(i.process.In).Encode(fleet.Order{Do: fleet.Stop})
	polite, cancel := context.WithTimeout(ctx, stopLimit)
	defer cancel()
	if asked == nil {
		if _, err := i.process.Wait(polite); err == nil {
			return nil
		}
	}
	return i.process.End(ctx)
}

// stopAll stops instances side by side.
func (r *run) stopAll(ctx context.Context, instances []*instance) error {
	var stopping errgroup.Group
	for _, i := range instances {
		stopping.Go(func() error { return r.stop(ctx, i) })
	}
	return stopping.Wait()
}

// stopFleet stops every instance that still runs; those that were cut off cannot say goodbye.
func (r *run) stopFleet(ctx context.Context) error {
	r.fleet.mu.Lock()
	all := slices.Clone(r.fleet.living)
	r.fleet.mu.Unlock()
	all = slices.DeleteFunc(all, func(i *instance) bool { return i.process == nil })
	return r.stopAll(ctx, all)
}
