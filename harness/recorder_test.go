package harness

import (
	"bytes"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spillway/outage"
	"spillway/scenarios"
)

func at(seconds float64) outage.Duration { return outage.Duration(seconds * float64(time.Second)) }

func tried(op outage.Op, o outage.Outcome, n int) *outage.Attempt {
	return &outage.Attempt{Service: "web", Op: op, Outcome: o, Count: n}
}

// tallied is what a recorder counts from events, at one second each.
func tallied(events ...outage.Event) tally {
	r := newRecorder(outage.Header{Started: time.Now()})
	for i, e := range events {
		e.At = at(float64(i + 1))
		r.put(e)
	}
	var got tally
	r.read(func(t tally) { got = t })
	return got
}

func TestTallyOfRefusals(t *testing.T) {
	for _, c := range []struct {
		name    string
		attempt *outage.Attempt
		want    int
	}{
		{"a connection", tried(outage.OpConnect, outage.Refused, 0), 1},
		{"folded connections", tried(outage.OpConnect, outage.Refused, 7), 7},
		{"a canary", tried(outage.OpFresh, outage.Refused, 1), 1},
		{"a request repeats what its connections were told", tried(outage.OpRequest, outage.Refused, 5), 0},
		{"an answer", tried(outage.OpConnect, outage.OK, 5), 0},
		{"a reset", tried(outage.OpConnect, outage.Reset, 5), 0},
		{"no port", tried(outage.OpConnect, outage.NoPort, 5), 0},
		{"no file", tried(outage.OpConnect, outage.NoFile, 5), 0},
		{"a pool timeout", tried(outage.OpRequest, outage.PoolTimeout, 5), 0},
		{"a denial", tried(outage.OpConnect, outage.Denied, 5), 0},
	} {
		got := tallied(outage.Event{Attempt: c.attempt})
		if got.refusals != c.want || (got.lastRefusal > 0) != (c.want > 0) {
			t.Errorf("%s: %d refusals, the last at %s; want %d", c.name, got.refusals, got.lastRefusal, c.want)
		}
	}
}

// What fails before the load is no part of the outage; of the rest only what the scenario waits for.
func TestTallyOfFailures(t *testing.T) {
	steady, load := outage.Steady, outage.Load
	r := newRecorder(outage.Header{Started: time.Now()})
	r.tally.fails = scenarios.Scenario{Until: scenarios.Until{Failures: 1}, Expect: scenarios.Expect{Suffer: outage.TimedOut}}.FailsBy
	for i, e := range []outage.Event{
		{Phase: &steady}, {Attempt: tried(outage.OpFresh, outage.TimedOut, 9)}, {Phase: &load},
		{Attempt: tried(outage.OpFresh, outage.TimedOut, 2)}, {Attempt: tried(outage.OpRequest, outage.TimedOut, 1)},
		{Attempt: tried(outage.OpRequest, outage.OK, 7)}, {Attempt: tried(outage.OpRequest, outage.NoPort, 4)},
	} {
		e.At = at(float64(i))
		r.put(e)
	}
	r.read(func(got tally) {
		if got.failures != 3 || got.refusals != 0 || got.lastRefusal != at(4) {
			t.Errorf("%d failures, %d refusals, the last at %s; want 3, 0 and 4s", got.failures, got.refusals, got.lastRefusal)
		}
	})
}

// Events of different actors arrive out of order.
func TestTallyKeepsTheLatestRefusal(t *testing.T) {
	r := newRecorder(outage.Header{Started: time.Now()})
	r.put(outage.Event{At: at(9), Attempt: tried(outage.OpConnect, outage.Refused, 1)})
	r.put(outage.Event{At: at(8), Attempt: tried(outage.OpConnect, outage.Refused, 2)})
	r.read(func(got tally) {
		if got.lastRefusal != at(9) || got.refusals != 3 {
			t.Errorf("%d refusals, the last at %s; want 3, the last at 9s", got.refusals, got.lastRefusal)
		}
	})
}

