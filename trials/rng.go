package trials

import (
	"math/rand/v2"
	"time"

	"spillway/outage"
)

// rng draws the ranges of a trial.
type rng struct{ *rand.Rand }

// between returns a whole number from least to most.
func (r rng) between(least, most int) int {
	if most <= least {
		return least
	}
	return least + r.IntN(most-least+1)
}

// real returns a number from least to most.
func (r rng) real(least, most float64) float64 { return least + r.Float64()*(most-least) }

func (r rng) chance(p float64) bool { return r.Float64() < p }

// time returns a duration in tenths of a second.
func (r rng) time(least, most float64) outage.Duration {
	return outage.Duration(r.between(int(least*10), int(most*10))) * outage.Duration(100*time.Millisecond)
}

// weighted picks an index by weight.
func (r rng) weighted(weights ...int) int {
	sum := 0
	for _, w := range weights {
		sum += w
	}
	n := r.IntN(sum)
	for i, w := range weights {
		if n -= w; n < 0 {
			return i
		}
	}
	return 0
}
