package harness

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"spillway/outage"
	"spillway/rig"
	"spillway/scenarios"
)

func TestSuspects(t *testing.T) {
	c := func(host, name string, idle int64) outage.Client {
		return outage.Client{Addr: host + ":4000", Name: name, Idle: idle}
	}
	for name, tt := range map[string]struct {
		clients []outage.Client
		want    []string
	}{
		"nobody":                        {nil, nil},
		"everybody is busy":             {[]outage.Client{c("10.0.0.1", "web", 0), c("10.0.0.2", "web", 2)}, nil},
		"one is silent, and a control":  {[]outage.Client{c("10.0.0.1", "web", 3), c("10.0.0.2", "web", 0)}, []string{"10.0.0.1", "10.0.0.2"}},
		"one busy client clears a host": {[]outage.Client{c("10.0.0.1", "web", 90), c("10.0.0.1", "web", 1), c("10.0.0.1", "web", 90)}, nil},
		"our own do not count":          {[]outage.Client{c("127.0.0.1", "spillway:1234:responder", 90), c("10.0.0.2", "web", 0)}, nil},
		"nor as controls":               {[]outage.Client{c("127.0.0.1", "spillway:1234:observer", 0), c("10.0.0.2", "web", 9)}, []string{"10.0.0.2"}},
	} {
		got := suspects(tt.clients)
		slices.Sort(got)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
}

// Every silent host is knocked at, but only a few of the others.
func TestSuspectsHaveFewControls(t *testing.T) {
	var clients []outage.Client
	for i := range 50 {
		clients = append(clients,
			outage.Client{Addr: fmt.Sprintf("10.0.0.%d:1", i), Idle: suspectIdle},
			outage.Client{Addr: fmt.Sprintf("10.0.1.%d:1", i), Idle: suspectIdle - 1})
	}
	got := suspects(clients)
	for i := range 50 {
		if host := fmt.Sprintf("10.0.0.%d", i); !slices.Contains(got, host) {
			t.Errorf("%s is silent and no suspect", host)
		}
	}
	if len(got) != 50+controls {
		t.Errorf("%d hosts, want 50 and %d controls", len(got), controls)
	}
}

// halfway is a machine that stops Redis and cannot start it again.
type halfway struct {
	machine
	stop, start error
}

func (m halfway) StopRedis(context.Context, *rig.Redis) error                { return m.stop }
func (m halfway) StartRedis(context.Context, rig.Server) (*rig.Redis, error) { return nil, m.start }

// The old connection of the watch breaks with the server: that would be the first error, and says nothing.
func TestARestartThatFailsIsWhatEndsTheRun(t *testing.T) {
	late := errors.New("too late")
	for name, m := range map[string]halfway{
		"restart Redis with 4096 file descriptors: stop Redis: too late":  {stop: late},
		"restart Redis with 4096 file descriptors: start Redis: too late": {start: late},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := &run{Runner: &Runner{}, machine: m, scenario: scenarios.Scenario{Responder: "spillway"}}
			r.server.redis = &rig.Redis{}
			if err := (serverHost{r}).Restart(t.Context(), 4096); err == nil || err.Error() != name || !errors.Is(err, late) {
				t.Errorf("the responder is told %v, want %q", err, name)
			}
			if err := r.watch(t.Context()); err == nil || err.Error() != name {
				t.Errorf("the watch ends with %v, want %q", err, name)
			}
		})
	}
}

// tell lets the server be diagnosed, as look does.
func (s *server) tell(d outage.Diagnosis, snap outage.Snapshot) {
	s.latest.Lock()
	defer s.latest.Unlock()
	s.found, s.window = d, append(s.window, snap)
	if s.seen != nil {
		close(s.seen)
	}
	s.seen = make(chan struct{})
}

// A diagnosis is waited for, not taken from before the question.
func TestNextDiagnosis(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s server
		s.tell(outage.Diagnosis{Slots: 1}, outage.Snapshot{At: at(1)})
		time.AfterFunc(time.Second, func() { s.tell(outage.Diagnosis{Slots: 2}, outage.Snapshot{At: at(2)}) })
		d, snap, err := s.next(t.Context())
		if err != nil || d.Slots != 2 || snap.At != at(2) {
			t.Errorf("got %d slots at %s, %v; want the next diagnosis", d.Slots, snap.At, err)
		}
	})
}

func TestNextDiagnosisIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s server
		why := errors.New("time is up")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, why)
		defer cancel()
		if _, _, err := s.next(ctx); !errors.Is(err, why) {
			t.Errorf("got %v", err)
		}
	})
}
