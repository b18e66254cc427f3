package replay

import (
	"cmp"
	"math"
	"slices"

	"spillway/scenarios"
)

// halfOpen has the blamed hosts vanish, while their pools are full, and come back elsewhere: once they fit, twice they do not.
func halfOpen(b *builder) {
	dead, back := b.culprits(), b.returned()
	b.bystanders(b.without(back))
	b.witness()
	once := b.need()
	var names []string
	for _, p := range dead {
		workload := p.does
		if workload != "subscriber" && workload != "blocked" {
			workload = asks
		}
		s := b.service(p, workload)
		if workload == asks {
			use(&s, pastFull)
		}
		b.blame(s)
		names = append(names, s.Service)
		b.s.Faults = append(b.s.Faults, scenarios.Fault{Cut: s.Service, At: seconds(4), Replace: true, ReplaceAfter: seconds(4)})
	}
	b.grow(b.past(), names...)
	for _, name := range names {
		n, _ := b.find(name).Peak()
		once += n
	}
	b.fitOnce(once)
	b.assume("the hosts vanished 4 s after they had filled their pools, and as many came back 4 s later")
	b.refusals()
	b.s.Until.Within = seconds(40)
	b.clearedBelow(once)
}

// fitOnce raises the limit where the hosts would not even fit once.
func (b *builder) fitOnce(once int) {
	if once >= b.limit {
		b.limit = once + max(3, (b.need()-once)/3)
		b.note("scaled: maxclients to %d, so that the hosts fit once", b.limit)
	}
}

// returned are the healthy parts of a service whose other hosts vanished, of which all hosts came since: the fault brings them
// back itself. Of a part with others as well, those that came since are forgotten.
func (b *builder) returned() []*part {
	var back []*part
	for _, dead := range b.culprits() {
		froze := dead.froze()
		came := func(h host) bool { return h.oldest() <= froze+1 }
		for _, p := range b.others() {
			switch {
			case p.service != dead.service || p.does != dead.does:
			case !slices.ContainsFunc(p.hosts, func(h host) bool { return !came(h) }):
				back = append(back, p)
			default:
				p.hosts = slices.DeleteFunc(p.hosts, came)
			}
		}
	}
	return back
}

// froze is how long ago the last of the connections was used, in seconds.
func (p *part) froze() int64 {
	froze := int64(math.MaxInt32)
	for _, h := range p.hosts {
		for _, c := range h.clients {
			froze = min(froze, c.Idle)
		}
	}
	return froze
}

// surge starts all new instances of a service while the old ones drain: one generation fits, two do not.
func surge(b *builder) {
	b.roomy()
	b.bystanders(b.others())
	b.witness()
	before := b.need()
	var names []string
	for _, p := range b.culprits() {
		old := *p
		old.hosts = oldGeneration(p)
		s := b.service(&old, asks)
		if s.Instances == 1 { // two hosts of different age, and nothing else, are no generations
			s.Instances = 2
			s.Pool.Size = max(2, s.Pool.Size/2)
		}
		use(&s, 1.15)
		s.Rollout = &scenarios.Rollout{
			After: seconds(5), Surge: s.Instances, Pool: s.Pool, Every: seconds(1), Drain: seconds(120),
		}
		b.blame(s)
		names = append(names, s.Service)
	}
	b.grow(b.past(), names...)
	b.fitOnce(before + (b.need()-before)/2)
	b.assume("all new instances started at once, 5 s after the old ones, which drain for longer than the run")
	b.refusals()
	b.clearedWithRoom()
}

// oldGeneration returns the hosts before the longest pause between the first connections of two of them.
func oldGeneration(p *part) []host {
	hosts := slices.SortedFunc(slices.Values(p.hosts), func(a, c host) int { return cmp.Compare(c.oldest(), a.oldest()) })
	at, longest := len(hosts), int64(2)
	for i := 1; i < len(hosts); i++ {
		if pause := hosts[i-1].oldest() - hosts[i].oldest(); pause > longest {
			at, longest = i, pause
		}
	}
	return hosts[:at]
}

// replicaSlots are replicas and cluster links, which count, and a busy service that comes when they are there.
func replicaSlots(b *builder) {
	b.roomy()
	late := b.largestAsker()
	replicas := func(p *part) bool { return p.does == "replica" }
	b.bystanders(b.without(append(b.partsThat(replicas), late)))
	b.witness()
	for _, p := range b.partsThat(replicas) {
		s := b.service(p, "replica")
		s.Ramp = seconds(1)
		if p.blamed {
			b.blame(s)
		} else {
			b.add(s)
		}
	}
	if nodes := b.last.ClusterLinks() / 2; nodes > 0 {
		b.s.Redis.Directives = map[string]string{
			"cluster-enabled":      "yes",
			"cluster-node-timeout": "600000", // how long it tries nodes that it was told of: longer than the run
		}
		b.s.Faults = append(b.s.Faults, scenarios.Fault{Meet: min(200, b.count(nodes)), At: seconds(1)})
		b.assume("the %d other nodes of the cluster are gone, and count all the same", nodes)
	}
	if len(b.s.Faults) == 0 && len(b.partsThat(replicas)) == 0 {
		b.lacks = "neither replicas nor cluster links are in INFO or CLIENT LIST"
		return
	}
	b.latecomer(late, 4)
	b.find(b.s.Fleet[len(b.s.Fleet)-1].Service).Ramp = seconds(1)
	b.refusals()
	b.clearedWithRoom()
}

// largestAsker is the largest healthy part that asks and answers; nil where there is none.
func (b *builder) largestAsker() *part {
	some := b.partsThat(func(p *part) bool { return !p.blamed && p.does == asks && !p.rests() })
	if len(some) == 0 {
		return nil
	}
	return some[0]
}
