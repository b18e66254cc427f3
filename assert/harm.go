package assert

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"spillway/outage"
)

// harmed is what the two witnesses say about healthy connections.
type harmed struct {
	killed      map[string]int // closed by the responder itself, by service, as it reports
	suffered    map[string]int // closed or failing under clients after the response, by service
	interrupted int            // the same, explained by a planned restart
	witnesses   int            // attempts of watched services after the response
}

// answerTime is how long before its record a command of another responder may have begun to act: it is recorded with
// its answer, and a kill of 10,000 clients takes 0.2 s on a server that does nothing else.
const answerTime = outage.Duration(time.Second)

// acting returns when the response began to act, which is before its first action was finished.
func (r *run) acting() (from outage.Duration, ok bool) {
	switch {
	case r.m.Responded == nil:
		return 0, false
	case !r.builtin():
		return *r.m.Responded - answerTime, true
	case r.plan != nil && r.planAt < *r.m.Responded:
		return r.planAt, true
	}
	return *r.m.Responded, true
}

// responding is the stretch in which harm can be the responder's doing. Where nothing was done and nothing had to be,
// it is the whole load; ok is false where something had to be done and was not.
func (r *run) responding() (p span, ok bool) {
	p = r.loaded()
	if from, acted := r.acting(); acted {
		p.from = from
		return p, true
	}
	wanted := r.s.Expect.Actions
	return p, r.calm() || wanted != nil && len(*wanted) == 0
}

func (r *run) harmed() harmed {
	h := harmed{killed: map[string]int{}, suffered: map[string]int{}}
	for _, e := range r.events {
		if e.Action == nil {
			continue
		}
		for _, v := range e.Action.Killed {
			if service, yes := r.harmless(v, doneAt(e)); yes {
				h.killed[service]++
			}
		}
	}
	p, responding := r.responding()
	if !responding {
		return h // what clients lost before anybody did anything is nobody's collateral
	}
	for at, a := range r.attempts(p) {
		if !r.watched(a.Service) {
			continue
		}
		h.witnesses += a.N()
		if a.Outcome != outage.Reset && (a.Op != outage.OpHeld || a.Outcome == outage.OK) {
			continue
		}
		if r.restarting(at) {
			h.interrupted += a.N()
		} else {
			h.suffered[a.Service] += a.N()
		}
	}
	return h
}

func (r *run) measureHarm() {
	h := r.harmed()
	// One connection that was killed is seen by both witnesses, so their counts do not add up.
	r.m.Collateral = max(sum(h.killed), sum(h.suffered))
	r.m.Interrupted = h.interrupted
	for _, service := range r.s.Expect.Spare {
		ok, failed := r.canaries(service, outage.OpHeld, r.during())
		r.m.Held = append(r.m.Held, Held{Service: service, OK: ok, Failed: failed})
	}
}

func collateral(r *run) Verdict {
	const want = "0 healthy connections closed"
	h := r.harmed()
	switch {
	case len(h.killed) > 0:
		return lacking(Fail, want, "killed: "+tally(h.killed), "the remedy closed connections that it had no evidence against")
	case len(h.suffered) > 0:
		return lacking(Fail, want, "closed or failing under their clients: "+tally(h.suffered), "no victim was reported, but these clients lost connections after the response")
	}
	if _, ok := r.responding(); !ok {
		return missing(want, "nobody responded", "where nothing was done nothing was put to the test")
	}
	// The built-in responder reports each victim; of others only the clients know.
	if h.witnesses == 0 && (hasSpared(r) || !r.builtin()) {
		return missing(want, "no attempt of a healthy service after the response", "the witness is missing")
	}
	if r.builtin() && r.untold() {
		return missing(want, "what became of the planned actions is not in the history", "")
	}
	got := "nobody killed; clients lost none"
	if r.m.Killed > 0 {
		got = fmt.Sprintf("0 of %d killed; clients lost none", r.m.Killed)
	}
	return Verdict{Outcome: Pass, Want: want, Got: got}
}

// tally writes counts by service, in alphabetical order.
func tally(counts map[string]int) string {
	var parts []string
	for _, s := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d of %s", counts[s], s))
	}
	return few(parts, 5)
}

func sum(counts map[string]int) int {
	n := 0
	for _, c := range counts {
		n += c
	}
	return n
}
