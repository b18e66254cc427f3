package fleet

import (
	"math"
	"testing"
	"time"

	"spillway/scenarios"
)

func TestRandomArrivalsArePoisson(t *testing.T) {
	const n = 20_000
	p := newPoisson(7, "api-1")
	longer := 0 // gaps longer than their mean: 1/e of them
	last := 0.0
	for i := range n {
		at := p.place(i)
		if at < last {
			t.Fatalf("arrival %d comes before the one before it", i)
		}
		if at-last > 1 {
			longer++
		}
		last = at
	}
	if got := last / n; math.Abs(got-1) > 0.03 {
		t.Errorf("the mean gap is %.3f", got)
	}
	if got := float64(longer) / n; math.Abs(got-1/math.E) > 0.02 {
		t.Errorf("%.3f of the gaps are above their mean", got)
	}
}

func TestArrivalsComeFromTheSeedAndTheInstance(t *testing.T) {
	place := func(seed int64, instance string) float64 { return newPoisson(seed, instance).place(9) }
	if place(1, "api-1") != place(1, "api-1") {
		t.Error("the same seed and instance differ")
	}
	if place(1, "api-1") == place(2, "api-1") || place(1, "api-1") == place(1, "api-2") {
		t.Error("another seed, or another instance, moves in step")
	}
}

func TestRandomArrivalsKeepTheRateAndTheRamp(t *testing.T) {
	h := testHost(t, "127.0.0.1:6379")
	s := &h.spec.Service
	s.Rate, s.Ramp, s.Arrivals = 1000, 0, scenarios.RandomArrivals
	due := func(until time.Duration) int {
		p := h.pacer()
		n := 0
		for p.due(n) < until {
			n++
		}
		return n
	}
	if n := due(4 * time.Second); n < 3700 || n > 4300 {
		t.Errorf("%d in 4 s at 1000 a second", n)
	}
	s.Ramp = 4e9
	if n := due(4 * time.Second); n < 1800 || n > 2200 {
		t.Errorf("%d in a ramp of 4 s to 1000 a second", n)
	}
	s.Arrivals = ""
	s.Ramp = 0
	if n := due(4 * time.Second); n != 4000 {
		t.Errorf("%d in 4 s, evenly", n)
	}
}
