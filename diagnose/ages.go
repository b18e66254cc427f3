package diagnose

import (
	"cmp"
	"math"
	"slices"
)

// stretch is a run of connections of one host that were opened one after another, oldest last.
type stretch []*conn

func (s stretch) youngest() int64 { return s[0].Age }
func (s stretch) oldest() int64   { return s[len(s)-1].Age }

// span is the time over which they were opened, in whole seconds.
func (s stretch) span() int64 { return s.oldest() - s.youngest() }

const (
	fewest   = 5 // connections that can show a spread
	shortest = 3 // seconds of a spread: a pool that fills at once spans 1 or 2 of the clock's ticks
)

// stretches splits connections by age wherever a pause is long against the usual distance, and returns the parts whose
// ages are spread evenly. A pool opens its connections at once, when they are needed at once; a leak one by one.
func stretches(conns []*conn) []stretch {
	sorted := slices.Clone(conns)
	slices.SortFunc(sorted, func(a, b *conn) int { return cmp.Or(cmp.Compare(a.Age, b.Age), cmp.Compare(a.ID, b.ID)) })
	var even []stretch
	pause := max(shortest, 8*usualGap(sorted))
	for from := 0; from < len(sorted); {
		to := from + 1
		for to < len(sorted) && sorted[to].Age-sorted[to-1].Age <= pause {
			to++
		}
		if s := stretch(sorted[from:to]); s.even() {
			even = append(even, s)
		}
		from = to
	}
	return even
}

// usualGap returns the median distance between neighbouring ages.
func usualGap(sorted []*conn) int64 {
	if len(sorted) < 2 {
		return 0
	}
	gaps := make([]int64, 0, len(sorted)-1)
	for i, c := range sorted[1:] {
		gaps = append(gaps, c.Age-sorted[i].Age)
	}
	slices.Sort(gaps)
	return gaps[len(gaps)/2]
}

// even reports whether the ages are spread over their span about as uniformly as random arrivals would be.
func (s stretch) even() bool {
	if len(s) < fewest || s.span() < shortest {
		return false
	}
	n := float64(len(s))
	return s.unevenness() <= 0.3+0.5/math.Sqrt(n) && s.distinct()*2 > min(len(s), int(s.span())+1)
}

// unevenness is the largest distance between the distribution of the ages and a uniform one over the same seconds,
// 0 to 1 (the statistic of Kolmogorov and Smirnov).
func (s stretch) unevenness() float64 {
	seconds, n := float64(s.span()+1), float64(len(s))
	worst := 0.0
	for i, c := range s {
		if i+1 < len(s) && s[i+1].Age == c.Age {
			continue // the last of each second has the whole step
		}
		at := float64(c.Age - s.youngest())
		worst = max(worst, math.Abs(float64(i+1)/n-(at+1)/seconds))
		if i+1 < len(s) { // and just before the next second that has one
			worst = max(worst, math.Abs(float64(i+1)/n-float64(s[i+1].Age-s.youngest())/seconds))
		}
	}
	return worst
}

// distinct counts the seconds in which a connection was opened.
func (s stretch) distinct() int {
	n := 0
	for i, c := range s {
		if i == 0 || c.Age != s[i-1].Age {
			n++
		}
	}
	return n
}
