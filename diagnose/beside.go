package diagnose

import (
	"fmt"

	"spillway/outage"
)

// inUseBeside is how much of the rest must be in use for it to be a fleet that needs more, and not one that rests too.
const inUseBeside = 0.6

// wouldFill is how much of the limit the rest must want to fill it again: a host that got nothing is not in that number.
const wouldFill = 0.95

// tooLowBeside recognises a limit that is too low besides a trouble that holds many slots: what is left of the fleet, by
// the hosts that got what they wanted, would not fit without that trouble either.
func (v *view) tooLowBeside() *outage.Finding {
	if v.rejected == 0 && len(v.all) > 1 {
		return nil
	}
	blamed := map[*service]bool{}
	for _, g := range v.groups {
		for _, c := range g.conns {
			blamed[g.service] = blamed[g.service] || v.claims[c.ID] != ""
		}
	}
	var wanted []demand
	short, rest, used := 0, 0, 0
	for _, d := range v.demands() {
		if blamed[d.service] {
			continue
		}
		wanted = append(wanted, d)
		short += d.want - d.have
	}
	for _, g := range v.groups {
		for _, c := range g.conns {
			if !blamed[g.service] && !c.Subscribed() {
				rest++
				if v.worked(c) {
					used++
				}
			}
		}
	}
	peak := v.peak(wanted)
	if short == 0 || float64(peak) < wouldFill*float64(v.limit) || share(used, rest) < inUseBeside {
		return nil
	}
	var w weighing
	w.note(0.25+0.1*min(1, max(0, share(peak-v.limit, v.limit))/0.2), byNameCommand,
		"without the %s that have another explanation, the other services still want %d of %d slots", count(v.claimed(), "connection"), peak, v.limit)
	w.note(0.2*share(used, rest), busyCommand, "%d of their %s were used again and again or wait in a command", used, count(rest, "connection"))
	for _, d := range wanted {
		w.note(0, byNameCommand, "%s", d)
	}
	v.noteLimit(&w, 0.1, 0.15)
	f := w.finding(v, outage.MaxclientsTooLow)
	if f == nil {
		return nil
	}
	f.Culprits = fleetCulprits(wanted)
	f.Effective, f.Needed = v.limit, v.need(wanted)
	f.Commands = []string{v.limitCommand(), byNameCommand, byHostCommand, rejectedCommand}
	f.Summary = fmt.Sprintf("the rest of the fleet does not fit either: it needs a maxclients of %d", f.Needed)
	return f
}
