package observe

import (
	"fmt"
	"testing"
	"time"

	"spillway/outage"
)

func TestPause(t *testing.T) {
	const second = time.Second
	for name, c := range map[string]struct {
		phase float64 // of the server's second at the look
		took  time.Duration
		every time.Duration
		want  time.Duration
	}{
		"late already":                {0.85, 0, second, second},
		"what it took comes off":      {0.85, second / 10, second, 9 * second / 10},
		"a bit early":                 {0.65, 0, second, 1200 * time.Millisecond},
		"the next second is nearer":   {0.05, 0, second, 800 * time.Millisecond},
		"just as far either way":      {0.35, 0, second, 1500 * time.Millisecond},
		"a slow look":                 {0.85, 3 * second, second, second},
		"and slower by a half":        {0.85, 3*second + second/2, second, second / 2},
		"and a bit more":              {0.85, 3*second + 6*second/10, second, 1400 * time.Millisecond},
		"a slow look, ten a second":   {0.85, 3 * second, second / 10, second / 20},
		"three seconds":               {0.75, 0, 3 * second, 3100 * time.Millisecond},
		"one and a half":              {0.35, 0, 3 * second / 2, 3 * second / 2},
		"too often to choose":         {0.1, 0, second / 5, second / 5},
		"a server that does not tell": {-1, 0, second, second},
	} {
		s := outage.Snapshot{At: outage.Duration(7 * second), Info: map[string]string{}}
		if c.phase >= 0 {
			s.Info[serverClock] = fmt.Sprint(int64(1_700_000_000e6) + int64(c.phase*1e6))
		}
		if got := Pause(s, s.At+outage.Duration(c.took), c.every).Round(time.Millisecond); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// TestClock has a server whose INFO does not tell the time, as before 6.2: TIME does, unless it is forbidden.
func TestClock(t *testing.T) {
	for name, c := range map[string]struct {
		answer, want string
	}{
		"told":      {"*2\r\n$10\r\n1700000000\r\n$3\r\n417\r\n", "1700000000000417"},
		"forbidden": {"-NOPERM this user has no permissions to run the 'time' command\r\n", ""},
		"nonsense":  {"*2\r\n$10\r\n1700000000\r\n$1\r\nx\r\n", ""},
	} {
		conn := pipe(t, redis(nil, "", map[string]string{"TIME": c.answer}))
		snap, err := (&Reader{Conn: conn}).Snapshot(t.Context())
		if err != nil || snap.Info[serverClock] != c.want {
			t.Errorf("%s: %q, %v; want %q", name, snap.Info[serverClock], err, c.want)
		}
	}
}
