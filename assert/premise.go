package assert

import (
	"fmt"

	"spillway/outage"
)

func everyRun(*run) bool { return true }

// premiseHolds proves that the run put its question: that there was an outage, seen by clients and by Redis; or, where
// none is expected, that clients worked and Redis was read.
func premiseHolds(r *run) Verdict {
	if r.calm() {
		return worked(r)
	}
	if r.failing() {
		return failed(r)
	}
	// As the rig counts them: a refused request only repeats what its connections were told.
	need := refusalsWanted(r.s)
	want := fmt.Sprintf("at least %s of connections seen by clients, and rejected_connections growing", plural(need, "refusal", "refusals"))
	got := plural(r.m.RefusedConnections, "refusal", "refusals") + ", " + r.rejectedText()
	v := Verdict{Outcome: Pass, Want: want, Got: got}
	switch {
	case r.m.RefusedConnections < need:
		return missing(want, got, "the outage never happened, so nothing was put to the test")
	case r.m.RejectedByRedis == nil:
		return missing(want, got, "only clients saw the outage: Redis's own count is missing")
	case *r.m.RejectedByRedis == 0:
		return missing(want, got, "only clients saw the outage: Redis rejected nobody, so something else refused them")
	}
	return v
}

// failed proves the outage of a look-alike, which Redis itself may not know of: clients failed in the way that the scenario
// is about, and Redis was read meanwhile.
func failed(r *run) Verdict {
	how := "other than refused"
	if r.s.Expect.Suffer != "" {
		how = string(r.s.Expect.Suffer)
	}
	read := 0
	for range r.snapshots(r.loaded()) {
		read++
	}
	want := fmt.Sprintf("at least %s of clients, %s, and at least 2 snapshots", plural(r.s.Until.Failures, "failure", "failures"), how)
	got := fmt.Sprintf("%s, %s", plural(r.m.Failures, "failure", "failures"), plural(read, "snapshot", "snapshots"))
	switch {
	case r.m.Failures < r.s.Until.Failures:
		return missing(want, got, "the outage never happened, so nothing was put to the test")
	case read < 2: // one snapshot shows no growth
		return missing(want, got, "nobody looked at Redis while clients failed")
	}
	return Verdict{Outcome: Pass, Want: want, Got: got}
}

func worked(r *run) Verdict {
	served := r.count(r.loaded(), func(a *outage.Attempt) bool { return a.Outcome == outage.OK })
	what, how := "a load that Redis served", "served"
	if suffering := r.s.Expect.Suffer; r.s.Expect.Cause == outage.AccessDenied && suffering != "" {
		// Protected mode serves nobody; then it is the trouble itself that has to have been.
		served = r.count(r.loaded(), func(a *outage.Attempt) bool { return a.Outcome == suffering })
		what, how = "clients that meet "+string(suffering), string(suffering)
	}
	read := 0
	for range r.snapshots(r.loaded()) {
		read++
	}
	want := what + ", and at least 2 snapshots of it"
	got := fmt.Sprintf("%s %s, %s", plural(served, "attempt", "attempts"), how, plural(read, "snapshot", "snapshots"))
	// One snapshot shows no growth, of connections or of rejects.
	if served == 0 || read < 2 {
		return missing(want, got, "a fleet that did nothing, or that nobody looked at, proves nothing")
	}
	return Verdict{Outcome: Pass, Want: want, Got: got}
}

func (r *run) rejectedText() string {
	if r.m.RejectedByRedis == nil {
		return "rejected_connections not read twice"
	}
	return fmt.Sprintf("rejected_connections grew by %d", *r.m.RejectedByRedis)
}