func TestTallyOfTheFirstAct(t *testing.T) {
	action := func(s outage.ActionState) outage.Event {
		return outage.Event{Action: &outage.Action{Kind: outage.KillClients, State: s}}
	}
	for name, c := range map[string]struct {
		events []outage.Event
		want   outage.Duration
	}{
		"nobody acted":                {nil, 0},
		"a plan is no act":            {[]outage.Event{{Plan: &outage.Plan{}}}, 0},
		"skipped, refused, then done": {[]outage.Event{action(outage.Skipped), action(outage.Errored), action(outage.Done), action(outage.Done)}, at(3)},
		"a command":                   {[]outage.Event{{Note: &outage.Note{}}, {Command: &outage.Command{}}, action(outage.Done)}, at(2)},
	} {
		if got := tallied(c.events...).firstAct; got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestTallyOfSnapshots(t *testing.T) {
	load, hold := outage.Load, outage.Hold
	look := outage.Event{Snapshot: &outage.Snapshot{
		Info:   map[string]string{"connected_clients": "7", "connected_slaves": "2"},
		Config: map[string]string{"maxclients": "10"},
	}}
	got := tallied(outage.Event{Phase: &load}, look, look, outage.Event{Phase: &hold}, look, look, look)
	want := tally{phase: hold, phaseAt: at(4), slots: 9, maxClients: 10, looks: 3, firstLook: at(5), lastLook: at(7), fresh: map[string]sign{}, held: map[string]sign{}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(tally{}, sign{})); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// A snapshot bears the time at which it was begun: one that spans the beginning of a phase says nothing about it.
func TestTallyOfASnapshotThatCameLate(t *testing.T) {
	hold := outage.Hold
	look := func(seconds float64) outage.Event {
		return outage.Event{At: at(seconds), Snapshot: &outage.Snapshot{Info: map[string]string{"connected_clients": "7"}}}
	}
	r := newRecorder(outage.Header{Started: time.Now()})
	for _, e := range []outage.Event{{At: at(5), Phase: &hold}, look(4.9), look(6), look(7)} {
		r.put(e)
	}
	r.read(func(got tally) {
		if got.looks != 2 || got.firstLook != at(6) || got.lastLook != at(7) || got.slots != 7 {
			t.Errorf("%d snapshots from %s to %s of %d slots, want 2 from 6s to 7s of 7", got.looks, got.firstLook, got.lastLook, got.slots)
		}
	})
}

func TestTallyOfCanaries(t *testing.T) {
	held, fresh := outage.Event{Attempt: tried(outage.OpHeld, outage.OK, 1)}, outage.Event{Attempt: tried(outage.OpFresh, outage.OK, 1)}
	refused := outage.Event{Attempt: tried(outage.OpFresh, outage.Refused, 1)}
	lost := outage.Event{Attempt: tried(outage.OpHeld, outage.Reset, 1)}
	nobody := func(string) bool { return false }
	for name, c := range map[string]struct {
		events []outage.Event
		since  outage.Duration
		except func(string) bool
		saw    string // empty when all is well
	}{
		"none yet":                 {nil, 0, nobody, "no new connection of web answers"},
		"both answer":              {[]outage.Event{held, fresh}, 0, nobody, ""},
		"only the held":            {[]outage.Event{held}, 0, nobody, "no new connection of web answers"},
		"only the fresh":           {[]outage.Event{fresh}, 0, nobody, "no open connection of web answers"},
		"refused after an answer":  {[]outage.Event{held, fresh, refused}, 0, nobody, "no new connection of web answers"},
		"answered after a refusal": {[]outage.Event{held, refused, fresh}, 0, nobody, ""},
		"lost its connection":      {[]outage.Event{fresh, held, lost}, 0, nobody, "no open connection of web answers"},
		"an answer of before":      {[]outage.Event{fresh, held}, at(1.5), nobody, "no new connection of web answers"},
		"an answer of that moment": {[]outage.Event{held, fresh}, at(2), nobody, ""},
		"starts later":             {nil, 0, func(s string) bool { return s == "web" }, ""},
	} {
		ok, saw := tallied(c.events...).canaries([]string{"web"}, c.since, c.except)
		if saw != c.saw || ok != (c.saw == "") {
			t.Errorf("%s: %t, %q; want %q", name, ok, saw, c.saw)
		}
	}
}

func TestRecorderLosesNothing(t *testing.T) {
	r := newRecorder(outage.Header{Started: time.Now(), Scenario: "s"})
	r.setTarget(outage.Target{Kind: "process"})
	var actors sync.WaitGroup
	for range 20 {
		actors.Go(func() {
			for range 50 {
				r.add("web-1", outage.Event{Attempt: tried(outage.OpConnect, outage.Refused, 2)})
				r.read(func(tally) {})
			}
		})
	}
	actors.Wait()
	h := r.result()
	r.note("after", false)
	if len(h.Events) != 1000 || h.Header.Target.Kind != "process" {
		t.Errorf("%d events of %+v, want 1000 of a process", len(h.Events), h.Header.Target)
	}
	if n := len(r.result().Events); n != 1001 {
		t.Errorf("%d events, want one more", n)
	}
	r.read(func(got tally) {
		if got.refusals != 2000 {
			t.Errorf("%d refusals, want 2000", got.refusals)
		}
	})
}

// What is written is judged as what was recorded: to the microsecond, which is what a file keeps.
func TestTheClockIsThatOfTheFile(t *testing.T) {
	r := newRecorder(outage.Header{Version: outage.HistoryVersion, Started: time.Now()})
	for range 100 {
		r.note("tick", false)
	}
	var file bytes.Buffer
	h := r.result()
	if err := h.Write(&file); err != nil {
		t.Fatal(err)
	}
	read, err := outage.ReadHistory(&file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(h.Events, read.Events); diff != "" {
		t.Errorf("-recorded +read\n%s", diff)
	}
}
