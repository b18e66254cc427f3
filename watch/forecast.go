package watch

import (
	"math"
	"slices"
	"time"

	"spillway/outage"
)

// Point is how many slots were taken at a time.
type Point struct {
	At    outage.Duration
	Slots int
}

// Outlook says which way the slots go.
type Outlook string

// The outlooks. The zero value is no outlook; Predict never returns it.
const (
	Unknown Outlook = "unknown" // cannot be told, and Why says why
	Steady  Outlook = "steady"  // not filling, as far as the looks show
	Filling Outlook = "filling"
	Full    Outlook = "full"
)

// Forecast is when no slot will be left, if what went on goes on.
type Forecast struct {
	Outlook Outlook `json:"outlook"`
	// Earliest and Latest bound the time until full: nine of ten such forecasts hold if the growth stays what it was. While the
	// outlook is filling both are there; else Latest is 0, and Earliest is what cannot be ruled out, 0 when there is nothing to say.
	Earliest outage.Duration `json:"earliest,omitempty"`
	Latest   outage.Duration `json:"latest,omitempty"`
	// Rate is the growth in connections a second, and Low and High bound it as the times are bounded. Over is how long it was
	// watched for that; 0 when the growth is not known.
	Rate float64         `json:"rate_per_second"`
	Low  float64         `json:"low_per_second"`
	High float64         `json:"high_per_second"`
	Over outage.Duration `json:"over,omitempty"`
	Why  string          `json:"why,omitempty"`
}

const (
	fewestLooks  = 4    // of which a growth and its scatter can be told
	farAway      = 10   // times as long as was watched: without growth, nothing that need be said to be possible
	enoughLooks  = 12   // after which growth that does not show is called none
	neverSeconds = 3e7  // about a year: a time beyond it is never
	certainlyOff = 1.0  // connections by which the first and the last look may be off, as slots are whole numbers
	mostBatches  = 10.0 // into which the growth is parted to tell its scatter
)

// Predict says when limit will be reached. The points are in order of time. The growth is that of the longest time, up to now,
// over which it was even.
//
// The slots are taken for a walk with a drift: what comes in one second says nothing about the next. The scatter of the growth
// then bounds both the drift, and how far the walk strays from it on its way. The times at which those bounds reach the limit are
// the two solutions of one quadratic equation.
func Predict(points []Point, limit int) Forecast {
	if len(points) == 0 {
		return Forecast{Outlook: Unknown, Why: "nothing was read yet"}
	}
	free := float64(limit - points[len(points)-1].Slots)
	var f Forecast
	if len(points) >= fewestLooks {
		points = even(points)
		f = growth(points)
	}
	switch {
	case limit <= 0:
		f.Outlook, f.Why = Unknown, "neither CONFIG nor INFO tells maxclients"
	case free <= 0:
		f.Outlook = Full
	case f.Over == 0:
		f.Outlook, f.Why = Unknown, "growth shows after some looks"
	default:
		t := trendOf(points)
		f.Earliest, f.Latest = t.reach(free)
		f.judge(points)
	}
	return f
}

// judge tells growth from ups and downs.
func (f *Forecast) judge(points []Point) {
	rose := slices.ContainsFunc(points, func(p Point) bool { return p.Slots > points[0].Slots })
	switch {
	case f.Low > 0 && f.Latest > 0:
		f.Outlook = Filling
		return
	case f.High <= 0 || f.Earliest == 0 || !rose:
		f.Outlook, f.Earliest = Steady, 0
	case f.Rate <= 0 && f.Earliest > farAway*f.Over:
		f.Outlook = Steady
	case len(points) >= enoughLooks:
		f.Outlook, f.Why = Steady, "no growth beyond the ups and downs"
	default:
		f.Outlook, f.Why = Unknown, "the growth does not stand out from its ups and downs yet"
	}
	f.Latest = 0
}

func growth(points []Point) Forecast {
	t := trendOf(points)
	if t.over <= 0 {
		return Forecast{}
	}
	off := t.certainty * math.Sqrt(t.scatter/t.over)
	return Forecast{Rate: round(t.rate), Low: round(t.rate - off), High: round(t.rate + off), Over: outage.Duration(t.over * float64(time.Second))}
}

// trend is a growth and how it scatters.
type trend struct {
	rate      float64 // connections a second
	scatter   float64 // variance of what comes in a second
	over      float64 // seconds
	certainty float64 // standard errors within which nine of ten lie, after so many steps
}

