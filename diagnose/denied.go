package diagnose

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"spillway/outage"
)

const (
	fewestDenials = 5   // since the first look: a typing error, or a scanner that passes by, makes less
	denialRate    = 0.5 // a second, at the least: clients that are turned away try again
	freshEntry    = 5   // seconds of age of an entry of ACL LOG, where it was read only once
	manyDenials   = 10  // in an entry, or since the start, where there is only one look
)

// denied recognises clients that are let in by the limit and turned away by what comes after it: protected mode, a
// password, an ACL. Only what grew between two looks counts, since both logs and counters keep what is long over.
func denied(v *view) *outage.Finding {
	shots := v.recentShots()
	seconds := between(shots[0], v.now)
	if len(shots) > 1 && seconds < 0.5 {
		return nil
	}
	return mostConfident(v.protected(shots, seconds), v.loggedOut(shots, seconds))
}

func mostConfident(a, b *outage.Finding) *outage.Finding {
	if a == nil || b != nil && b.Confidence > a.Confidence {
		return b
	}
	return a
}

// protected recognises protected mode by what it does to both lists: refusals grow far below the limit, and whoever is
// connected comes from the server's own machine.
func (v *view) protected(shots []*outage.Snapshot, seconds float64) *outage.Finding {
	mode := v.setting("protected-mode")
	if mode == "no" || v.limit == 0 || len(v.looks) == 0 {
		return nil
	}
	rejected := int64(0)
	for i, s := range shots {
		if float64(slots(s)) >= crowded*float64(v.limit) { // then a burst may have filled it between two looks
			return nil
		}
		if i > 0 {
			rejected += max(0, s.Rejected()-shots[i-1].Rejected())
		}
	}
	if v.strangers() > 0 {
		return nil
	}
	uptime, _ := v.now.Number("uptime_in_seconds")
	var w weighing
	switch {
	case len(shots) > 1 && rejected >= fewestDenials && float64(rejected) >= denialRate*seconds:
		w.note(0.4, rejectedCommand, "rejected_connections grew by %d in %.3g s, with %d of %d slots taken", rejected, seconds, v.slots, v.limit)
	case len(shots) == 1 && v.now.Rejected() >= manyDenials && 2*v.now.Rejected() >= uptime && uptime > 0:
		w.note(0.3, rejectedCommand, "rejected_connections is %d after %d s, with %d of %d slots taken", v.now.Rejected(), uptime, v.slots, v.limit)
	default:
		return nil
	}
	if mode == "yes" {
		w.note(0.35, protectedCommand, "protected-mode is yes")
	} else {
		w.note(-0.1, protectedCommand, "whether protected-mode is on could not be read; it is unless somebody turned it off")
	}
	w.note(0.15, byHostCommand, "nobody is connected from another machine")
	f := w.finding(v, outage.AccessDenied)
	if f == nil {
		return nil
	}
	f.Commands = []string{rejectedCommand, v.limitCommand(), protectedCommand, byHostCommand}
	f.Summary = fmt.Sprintf("protected mode turns away every client from another machine, with %d of %d slots taken", v.slots, v.limit)
	return f
}

// strangers counts connections that protected mode would not have let in. Redis up to 7.0 takes only 127.0.0.1 itself for
// the server's own machine, later ones and Valkey all of 127.0.0.0/8.
func (v *view) strangers() int {
	n := 0
	exact := v.now.Product() == "redis" && !v.atLeast(7, 2)
	for _, s := range v.looks {
		for i := range s.Clients {
			c := &s.Clients[i]
			ip, err := netip.ParseAddr(c.Host())
			switch {
			case err != nil: // a socket file
			case c.Cmd == "NULL" && c.Age <= newborn: // just being turned away: it is in the list until the next turn of the loop
			case strings.Contains(c.Flags, "M"): // the link to a master was opened from here
			case exact && ip != netip.IPv6Loopback() && ip != netip.AddrFrom4([4]byte{127, 0, 0, 1}), !ip.Unmap().IsLoopback():
				n++
			}
		}
	}
	return n
}

