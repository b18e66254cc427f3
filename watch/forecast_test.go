package watch

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"spillway/outage"
)

// line is slots that grow by rate a second from a look to the next, with some noise.
func line(looks int, every time.Duration, from, rate float64, noise func() float64) []Point {
	var points []Point
	for i := range looks {
		at := time.Duration(i) * every
		points = append(points, Point{At: outage.Duration(at), Slots: int(math.Round(from + rate*at.Seconds() + noise()))})
	}
	return points
}

func calm() float64 { return 0 }

func TestPredict(t *testing.T) {
	second := time.Second
	jump := line(20, second, 100, 4, calm)
	for i := range 10 {
		jump[i].Slots += 300 // and then a remedy
	}
	ramp := append(line(30, second, 100, 0, calm), line(8, second, 100, 20, calm)...)
	for i := 30; i < len(ramp); i++ {
		ramp[i].At += outage.Duration(30 * second)
	}
	turns := []int{50, 54, 50, 47, 51, 53, 49, 50, 48, 52, 50, 51, 49, 51}
	var waves []Point
	for i, n := range turns {
		waves = append(waves, Point{outage.Duration(time.Duration(i) * second), n})
	}
	for name, test := range map[string]struct {
		points   []Point
		limit    int
		want     Outlook
		earliest float64 // at least, in seconds
		latest   float64 // at most
	}{
		"nothing read":             {nil, 100, Unknown, 0, 0},
		"three looks":              {line(3, second, 10, 5, calm), 100, Unknown, 0, 0},
		"no limit known":           {line(30, second, 10, 5, calm), 0, Unknown, 0, 0},
		"full":                     {line(6, second, 95, 1, calm), 100, Full, 0, 0},
		"above a limit that fell":  {line(6, second, 95, 1, calm), 50, Full, 0, 0},
		"full from the first look": {line(1, second, 100, 0, calm), 100, Full, 0, 0},
		"no growth":                {line(6, second, 50, 0, calm), 100, Steady, 0, 0},
		"it shrinks":               {line(6, second, 80, -3, calm), 100, Steady, 0, 0},
		"ups and downs":            {waves, 1000, Steady, 0, 0},
		"a few of them":            {waves[:5], 60, Unknown, 0, 0},
		"growth":                   {line(10, second, 100, 10, calm), 1000, Filling, 65, 105},
		"after a remedy":           {jump, 1000, Filling, 180, 260},
		"a leak begins":            {ramp, 500, Filling, 7, 25},
		"slow, for an hour":        {line(3600, second, 100, 0.05, calm), 1000, Filling, 13000, 17000},
	} {
		got := Predict(test.points, test.limit)
		if got.Outlook != test.want {
			t.Errorf("%s: %s, want %s: %+v", name, got.Outlook, test.want, got)
		}
		if got.Earliest.Seconds() < test.earliest || got.Latest.Seconds() > test.latest {
			t.Errorf("%s: full in %s to %s, want from %v s on and up to %v s", name, got.Earliest, got.Latest, test.earliest, test.latest)
		}
	}
}

// Whatever was seen, the forecast makes sense.
func TestForecastsMakeSense(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var points []Point
		at := outage.Duration(0)
		for range rapid.IntRange(0, 60).Draw(t, "looks") {
			at += outage.Duration(rapid.IntRange(0, 5000).Draw(t, "ms")) * outage.Duration(time.Millisecond)
			points = append(points, Point{at, rapid.IntRange(0, 10000).Draw(t, "slots")})
		}
		limit := rapid.IntRange(0, 10000).Draw(t, "limit")
		f := Predict(points, limit)
		if f.Earliest < 0 || f.Latest < 0 || f.Latest > 0 && f.Latest < f.Earliest {
			t.Fatalf("from %s to %s", f.Earliest, f.Latest)
		}
		if (f.Outlook == Filling) != (f.Latest > 0) || f.Outlook == Filling && (f.Earliest == 0 || f.Low <= 0) {
			t.Fatalf("a forecast that contradicts itself: %+v", f)
		}
		if f.Low > f.Rate || f.Rate > f.High || math.IsNaN(f.Rate) || math.IsInf(f.High, 0) {
			t.Fatalf("rates out of order: %+v", f)
		}
		if f.Outlook == Unknown && f.Why == "" {
			t.Fatal("unknown, and no reason")
		}
		if full := len(points) > 0 && limit > 0 && points[len(points)-1].Slots >= limit; full != (f.Outlook == Full) {
			t.Fatalf("outlook %s at %v of %d", f.Outlook, points, limit)
		}
	})
}

