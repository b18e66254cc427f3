package harness

import (
	"encoding/json"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"spillway/outage"
	"spillway/rig"
	"spillway/scenarios"
)

func TestNeedsFDs(t *testing.T) {
	r := &run{scenario: scenarios.Scenario{Redis: scenarios.Redis{MaxClients: 1000}}}
	for name, c := range map[string]struct {
		service scenarios.Service
		most    int
	}{
		"pooled":                          {scenarios.Service{Workload: "pooled", Pool: scenarios.Pool{Size: 300}}, 300},
		"idle":                            {scenarios.Service{Workload: "idle", Connections: 70}, 70},
		"a leak with a bound":             {scenarios.Service{Workload: "leaky", Connections: 4000, Pool: scenarios.Pool{Size: 50}}, 4000},
		"a leak without, and a raise":     {scenarios.Service{Workload: "leaky", Pool: scenarios.Pool{Size: 5}}, 2000},
		"a pool larger than what is open": {scenarios.Service{Workload: "idle", Connections: 3, Pool: scenarios.Pool{Size: 9}}, 9},
	} {
		if got := r.needsFDs(c.service); got != c.most+spareFDs {
			t.Errorf("%s: %d, want %d and %d to spare", name, got, c.most, spareFDs)
		}
	}
	r.scenario.Redis.MaxClients = 1_000_000
	if got := r.needsFDs(scenarios.Service{Workload: "leaky"}); got > 1<<16 {
		t.Errorf("%d files: one address has no more than 65535 ports", got)
	}
}

func TestConnectionsAreCalledWhatTheScenarioSays(t *testing.T) {
	for want, s := range map[string]scenarios.Service{
		"api-1": {Service: "api", ClientName: "api"},
		"web":   {Service: "api", ClientName: "web"},
		"":      {Service: "api", Unnamed: true},
	} {
		if got := clientName(&instance{name: "api-1", service: s}); got != want {
			t.Errorf("%+v: %q, want %q", s, got, want)
		}
	}
}

var web, batch = scenarios.Service{Service: "web"}, scenarios.Service{Service: "batch"}

// sparing is a run in which web is to be spared.
func sparing() *run {
	return &run{scenario: scenarios.Scenario{Expect: scenarios.Expect{Spare: []string{"web"}}}}
}

// leave does what stopping and ending an instance does to the list.
func leave(r *run, i *instance) {
	i.leaving = true
	r.fleet.living = slices.DeleteFunc(r.fleet.living, func(other *instance) bool { return other == i })
}

func TestNamesAreNotUsedAgain(t *testing.T) {
	r := sparing()
	first := r.enlist(web, 1)
	leave(r, first)
	var got []string
	for _, i := range []*instance{first, r.enlist(web, 1), r.enlist(batch, 1), r.enlist(web, 2)} {
		got = append(got, i.name)
	}
	if want := []string{"web-1", "web-2", "batch-1", "web-3"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOneInstanceHasTheCanary(t *testing.T) {
	r := sparing()
	var starting sync.WaitGroup
	for range 20 {
		starting.Go(func() { r.enlist(web, 1) })
		starting.Go(func() { r.enlist(batch, 1) })
	}
	starting.Wait()
	if got := canaries(r); len(got) != 1 || got[0].service.Service != "web" {
		t.Errorf("%d canaries, want one, of web", len(got))
	}
}

func canaries(r *run) []*instance {
	return slices.DeleteFunc(slices.Clone(r.fleet.living), func(i *instance) bool { return !i.canary || i.leaving })
}

// A service has a canary at every step of a rollout and of a redeploy, and in the end one.
func TestTheCanaryIsHandedOver(t *testing.T) {
	for _, c := range []struct{ instances, surge int }{{1, 1}, {3, 1}, {3, 3}, {2, 5}, {3, 0}} {
		r := sparing()
		var old []*instance
		for range c.instances {
			old = append(old, r.enlist(web, 1))
		}
		for len(old) > 0 {
			batch := old[:min(max(c.surge, 1), len(old))]
			old = old[len(batch):]
			if c.surge == 0 {
				leave(r, batch[0])
			}
			for range batch {
				r.enlist(web, 2)
			}
			if c.surge > 0 {
				for _, i := range batch {
					leave(r, i)
				}
			}
			if len(canaries(r)) == 0 {
				t.Errorf("%d instances, surge %d: no canary with %d of the old still there", c.instances, c.surge, len(old))
			}
		}
		if got := canaries(r); len(got) != 1 {
			t.Errorf("%d instances, surge %d: %d canaries in the end", c.instances, c.surge, len(got))
		}
	}
}

// One that was told to stop has no future: its successor is the canary while it still closes its connections.
func TestALeavingCanaryIsSucceeded(t *testing.T) {
	r := sparing()
	r.enlist(web, 1).leaving = true
	if next := r.enlist(web, 1); !next.canary {
		t.Error("the only instance that stays has no canary")
	}
}

// An instance is told the run's clock before its program runs, and counts from when it reads that: it would date what
// it suffers before the act that did it.
func TestAnInstanceThatStartsLateIsDatedRight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &run{rec: newRecorder(outage.Header{Started: time.Now()})}
		i := r.enlist(web, 2)
		i.leaving = true // its end is no surprise
		out, in := io.Pipe()
		i.process = &rig.Process{Addr: "10.0.0.9", Out: out}
		done := make(chan error)
		go func() { done <- r.listen(t.Context(), i) }()
		tell := func(e outage.Event) {
			if err := json.NewEncoder(in).Encode(e); err != nil {
				t.Error(err)
			}
		}
		time.Sleep(3 * time.Second) // its clock says 2.5 s
		tell(outage.Event{At: at(2.5), Actor: "web-1", Instance: &outage.Instance{Name: "web-1", Addr: "1.2.3.4", State: outage.Started}})
		<-i.running
		time.Sleep(time.Second)
		tell(outage.Event{At: at(3.25), Actor: "web-1", Attempt: tried(outage.OpHeld, outage.Reset, 1)})
		_ = in.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
		events := r.rec.result().Events
		if len(events) != 2 || events[0].At != at(3) || events[1].At != at(3.75) {
			t.Fatalf("got %+v, want what the clock of the run says: 3s and 3.75s", events)
		}
		if got := events[0].Instance; got.Generation != 2 || got.Addr != "10.0.0.9" {
			t.Errorf("got %+v, want the generation and the address that the rig knows", got)
		}
		if left := r.instancesOf("web"); len(left) != 0 || len(r.fleet.living) != 0 {
			t.Error("it is gone, and still on the list")
		}
	})
}

func TestInstancesOf(t *testing.T) {
	r := sparing()
	runs, starts, leaves, unborn := r.enlist(web, 1), r.enlist(web, 1), r.enlist(web, 1), r.enlist(web, 1)
	r.enlist(batch, 1).process = &rig.Process{}
	for _, i := range []*instance{runs, starts, leaves} {
		i.process = &rig.Process{}
	}
	close(runs.running)
	close(leaves.running)
	leaves.leaving = true
	if got := r.instancesOf("web"); !slices.Equal(got, []*instance{runs, starts}) {
		t.Errorf("%d instances, want the two that run or start, and neither %s nor %s", len(got), leaves.name, unborn.name)
	}
	if got := r.runningOf("web"); !slices.Equal(got, []*instance{runs}) {
		t.Errorf("%d instances run, want one", len(got))
	}
}
