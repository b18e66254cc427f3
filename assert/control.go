package assert

import (
	"fmt"
	"time"

	"spillway/outage"
)

// lastWords is the stretch before the end in which a control must still be broken: three times the longest pause that
// go-redis makes between two tries (1 s), so that a client which still wants in has knocked.
const lastWords = outage.Duration(3 * time.Second)

// control judges that the outage outlasted a run without a remedy.
func control(r *run) Verdict {
	want := fmt.Sprintf("clients refused to the end: in the last %s, most fresh canaries among them", lastWords)
	if r.calm() {
		return missing(want, "the scenario expects no outage", "only an outage has a control")
	}
	if r.m.Responded != nil {
		return missing(want, "somebody responded at "+short(*r.m.Responded), "a control is a run with responder none")
	}
	if r.failing() {
		return r.stillFailing()
	}
	last := span{max(r.end()-lastWords, 0), r.end()}
	fresh := func(a *outage.Attempt) bool { return a.Op == outage.OpFresh }
	tried, turned := r.count(last, fresh), r.count(last, func(a *outage.Attempt) bool { return fresh(a) && refused(a) })
	got := fmt.Sprintf("%s, %d of %d fresh canaries among them", plural(r.count(last, refused), "refusal", "refusals"), turned, tried)
	switch {
	case tried == 0:
		return missing(want, got, "no fresh canary tried, so nobody knows")
	case 2*turned <= tried: // a lucky canary may take a slot that another client just gave back; most cannot
		return missing(want, got, "it got well by itself, so the scenario proves nothing about a remedy")
	}
	return Verdict{Outcome: Pass, Want: want, Got: got}
}

// lastFailures is lastWords of a look-alike, whose clients notice a silence only when their patience ends: 5 s for a dial
// of go-redis, and a pause of up to 1 s before the next.
const lastFailures = outage.Duration(6 * time.Second)

// stillFailing is the control of a look-alike. It may leave the canaries of other services well, so the failures count.
func (r *run) stillFailing() Verdict {
	want := fmt.Sprintf("clients that fail to the end: some in the last %s", lastFailures)
	last := span{max(r.end()-lastFailures, 0), r.end()}
	n := r.count(last, r.hurt)
	got := plural(n, "failure", "failures")
	if n == 0 {
		return missing(want, got, "it got well by itself, so the scenario proves nothing about a remedy")
	}
	return Verdict{Outcome: Pass, Want: want, Got: got}
}
