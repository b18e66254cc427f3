package harness

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"spillway/outage"
	"spillway/remedy"
	"spillway/scenarios"
)

func TestAtLimit(t *testing.T) {
	for _, c := range []struct {
		d    outage.Diagnosis
		want bool
	}{
		{outage.Diagnosis{Slots: 100, MaxClients: 100}, true},
		{outage.Diagnosis{Slots: 95, MaxClients: 100}, true},
		{outage.Diagnosis{Slots: 94, MaxClients: 100}, false},
		{outage.Diagnosis{Slots: 60, MaxClients: 100, Rejecting: true}, true}, // just freed, and already turned away again
		{outage.Diagnosis{Slots: 60}, false},
		{outage.Diagnosis{}, false},
	} {
		if got := atLimit(c.d); got != c.want {
			t.Errorf("%+v: %t", c.d, got)
		}
	}
}

func TestRelieved(t *testing.T) {
	held := outage.Event{Attempt: tried(outage.OpHeld, outage.OK, 1)}
	fresh := outage.Event{Attempt: tried(outage.OpFresh, outage.OK, 1)}
	refused := outage.Event{Attempt: tried(outage.OpFresh, outage.Refused, 1)}
	act := outage.Event{Action: &outage.Action{State: outage.Done}}
	for name, c := range map[string]struct {
		events []outage.Event // one each second
		after  time.Duration  // the last of them
		want   bool
	}{
		"nobody acted":                   {[]outage.Event{held, fresh}, time.Minute, false},
		"acted, and all is well":         {[]outage.Event{held, refused, act, fresh}, 0, true},
		"acted, and nobody tried since":  {[]outage.Event{held, refused, fresh, act}, time.Minute, false},
		"refused a moment ago":           {[]outage.Event{held, act, refused, fresh}, 0, false},
		"refused long enough ago":        {[]outage.Event{held, act, refused, fresh}, 200 * time.Millisecond, true},
		"refused and nothing since":      {[]outage.Event{held, act, refused}, time.Minute, false},
		"no open connection has a voice": {[]outage.Event{act, fresh}, time.Minute, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := &run{
				rec:      newRecorder(outage.Header{Started: time.Now()}),
				scenario: scenarios.Scenario{Expect: scenarios.Expect{Spare: []string{"web"}}},
			}
			for _, e := range c.events {
				time.Sleep(time.Second)
				r.rec.add("x", e)
			}
			time.Sleep(c.after)
			if ok, saw := r.relieved(); ok != c.want {
				t.Errorf("%s: %t, %s", name, ok, saw)
			}
		})
	}
}

// Where nothing but advice can be expected, its being said is all that is waited for.
func TestRelievedByAdvice(t *testing.T) {
	advice := outage.Event{Action: &outage.Action{Kind: outage.Advise, State: outage.Done}}
	for name, c := range map[string]struct {
		scenario scenarios.Scenario
		events   []outage.Event
		after    time.Duration
		want     bool
	}{
		"advice and its time":      {scenarios.Scenario{Until: scenarios.Until{Failures: 5}}, []outage.Event{advice}, settle, true},
		"advice just now":          {scenarios.Scenario{Until: scenarios.Until{Failures: 5}}, []outage.Event{advice}, 0, false},
		"no word":                  {scenarios.Scenario{Until: scenarios.Until{Failures: 5}}, nil, time.Minute, false},
		"it must be over, and not": {scenarios.Scenario{Until: scenarios.Until{Failures: 5}, Expect: scenarios.Expect{Mitigate: at(5), Spare: []string{"web"}}}, []outage.Event{advice}, time.Minute, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := &run{rec: newRecorder(outage.Header{Started: time.Now()}), scenario: c.scenario}
			for _, e := range c.events {
				time.Sleep(time.Second)
				r.rec.add("x", e)
			}
			time.Sleep(c.after)
			if ok, saw := r.relieved(); ok != c.want {
				t.Errorf("%s: %t, %s", name, ok, saw)
			}
		})
	}
}

