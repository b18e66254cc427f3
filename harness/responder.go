package harness

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"spillway/outage"
	"spillway/remedy"
)

// respond lets the responder act and waits for relief: after its first act new connections of every healthy service
// succeed, and nobody has been refused for a while. Without relief in time the run goes on; the judge says what that means.
func (r *run) respond(ctx context.Context) (relieved bool, err error) {
	limited, cancel := context.WithTimeout(ctx, r.mitigateLimit())
	defer cancel()
	further, relax := context.WithCancel(limited)
	defer relax()
	acting := make(chan error, 1)
	r.group.Go(func() error {
		acting <- r.act(further, limited)
		return nil
	})
	relief := make(chan error, 1)
	r.group.Go(func() error {
		relief <- waitFor(limited, "relief", r.mitigateLimit(), r.relieved)
		return nil
	})
	select {
	case err := <-acting:
		if err != nil && !over(limited) {
			return false, err
		}
		err = <-relief
		return err == nil, ctx.Err()
	case err := <-relief:
		if !r.hasRunbook() { // a runbook may not have come to its end, and has its time
			relax()
		}
		if acted := <-acting; acted != nil && !errors.Is(acted, context.Canceled) && !over(limited) {
			return false, acted
		}
		return err == nil, ctx.Err()
	}
}

// over reports whether the time of ctx is up. A connection that it limits may notice so a moment before ctx does.
func over(ctx context.Context) bool {
	deadline, limited := ctx.Deadline()
	return ctx.Err() != nil || limited && !time.Now().Before(deadline)
}

// hasRunbook reports whether a user's executable responds.
func (r *run) hasRunbook() bool { return strings.HasPrefix(r.scenario.Responder, "exec:") }

// quiet is how long nobody may have been refused before it is called relief: longer than any client's back-off.
const quiet = 1200 * time.Millisecond

// relieved reports whether the responder's acts had their effect.
func (r *run) relieved() (ok bool, saw string) {
	r.rec.read(func(t tally) {
		now := r.rec.now()
		since := now - t.lastRefusal
		switch {
		case r.adviceOnly() && t.lastAdvice > 0:
			ok = now-t.lastAdvice >= outage.Duration(settle) // nothing will get better: it was said
		case t.firstAct == 0:
			saw = "the responder has not acted"
		case since < outage.Duration(quiet):
			saw = fmt.Sprintf("refused %s ago; %d/%d", since.Std().Round(time.Millisecond), t.slots, t.maxClients)
		default:
			ok, saw = t.canaries(r.scenario.Expect.Spare, t.firstAct, func(string) bool { return false })
		}
	})
	return ok, saw
}

// adviceOnly reports whether no action can end the outage of the scenario: then advice is all that is waited for.
func (r *run) adviceOnly() bool { return r.scenario.Until.Failures > 0 && !r.scenario.Recovers() }

// act is the responder's part. It returns when the responder has done what it can. When ctx ends it begins nothing more;
// a plan that it has begun is carried out within the time of limited: a relief of which half is left undone does not last.
func (r *run) act(ctx, limited context.Context) error {
	switch name, path, _ := strings.Cut(r.scenario.Responder, ":"); name {
	case "none":
		<-ctx.Done()
		return nil
	case "exec":
		return r.runbook(ctx, path)
	case "human":
		return r.human(ctx)
	}
	return r.builtIn(ctx, limited)
}

// What the built-in responder needs before it acts.
const (
	sureEnough = 0.5             // confidence; below, it would be a guess
	settle     = 3 * time.Second // after a remedy, before it is judged to have been too little
	maxRounds  = 4               // remedies in one run
)

// builtIn is the built-in responder: while Redis is at its limit it acts on a diagnosis that is sure enough and that two
// looks in a row agree on, and again when, some seconds later, clients are still turned away.
func (r *run) builtIn(ctx, limited context.Context) error {
	var before outage.Cause
	for round := 0; round < maxRounds; {
		d, snap, err := r.server.next(ctx)
		if err != nil {
			return err
		}
		top, found := d.Top()
		agreed := top.Cause == before
		before = top.Cause
		if !found || !agreed || top.Confidence < sureEnough || !calledFor(d, top.Cause) {
			continue
		}
		round++
		plan := r.plan(d, snap, remedy.Options{CanRaiseNofile: true, CanRestart: true})
		r.rec.add("responder", outage.Event{Plan: &plan})
		if err := r.apply(limited, plan); err != nil {
			return err
		}
		if err := sleep(ctx, settle); err != nil {
			return err
		}
	}
	return nil
}

// calledFor reports whether there is something to act on: Redis at its limit, or a trouble that has nothing to do with it.
func calledFor(d outage.Diagnosis, c outage.Cause) bool { return atLimit(d) || c.LookAlike() }

// atLimit reports whether a remedy is called for: nobody acts on a server that has room and turns nobody away.
func atLimit(d outage.Diagnosis) bool {
	return d.Rejecting || (d.MaxClients > 0 && d.Slots*100 >= d.MaxClients*95)
}

func (r *run) apply(ctx context.Context, plan outage.Plan) error {
	a := remedy.Applier{
		Redis: &r.server, Host: serverHost{r}, Now: r.rec.now,
		Report: func(done outage.Action) { r.rec.add("responder", outage.Event{Action: &done}) },
	}
	_, err := a.Apply(ctx, plan)
	return err
}