// Even growth is bounded by an interval with the truth in it, though slots are whole numbers; and it is no bare number.
func TestEvenGrowthIsForetold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.Float64Range(0.5, 500).Draw(t, "rate")
		looks := rapid.IntRange(fewestLooks+3, 90).Draw(t, "looks")
		every := time.Duration(rapid.IntRange(500, 5000).Draw(t, "every")) * time.Millisecond
		from := rapid.Float64Range(0, 5000).Draw(t, "from")
		points := line(looks, every, from, rate, calm)
		taken := from + rate*(time.Duration(looks-1)*every).Seconds()
		limit := points[looks-1].Slots + rapid.IntRange(1, 5000).Draw(t, "free")
		truth := (float64(limit) - taken) / rate
		f := Predict(points, limit)
		if f.Outlook == Filling && (f.Earliest.Seconds() > truth || f.Latest.Seconds() < truth) {
			t.Fatalf("full in %.3f s, foretold %s to %s: %+v", truth, f.Earliest, f.Latest, f)
		}
		if f.Outlook == Filling && f.Latest <= f.Earliest {
			t.Fatalf("no interval: %+v", f)
		}
		if grown := rate * (time.Duration(looks-1) * every).Seconds(); grown > 10 && f.Outlook != Filling {
			t.Fatalf("%.1f more in sight, and the outlook is %s: %+v", grown, f.Outlook, f)
		}
	})
}

// Without growth nothing fills, however long it is watched and wherever it stands.
func TestNoGrowthDoesNotFill(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(100, 20000).Draw(t, "limit")
		taken := rapid.IntRange(0, limit*4/5).Draw(t, "taken")
		points := line(rapid.IntRange(fewestLooks+2, 200).Draw(t, "looks"), time.Second, float64(taken), -rapid.Float64Range(0, 3).Draw(t, "shrinks"), calm)
		if f := Predict(points, limit); f.Outlook != Steady {
			t.Fatalf("%d of %d, and no growth: %+v", taken, limit, f)
		}
	})
}

// The same on a clock that runs differently: times scale, and nothing else changes.
func TestForecastsScale(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		points := line(rapid.IntRange(4, 40).Draw(t, "looks"), time.Second, 10, rapid.Float64Range(1, 20).Draw(t, "rate"), calm)
		slow := make([]Point, len(points))
		for i, p := range points {
			slow[i] = Point{p.At * 4, p.Slots}
		}
		a, b := Predict(points, 3000), Predict(slow, 3000)
		if a.Outlook != b.Outlook || a.Earliest > 0 && math.Abs(b.Earliest.Seconds()/a.Earliest.Seconds()-4) > 1e-6 {
			t.Fatalf("%+v and %+v", a, b)
		}
	})
}

// How often the truth lies in the interval, of fleets whose clients come by chance, and of noise about an even growth.
func TestNineForecastsOfTenHold(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for name, draw := range map[string]func(looks int, rate float64) (points []Point, full float64, limit int){
		"by chance": func(looks int, rate float64) ([]Point, float64, int) {
			var points []Point
			at, next, taken := 0.0, r.ExpFloat64()/rate, 50
			for i := range looks {
				for at = float64(i); next <= at; next += r.ExpFloat64() / rate {
					taken++
				}
				points = append(points, Point{outage.Duration(at * float64(time.Second)), taken})
			}
			limit := taken + 1 + r.IntN(400)
			for ; taken < limit; next += r.ExpFloat64() / rate {
				taken++
				at = next
			}
			return points, at - float64(looks-1), limit
		},
		"noise": func(looks int, rate float64) ([]Point, float64, int) {
			points := line(looks, time.Second, 50, rate, func() float64 { return r.NormFloat64() * 3 })
			limit := int(50+rate*float64(looks)) + 20 + r.IntN(400)
			return points, (float64(limit)-50)/rate - float64(looks-1), limit
		},
	} {
		held, told := 0, 0
		for range 3000 {
			points, full, limit := draw(5+r.IntN(60), 0.5+10*r.Float64())
			if f := Predict(points, limit); f.Outlook == Filling {
				told++
				if f.Earliest.Seconds() <= full && full <= f.Latest.Seconds() {
					held++
				}
			}
		}
		share := float64(held) / float64(told)
		t.Logf("%s: of %d forecasts %.1f %% held", name, told, 100*share)
		if told < 1500 || share < 0.88 {
			t.Errorf("%s: %d forecasts, of which %.3f held", name, told, share)
		}
	}
}
