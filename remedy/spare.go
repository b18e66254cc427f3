package remedy

import (
	"fmt"

	"spillway/outage"
)

// spare is the remedy of a cause whose connections are not to be closed: room where there is some, and what to change in
// the clients.
func (p *planner) spare(f outage.Finding, why string) []outage.Action {
	p.warn("no connection of %s is closed: %s", services(f), why)
	relief := p.room(f.Needed, "until "+services(f)+" takes fewer")
	if len(relief) == 0 {
		p.warn("maxclients is not raised: the file descriptor limit of the server leaves no room for it, or is not known")
	}
	return append(relief, outage.Action{Kind: outage.Advise, Reason: p.adviceFor(f)})
}

// adviceFor says what the service has to change.
func (p *planner) adviceFor(f outage.Finding) string {
	who := services(f)
	switch f.Cause {
	case outage.PubSubPileUp:
		return who + ": share one subscriber connection in each process and hand its messages to all who listen there; Redis itself never closes a subscriber, whatever its timeout"
	case outage.BlockedWorkers:
		return who + ": run fewer workers, or let one blocking connection in each process (BLPOP with several keys, XREADGROUP with COUNT) feed its workers"
	case outage.ReconnectStorm:
		return who + ": retry with a back-off that grows from 100ms to 10s or more, with jitter, and keep connections in a bounded pool; a refused dial is no reason to drop those that work"
	case outage.DeploySurge:
		return who + ": wait for the old instances, which give their connections back when they end; from the next deploy on roll with less surge (maxSurge) and a shorter drain (terminationGracePeriodSeconds), or close idle connections when an instance begins to drain"
	case outage.OversizedPool:
		if f.Pool > 0 {
			return fmt.Sprintf("%s: a pool of %d in each instance is enough for what is in use at once, with a margin", who, f.Pool)
		}
		return who + ": make the pool of each instance smaller, to what is in use at once and a margin"
	}
	return who + ": take fewer connections"
}
