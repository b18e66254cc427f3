package assert

import (
	"fmt"
	"slices"
	"time"

	"spillway/outage"
)

// longestSilence is how long a sound run may record nothing once its services run: canaries knock twice a second and the
// observer looks once a second, so on a machine that is thirty times slower there is still something in it.
const longestSilence = outage.Duration(15 * time.Second)

// order is how the phases of a run follow each other.
var order = []outage.Phase{outage.Prepare, outage.Steady, outage.Load, outage.Respond, outage.Fix, outage.Hold, outage.End}

// jumped says that the clock of the run cannot be trusted: it went back across phases, or on while nobody recorded anything.
// Every time in the verdicts would be wrong. Empty when nothing speaks against the clock.
func (r *run) jumped() string {
	latest := -1
	var last outage.Duration
	for _, e := range r.events {
		if latest > slices.Index(order, outage.Prepare) && e.At-last > longestSilence {
			return fmt.Sprintf("nothing was recorded from %s to %s: the clock jumped, or the machine stood still", short(last), short(e.At))
		}
		last = e.At
		if e.Phase == nil {
			continue
		}
		now := slices.Index(order, *e.Phase)
		if now <= latest {
			return fmt.Sprintf("the %s phase begins at %s, after the %s phase: the clock jumped", *e.Phase, short(e.At), order[latest])
		}
		latest = now
	}
	return ""
}
