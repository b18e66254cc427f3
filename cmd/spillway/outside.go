package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"spillway/observe"
	"spillway/outage"
	"spillway/report"
)

// outside is what the server's own machine shows of it, with no slot: who holds its connections, and how fast that grows.
type outside struct {
	host  observe.LocalHost
	since time.Time
	first map[string]int // connections by host when it was told first
}

// newOutside returns nil where no process is named.
func newOutside(pid int) (*outside, error) {
	if pid == 0 {
		return nil, nil
	}
	o := &outside{host: observe.LocalHost{PID: pid}}
	if _, err := o.host.Holders(); err != nil {
		return nil, usage("--pid: "+err.Error(), "the id of the redis-server process, as pgrep redis-server shows it on its machine; it may need root")
	}
	return o, nil
}

// mostHosts is how many hosts are told.
const mostHosts = 5

// tell is a line for the server and one for each of the hosts that hold most of its connections.
func (o *outside) tell(ctx context.Context) string {
	holders, err := o.host.Holders()
	if err != nil {
		return "from outside: " + report.Clean(err.Error(), 0)
	}
	total := 0
	for _, h := range holders {
		total += h.Count
	}
	var b strings.Builder
	fmt.Fprintf(&b, "from outside: %s of %s%s", count(total, "connection"), count(len(holders), "host"), o.limits(ctx))
	for i, h := range holders {
		if i == mostHosts {
			fmt.Fprintf(&b, "\n  and %s more", count(len(holders)-i, "host"))
			break
		}
		fmt.Fprintf(&b, "\n  %s holds %d%s", report.Clean(h.Host, 60), h.Count, o.grown(h))
	}
	if o.first == nil {
		o.since, o.first = time.Now(), map[string]int{}
		for _, h := range holders {
			o.first[h.Host] = h.Count
		}
	}
	return b.String()
}

// limits is what bounds them, as far as the process shows it.
func (o *outside) limits(ctx context.Context) string {
	facts, err := o.host.Look(ctx)
	if err != nil {
		return ""
	}
	told := ""
	if p := facts.Process; p != nil {
		told += fmt.Sprintf(", %d of %d file descriptors open", p.OpenFDs, p.NofileSoft)
	}
	if l := facts.Listen; l != nil {
		told += fmt.Sprintf(", %d waiting to be accepted", l.Queue)
	}
	return told
}

// grown says how many came since it was told first.
func (o *outside) grown(h outage.Census) string {
	if o.first == nil {
		return ""
	}
	seconds := time.Since(o.since).Seconds()
	return fmt.Sprintf(", %+d in %.1f s", h.Count-o.first[h.Host], seconds)
}
