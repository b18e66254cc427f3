package remedy

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"spillway/outage"
)

// sure is the confidence from which a finding that is not the first adds what it can add without harm.
const sure = 0.5

// sureToClose is the confidence from which such a finding may close what it speaks against: two troubles at once are
// cleared by the remedies of both.
const sureToClose = 0.7

// Plan orders what can be done about d. s is the latest snapshot: victims, limits and warnings come from it.
//
// The first finding decides. Another one that is at least half sure adds its actions, and none twice; it closes what it
// names only when it is surer than that, and never restarts the server. Relief comes before prevention, and advice last.
func Plan(d outage.Diagnosis, s outage.Snapshot, o Options) outage.Plan {
	p := planner{d: d, s: &s, o: o, plan: outage.Plan{Actions: []outage.Action{}}}
	top, ok := d.Top()
	if !ok {
		p.nothing()
		return p.plan
	}
	p.plan.Cause = top.Cause
	for _, other := range Others(s.Clients, o.Self) {
		p.warn("%s: what it does first is gone, spared or set already when this plan comes to it", other)
	}
	p.add(p.actions(top))
	for _, f := range d.Findings[1:] {
		if f.Confidence >= sure && f.Cause != top.Cause && f.Cause != outage.NotAtLimit {
			p.add(slices.DeleteFunc(p.actions(f), func(a outage.Action) bool { return !besides(f, a) }))
		}
	}
	p.withhold()
	slices.SortStableFunc(p.plan.Actions, func(a, b outage.Action) int { return advice(a) - advice(b) })
	p.frees()
	p.plan.Fix = fix(top)
	p.plan.ReliefFor = p.reliefFor(top)
	p.plan.ConfLines = confLines(p.plan.Actions)
	p.plan.Rewrite = p.rewrite(top)
	p.doubt(top)
	p.warnAboutServer()
	return p.plan
}

// planner holds what the parts of a plan are made from.
type planner struct {
	d    outage.Diagnosis
	s    *outage.Snapshot
	o    Options
	plan outage.Plan
}

// actions is the list of remedies: one line a cause.
func (p *planner) actions(f outage.Finding) []outage.Action {
	switch f.Cause {
	case outage.ConnectionLeak:
		return concat(p.kill(f), p.cushion(), p.setTimeout(f))
	case outage.MaxclientsTooLow:
		return p.lift(f, f.Needed)
	case outage.FDLimitClamp:
		return p.unclamp(f)
	case outage.IdleNotReaped:
		return concat(p.kill(f), p.setTimeout(f))
	case outage.HalfOpenPeers:
		return concat(p.kill(f), p.setKeepalive())
	case outage.SilentConnections:
		return concat(p.kill(f), p.setTimeout(f))
	case outage.PubSubPileUp:
		return p.spare(f, "subscribers do their work, and one that is cut off comes back and has missed messages")
	case outage.BlockedWorkers:
		return p.spare(f, "the workers wait for work, and one that is cut off comes back")
	case outage.ReconnectStorm:
		return p.spare(f, "clients in a reconnect storm are back at once")
	case outage.OversizedPool:
		return p.spare(f, "a pool opens again what it loses as soon as it is needed")
	case outage.FDExhausted:
		return p.freeFiles()
	case outage.BacklogOverflow:
		return p.adviseBacklog(f)
	case outage.PortExhaustion:
		return p.advisePorts(f)
	case outage.ServerStalled:
		return p.adviseStalled(f)
	case outage.AccessDenied:
		return p.adviseDenied(f)
	case outage.DeploySurge:
		return p.spare(f, "old instances end by themselves, and new ones come back at once")
	case outage.ReplicaOrClusterSlots:
		return p.besideClients(f)
	case outage.NotAtLimit:
		return []outage.Action{p.adviseClients(f)}
	}
	p.warn("%q is no cause that has a remedy: nothing is planned", f.Cause)
	return nil
}

// add appends what the plan does not have yet.
func (p *planner) add(actions []outage.Action) {
	for _, a := range actions {
		switch {
		case a.Kind == outage.Advise && p.advised(a.Reason):
		case a.Kind != outage.Advise && a.Kind != outage.KillClients && p.has(a.Kind):
		case a.Kind == outage.RaiseNofile && p.has(outage.RaiseMaxclients): // it would serve nothing that follows
		default:
			p.plan.Actions = append(p.plan.Actions, a)
		}
	}
}

func (p *planner) has(k outage.ActionKind) bool {
	return slices.ContainsFunc(p.plan.Actions, func(a outage.Action) bool { return a.Kind == k })
}

func (p *planner) advised(reason string) bool {
	return slices.ContainsFunc(p.plan.Actions, func(a outage.Action) bool { return a.Kind == outage.Advise && a.Reason == reason })
}

