package assert

import (
	"fmt"

	"spillway/outage"
)

// wasFixed reports whether the fix was deployed. Without relief it is not, which mitigate and recover say.
func wasFixed(r *run) bool {
	_, ok := r.phase(outage.Fix)
	return ok && len(r.s.Fix) > 0
}

// fixed judges whether the redeployed services do their work. A count that fell because a service is gone is no recovery.
func fixed(r *run) Verdict {
	want := fmt.Sprintf("redeployed services get %g%% of their requests answered in the hold phase", enough*100)
	hold, ok := r.phase(outage.Hold)
	if !ok {
		return missing(want, "no hold phase in the history", "")
	}
	var answered, lost, silent []string
	for _, s := range r.s.Fix {
		served := r.count(hold, func(a *outage.Attempt) bool {
			return a.Service == s.Service && a.Op == outage.OpRequest && a.Outcome == outage.OK
		})
		all := r.count(hold, func(a *outage.Attempt) bool { return a.Service == s.Service && a.Op == outage.OpRequest })
		line := fmt.Sprintf("%s %d of %d", s.Service, served, all)
		switch {
		case all == 0:
			silent = append(silent, s.Service+" asked nothing")
		case float64(served) < enough*float64(all):
			lost = append(lost, line)
		default:
			answered = append(answered, line)
		}
	}
	switch {
	case len(lost) > 0:
		return lacking(Fail, want, few(lost, 4), "the fix does not work")
	case len(silent) > 0:
		return missing(want, few(silent, 4), "the redeployed service did nothing, so nobody knows")
	}
	return Verdict{Outcome: Pass, Want: want, Got: few(answered, 4)}
}
