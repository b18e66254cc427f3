package fleet

import (
	"math"
	"time"
)

// pacer says when requests of an open loop are due: rate a second, reached linearly over ramp. It is pure.
type pacer struct {
	rate float64
	ramp time.Duration
	// place is where request n stands among the requests, in requests; nil is evenly: at n.
	place func(n int) float64
}

// due returns when request n, counted from 0, is due after the start.
func (p pacer) due(n int) time.Duration {
	ramp := p.ramp.Seconds()
	inRamp := p.rate * ramp / 2 // requests due until the ramp ends
	var at float64
	place := float64(n)
	if p.place != nil {
		place = p.place(n)
	}
	if place < inRamp {
		at = math.Sqrt(2 * ramp * place / p.rate)
	} else {
		at = ramp/2 + place/p.rate
	}
	return time.Duration(at * float64(time.Second))
}

// spread returns when opening i of n is due, evenly over ramp.
func spread(i, n int, ramp time.Duration) time.Duration {
	return time.Duration(float64(ramp) * float64(i) / float64(n))
}
