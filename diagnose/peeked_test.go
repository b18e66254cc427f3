package diagnose

import (
	"fmt"
	"math"
	"testing"

	"spillway/outage"
)

// pool10 is a pool of ten connections, with ids from 1 on.
func pool10() aged {
	var p aged
	for id := range int64(10) {
		p.conns = append(p.conns, &conn{Client: outage.Client{ID: id + 1}})
	}
	return p
}

// idle10 has so many of the ten in use.
func idle10(used int) map[int64]int64 {
	idle := map[int64]int64{}
	for id := range 10 {
		idle[int64(id+1)] = 0
		if id >= used {
			idle[int64(id+1)] = 1
		}
	}
	return idle
}

// looked is a look at that time, with so many in use.
func looked(usec int64, used int, peeks ...outage.Peek) *outage.Snapshot {
	s := &outage.Snapshot{Info: map[string]string{"server_time_usec": fmt.Sprint(usec)}, Peeks: peeks}
	for id, idle := range idle10(used) {
		s.Clients = append(s.Clients, outage.Client{ID: id, Idle: idle})
	}
	return s
}

func peekAt(usec int64, used int) outage.Peek { return outage.Peek{Time: usec, Idle: idle10(used)} }

func TestPeeksAt(t *testing.T) {
	const s = 1_000_000
	before := peekAt(9*s+150_000, 10) // of the second before the first look
	gone := peekAt(11*s+900_000, 10)
	delete(gone.Idle, 10)
	for name, c := range map[string]struct {
		peeks []outage.Peek
		late  int // in use at the first look, which comes late, and at the second, which does not
		want  peeked
	}{
		"none":                      {nil, 10, peeked{}},
		"nobody was in use":         {[]outage.Peek{peekAt(11*s+150_000, 0)}, 10, peeked{}},
		"half":                      {[]outage.Peek{peekAt(11*s+250_000, 5)}, 10, peeked{call: 0.5, sure: 10}},
		"half, and who rests after": {[]outage.Peek{peekAt(11*s+250_000, 5), peekAt(11*s+650_000, 9)}, 8, peeked{0.5, 10, 1, seen{10, 1}, 20, 3}},
		"a little before":           {[]outage.Peek{peekAt(11*s+250_000, 5), peekAt(11*s+649_999, 9)}, 8, peeked{call: 0.5, sure: 10, rested: 2}},
		"four in five tell":         {[]outage.Peek{peekAt(11*s+150_000, 5), peekAt(11*s+300_000, 8)}, 10, peeked{call: 4.5 / 13, sure: 10}},
		"more do not":               {[]outage.Peek{peekAt(11*s+150_000, 4), peekAt(11*s+300_000, 9)}, 10, peeked{call: 0.375, sure: 10}},
		"but at first":              {[]outage.Peek{peekAt(11*s+150_000, 10), peekAt(11*s+300_000, 10)}, 10, peeked{call: 0.15, sightings: 10, sure: 20}},
		"early ones are apart":      {[]outage.Peek{peekAt(11*s+50_000, 2), peekAt(11*s+200_000, 10)}, 10, peeked{call: 0.25, sure: 10}},
		"one of them is gone":       {[]outage.Peek{peekAt(11*s+250_000, 5), gone}, 10, peeked{call: 0.5, sure: 10}},
		"all from a cut on":         {cutAt(5, 10, 9), 10, peeked{call: 0.455, sightings: 50, sure: 60}},
		"of too few":                {cutAt(4, 10, 9), 10, peeked{0.1875, 60, 2, seen{10, 1}, 70, 2}},
		"but one":                   {append(cutAt(5, 10, 9), peekAt(20*s+600_000, 9)), 10, peeked{0.1875, 80, 3, seen{10, 1}, 90, 3}},
		"and too few rest before":   {append(cutAt(5, 10, 9), peekAt(20*s+450_000, 10)), 10, peeked{0.1875, 80, 2, seen{10, 1}, 90, 2}},
		"one rests at a look":       {cutAt(5, 10, 9), 9, peeked{0.1875, 70, 2, seen{10, 1}, 80, 3}},
		"the clock is none":         {[]outage.Peek{peekAt(11*s+250_000, 5), peekAt(0, 10), peekAt(-s/10, 10)}, 10, peeked{call: 0.5, sure: 10}},
	} {
		looks := []*outage.Snapshot{looked(10*s+850_000, c.late, before), looked(11*s+780_000, 1, c.peeks...)}
		got := peeksAt([]aged{pool10()}, looks)
		if math.Abs(got.call-c.want.call) > 1e-9 {
			t.Errorf("%s: a call of %v, want %v", name, got.call, c.want.call)
		}
		got.call = c.want.call
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

// cutAt are n peeks at 0.6 of a second, at which so many connections had been used, two at about 0.45, and one at 0.15 that takes calls for short.
func cutAt(n, used, before int) []outage.Peek {
	peeks := []outage.Peek{peekAt(11_150_000, 8), peekAt(11_450_000, before), peekAt(11_460_000, before)}
	for i := range int64(n) {
		peeks = append(peeks, peekAt((12+i)*1_000_000+600_000, used))
	}
	return peeks
}

func TestPeekedBounds(t *testing.T) {
	for _, c := range []struct {
		p                 peeked
		rests, full, long bool
	}{
		{peeked{sightings: 10, missed: 1}, true, false, false},
		{peeked{sightings: 9, missed: 9}, false, false, false},
		{peeked{sightings: 49, missed: 1}, true, false, false},
		{peeked{sightings: 50, missed: 1}, false, false, false},
		{peeked{call: 0.4, sightings: 60, missed: 2, worst: seen{10, 2}}, false, false, false}, // a busy moment
		{peeked{call: 0.4, sightings: 59, missed: 2, worst: seen{10, 2}}, true, false, false},
		{peeked{call: 0.39, sightings: 60, missed: 2, worst: seen{10, 2}}, true, false, false},
		{peeked{call: 0.4, sightings: 60, missed: 3, worst: seen{10, 2}}, false, false, false},
		{peeked{call: 0.4, sightings: 60, missed: 4, worst: seen{10, 2}}, true, false, false},
		{peeked{call: 0.4, sightings: 110, missed: 4, worst: seen{15, 2}}, true, false, false}, // 2 of the 95 others
		{peeked{call: 0.4, sightings: 115, missed: 4, worst: seen{15, 2}}, false, false, false},
		{peeked{sure: 200}, false, true, false},
		{peeked{sure: 199}, false, false, false},
		{peeked{sure: 900, rested: 1}, false, false, false},
		{peeked{call: 0.7}, false, false, true},
		{peeked{call: 0.699}, false, false, false},
	} {
		if c.p.rests() != c.rests || c.p.full(peekSure) != c.full || c.p.long() != c.long {
			t.Errorf("%+v: rests %t, full %t, long %t", c.p, c.p.rests(), c.p.full(peekSure), c.p.long())
		}
	}
}