// answering is a run with nothing but its responder: plans are advice, which needs no Redis.
func answering(responder string) *run {
	return &run{
		Runner:   &Runner{},
		rec:      newRecorder(outage.Header{Started: time.Now()}),
		scenario: scenarios.Scenario{Responder: responder, Expect: scenarios.Expect{Spare: []string{"web"}, Mitigate: at(30)}},
		group:    &errgroup.Group{},
		plan: func(d outage.Diagnosis, _ outage.Snapshot, _ remedy.Options) outage.Plan {
			return outage.Plan{Cause: d.Findings[0].Cause, Actions: []outage.Action{{Kind: outage.Advise}}}
		},
	}
}

func full(cause outage.Cause, confidence float64) outage.Diagnosis {
	return outage.Diagnosis{Slots: 100, MaxClients: 100, Findings: []outage.Finding{{Cause: cause, Confidence: confidence}}}
}

// plans returns when the responder planned, and for which cause.
func plans(r *run) (at []outage.Duration, causes []outage.Cause) {
	for _, e := range r.rec.result().Events {
		if e.Plan != nil {
			at, causes = append(at, e.At), append(causes, e.Plan.Cause)
		}
	}
	return at, causes
}

// diagnosed lets the built-in responder see one diagnosis a second, the last of them until its time is up.
func diagnosed(t *testing.T, r *run, seen ...outage.Diagnosis) error {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	r.group.Go(func() error {
		for i := 0; sleep(ctx, time.Second) == nil; i++ {
			r.server.tell(seen[min(i, len(seen)-1)], outage.Snapshot{})
		}
		return nil
	})
	err := r.builtIn(ctx, ctx)
	cancel()
	return errors.Join(err, r.group.Wait())
}

func TestBuiltInActsOnWhatItIsSureOf(t *testing.T) {
	const leak, idle = outage.ConnectionLeak, outage.IdleNotReaped
	nothing := outage.Diagnosis{Slots: 100, MaxClients: 100, Rejecting: true}
	room := full(leak, 1)
	room.Slots = 50
	for name, c := range map[string]struct {
		seen  []outage.Diagnosis
		first outage.Duration // of its plans; 0 is none
		cause outage.Cause
	}{
		"two that agree":            {[]outage.Diagnosis{full(leak, .9)}, at(2), leak},
		"two that do not, then two": {[]outage.Diagnosis{full(leak, .9), full(idle, .9), full(leak, .9), full(leak, .9)}, at(4), leak},
		"changed its mind":          {[]outage.Diagnosis{full(leak, .9), full(idle, .9)}, at(3), idle},
		"a gap between":             {[]outage.Diagnosis{full(leak, .9), nothing, full(leak, .9)}, at(4), leak},
		"just sure enough":          {[]outage.Diagnosis{full(leak, sureEnough)}, at(2), leak},
		"a guess":                   {[]outage.Diagnosis{full(leak, sureEnough-.01)}, 0, ""},
		"there is room":             {[]outage.Diagnosis{room}, 0, ""},
		"nothing is found":          {[]outage.Diagnosis{nothing}, 0, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := answering("spillway")
			if err := diagnosed(t, r, c.seen...); err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
			when, causes := plans(r)
			switch {
			case c.first == 0 && len(when) > 0:
				t.Errorf("%s: acted at %s", name, when)
			case c.first > 0 && (len(when) == 0 || when[0] != c.first || causes[0] != c.cause):
				t.Errorf("%s: acted at %s on %s, want first at %s on %s", name, when, causes, c.first, c.cause)
			}
		})
	}
}

// Where the remedy was too little it acts again, but neither at once nor for ever.
func TestBuiltInGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := answering("spillway")
		if err := diagnosed(t, r, full(outage.ConnectionLeak, .9)); err != nil {
			t.Errorf("got %v", err)
		}
		when, _ := plans(r)
		if len(when) != maxRounds {
			t.Errorf("%d plans, want %d", len(when), maxRounds)
		}
		for i := 1; i < len(when); i++ {
			if pause := (when[i] - when[i-1]).Std(); pause < settle {
				t.Errorf("plan %d came %s after the one before", i+1, pause)
			}
		}
	})
}

