package diagnose

import (
	"fmt"

	"spillway/outage"
)

// pubsubPileUp recognises a service that opens a connection for each subscriber, where one could carry every channel.
func pubsubPileUp(v *view) *outage.Finding {
	if !v.atLimit {
		return nil
	}
	piles, total := v.piles(func(c *conn) bool { return c.Subscribed() && !c.Blocked() })
	if total == 0 {
		return nil
	}
	var w weighing
	v.notePile(&w, piles, total, "subscriber", pubsubCommand)
	w.note(0.1, timeoutCommand, "they are exempt from timeout: Redis never closes a subscriber for being idle")
	f := w.finding(v, outage.PubSubPileUp)
	if f == nil {
		return nil
	}
	v.fillPile(f, piles)
	f.Commands = []string{v.limitCommand(), pubsubCommand, byNameCommand}
	groups, hosts, _ := pileGroups(piles)
	f.Summary = fmt.Sprintf("%s of %s at %s hold %s of the slots taken, and no timeout reaps them",
		count(total, "subscriber"), names(groups), count(hosts, "host"), percent(v.share(total)))
	return f
}
