package diagnose

import (
	"strconv"
	"strings"

	"spillway/outage"
)

// timeout returns the server's timeout in seconds; ok is false when CONFIG could not be read.
func (v *view) timeout() (seconds int64, ok bool) {
	for _, s := range v.all {
		if n, err := strconv.ParseInt(s.Config["timeout"], 10, 64); err == nil {
			seconds, ok = n, true
		}
	}
	return seconds, ok
}

// noteLimit tells how full the server is: taken is the weight of its being full, refusing that of growing refusals.
func (v *view) noteLimit(w *weighing, taken, refusing float64) {
	if v.limit == 0 {
		return
	}
	if !v.full {
		taken = 0
	}
	w.note(taken, v.limitCommand(), "%d of %d slots are taken", v.slots, v.limit)
	if v.rejected > 0 {
		w.note(refusing, rejectedCommand, "rejected_connections grew by %d in %.3g s", v.rejected, v.elapsed)
	}
}

// noEvict reports the flag that an operator sets to be spared.
func noEvict(c *outage.Client) bool { return strings.Contains(c.Flags, "e") }

// knocked returns whether the host was knocked at and kept silent, or answered. Silence says nothing where the hosts of
// connections in use do not answer either: then something between drops the knocks.
func (v *view) knocked(host string) (silent, answers bool) {
	for _, s := range v.all {
		for _, p := range s.Peers {
			if p.Host == host {
				silent, answers = !p.Answers, p.Answers
			}
		}
	}
	return silent && !v.knocksDropped(), answers
}

func (v *view) knocksDropped() bool {
	inUse := map[string]bool{}
	for _, c := range v.conns {
		// A subscriber of a vanished host looks fresh: writing to it resets its idle time.
		if c.Idle <= 1 && !c.Subscribed() {
			inUse[c.host] = true
		}
	}
	for _, p := range v.now.Peers {
		if !p.Answers && inUse[p.Host] {
			return true
		}
	}
	return false
}
