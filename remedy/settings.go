package remedy

import (
	"fmt"
	"strconv"
	"time"

	"spillway/outage"
)

// Defaults of Options. 300s is above the pauses of ordinary clients and below what a leak needs to fill a server of
// the default size at 30 connections a second; 60s notices a vanished peer within 120s.
const (
	defaultTimeout   = outage.Duration(300 * time.Second)
	defaultKeepalive = outage.Duration(60 * time.Second)
)

// The parameters of redis.conf that remedies set.
const (
	paramTimeout    = "timeout"
	paramKeepalive  = "tcp-keepalive"
	paramMaxclients = "maxclients"
)

func (p *planner) setTimeout(f outage.Finding) []outage.Action {
	to := or(p.o.Timeout, defaultTimeout)
	if p.tighter(paramTimeout, to) {
		p.warn("timeout is %ss already, which reaps what is idle for longer", p.s.Config[paramTimeout])
		return nil
	}
	a := p.set(outage.SetTimeout, paramTimeout, to)
	a.Reason = fmt.Sprintf("Redis then closes what is idle for %ds by itself, except subscribers, monitors, replicas and blocked clients", to)
	p.warn("timeout applies to every client at once: pools must drop connections that are idle for less than %ds, and whoever holds an admin connection must ping", to)
	if p.olderThan(7, 2) {
		p.warn("%s %s visits its newest clients first: while new connections a second are as many as the clients, timeout reaps nothing (fixed in 7.2)", p.s.Product(), p.s.Version())
	}
	if held := f.Growth * float64(to); f.Growth > 0 && p.limit() > 0 && held >= float64(p.limit()) {
		p.warn("at %.3g new connections a second, timeout %d alone would let %.0f pile up, above maxclients %d: it does not hold this leak", f.Growth, to, held, p.limit())
	}
	return []outage.Action{a}
}

func (p *planner) setKeepalive() []outage.Action {
	to := or(p.o.Keepalive, defaultKeepalive)
	if p.tighter(paramKeepalive, to) {
		p.warn("tcp-keepalive is %ss already", p.s.Config[paramKeepalive])
		return nil
	}
	a := p.set(outage.SetKeepalive, paramKeepalive, to)
	a.Reason = fmt.Sprintf("the kernel then drops a vanished peer after %ds; this is for new connections only: those that are open keep what they were accepted with", 2*to)
	return []outage.Action{a}
}

// set plans a CONFIG SET of a number of seconds where 0 means never.
func (p *planner) set(kind outage.ActionKind, param string, to int64) outage.Action {
	a := outage.Action{
		Kind: kind, Param: param, From: p.s.Config[param], To: strconv.FormatInt(to, 10),
		Precondition: fmt.Sprintf("%s is 0 or above %d", param, to),
	}
	a.Commands = []string{line("CONFIG", "SET", param, a.To)}
	if a.From != "" {
		a.Undo = []string{line("CONFIG", "SET", param, a.From)}
	}
	return a
}

// tighter reports whether a setting of seconds is known to be on and no larger than to.
func (p *planner) tighter(param string, to int64) bool {
	n, err := strconv.ParseInt(p.s.Config[param], 10, 64)
	return err == nil && n > 0 && n <= to
}

// or returns d, or def if d is not set, in whole seconds: Redis takes no fractions, and 0 would turn the setting off.
func or(d, def outage.Duration) int64 {
	if d <= 0 {
		d = def
	}
	return seconds(d)
}

// seconds rounds up.
func seconds(d outage.Duration) int64 {
	return int64((d.Std() + time.Second - 1) / time.Second)
}

// confLines are the lines that make the settings of a plan outlive a restart.
func confLines(actions []outage.Action) []string {
	var lines []string
	for _, a := range actions {
		if a.Kind == outage.SetTimeout || a.Kind == outage.SetKeepalive || a.Kind == outage.RaiseMaxclients {
			lines = append(lines, a.Param+" "+a.To)
		}
	}
	return lines
}