// Relief in the middle of a plan does not cut it short: what has begun is carried out, and nothing more is begun.
func TestBuiltInCarriesOutWhatItBegan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := answering("spillway")
		limited, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		further, relax := context.WithCancel(limited)
		planned := r.plan
		r.plan = func(d outage.Diagnosis, s outage.Snapshot, o remedy.Options) outage.Plan {
			relax()
			return planned(d, s, o)
		}
		r.group.Go(func() error {
			for sleep(limited, time.Second) == nil {
				r.server.tell(full(outage.ConnectionLeak, .9), outage.Snapshot{})
			}
			return nil
		})
		err := r.builtIn(further, limited)
		cancel()
		_ = r.group.Wait()
		carried := 0
		for _, e := range r.rec.result().Events {
			if e.Action != nil && e.Action.State == outage.Done {
				carried++
			}
		}
		if when, _ := plans(r); len(when) != 1 || carried != 1 || !errors.Is(err, context.Canceled) {
			t.Errorf("%d plans, %d actions carried out, %v; want one of each, and then the end", len(when), carried, err)
		}
	})
}

// A connection that the responder's time limits may notice its end before the context does: that is no broken rig.
func TestOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if over(ctx) || over(t.Context()) {
			t.Error("over before its time")
		}
		time.Sleep(time.Second)
		if !over(ctx) {
			t.Error("not over at its time")
		}
		ended, end := context.WithCancel(t.Context())
		end()
		if !over(ended) {
			t.Error("not over when it is cancelled")
		}
	})
}

// Nobody responds: the wait for relief lasts its whole time, and there is none.
func TestRespondNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := answering("none")
		r.rec.add("web-1", outage.Event{Attempt: tried(outage.OpHeld, outage.OK, 1)})
		r.rec.add("web-1", outage.Event{Attempt: tried(outage.OpFresh, outage.OK, 1)})
		begin := time.Now()
		relieved, err := r.respond(t.Context())
		if relieved || err != nil || time.Since(begin) != 30*time.Second {
			t.Errorf("%t, %v after %s; want no relief after 30s", relieved, err, time.Since(begin))
		}
	})
}

func TestRespondEndsWithRelief(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := answering("spillway")
		ctx, cancel := context.WithCancel(t.Context())
		r.group.Go(func() error {
			for sleep(ctx, time.Second) == nil {
				r.server.tell(full(outage.ConnectionLeak, .9), outage.Snapshot{})
				r.rec.add("web-1", outage.Event{Attempt: tried(outage.OpHeld, outage.OK, 1)})
				r.rec.add("web-1", outage.Event{Attempt: tried(outage.OpFresh, outage.OK, 1)})
			}
			return nil
		})
		relieved, err := r.respond(ctx)
		if now := r.rec.now(); !relieved || err != nil || now > at(4) {
			t.Errorf("%t, %v at %s; want relief at the canary after the plan of 2s", relieved, err, now)
		}
		cancel()
		_ = r.group.Wait() // the responder was cut short, as it should be
	})
}

func TestRespondIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := answering("spillway")
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(2*time.Second, cancel)
		relieved, err := r.respond(ctx)
		if relieved || !errors.Is(err, context.Canceled) || r.rec.now() != at(2) {
			t.Errorf("%t, %v at %s; want the cancellation at 2s", relieved, err, r.rec.now())
		}
	})
}

func TestMitigateLimit(t *testing.T) {
	for name, c := range map[string]struct {
		responder string
		patience  time.Duration
		expect    scenarios.Expect
		want      time.Duration
	}{
		"mitigate":          {"spillway", 0, scenarios.Expect{Mitigate: at(5), Recover: at(9)}, 5 * time.Second},
		"recover":           {"none", time.Minute, scenarios.Expect{Recover: at(9)}, 9 * time.Second},
		"neither":           {"exec:/x", 0, scenarios.Expect{}, mitigation},
		"a person":          {"human", 0, scenarios.Expect{Mitigate: at(5)}, 10 * time.Minute},
		"a patient person":  {"human", time.Hour, scenarios.Expect{Mitigate: at(5)}, time.Hour},
		"a runbook's limit": {"exec:/x", time.Hour, scenarios.Expect{Mitigate: at(5)}, 5 * time.Second},
	} {
		r := &run{Runner: &Runner{Patience: c.patience}, scenario: scenarios.Scenario{Responder: c.responder, Expect: c.expect}}
		if got := r.mitigateLimit(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