// setting returns the latest value of a setting that could be read.
func (v *view) setting(name string) string {
	value := ""
	for _, s := range v.all {
		value = cmp.Or(s.Config[name], value)
	}
	return value
}

// denials are those of one kind since the first look.
type denials struct {
	logged  int64 // by ACL LOG
	counted int64 // by INFO
	by      []denial
}

// denial is a group of entries of ACL LOG.
type denial struct {
	entry outage.ACLEntry
	grew  int64
}

// loggedOut recognises failed logins and missing permissions.
func (v *view) loggedOut(shots []*outage.Snapshot, seconds float64) *outage.Finding {
	logins, orders := grown(shots)
	uptime, _ := v.now.Number("uptime_in_seconds")
	if once := len(shots) == 1; once { // since the start, of which only the logins say that it is now and then
		logins.counted, _ = counter(v.now, "acl_access_denied_auth")
		orders.counted, seconds = 0, float64(uptime)
	}
	// What a client may not do is often what it can do without: naming itself, reading settings. It asks again on each connection.
	if v.refusedOurselves() {
		orders.counted = 0
	}
	many := func(d denials) bool {
		if len(shots) == 1 {
			return d.logged >= manyDenials || d.counted >= manyDenials && uptime > 0 && 2*d.counted >= uptime
		}
		n := max(d.logged, d.counted)
		return n >= fewestDenials && float64(n) >= denialRate*seconds
	}
	var w weighing
	var blamed []denial
	kind := ""
	if many(logins) {
		kind = "failed logins"
		v.noteDenials(&w, logins, seconds, "login failed", "logins failed", 0.6)
		blamed = append(blamed, logins.by...)
	}
	if many(orders) {
		kind = cmp.Or(kind, "missing permissions")
		v.noteDenials(&w, orders, seconds, "command was not permitted", "commands were not permitted", 0.5)
		blamed = append(blamed, orders.by...)
	}
	if kind == "" {
		return nil
	}
	if !v.atLimit && v.limit > 0 {
		w.note(0.15, v.limitCommand(), "%d of %d slots are taken: the limit is not what stops them", v.slots, v.limit)
	}
	f := w.finding(v, outage.AccessDenied)
	if f == nil {
		return nil
	}
	v.accuse(f, blamed)
	f.Commands = []string{aclLogCommand, errorsCommand, v.limitCommand()}
	f.Summary = fmt.Sprintf("clients are turned away by %s, %s; the limit has nothing to do with it", kind, deniedWho(f))
	return f
}

func deniedWho(f *outage.Finding) string {
	if len(f.Culprits) == 0 {
		return "and nothing tells whose"
	}
	var list []string
	for _, c := range f.Culprits {
		if who := c.Service + " at " + c.Addr; len(list) < 4 && !slices.Contains(list, who) {
			list = append(list, who)
		}
	}
	return "of " + strings.Join(list, ", ")
}

func (v *view) noteDenials(w *weighing, d denials, seconds float64, one, more string, weight float64) {
	verb := func(n int64) string {
		if n == 1 {
			return one
		}
		return more
	}
	if d.logged > 0 {
		w.note(weight, aclLogCommand, "%d %s in %.3g s, as ACL LOG tells", d.logged, verb(d.logged), seconds)
		weight = 0.2
	}
	if d.counted > 0 {
		w.note(weight, errorsCommand, "%d %s in %.3g s, as INFO counts them", d.counted, verb(d.counted), seconds)
	}
	for i, b := range d.by {
		if i < 5 {
			w.note(0, aclLogCommand, "user %s from %s: %s %s, %d times", clean(b.entry.User), clean(outage.Host(b.entry.Addr)), clean(b.entry.Reason), clean(b.entry.Object), b.grew)
		}
	}
}

