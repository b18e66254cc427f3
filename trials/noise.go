package trials

import (
	"time"

	"spillway/outage"
	"spillway/scenarios"
)

// mostServices is how many services a trial has at most.
const mostServices = 8

// noise adds healthy services that together take that share of the limit: first one that asks and answers, then others of
// every kind, as many as fit and leave room for so many services more.
func (d *drawing) noise(least, most float64, others int) {
	budget := max(d.need()+9, d.part(least, most))
	first := d.pool(max(3, min((budget-d.need())/2, d.between(3, 40))))
	d.use(&first, d.real(0.2, 0.7))
	d.spare(first)
	for range d.between(0, mostServices-1-others) {
		kind := noises[d.IntN(len(noises))]
		room := min(budget-d.need()-scenarios.FreshCanaries, max(4, d.limit/12))
		if room < 3 {
			break
		}
		d.spare(kind(d, room))
	}
	d.fits(d.limit)
}

// noises are the healthy kinds: each takes at least 2 connections and at most room.
var noises = []func(d *drawing, room int) scenarios.Service{
	pooledNoise, warmNoise, subscriberNoise, blockedNoise, transactionNoise, toolNoise,
}

// pooledNoise is one that is used a little, or fully.
func pooledNoise(d *drawing, room int) scenarios.Service {
	s := d.fewer("pooled", room)
	s.Pool.Size, s.Connections = s.Connections, 0
	if d.chance(0.5) {
		d.use(&s, d.real(0.3, 1.1))
	} else {
		d.lookIn(&s)
	}
	return s
}

// warmNoise keeps a few connections ahead of need, as careful teams do.
func warmNoise(d *drawing, room int) scenarios.Service {
	s := d.fewer("pooled", min(room, 8))
	s.Pool.Size, s.Connections = s.Connections, 0
	s.Pool.MinIdle = max(1, s.Pool.Size/2)
	d.lookIn(&s)
	return s
}

func subscriberNoise(d *drawing, room int) scenarios.Service {
	return d.fewer("subscriber", min(room, 8))
}

func blockedNoise(d *drawing, room int) scenarios.Service { return d.fewer("blocked", min(room, 8)) }

func transactionNoise(d *drawing, room int) scenarios.Service {
	s := d.fewer("transaction", min(room, 6))
	s.Hold = outage.Duration(d.between(50, 500)) * outage.Duration(time.Millisecond)
	s.Rate = tenth(d.real(0.5, 2) * float64(s.Connections))
	return s
}

// toolNoise looks in every second or few and hangs up, as exporters and people do.
func toolNoise(d *drawing, room int) scenarios.Service {
	return scenarios.Service{
		Service: d.name(), Workload: "reconnecting", Instances: 1, Connections: 1, Rate: tenth(d.real(0.2, 1)),
	}
}

// fewer has at most room connections, held canaries included.
func (d *drawing) fewer(workload string, room int) scenarios.Service {
	n := d.between(2, max(2, room))
	instances := d.between(1, max(1, min(3, n/3)))
	return scenarios.Service{
		Service: d.name(), Workload: workload, Instances: instances, Connections: max(1, n/instances-scenarios.HeldCanaries),
	}
}
