package harness

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"spillway/fleet"
	"spillway/outage"
	"spillway/rig"
	"spillway/scenarios"
)

// slowMachine starts instances that take their time, and do nothing then.
type slowMachine struct {
	machine
	processes rig.Processes
}

func (m *slowMachine) StartInstance(ctx context.Context, i rig.Instance) (*rig.Process, error) {
	return m.processes.StartInstance(ctx, i)
}

// loading is a run about to load, on a machine whose instances take so long to start.
func loading(ctx context.Context, s scenarios.Scenario, takes func(service string) time.Duration, more ...outage.Event) (r *run, over func()) {
	m := &slowMachine{}
	m.processes.Worker = func(ctx context.Context, in io.Reader, out io.Writer) error {
		var spec fleet.Spec
		line, err := bufio.NewReader(in).ReadBytes('\n')
		if err == nil {
			err = json.Unmarshal(line, &spec)
		}
		if err != nil || sleep(ctx, takes(spec.Service.Service)) != nil {
			return err
		}
		enc := json.NewEncoder(out)
		started := outage.Event{At: spec.Now, Instance: &outage.Instance{Service: spec.Service.Service, Name: spec.Instance, State: outage.Started}}
		for _, e := range append([]outage.Event{started}, more...) {
			if err := enc.Encode(e); err != nil {
				return err
			}
		}
		<-ctx.Done()
		return nil
	}
	r = &run{Runner: &Runner{}, scenario: s, machine: m, rec: newRecorder(outage.Header{Started: time.Now()})}
	r.server.redis = &rig.Redis{Addr: "127.0.0.1:1"}
	ctx, cancel := context.WithCancel(ctx)
	r.group, r.life = errgroup.WithContext(ctx)
	return r, func() {
		cancel()
		_ = r.group.Wait()
	}
}

// startedAt is when the first instance of a service ran; -1 when none did.
func startedAt(r *run, service string) outage.Duration {
	for _, e := range r.rec.result().Events {
		if e.Instance != nil && e.Instance.Service == service && e.Instance.State == outage.Started {
			return e.At
		}
	}
	return -1
}

func near(got, want outage.Duration) bool { return got >= want && got < want+at(0.1) }

// A machine that starts things slowly does not shift a scenario's times against each other.
func TestTheClockOfTheLoadBeginsWithTheFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, over := loading(t.Context(), scenarios.Scenario{
			Fleet: []scenarios.Service{
				{Service: "quick", Instances: 2},
				{Service: "slow", Instances: 3},
				{Service: "ramped", Instances: 3, Ramp: at(60)},
				{Service: "later", Instances: 1, Start: at(3)},
			},
			Until: scenarios.Until{Refusals: 1, Within: at(8)},
		}, func(service string) time.Duration {
			if service == "slow" {
				return 20 * time.Second
			}
			return time.Second
		})
		defer over()
		reached, err := r.load(r.life)
		if reached || err != nil {
			t.Errorf("reached %t, %v", reached, err)
		}
		if got := r.rec.now(); !near(got, at(28)) {
			t.Errorf("it waited until %s; want 8s from when the fleet ran, at 20s", got)
		}
		if got := startedAt(r, "later"); !near(got, at(24)) {
			t.Errorf("what starts at 3s and takes 1s ran at %s; want 24s", got)
		}
		if got := startedAt(r, "ramped"); !near(got, at(1)) {
			t.Errorf("a ramp begins at once; it ran at %s", got)
		}
	})
}

// An outage that is there before the last instance runs is answered, not waited over.
func TestAnOutageBeforeTheFleetRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, over := loading(t.Context(), scenarios.Scenario{
			Fleet: []scenarios.Service{{Service: "quick", Instances: 1}, {Service: "slow", Instances: 1}},
			Until: scenarios.Until{Refusals: 5, Within: at(8)},
		}, func(service string) time.Duration {
			if service == "slow" {
				return 20 * time.Second
			}
			return 2 * time.Second
		}, outage.Event{Attempt: tried(outage.OpConnect, outage.Refused, 5)})
		defer over()
		reached, err := r.load(r.life)
		if !reached || err != nil || !near(r.rec.now(), at(2)) {
			t.Errorf("reached %t at %s, %v; want true at 2s", reached, r.rec.now(), err)
		}
	})
}

func TestAFleetThatNeverRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, over := loading(t.Context(), scenarios.Scenario{
			Fleet: []scenarios.Service{{Service: "quick", Instances: 2}, {Service: "never", Instances: 1}},
			Until: scenarios.Until{Refusals: 5, Within: at(8)},
		}, func(service string) time.Duration {
			if service == "never" {
				return time.Hour
			}
			return time.Second
		})
		defer over()
		_, err := r.load(r.life)
		if late := new(tooLate); !errors.As(err, &late) || !strings.Contains(late.text, "the fleet to run: 2 of 3 instances after 1m0s") {
			t.Errorf("got %v", err)
		}
	})
}

func TestWhatCannotBeCut(t *testing.T) {
	cut := scenarios.Scenario{Name: "x", Faults: []scenarios.Fault{{Cut: "web"}}}
	if err := checkTarget(cut, false); err == nil || !strings.Contains(err.Error(), "container") {
		t.Errorf("the error does not say that this needs the container target: %v", err)
	}
	for _, s := range []scenarios.Scenario{{}, {Faults: []scenarios.Fault{{LowerNofile: 50}}}} {
		if err := checkTarget(s, false); err != nil {
			t.Errorf("%+v: %v", s.Faults, err)
		}
	}
	if err := checkTarget(cut, true); err != nil {
		t.Error(err)
	}
}
