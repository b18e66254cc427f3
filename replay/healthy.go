package replay

import (
	"math"
	"slices"

	"spillway/outage"
	"spillway/scenarios"
)

// mostServices is how many healthy services are told apart; the smallest beyond them become one.
const mostServices = 10

// healthy is a capture in which nothing is wrong.
func healthy(b *builder) {
	b.bystanders(b.others())
	b.lasts(10)
}

// bystanders adds healthy services, which start before the load.
func (b *builder) bystanders(parts []*part) {
	defer b.makeRoom()
	if len(parts) > mostServices {
		n := 0
		for _, p := range parts[mostServices:] {
			n += p.count()
		}
		b.note("scaled: the %d smallest healthy services are one, clients, with their %d connections", len(parts)-mostServices, n)
		rest := scenarios.Service{Service: b.call("clients"), Workload: asks}
		var each int
		rest.Instances, each = b.spread(b.count(n), 1)
		b.size(&rest, each)
		b.serve(&rest, wellUsed)
		defer b.spare(rest)
		parts = parts[:mostServices]
	}
	for _, p := range parts {
		b.spare(b.bystander(p))
	}
}

// witness adds a small healthy service where no other is spared: somebody has to see what others suffer.
func (b *builder) witness() {
	if len(b.s.Expect.Spare) > 0 {
		return
	}
	s := scenarios.Service{Service: b.call("witness"), Workload: asks, Instances: 1, Rate: 10, Pool: scenarios.Pool{Size: 1}}
	b.assume("%s, one healthy client beside the others, by which the run sees what the remedy does to the healthy", s.Service)
	b.spare(s)
}

// bystander is a healthy service that behaves as the part was seen to.
func (b *builder) bystander(p *part) scenarios.Service {
	workload := p.does
	if workload == asks && p.rests() {
		workload = "idle"
	}
	s := b.service(p, workload)
	switch workload {
	case asks:
		b.serve(&s, min(p.inUse(), wellUsed))
	case "transaction":
		s.Rate, s.Hold = float64(s.Connections), seconds(0.3)
	}
	return s
}

// serve has a healthy pool open all its connections at the start and use that share of them.
func (b *builder) serve(s *scenarios.Service, share float64) {
	s.Pool.Warm, s.Pool.IdleTimeout = true, new(outage.Duration(0))
	if 2*b.diagnosis.Slots < b.diagnosis.MaxClients { // there a pool that never rests is a trouble of its own
		s.Arrivals = scenarios.RandomArrivals
		share = min(share, restful)
		if s.Pool.Size < 6 { // of few, all are busy more often
			share *= 0.5
		}
	}
	if used := share * float64(s.Pool.Size); used < 1 {
		s.Rate = 10
		return
	}
	use(s, share)
	if short := tenth(s.Rate * s.Hold.Seconds() / 0.1); short*float64(s.Instances) <= busyRate {
		s.Rate, s.Hold = short, seconds(0.1)
	}
}

// restsFor is how many seconds idle are more than a moment.
const restsFor = 6

// rests reports whether nothing was done on any of the connections for a while, probes aside.
func (p *part) rests() bool {
	awake := 0
	for _, h := range p.hosts {
		for _, c := range h.clients {
			if c.Idle < restsFor && c.Cmd != "ping" {
				awake++
			}
		}
	}
	return awake*20 < p.count()
}

// latecomer adds a service that comes when the others hold their slots, and finds no room: the part that came last, or one
// that nobody saw, since it got no connection at all. Without what the finding speaks against it fits.
func (b *builder) latecomer(p *part, start float64) {
	s := scenarios.Service{Workload: asks, Instances: 2}
	if p == nil {
		s.Service = b.call("latecomer")
		b.assume("%s, a service that found no room and so is in no list, is who was refused", s.Service)
	} else {
		s = b.service(p, asks)
	}
	b.makeRoom()
	free := b.free() + b.lazy
	want := max(free+b.excess(), s.Instances*s.Pool.Size)
	b.size(&s, int(math.Ceil(float64(want)/float64(s.Instances))))
	use(&s, pastFull)
	s.Start = seconds(start)
	b.add(s)
	b.grow(b.past(), s.Service)
}

// youngest returns the part that asks and came last, clearly after what is blamed; nil where there is none.
func (b *builder) youngest() *part {
	before := int64(0)
	for _, p := range b.culprits() {
		before = max(before, p.oldest())
	}
	var last *part
	for _, p := range b.others() {
		if p.does == asks && !p.rests() && 5*p.oldest() < 4*before && (last == nil || p.oldest() < last.oldest()) {
			last = p
		}
	}
	return last
}

// without returns the parts that are not blamed, but some.
func (b *builder) without(some []*part) []*part {
	return b.partsThat(func(p *part) bool { return !p.blamed && !slices.Contains(some, p) })
}
