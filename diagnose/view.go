package diagnose

import (
	"cmp"

	"spillway/outage"
)

// view is what the rules look at, derived once from the snapshots.
type view struct {
	now   *outage.Snapshot   // the latest
	all   []*outage.Snapshot // of the window, oldest first
	looks []*outage.Snapshot // those of them that list the clients; the rules compare the first with the last

	elapsed  float64 // seconds from the first of all to the latest
	spread   float64 // seconds from the first look to the last
	limit    int     // maxclients in force; 0 when unknown
	slots    int     // connections that count towards it
	rejected int64   // how far rejected_connections grew
	full     bool    // fullFrom of the slots are taken, or more
	busy     int     // looks up to the latest that Redis answered with BUSY
	atLimit  bool    // full, or close to it while refusals grow: a storm sits just below the limit at the instant of a look

	conns    []*conn // of the last look, by id, without our own
	groups   []*group
	services []*service

	// claims says which cause already explains a connection. A rule sees the claims of those before it in the list.
	claims map[int64]outage.Cause
	// lost are the hosts that vanished, where that is a finding.
	lost []vanished
	// undecided are two generations of which it will be seen in some seconds whether one replaces the other; nil when there are none.
	undecided *generations
	doubts    []string
}

// conn is a connection of the last look and what the earlier looks say of it.
type conn struct {
	outage.Client
	who  identity // which service it belongs to
	host string
	born int  // the first look that has it
	woke bool // it was used after it had been idle at an earlier look
}

// group is the connections of one service at one host.
type group struct {
	service *service
	host    string
	name    string // a client name, as CLIENT LIST shows it; of an unnamed service, an id that all have
	conns   []*conn
	before  int // how many it had at the first look
	gone    int // those of earlier looks that were closed, and not by the server's timeout
}

type service struct {
	who    identity
	name   string // for people; services whose names lie may share one
	label  label
	groups []*group
}

// fullFrom is the part of the slots from which a server counts as full.
const fullFrom = 0.95

// idleEnough is the idle time from which a connection counts as doing nothing: idle is in whole seconds of a cached
// clock, so that 1 may be a moment and 2 little more than one second.
const idleEnough = 3

func (c *conn) still() bool { return c.Idle >= idleEnough }

// usedOnce reports whether nothing happened on the connection after its first second, within the clock's tolerance of 1.
func (c *conn) usedOnce() bool { return c.Idle >= c.Age-1 }

// exempt reports whether the connection may do nothing for a good reason, or must not be touched.
func (c *conn) exempt() bool { return exempt(&c.Client) }

func exempt(c *outage.Client) bool {
	return c.Subscribed() || c.Blocked() || c.InTransaction() || c.Replication() || c.Monitoring() ||
		c.Ours() || noEvict(c)
}

// look derives the view. Snapshots may come in any order.
func look(snapshots []outage.Snapshot) *view {
	v := &view{claims: map[int64]outage.Cause{}}
	v.all, v.busy = window(snapshots), busyLooks(snapshots)
	v.now = v.all[len(v.all)-1]
	for _, s := range v.all {
		if len(s.Clients) > 0 {
			v.looks = append(v.looks, s)
		}
	}
	v.elapsed = between(v.all[0], v.now)
	if len(v.looks) > 0 {
		v.spread = between(v.looks[0], v.looks[len(v.looks)-1])
	}
	v.measure()
	v.follow()
	return v
}

// measure reads the numbers of the server.
func (v *view) measure() {
	for _, s := range v.all { // the latest that is known
		v.limit = cmp.Or(s.MaxClients(), v.limit)
	}
	v.slots = slots(v.now)
	for i, s := range v.all[1:] {
		// Only growth counts, and CONFIG RESETSTAT may have come between.
		v.rejected += max(0, s.Rejected()-v.all[i].Rejected())
	}
	if v.limit > 0 {
		used := float64(v.slots) / float64(v.limit)
		v.full = used >= fullFrom
		v.atLimit = v.full || v.rejected > 0 && used >= 0.85
	}
}

// slots returns the connections that count towards the limit; without INFO, those of CLIENT LIST.
func slots(s *outage.Snapshot) int {
	if n := s.Slots(); n > 0 {
		return n
	}
	n := len(s.Clients)
	for _, c := range s.Census {
		n += c.Count
	}
	return n
}

// share returns n as a part of the slots taken, 0 to 1.
func (v *view) share(n int) float64 {
	if v.slots <= 0 {
		return 0
	}
	return min(1, float64(n)/float64(v.slots))
}

// free returns how many slots are left.
func (v *view) free() int { return max(0, v.limit-v.slots) }

// claimed returns how many connections the rules so far have explained.
func (v *view) claimed() int { return len(v.claims) }

// young counts the connections that were opened in the last seconds.
func (g *group) young() int {
	n := 0
	for _, c := range g.conns {
		if c.Age < idleEnough {
			n++
		}
	}
	return n
}

// open reports whether c is still to be explained and may be suspected at all.
func (v *view) open(c *conn) bool { return v.claims[c.ID] == "" && !c.exempt() }
