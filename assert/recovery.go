package assert

import (
	"cmp"
	"fmt"

	"spillway/outage"
	"spillway/scenarios"
)

func limitsMitigate(r *run) bool { return r.s.Expect.Mitigate > 0 }
func limitsRecover(r *run) bool  { return r.s.Expect.Recover > 0 }
func definesCleared(r *run) bool { return r.s.Expect.Cleared != nil }

// mitigated returns when the first new connection succeeded that was begun after the response.
func (r *run) mitigated() *outage.Duration {
	if r.m.Responded == nil {
		return nil
	}
	for at, a := range r.attempts(span{*r.m.Responded, r.end()}) {
		if a.Op == outage.OpFresh && a.Outcome == outage.OK && at-a.Latency >= *r.m.Responded {
			return &at
		}
	}
	return nil
}

func mitigate(r *run) Verdict {
	want := "a new connection within " + r.s.Expect.Mitigate.String() + " of the first " + r.injury() + ", after the response"
	if r.m.Responded == nil {
		return r.nothingDone(want)
	}
	if r.m.Mitigated == nil {
		tried := r.count(span{*r.m.Responded, r.end()}, func(a *outage.Attempt) bool { return a.Op == outage.OpFresh })
		if tried == 0 {
			return missing(want, "no fresh canary after the response", "nobody tried a new connection, so nobody knows")
		}
		return Verdict{Outcome: Fail, Want: want, Got: fmt.Sprintf("none of %d fresh canaries", tried)}
	}
	if r.m.TTM == nil {
		return missing(want, "a new connection at "+short(*r.m.Mitigated), "clients never suffered, so there is no moment to count from")
	}
	return within(*r.m.TTM, r.s.Expect.Mitigate, want)
}

// nothingDone is the verdict where the responder changed nothing: a failure if it was there at all.
func (r *run) nothingDone(want string) Verdict {
	_, asked := r.phase(outage.Respond)
	if !asked || r.builtin() && len(r.diags) == 0 {
		return missing(want, "no responder in the history", "nothing shows that anybody was asked to respond")
	}
	return lacking(Fail, want, "the responder did nothing", r.undone())
}

// injury is the word for what clients meet: a refusal, or the failure of a look-alike.
func (r *run) injury() string {
	if r.failing() {
		return "failure"
	}
	return "refusal"
}

// injured is the word for a client that met it.
func (r *run) injured() string {
	if r.failing() {
		return "refused or failing"
	}
	return "refused"
}

// relapse counts who knocked during the hold phase and who was refused or failed; ok is false where there is no such phase.
// What was begun before it does not count: a client notices a silence when its patience ends.
func (r *run) relapse() (tries, again int, ok bool) {
	hold, ok := r.phase(outage.Hold)
	tries = r.count(hold, func(a *outage.Attempt) bool { return a.Op == outage.OpFresh || a.Op == outage.OpConnect })
	for at, a := range r.attempts(hold) {
		if refused(a) || r.hurt(a) && at-a.Latency >= hold.from {
			again += a.N()
		}
	}
	return tries, again, ok
}

// quiet judges that nobody was refused in the hold phase although somebody knocked; ok is true when so.
func (r *run) quiet(want string) (v Verdict, ok bool) {
	tries, again, held := r.relapse()
	switch {
	case !held:
		return missing(want, "no hold phase in the history", "whether it stayed clear was never looked at"), false
	case again > 0:
		hint := "it came back: relief without a fix looks like this"
		if r.m.Mitigated == nil {
			hint = "it never stopped"
		}
		return lacking(Fail, want, fmt.Sprintf("%s in the hold phase, the last at %s", plural(again, r.injury(), r.injury()+"s"), short(*r.last())), hint), false
	case tries == 0:
		return missing(want, "no new connection was tried in the hold phase", "nobody knocked, so nobody was refused"), false
	}
	return Verdict{}, true
}

func recovered(r *run) Verdict {
	want := fmt.Sprintf("no %s later than %s after the first", r.injury(), r.s.Expect.Recover)
	if v, ok := r.quiet(want); !ok {
		return v
	}
	if r.m.TTR == nil {
		return missing(want, "no "+r.injury()+" in the history", "")
	}
	return within(*r.m.TTR, r.s.Expect.Recover, want)
}

// cleared judges that it stays clear: every snapshot of the hold phase below the bound, and nobody refused.
func cleared(r *run) Verdict {
	below := r.s.Expect.Cleared.Below
	need := cmp.Or(r.s.Expect.Cleared.Hold, scenarios.DefaultHold)
	want := fmt.Sprintf("at most %s connections for %s, and nobody %s", below, need, r.injured())
	if below.Percent > 0 {
		want = fmt.Sprintf("at most %s of the limit taken for %s, and nobody %s", below, need, r.injured())
	}
	if v, ok := r.quiet(want); !ok {
		return v
	}
	hold, _ := r.phase(outage.Hold)
	var first, last outage.Duration
	seen, most := 0, 0
	for at, s := range r.snapshots(hold) {
		bound, ok := bound(below, s.MaxClients())
		if !ok {
			return missing(want, "maxclients could not be read", "a percentage needs the limit in force: allow CONFIG GET, or give a number")
		}
		if slots := s.Slots(); slots > bound {
			return Verdict{Outcome: Fail, Want: want, Got: fmt.Sprintf("%d connections at %s, above %d", slots, short(at), bound)}
		}
		if seen == 0 {
			first = at
		}
		last, most, seen = at, max(most, s.Slots()), seen+1
	}
	got := fmt.Sprintf("at most %d in %s over %s", most, plural(seen, "snapshot", "snapshots"), short(hold.length()))
	// Two snapshots side by side see one moment only, so they must span half of the time they speak for.
	if seen < 2 || last-first < need/2 || hold.length() < need {
		return missing(want, got, "too short, or too few snapshots, to say that it stays clear")
	}
	return Verdict{Outcome: Pass, Want: want, Got: got}
}

// bound returns the connections that an amount stands for under a limit; ok is false where the limit is needed and unknown.
func bound(a scenarios.Amount, limit int) (n int, ok bool) {
	return a.Of(limit), a.Percent == 0 || limit > 0
}
