package replay

import (
	"cmp"
	"slices"

	"spillway/outage"
	"spillway/scenarios"
)

// leak has the blamed open a client for each request until the slots are taken.
func leak(b *builder) {
	b.bystanders(b.others())
	b.witness()
	free := float64(b.free())
	fill := 4 + free/2000 // seconds: slow enough to be seen growing before it is full
	left := b.need() + scenarios.FreshCanaries
	for _, p := range b.culprits() {
		s := b.service(p, "leaky")
		s.Connections = 0
		s.Rate = tenth(max(1, free/fill*float64(p.count())/float64(b.blamedCount())/float64(s.Instances)))
		b.blame(s)
		left += b.fix(s)
		if s.Behind != "" { // then an eighth of the leak is left to the timeout
			left += b.count(p.count()) / 8
		}
	}
	b.assume("the leak fills the server in %.0f s; once fixed, each host has a pool of 5", fill)
	b.refusals()
	b.clearedBelow(left)
}

// fix redeploys a service with a small pool, and returns how many connections that takes.
func (b *builder) fix(s scenarios.Service) int {
	fixed := scenarios.Service{
		Service: s.Service, Instances: s.Instances, Workload: asks, Rate: 10, Pool: scenarios.Pool{Size: 5},
		ClientName: s.ClientName, Unnamed: s.Unnamed, LibName: s.LibName, DB: s.DB, Behind: s.Behind,
	}
	b.s.Fix = append(b.s.Fix, fixed)
	n, _ := fixed.Peak()
	return n
}

// blamedCount is how many connections the finding speaks against.
func (b *builder) blamedCount() int {
	n := 0
	for _, p := range b.culprits() {
		n += p.count()
	}
	return max(1, n)
}

// lowered has the file descriptor limit be the reason for the limit: asked for was more.
func (b *builder) lowered(asked int) {
	scaled := b.count(asked)
	if asked <= b.diagnosis.MaxClients {
		scaled = 3 * b.limit
		b.assume("%d clients were asked for: what was, neither the log nor the command line says", scaled)
	}
	b.s.Redis.MaxClients = max(scaled, b.limit+1)
	b.s.Redis.Nofile = b.limit + scenarios.ReservedFiles
}

// tooLow is a fleet of busy pools that needs more than there is.
func tooLow(b *builder) {
	b.roomy()
	b.busyFleet(max(b.past(), b.needed()))
}

// clamped is the same, where the file descriptor limit is the reason; it fits into what was asked for.
func clamped(b *builder) {
	b.lowered(b.top.Asked)
	b.busyFleet(min(b.past(), b.s.Redis.MaxClients*9/10))
	b.s.Expect.Mitigate, b.s.Expect.Recover = seconds(25), seconds(35) // a restart, where it cannot be raised live
}

// needed is what the finding says that the fleet wants, without its headroom.
func (b *builder) needed() int {
	return min(b.count(b.top.Needed)*3/4, 2*b.limit)
}

// busyFleet has the smaller services at work before, and drives the pools of the others past the limit.
func (b *builder) busyFleet(want int) {
	var before, grow []*part
	taken := scenarios.AdminConnections
	parts := b.partsThat(func(*part) bool { return true })
	for _, p := range slices.Backward(parts) {
		n := b.count(p.count()) + len(p.hosts) + scenarios.FreshCanaries
		if p.does != asks || p != parts[0] && taken+n <= b.limit*2/5 {
			before = append(before, p)
			taken += n
			continue
		}
		grow = append(grow, p)
	}
	if len(grow) == 0 {
		b.lacks = "no service that asks and answers is in CLIENT LIST, and so none that wants more"
		return
	}
	slices.Reverse(before)
	b.bystanders(before)
	b.witness()
	var names []string
	for _, p := range grow {
		s := b.service(p, asks)
		// Hosts that have fewer came late, and want as many as the fullest.
		b.size(&s, (b.count(p.most()*len(p.hosts))+s.Instances-1)/s.Instances)
		s.Ramp = seconds(2)
		use(&s, pastFull)
		b.add(s)
		names = append(names, s.Service)
	}
	b.grow(max(want, b.past()), names...)
	b.refusals()
	b.clearedWithRoom()
}

// idleCrowd has the blamed open connections that nobody uses again, and a service that comes later find no room.
func idleCrowd(b *builder) {
	late := b.youngest()
	if b.alsoTooLow() {
		late = b.starved()
	}
	b.bystanders(b.without([]*part{late}))
	b.witness()
	left := b.need()
	for _, p := range b.culprits() {
		s := b.service(p, "idle")
		s.Ramp = seconds(1)
		b.blame(s)
		left += s.Instances
	}
	b.assume("the crowd came within a second and has been idle for 6 s when others are refused; timeout is 0")
	if b.alsoTooLow() {
		b.tooSmallBeside(late)
		return
	}
	before := b.need()
	b.latecomer(late, b.settled(7))
	b.refusals()
	b.clearedBelow(left + b.need() - before)
}

