package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"spillway/outage"
)

// blockedWorkers recognises a service of consumers, each with a connection that waits in BLPOP, XREAD and the like. They
// do their work: the server is too small for them, or they are too many.
func blockedWorkers(v *view) *outage.Finding {
	if !v.atLimit {
		return nil
	}
	piles, total := v.piles(func(c *conn) bool { return c.Blocked() })
	if total == 0 {
		return nil
	}
	var w weighing
	v.notePile(&w, piles, total, "blocked connection", blockedCommand)
	w.note(0.1, blockedCommand, "they wait in %s, and are exempt from timeout: it is their work, not a leak", v.waitsIn(piles))
	f := w.finding(v, outage.BlockedWorkers)
	if f == nil {
		return nil
	}
	v.fillPile(f, piles)
	f.Commands = []string{v.limitCommand(), blockedCommand, byNameCommand}
	groups, hosts, _ := pileGroups(piles)
	f.Summary = fmt.Sprintf("%s of %s at %s wait in %s and hold %s of the slots taken",
		count(total, "connection"), names(groups), count(hosts, "host"), v.waitsIn(piles), percent(v.share(total)))
	return f
}

// waitsIn lists the commands in which the connections of the piles wait.
func (v *view) waitsIn(piles []pile) string {
	const atMost = 3
	var commands []string
	for _, p := range piles {
		for _, q := range p.parts {
			for _, c := range q.group.conns {
				if cmd := clean(c.Cmd); c.Blocked() && cmd != "" && !slices.Contains(commands, cmd) {
					commands = append(commands, cmd)
				}
			}
		}
	}
	switch n := len(commands); {
	case n == 0:
		return "a command"
	case n > atMost:
		slices.Sort(commands)
		return strings.Join(commands[:atMost], ", ") + " and others"
	}
	slices.Sort(commands)
	return strings.Join(commands, ", ")
}
