package trials

import (
	"time"

	"spillway/outage"
	"spillway/scenarios"
)

// busyFleet is a fleet at 40 to 85 % of the limit, used to whatever degree.
func busyFleet(d *drawing) {
	d.server(40, 2000)
	d.noise(0.1, 0.3, 4)
	d.fill(0.4, 0.85, func(s *scenarios.Service) { d.use(s, d.real(0.5, 1.05)) })
	d.lasts(d.between(8, 12))
}

// rampingFleet grows to what it needs, which looks like a leak until it stops.
func rampingFleet(d *drawing) {
	d.server(40, 2000)
	d.noise(0.1, 0.3, 4)
	d.fill(0.5, 0.75, func(s *scenarios.Service) {
		d.use(s, d.real(0.6, 0.95))
		s.Start, s.Ramp = d.time(0.5, 2), d.time(2, 5)
	})
	d.lasts(d.between(10, 13))
}

// crowdedFleet has many of what is a cause elsewhere, and fits.
func crowdedFleet(d *drawing) {
	d.server(60, 2000)
	d.noise(0.1, 0.25, 3)
	for _, workload := range []string{"subscriber", "blocked"} {
		if room := min(d.part(0.1, 0.2), d.part(0.7, 0.75)-d.need()); room > 4 {
			d.spare(d.crowd(workload, room-2))
		}
	}
	if room := min(d.part(0.1, 0.2), d.part(0.75, 0.8)-d.need()); room > 4 {
		s := d.pool(room - 2)
		s.Pool.Warm = true
		d.lookIn(&s)
		d.spare(s)
	}
	d.fits(d.part(0.9, 0.9))
	d.lasts(d.between(8, 12))
}

// rollout replaces instances one by one with a slightly different pool.
func rollout(d *drawing) {
	d.server(50, 1000)
	d.noise(0.1, 0.25, 1)
	s := d.pool(max(6, d.part(0.2, 0.4)))
	for extra := d.between(0, 2); ; s.Pool.Size-- {
		s.Rollout = &scenarios.Rollout{
			Surge: 1, Pool: scenarios.Pool{Size: s.Pool.Size + extra}, Every: outage.Duration(time.Second),
		}
		if n, _ := s.Peak(); d.need()+n <= d.part(0.9, 0.9) || s.Pool.Size == 1 {
			break
		}
	}
	d.use(&s, d.real(0.5, 1))
	d.add(s)
	d.fits(d.part(0.9, 0.9))
	d.lasts(s.Instances + d.between(5, 7))
}

// fill adds healthy services until that share of the limit is taken.
func (d *drawing) fill(least, most float64, shape func(*scenarios.Service)) {
	room := d.part(least, most) - d.need()
	for services := d.between(1, 4); services > 0; services-- {
		each := room/services - scenarios.FreshCanaries
		if each < 4 {
			continue
		}
		s := d.pool(each)
		if s.Instances > 1 { // rounded down, not up
			s.Pool.Size = max(1, each/s.Instances-scenarios.HeldCanaries)
		}
		shape(&s)
		d.spare(s)
		room -= each + scenarios.FreshCanaries
	}
	d.fits(d.part(0.93, 0.93))
}
