package assert

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"spillway/outage"
	"spillway/scenarios"
)

// enough is the share of canaries that must be answered. One PING lost in a hundred is a hiccup of the machine; a
// server that closes or starves connections loses far more.
const enough = 0.99

func hasSpared(r *run) bool { return len(r.s.Expect.Spare) > 0 }

// steady returns the spared services that run before the fault.
func (r *run) steady() []string {
	return slices.DeleteFunc(slices.Clone(r.s.Expect.Spare), func(name string) bool {
		return slices.ContainsFunc(r.s.Fleet, func(s scenarios.Service) bool { return s.Service == name && s.Start > 0 })
	})
}

func hasSteady(r *run) bool { return len(r.steady()) > 0 }

// wasPut reports whether there was a response for the spared services to live through.
func wasPut(r *run) bool { return hasSpared(r) && (r.mustEnd() || r.m.Responded != nil) }

// mustEnd reports whether there is an outage that the response must end. For a look-alike there may be nothing but advice.
func (r *run) mustEnd() bool { return !r.calm() && (!r.failing() || r.s.Recovers()) }

// wasHeld reports whether there is, or should be, a hold phase.
func wasHeld(r *run) bool {
	_, held := r.phase(outage.Hold)
	if r.failing() && !r.s.Recovers() {
		return false
	}
	return hasSpared(r) && (held || !r.calm())
}

// vigil is one stretch in which every spared service must answer its canaries.
type vigil struct {
	services []string
	want     string
	ops      []outage.Op // each must be answered
	lost     Outcome     // what it comes to when they are not
	hint     string      // for then
	blank    string      // why the stretch is not known; empty when it is
	span     span
}

// steadyBefore is a premise of its own: a service that was ill before the fault shows nothing about it.
func steadyBefore(r *run) Verdict {
	steady, ok := r.phase(outage.Steady)
	return r.keep(vigil{
		services: r.steady(),
		want:     "every spared service answers before the fault, on a held and on a fresh connection",
		ops:      []outage.Op{outage.OpHeld, outage.OpFresh}, lost: Inconclusive,
		hint: "not well before the fault, so nothing follows from how it fares after", span: steady, blank: unless(ok, "no steady phase in the history"),
	})
}

func steadyDuring(r *run) Verdict {
	v := vigil{
		services: r.s.Expect.Spare,
		want:     fmt.Sprintf("open connections of spared services answer %g%% of PINGs during the outage", enough*100),
		ops:      []outage.Op{outage.OpHeld}, lost: Fail,
		hint: "a full server still serves the connections it has: look for another fault", span: r.during(),
	}
	if r.calm() {
		v.want, v.hint = strings.Replace(v.want, "the outage", "the load", 1), ""
	}
	return r.keep(v)
}

// canaryPause is twice the time between two canaries: a stretch as long as this has at least one.
const canaryPause = outage.Duration(time.Second)

// during is the outage as yet unanswered, or the whole load where none is expected. An answer that comes at once leaves
// no time for a canary, so the next one counts too.
func (r *run) during() span {
	p := r.loaded()
	if first := r.first(); first != nil {
		p.from = *first
	}
	if respond, ok := r.phase(outage.Respond); ok && !r.calm() {
		p.to = respond.to
	}
	if from, acted := r.acting(); acted {
		p.to = max(from, p.from+canaryPause)
	}
	return p
}

func spared(r *run) Verdict {
	v := vigil{
		services: r.s.Expect.Spare,
		want:     fmt.Sprintf("open connections of spared services answer %g%% of PINGs from the response to the end", enough*100),
		ops:      []outage.Op{outage.OpHeld}, lost: Fail, hint: "the remedy harmed those it should spare",
	}
	from, acted := r.acting()
	v.span, v.blank = span{from, r.end()}, unless(acted, "nobody responded")
	return r.keep(v)
}

func steadyAfter(r *run) Verdict {
	hold, ok := r.phase(outage.Hold)
	return r.keep(vigil{
		services: r.s.Expect.Spare,
		want:     fmt.Sprintf("spared services get %g%% of their new connections in the hold phase", enough*100),
		ops:      []outage.Op{outage.OpFresh}, lost: Fail, span: hold, blank: unless(ok, "no hold phase in the history"),
	})
}

func unless(ok bool, why string) string {
	if ok {
		return ""
	}
	return why
}

// keep judges a vigil. A service without a canary makes it inconclusive: nobody looked.
func (r *run) keep(v vigil) Verdict {
	if v.blank != "" {
		return missing(v.want, v.blank, "")
	}
	var answered, lost, silent []string
	for _, service := range v.services {
		for _, op := range v.ops {
			ok, failed := r.canaries(service, op, v.span)
			line := fmt.Sprintf("%s %d of %d %s", service, ok, ok+failed, op)
			switch {
			case ok+failed == 0:
				silent = append(silent, fmt.Sprintf("%s no %s", service, op))
			case float64(ok) < enough*float64(ok+failed):
				lost = append(lost, line)
			default:
				answered = append(answered, line)
			}
		}
	}
	switch {
	case len(lost) > 0:
		return lacking(v.lost, v.want, few(lost, 4), v.hint)
	case len(silent) > 0:
		return missing(v.want, few(silent, 4), "no canary ran, so nobody knows")
	}
	return Verdict{Outcome: Pass, Want: v.want, Got: few(answered, 4)}
}

// canaries counts the canaries of a service, without those that a planned restart explains.
func (r *run) canaries(service string, op outage.Op, within span) (ok, failed int) {
	for at, a := range r.attempts(within) {
		switch {
		case a.Service != service || a.Op != op:
		case a.Outcome == outage.OK:
			ok += a.N()
		case !r.restarting(at):
			failed += a.N()
		}
	}
	return ok, failed
}