func (p *planner) nothing() {
	if len(p.d.Unsure) == 0 {
		p.warn("the diagnosis found nothing wrong: there is nothing to do")
		return
	}
	p.warn("the diagnosis could not tell what is wrong, so nothing is planned; it lacks: %s", strings.Join(p.d.Unsure, "; "))
}

func (p *planner) warn(format string, args ...any) {
	w := fmt.Sprintf(format, args...)
	if !slices.Contains(p.plan.Warnings, w) {
		p.plan.Warnings = append(p.plan.Warnings, w)
	}
}

// limit is the maxclients in force, and slots what counts towards it, from the snapshot if it has them.
func (p *planner) limit() int {
	if n := p.s.MaxClients(); n > 0 {
		return n
	}
	return p.d.MaxClients
}

func (p *planner) slots() int {
	if _, ok := p.s.Number("connected_clients"); ok {
		return p.s.Slots()
	}
	return p.d.Slots
}

// reliefFor is how long the plan's free slots last at the growth seen. It is 0 when nothing grows, and also
// when the actions free nothing, for then there is no relief to run out.
func (p *planner) reliefFor(f outage.Finding) outage.Duration {
	freed, limit := 0, p.limit()
	for _, a := range p.plan.Actions {
		switch a.Kind {
		case outage.KillClients:
			freed += len(a.Victims)
		case outage.RaiseMaxclients:
			freed += number(a.To) - limit
			limit = number(a.To)
		}
	}
	if freed <= 0 || f.Growth <= 0 {
		return 0
	}
	// A server that was not full yet had some slots left besides.
	free := max(freed, freed+p.limit()-p.slots())
	seconds := math.Min(float64(free)/f.Growth, math.MaxInt32)
	return outage.Duration(time.Duration(seconds * float64(time.Second)).Round(time.Second))
}

// fix says what ends a cause outside Redis.
func fix(f outage.Finding) string {
	who := services(f)
	switch f.Cause {
	case outage.ConnectionLeak:
		return "deploy " + who + " with a bounded pool"
	case outage.FDLimitClamp:
		return "start Redis with a higher file descriptor limit, for good"
	case outage.PubSubPileUp:
		return "let " + who + " share one subscriber connection per process, and fan out"
	case outage.BlockedWorkers:
		return "run fewer workers of " + who + ", or one blocking connection per process"
	case outage.SilentConnections:
		return "find out who connects from " + hosts(f) + " without a word, and keep it away from Redis"
	case outage.ReconnectStorm:
		return "deploy " + who + " with back-off and jitter between its dials, and a bounded pool"
	case outage.OversizedPool:
		if f.Pool > 0 {
			return fmt.Sprintf("deploy %s with a pool of %d per instance", who, f.Pool)
		}
		return "deploy " + who + " with a smaller pool"
	case outage.FDExhausted:
		return "start Redis with a higher file descriptor limit, for good"
	case outage.BacklogOverflow:
		return "a listen queue that holds a burst, and clients that spread their dials"
	case outage.PortExhaustion:
		return "deploy " + who + " with a pool, so that it needs few source ports"
	case outage.ServerStalled, outage.AccessDenied:
		return fixLookalike(f)
	case outage.DeploySurge:
		return "roll " + who + " with less surge and a shorter drain, or keep maxclients large enough for both generations"
	case outage.ReplicaOrClusterSlots:
		return "make maxclients large enough for replicas and twice the other nodes of the cluster as well, and forget nodes that are gone"
	case outage.NotAtLimit:
		return "give " + who + " a pool that fits its load, or hold each connection for less time"
	}
	return ""
}

// services names the culprits' services once each, in the order of the finding.
func services(f outage.Finding) string {
	names := distinct(f, who)
	switch len(names) {
	case 0:
		return "the service"
	case 1:
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// hosts names the culprits' addresses, the first few of them.
func hosts(f outage.Finding) string {
	const most = 4
	addrs := distinct(f, func(c outage.Culprit) string { return c.Addr })
	switch n := len(addrs); {
	case n == 0:
		return "there"
	case n > most:
		return fmt.Sprintf("%s and %d more hosts", strings.Join(addrs[:most], ", "), n-most)
	}
	return strings.Join(addrs, ", ")
}

// distinct returns what of says of each culprit, once each and without empty ones, in the order of the finding.
func distinct(f outage.Finding, of func(outage.Culprit) string) []string {
	var list []string
	for _, c := range f.Culprits {
		if s := of(c); s != "" && !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}

// besides reports whether an action may be taken for a finding that is not the first.
func besides(f outage.Finding, a outage.Action) bool {
	switch a.Kind {
	case outage.RestartRedis: // closes every connection
		return false
	case outage.KillClients:
		return f.Confidence >= sureToClose
	}
	return true
}

// advice sorts advice last.
func advice(a outage.Action) int {
	if a.Kind == outage.Advise {
		return 1
	}
	return 0
}

func concat(lists ...[]outage.Action) []outage.Action { return slices.Concat(lists...) }