// grown counts what was denied between the first look and the last.
func grown(shots []*outage.Snapshot) (logins, orders denials) {
	first, last := shots[0], shots[len(shots)-1]
	if len(shots) == 1 {
		for _, e := range last.ACLLog {
			if e.Age.Seconds() <= freshEntry {
				logins, orders = put(logins, orders, denial{e, e.Count})
			}
		}
		return logins, orders
	}
	if !unread(first, "ACL LOG") {
		before := map[outage.ACLEntry]int64{}
		for _, e := range first.ACLLog {
			before[kindOf(e)] += e.Count
		}
		after := map[outage.ACLEntry]int64{}
		latest := map[outage.ACLEntry]outage.ACLEntry{}
		var order []outage.ACLEntry
		for _, e := range last.ACLLog { // newest first
			k := kindOf(e)
			if _, known := after[k]; !known {
				order, latest[k] = append(order, k), e
			}
			after[k] += e.Count
		}
		for _, k := range order {
			if n := after[k] - before[k]; n > 0 {
				logins, orders = put(logins, orders, denial{latest[k], n})
			}
		}
	}
	more := func(fields ...string) (most int64) {
		for _, f := range fields {
			now, _ := counter(last, f)
			then, _ := counter(first, f)
			most += max(0, now-then)
		}
		return most
	}
	logins.counted = max(more("acl_access_denied_auth"), more("errorstat_WRONGPASS", "errorstat_NOAUTH"))
	orders.counted = max(more("acl_access_denied_cmd", "acl_access_denied_key", "acl_access_denied_channel"), more("errorstat_NOPERM"))
	return logins, orders
}

// counter reads a number of INFO, also one such as errorstat_NOPERM:count=3.
func counter(s *outage.Snapshot, field string) (int64, bool) {
	if n, ok := s.Number(field); ok {
		return n, true
	}
	value, _, _ := strings.Cut(strings.TrimPrefix(s.Info[field], "count="), ",")
	shot := outage.Snapshot{Info: map[string]string{field: value}}
	return shot.Number(field)
}

// kindOf is what entries of one kind share: Redis begins a new one a minute after the first.
func kindOf(e outage.ACLEntry) outage.ACLEntry {
	return outage.ACLEntry{Reason: e.Reason, Object: e.Object, User: e.User}
}

func put(logins, orders denials, d denial) (denials, denials) {
	switch {
	case d.entry.Reason == "auth":
		logins.logged, logins.by = logins.logged+d.grew, append(logins.by, d)
	case !optional(d.entry):
		orders.logged, orders.by = orders.logged+d.grew, append(orders.by, d)
	}
	return logins, orders
}

// optional reports whether a client can do without what it was denied: libraries ask for it on each connection, and
// watchers of their own accord.
func optional(e outage.ACLEntry) bool {
	if e.Reason != "command" {
		return false
	}
	command, _, _ := strings.Cut(strings.ToLower(e.Object), "|")
	switch command {
	case "client", "config", "info", "hello", "command", "slowlog", "acl", "latency", "memory", "cluster", "module", "debug", "role", "ping", "time":
		return true
	}
	return false
}

// refusedOurselves reports whether Redis denied our own reading something, which its counters count as well.
func (v *view) refusedOurselves() bool {
	for _, s := range v.all {
		if slices.ContainsFunc(s.Missing, func(m outage.Missing) bool { return strings.HasPrefix(m.Why, "NOPERM") }) {
			return true
		}
	}
	return false
}

// accuse names who was denied: who failed to log in has no name, so its user stands for it.
func (v *view) accuse(f *outage.Finding, by []denial) {
	for _, d := range by {
		e := d.entry
		service, g := v.who("", e.Addr)
		c := outage.Culprit{Service: service, Addr: outage.Host(e.Addr), By: "address"}
		if e.Reason == "auth" && e.User != "" && e.User != "default" {
			c.Service, c.By = clean(e.User), "user"
		}
		if g != nil {
			c.Name, c.Connections = g.name, len(g.conns)
		}
		c.Certainty, c.Why = 0.8, "ACL LOG keeps only the latest address of each user and reason"
		if e.Addr != "" {
			c.Examples = []string{e.Addr}
		}
		same := func(o outage.Culprit) bool { return o.Service == c.Service && o.Addr == c.Addr }
		if !slices.ContainsFunc(f.Culprits, same) {
			f.Culprits = append(f.Culprits, c)
		}
	}
	sortCulprits(f.Culprits)
}