func (b *builder) alsoTooLow() bool {
	return slices.ContainsFunc(b.diagnosis.Findings, func(f outage.Finding) bool {
		return f.Cause == outage.MaxclientsTooLow && f.Confidence >= sure
	})
}

// starved returns the part whose hosts differ most in what they have: some came late. Nil where none asks.
func (b *builder) starved() *part {
	var best *part
	for _, p := range b.others() {
		if p.does == asks && !p.rests() && (best == nil || p.most()*len(p.hosts)-p.count() > best.most()*len(best.hosts)-best.count()) {
			best = p
		}
	}
	return best
}

// satisfied is how many hosts have nearly as many connections as the one with most.
func (p *part) satisfied() int {
	n := 0
	for _, h := range p.hosts {
		if 4*len(h.clients) >= 3*p.most() {
			n++
		}
	}
	return n
}

// tooSmallBeside has a fleet that would not fit without the crowd either: one of its hosts is there in time and gets what it
// wants, which shows what the others lack.
func (b *builder) tooSmallBeside(late *part) {
	b.roomy()
	first := scenarios.Service{Service: b.call("batch"), Workload: asks, Instances: 1}
	most, more := max(3, b.limit/5), 3
	if late != nil {
		first = b.service(late, asks)
		first.Instances, most = late.satisfied(), max(3, b.count(late.most()))
		more = max(2, len(late.hosts)-first.Instances)
	}
	b.size(&first, most)
	use(&first, pastFull)
	first.ClientName = cmp.Or(first.ClientName, first.Service+"-app")
	if first.Unnamed {
		first.ClientName = ""
	}
	b.add(first)
	second := first
	second.Service, second.Start, second.Instances = b.call(first.Service+"-late"), seconds(b.settled(7)), more
	crowd := 0
	for _, name := range b.s.Expect.Culprits {
		n, _ := b.find(name).Peak()
		crowd += n
	}
	for b.add(second); b.need()-b.lazy-crowd < b.limit+max(3, b.limit/20) && b.find(second.Service).Instances < 40; {
		b.find(second.Service).Instances++
	}
	b.assume("%s, hosts of the same name that came late and were refused", second.Service)
	b.s.Expect.Also = append(b.s.Expect.Also, outage.MaxclientsTooLow)
	b.refusals()
	b.clearedWithRoom()
}

// crowdOf is a crowd that may not be closed: a connection for each subscriber, or for each worker.
func crowdOf(workload string) func(*builder) {
	return func(b *builder) {
		b.roomy()
		b.bystanders(b.others())
		b.witness()
		b.grow(b.past(), b.blameAll(workload, 3)...)
		b.refusals()
		b.clearedWithRoom()
	}
}

// blameAll adds what is blamed with one workload, spread over a ramp, and returns the names.
func (b *builder) blameAll(workload string, ramp float64) []string {
	var names []string
	for _, p := range b.culprits() {
		s := b.service(p, workload)
		s.Ramp = seconds(ramp)
		b.blame(s)
		names = append(names, s.Service)
	}
	return names
}

// silence is a crowd that nobody is behind. Those that were refused come again, and find room once the others are closed.
func silence(b *builder) {
	b.bystanders(b.others())
	b.witness()
	before := b.need()
	names := b.blameAll("silent", 3)
	b.grow(b.past(), names...)
	left := before + b.need() - b.limit + b.limit/8 // the last eighth came too late to be called silent
	for _, name := range names {
		left += b.find(name).Instances
	}
	b.refusals()
	b.clearedBelow(left)
}

// storm has the blamed connect anew all the time, so that each slot turns over twice a second.
func storm(b *builder) {
	b.roomy()
	b.bystanders(b.others())
	b.witness()
	names := b.blameAll("reconnecting", 0)
	b.grow(b.past(), names...)
	for _, name := range names {
		s := b.find(name)
		s.Rate, s.Arrivals = tenth(2*float64(s.Connections)), scenarios.RandomArrivals // in step with the canaries they would leave them room
		b.fix(*s)
	}
	b.assume("a connection lasts for half a second; once fixed, each host has a pool of 5")
	b.refusals()
	b.s.Until.Refusals = 60 // some seconds of storm: one look shows nothing of it
	b.clearedWithRoom()
}

// oversized has warm pools that are hardly used hold the slots that a service that comes later wants.
func oversized(b *builder) {
	b.roomy()
	late := b.youngest()
	b.bystanders(b.without([]*part{late}))
	b.witness()
	for _, p := range b.culprits() {
		s := b.service(p, asks)
		s.Pool.Warm, s.Pool.IdleTimeout, s.Rate = true, new(outage.Duration(0)), 10
		b.blame(s)
	}
	b.assume("the burst that filled the pools is 8 s over when others are refused")
	b.latecomer(late, b.settled(8))
	b.refusals()
	b.clearedWithRoom()
}
