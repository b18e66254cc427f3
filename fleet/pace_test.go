package fleet

import (
	"testing"
	"time"
)

func TestPacerReachesItsRateOverTheRamp(t *testing.T) {
	for _, tc := range []struct {
		name  string
		p     pacer
		until time.Duration
		want  int // requests due before until
	}{
		{"no ramp", pacer{rate: 100}, time.Second, 100},
		{"a slow one", pacer{rate: 0.5}, 10 * time.Second, 5},
		{"half of them during the ramp", pacer{rate: 100, ramp: 2 * time.Second}, 2 * time.Second, 100},
		{"a quarter by half the ramp", pacer{rate: 100, ramp: 2 * time.Second}, time.Second, 25},
		{"the full rate after it", pacer{rate: 100, ramp: 2 * time.Second}, 3 * time.Second, 200},
	} {
		n, last := 0, time.Duration(-1)
		for ; tc.p.due(n) < tc.until; n++ {
			if tc.p.due(n) < last {
				t.Fatalf("%s: request %d is due before the one before it", tc.name, n)
			}
			last = tc.p.due(n)
		}
		if n != tc.want {
			t.Errorf("%s: %d due before %v, want %d", tc.name, n, tc.until, tc.want)
		}
	}
}

func TestSpreadIsEven(t *testing.T) {
	if got := []time.Duration{spread(0, 4, time.Second), spread(1, 4, time.Second), spread(3, 4, time.Second), spread(3, 4, 0)}; got[0] != 0 ||
		got[1] != 250*time.Millisecond || got[2] != 750*time.Millisecond || got[3] != 0 {
		t.Errorf("spread: %v", got)
	}
}
