package observe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"spillway/outage"
)

func TestPeek(t *testing.T) {
	list := "id=3 addr=10.0.0.1:5 age=9 idle=0 flags=N\nid=4 addr=10.0.0.1:6 age=9 idle=2 flags=N\n"
	none := "-NOPERM this user has no permissions to run the command\r\n"
	for name, c := range map[string]struct {
		replies []string
		want    outage.Peek
		fails   bool
	}{
		"told": {
			[]string{bulk("server_time_usec:12300000\r\n"), bulk(list)},
			outage.Peek{At: 7, Time: 12_300_000, Idle: map[int64]int64{3: 0, 4: 2}}, false,
		},
		"no list":              {[]string{bulk("server_time_usec:12300000\r\n"), none}, outage.Peek{}, true},
		"no INFO":              {[]string{none, bulk(list)}, outage.Peek{}, true},
		"a list that is none":  {[]string{bulk("server_time_usec:12300000\r\n"), bulk("id=x\n")}, outage.Peek{}, true},
		"the connection broke": {nil, outage.Peek{}, true},
	} {
		r := Reader{Conn: pipe(t, answer(c.replies...)), Now: func() outage.Duration { return 7 }}
		got, err := r.Peek(t.Context())
		got.Took = 0
		if diff := gocmp.Diff(c.want, got); diff != "" || (err != nil) != c.fails {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
}

// TestRest rests after a look, with a clock of its own.
func TestRest(t *testing.T) {
	const second = time.Second
	for name, c := range map[string]struct {
		at     float64 // seconds of the server's clock at the look
		every  time.Duration
		slots  string
		limit  string
		listed int
		slow   time.Duration // what a peek takes
		peeks  []int         // when, in hundredths of the server's seconds
		due    int
	}{
		"an even second":                            {at: 101.85, every: second, peeks: []int{10215, 10245}, due: 10285},
		"an odd one":                                {at: 102.85, every: second, peeks: []int{10330, 10360}, due: 10385},
		"after a look that came early":              {at: 101.25, every: second, peeks: []int{10130, 10160}, due: 10185},
		"several seconds, of which the last counts": {at: 101.85, every: 5 * second, peeks: []int{10615, 10645}, due: 10685},
		"one peek is slow":                          {at: 101.85, every: second, slow: second / 2, peeks: []int{10215}, due: 10285},
		"peeks beyond the next look":                {at: 101.85, every: second, slow: 2 * second, peeks: []int{10215}, due: 10485},
		"looks that follow fast":                    {at: 101.85, every: second / 2, due: 10285},
		"half of the slots are taken":               {at: 101.85, every: second, slots: "50", due: 10285},
		"a limit that nobody knows":                 {at: 101.85, every: second, limit: "0", due: 10285},
		"no list":                                   {at: 101.85, every: second, listed: -1, due: 10285},
		"as many clients as may be":                 {at: 101.85, every: second, listed: mostPeeked, peeks: []int{10215, 10245}, due: 10285},
		"too many":                                  {at: 101.85, every: second, listed: mostPeeked + 1, due: 10285},
		"a server that does not tell":               {at: -1, every: second, due: 99},
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			now := func() outage.Duration { return outage.Duration(time.Since(began)) }
			s := outage.Snapshot{Info: map[string]string{"connected_clients": "49", "maxclients": "100"}, Clients: make([]outage.Client, max(0, cmp.Or(c.listed, 9)))}
			if c.at > 0 {
				s.Info[serverClock] = fmt.Sprint(int64(c.at * 1e6))
			}
			if c.slots != "" {
				s.Info["connected_clients"] = c.slots
			}
			if c.limit != "" {
				s.Info["maxclients"] = c.limit
			}
			clock := func() int { return int((c.at + now().Seconds() + 0.0001) * 100) }
			var at []int
			peeks, err := Rest(t.Context(), s, now, c.every, sleeps, func(context.Context) (outage.Peek, error) {
				at = append(at, clock())
				time.Sleep(c.slow)
				return outage.Peek{At: now()}, nil
			})
			if !slices.Equal(at, c.peeks) || clock() != c.due && c.at > 0 || err != nil || len(peeks) != len(c.peeks) {
				t.Errorf("%s: peeks at %d, the next look at %d, %v; want %d and %d", name, at, clock(), err, c.peeks, c.due)
			}
		})
	}
}

// TestRestGoesOn has peeks that fail: the look that follows will tell why. A wait that ends is the end of the rest.
func TestRestGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		now := func() outage.Duration { return outage.Duration(time.Since(began)) }
		s := outage.Snapshot{
			Info:    map[string]string{"connected_clients": "9", "maxclients": "100", serverClock: "101850000"},
			Clients: make([]outage.Client, 9),
		}
		n := 0
		broken := func(context.Context) (outage.Peek, error) { n++; return outage.Peek{}, errors.New("broken") }
		peeks, err := Rest(t.Context(), s, now, time.Second, sleeps, broken)
		if len(peeks) > 0 || err != nil || n != 2 || time.Since(began) != time.Second {
			t.Errorf("%d peeks of %d after %s, %v", len(peeks), n, time.Since(began), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/10)
		defer cancel()
		if _, err := Rest(ctx, s, now, time.Second, sleeps, broken); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a wait that ended: %v", err)
		}
	})
}

func sleeps(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
