package fleet

import (
	"hash/fnv"
	"math/rand/v2"
	"sync"

	"spillway/scenarios"
)

// pacer returns the pace of the service's requests.
func (h *host) pacer() pacer {
	s := h.spec.Service
	p := pacer{rate: s.Rate, ramp: s.Ramp.Std()}
	if s.Arrivals == scenarios.RandomArrivals {
		p.place = newPoisson(h.spec.Seed, h.spec.Instance).place
	}
	return p
}

// poisson is the arrivals of a Poisson process of rate 1: independent of each other, as those of many users are. The
// same seed and instance give the same arrivals; instances of a service do not move in step.
type poisson struct {
	mu     sync.Mutex
	random *rand.Rand
	places []float64
}

func newPoisson(seed int64, instance string) *poisson {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(instance))
	return &poisson{random: rand.New(rand.NewPCG(uint64(seed), hash.Sum64()))}
}

// place returns when arrival n, counted from 0, comes.
func (p *poisson) place(n int) float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.places) <= n {
		last := 0.0
		if len(p.places) > 0 {
			last = p.places[len(p.places)-1]
		}
		p.places = append(p.places, last+p.random.ExpFloat64())
	}
	return p.places[n]
}