// trendOf reads it from steps between points. Many steps are taken together in some batches: the ups and downs of a busy fleet
// cancel out, and those of a walk do not.
func trendOf(points []Point) trend {
	n := len(points) - 1
	if n < 1 {
		return trend{}
	}
	t := trend{over: seconds(points[0], points[n])}
	if t.over <= 0 {
		return trend{}
	}
	t.rate = float64(points[n].Slots-points[0].Slots) / t.over
	batches := min(n, mostBatches)
	for i := range batches {
		a, b := points[i*n/batches], points[(i+1)*n/batches]
		if d := seconds(a, b); d > 0 {
			off := float64(b.Slots-a.Slots) - t.rate*d
			t.scatter += off * off / d
		}
	}
	t.scatter = max(t.scatter/float64(max(batches-1, 1)), certainlyOff/t.over)
	t.certainty = nineOfTen(batches - 1)
	return t
}

// reach returns when so many more may be there: at the earliest, and at the latest or 0 when it may be never.
func (t trend) reach(free float64) (earliest, latest outage.Duration) {
	spread := t.certainty * t.certainty * t.scatter
	first, _ := t.meet(max(free-certainlyOff, certainlyOff/2), spread)
	_, last := t.meet(free+certainlyOff, spread)
	return first, last
}

// meet solves (free - rate·x)² = spread·(x + x²/over) for x in seconds. A solution that is not there, or too far off, is 0.
func (t trend) meet(free, spread float64) (first, last outage.Duration) {
	a, b := t.rate*t.rate-spread/t.over, free*t.rate+spread/2
	under := b*b - a*free*free
	if under < 0 {
		return 0, 0
	}
	if down := b + math.Sqrt(under); down > 0 {
		first = within(free * free / down) // the form that stays exact where a is next to nothing
		if a > 0 && t.rate > 0 {
			last = within(down / a)
		}
	}
	return first, last
}

func within(x float64) outage.Duration {
	if x > neverSeconds {
		return 0
	}
	return outage.Duration(x * float64(time.Second))
}

// even returns the longest end of the points over which the growth was the same, and without a jump.
func even(points []Point) []Point {
	longest := points[len(points)-fewestLooks:]
	for n := fewestLooks; n < len(points); {
		n = min(n+n/2, len(points))
		w := points[len(points)-n:]
		if jumps(w) || bends(w) {
			break
		}
		longest = w
	}
	return longest
}

// jumps reports whether one step is unlike all others: a remedy, a deploy.
func jumps(points []Point) bool {
	const least, unlike = 5, 4 // connections; standard deviations
	all, over := float64(points[len(points)-1].Slots-points[0].Slots), seconds(points[0], points[len(points)-1])
	worst, far := 0, 0.0
	for i := 1; i < len(points); i++ {
		if off := math.Abs(step(points, i) - all/over*seconds(points[i-1], points[i])); off > far {
			worst, far = i, off
		}
	}
	if worst == 0 {
		return false
	}
	took := seconds(points[worst-1], points[worst])
	rate := (all - step(points, worst)) / max(over-took, 1e-3)
	scatter := 0.0
	for i := 1; i < len(points); i++ {
		if d := seconds(points[i-1], points[i]); i != worst && d > 0 {
			off := step(points, i) - rate*d
			scatter += off * off / d
		}
	}
	scatter = max(scatter/float64(len(points)-2), math.Abs(rate)) // clients that come by chance scatter as much as they come
	return math.Abs(step(points, worst)-rate*took) > max(least, unlike*math.Sqrt(scatter*took))
}

func step(points []Point, i int) float64 { return float64(points[i].Slots - points[i-1].Slots) }

// bends reports whether the growth of the second half differs from that of the first.
func bends(points []Point) bool {
	const clearly = 1.8 // times what nine of ten differ by
	half := len(points) / 2
	a, b := trendOf(points[:half+1]), trendOf(points[half:])
	if a.over <= 0 || b.over <= 0 {
		return true
	}
	atLeast := math.Abs(float64(points[len(points)-1].Slots-points[0].Slots)) / (a.over + b.over) // that of single clients that come by chance
	scatter := max((a.scatter+b.scatter)/2, atLeast)
	off := math.Sqrt(scatter/a.over + scatter/b.over)
	return math.Abs(a.rate-b.rate) > clearly*nineOfTen(len(points)-3)*off
}

// nineOfTen is how many standard errors off a mean may be, nine times in ten, with so many degrees of freedom: Student's t.
func nineOfTen(freedom int) float64 {
	quantiles := [...]float64{6.314, 6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833}
	if freedom < len(quantiles) {
		return quantiles[max(freedom, 0)]
	}
	return 1.8
}

func seconds(a, b Point) float64 { return (b.At - a.At).Seconds() }

// round keeps a rate readable: a thousandth of a connection a second is some in an hour.
func round(rate float64) float64 { return math.Round(rate*1000) / 1000 }
