package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"spillway/diagnose"
	"spillway/observe"
	"spillway/outage"
	"spillway/report"
)

// lookApart is the time between two looks from outside: within it connections that are in use are used.
const lookApart = time.Second

// outside is what the server's own machine shows of it, with no slot: who holds its connections, and what was done with them.
type outside struct {
	host  observe.LocalHost
	begin time.Time
	first outage.Outside
	last  outage.Outside
	looks int
}

// newOutside returns nil where no process is named.
func newOutside(pid int, reached observe.Options) (*outside, error) {
	if pid == 0 {
		return nil, nil
	}
	o := &outside{begin: time.Now()}
	var err error
	if o.host, err = (observe.LocalHost{PID: pid}).WithPort(); err != nil &&
		!(errors.Is(err, observe.ErrNoPort) && reached.Network == "unix") { // its limits can be read all the same
		return nil, usage("--pid: "+err.Error(), "the id of the redis-server process, as pgrep redis-server shows it on its machine; it may need root")
	}
	return o, nil
}

// due reports whether the next look would show more than the last.
func (o *outside) due() bool {
	return o != nil && o.looks < 2 && o.sinceStart() >= o.last.At.Std()+lookApart
}

func (o *outside) sinceStart() time.Duration { return time.Since(o.begin) }

// look looks once more.
func (o *outside) look(ctx context.Context) error {
	seen, err := o.host.Outside(ctx)
	if err != nil {
		return err
	}
	seen.At = outage.Duration(o.sinceStart())
	if o.looks == 0 {
		o.first = seen
	}
	o.last = seen
	o.looks++
	return nil
}

// complete looks until there are two looks, apart from each other.
func (o *outside) complete(ctx context.Context) error {
	for o.looks < 2 {
		if o.looks == 1 {
			if err := sleepFor(ctx, o.last.At.Std()+lookApart-o.sinceStart()); err != nil {
				return err
			}
		}
		if err := o.look(ctx); err != nil {
			return err
		}
	}
	return nil
}

// diagnosis is what the looks say.
func (o *outside) diagnosis() outage.Diagnosis {
	looks := []outage.Outside{o.first, o.last}
	d := diagnose.Outside(looks[:min(o.looks, len(looks))]...)
	for i := range d.Findings {
		o.reach(d.Findings[i].Commands)
		for j, e := range d.Findings[i].Evidence {
			if e.Command != "" {
				d.Findings[i].Evidence[j].Command = o.host.Prefix() + e.Command
			}
		}
	}
	return d
}

// reach has commands see the server's sockets where it runs in another network namespace.
func (o *outside) reach(commands []string) {
	prefix := o.host.Prefix()
	for i := range commands {
		commands[i] = prefix + commands[i]
	}
}

// mostHosts is how many hosts are told.
const mostHosts = 5

// tell looks, and says it in a line for the server and one for each of the hosts that hold most of its connections, and at the
// second look whom they speak against.
func (o *outside) tell(ctx context.Context) string {
	var b strings.Builder
	holders, err := o.host.Holders()
	if err != nil {
		return "from outside: " + report.Clean(err.Error(), 0)
	}
	total := 0
	for _, h := range holders {
		total += h.Count
	}
	lookErr := o.look(ctx)
	fmt.Fprintf(&b, "from outside: %s of %s%s", count(total, "connection"), count(len(holders), "host"), o.limits())
	for i, h := range holders {
		if i == mostHosts {
			fmt.Fprintf(&b, "\n  and %s more", count(len(holders)-i, "host"))
			break
		}
		fmt.Fprintf(&b, "\n  %s holds %d%s", report.Clean(h.Host, 60), h.Count, o.grown(h))
	}
	if lookErr != nil {
		fmt.Fprintf(&b, "\n  what was done with them is not seen: %v", lookErr)
		return b.String()
	}
	if f, ok := o.diagnosis().Top(); ok && o.looks > 1 {
		fmt.Fprintf(&b, "\n%s (%.2f): %s", f.Cause, f.Confidence, report.Clean(f.Summary, 0))
	}
	return b.String()
}

// limits is what bounds them, as far as the process shows it.
func (o *outside) limits() string {
	told := ""
	if p := o.last.Process; p != nil {
		told += fmt.Sprintf(", %d of %d file descriptors open", p.OpenFDs, p.NofileSoft)
	}
	if l := o.last.Listen; l != nil {
		told += fmt.Sprintf(", %d waiting to be accepted", l.Queue)
	}
	return told
}

// grown says how many came or went since the first look.
func (o *outside) grown(h outage.Census) string {
	if o.looks < 2 {
		return ""
	}
	was := 0
	for _, c := range o.first.Held {
		if outage.Host(c.Peer) == h.Host {
			was++
		}
	}
	return fmt.Sprintf(", %+d in %.1f s", h.Count-was, (o.last.At - o.first.At).Std().Seconds())
}
