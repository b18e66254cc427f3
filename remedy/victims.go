package remedy

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"spillway/outage"
)

// Defaults of Options.IdleOver. A connection whose client answers requests is seldom idle for 2s, and CLIENT LIST
// counts whole seconds. Clients that merely went quiet get a second more, since they did nothing wrong.
const (
	idleOver      = outage.Duration(2 * time.Second)
	idleOverQuiet = outage.Duration(3 * time.Second)
)

// kill plans to close the connections that f names, the oldest first, and warns about those it may not close.
func (p *planner) kill(f outage.Finding) []outage.Action {
	if len(p.s.Clients) == 0 {
		p.warn("no CLIENT LIST was read, so no connection can be chosen to be closed")
		return nil
	}
	over := p.threshold(f)
	victims, young, spared := p.choose(f, over)
	for _, why := range sortedKeys(spared) {
		p.warn("%d of the named connections are spared: %s", spared[why], why)
	}
	fit := len(victims) + len(young)
	if fit == 0 {
		if p.has(outage.KillClients) { // of another finding
			return nil
		}
		p.warn("none of the named connections may be closed: kill-clients is left out")
		return nil
	}
	victims, young = p.bound(victims, young)
	if p.o.narrow() {
		named := fit
		for _, n := range spared {
			named += n
		}
		p.warn("narrowed: %d of the %d named connections stay open", named-len(victims)-len(young), named)
	}
	return concat(closing(f, victims, over, 0), closing(f, young, over, over))
}

// bound leaves the oldest, as many as the whole plan may close.
func (p *planner) bound(victims, young []outage.Victim) (v, y []outage.Victim) {
	n := len(victims) + len(young)
	most := n
	if p.o.MaxVictims > 0 {
		most = p.o.MaxVictims - len(p.planned())
	}
	if n <= most {
		return victims, young
	}
	p.warn("%d connections could be closed; the bound of %d leaves the younger ones", n, p.o.MaxVictims)
	victims = victims[:min(most, len(victims))]
	return victims, young[:min(most-len(victims), len(young))]
}

// planned holds the connections that the plan closes so far.
func (p *planner) planned() map[int64]bool {
	ids := map[int64]bool{}
	for _, a := range p.plan.Actions {
		for _, v := range a.Victims {
			ids[v.ID] = true
		}
	}
	return ids
}

// closing is the action that closes victims, after so many seconds in which they go on doing nothing; none for no victims.
func closing(f outage.Finding, victims []outage.Victim, over, after int64) []outage.Action {
	if len(victims) == 0 {
		return nil
	}
	a := outage.Action{
		Kind: outage.KillClients, Relief: true, Victims: victims, Reason: killReason(f, victims), After: outage.Duration(after) * outage.Duration(time.Second),
		Precondition: fmt.Sprintf("each has the same id, address and name, is idle for %ds or longer, has done nothing since the diagnosis, and is no replica, subscriber, monitor, blocked client or transaction", over),
	}
	for _, v := range victims {
		a.Commands = append(a.Commands, line(killArgs(v)...))
	}
	return []outage.Action{a}
}

// threshold is the idle time, in whole seconds, below which a connection is spared.
func (p *planner) threshold(f outage.Finding) int64 {
	if p.o.IdleOver > 0 {
		return seconds(p.o.IdleOver)
	}
	if f.Cause == outage.IdleNotReaped || f.Cause == outage.SilentConnections {
		return seconds(idleOverQuiet)
	}
	return seconds(idleOver)
}

// choose returns the connections that f names and that may be closed, the oldest first, and counts the others by reason.
// Those that the plan closes already are neither.
// Those that never spoke and are too young to be closed now may be closed if they are silent still when they are older.
func (p *planner) choose(f outage.Finding, over int64) (victims, young []outage.Victim, spared map[string]int) {
	byID := make(map[int64]outage.Client, len(p.s.Clients))
	for _, c := range p.s.Clients {
		byID[c.ID] = c
	}
	spared = map[string]int{}
	chosen := p.planned()
	for _, culprit := range f.Culprits {
		for _, id := range culprit.IDs {
			if chosen[id] {
				continue
			}
			chosen[id] = true
			c, listed := byID[id]
			v := outage.Victim{ID: c.ID, Addr: c.Addr, Name: c.Name, Age: c.Age, Idle: c.Idle, Cmd: c.Cmd}
			switch why := unfit(c, listed, culprit); {
			case why != "":
				spared[why]++
			case p.o.Select.spares(c) != "":
				spared[p.o.Select.spares(c)]++
			case c.Idle >= over:
				victims = append(victims, v)
			case f.Cause == outage.SilentConnections:
				young = append(young, v)
			default:
				spared[fmt.Sprintf("idle for less than %ds", over)]++
			}
		}
	}
	oldest := func(a, b outage.Victim) int { return cmp.Or(cmp.Compare(b.Age, a.Age), cmp.Compare(a.ID, b.ID)) }
	slices.SortFunc(victims, oldest)
	slices.SortFunc(young, oldest)
	return victims, young, spared
}

// unfit says why the line of a named connection does not allow to close it; empty when it does.
func unfit(c outage.Client, listed bool, culprit outage.Culprit) string {
	switch {
	case !listed:
		return "gone from CLIENT LIST"
	// The name is not compared: a culprit has one, and its connections may have several, or none yet.
	case culprit.Addr != "" && c.Host() != culprit.Addr:
		return "not at the address that the diagnosis gave"
	case c.Addr == "":
		return "without an address"
	case !copyable(c.Addr):
		return "at an address that no command can name"
	}
	return exempt(c)
}

// exempt says why a connection is never closed, whatever the diagnosis says; empty when it may be.
func exempt(c outage.Client) string {
	switch {
	case c.Ours():
		return "Spillway's own"
	case c.Replication():
		return "a replica or a link to a master"
	case c.Monitoring():
		return "a monitor"
	case c.Subscribed():
		return "a subscriber"
	case c.Blocked():
		return "blocked in a command"
	case c.InTransaction() || strings.Contains(c.Flags, "d"):
		return "inside a transaction"
	case strings.Contains(c.Flags, "e"):
		return "marked no-evict"
	// Redis 8 calls internal what Valkey calls an import source, and marks slot migration with g and o.
	case strings.ContainsAny(c.Flags, "ICgo"):
		return "internal to the server"
	}
	return ""
}

// killReason counts the victims by source, so that a person sees who is meant.
func killReason(f outage.Finding, victims []outage.Victim) string {
	list := sources(len(victims), func(i int) (name, addr string) { return victims[i].Name, victims[i].Addr })
	parts := make([]string, 0, 4)
	for i, s := range list {
		if i == 3 {
			parts = append(parts, fmt.Sprintf("%d more sources", len(list)-3))
			break
		}
		parts = append(parts, fmt.Sprintf("%d of %s", s.count, s.who))
	}
	return fmt.Sprintf("%s: %s", f.Cause, strings.Join(parts, ", "))
}

// killArgs names the id and the address: the filters are joined by AND, so that the server itself compares both at
// the moment of the kill. In this form SKIPME is yes by default.
func killArgs(v outage.Victim) []string {
	return []string{"CLIENT", "KILL", "ID", strconv.FormatInt(v.ID, 10), "ADDR", v.Addr}
}
