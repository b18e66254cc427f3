package observe

import (
	"slices"
	"time"

	"spillway/outage"
)

// setTimes puts saved snapshots on one clock, the server's: its time, else its uptime, else how much older the clients
// became that are in both. Times of files would be lost with the first copy.
func setTimes(snaps []outage.Snapshot) {
	if len(snaps) < 2 {
		return
	}
	times, ok := infoTimes(snaps, serverClock, time.Microsecond)
	if !ok && sameRun(snaps) {
		times, ok = infoTimes(snaps, "uptime_in_seconds", time.Second)
	}
	if !ok {
		times, ok = ageTimes(snaps)
	}
	if !ok {
		for i := range snaps {
			missing(&snaps[i], "time", "neither INFO nor clients that are in each snapshot tell how far the snapshots are apart")
		}
		return
	}
	first := slices.Min(times)
	for i := range snaps {
		snaps[i].At = outage.Duration(times[i] - first)
	}
	slices.SortStableFunc(snaps, func(a, b outage.Snapshot) int { return int(min(max(a.At-b.At, -1), 1)) })
}

// infoTimes reads a field of INFO. Values that a clock does not have make it useless, not wrong.
func infoTimes(snaps []outage.Snapshot, field string, unit time.Duration) ([]time.Duration, bool) {
	var times []time.Duration
	for i := range snaps {
		n, ok := snaps[i].Number(field)
		if !ok || n < 0 || n > int64(1<<62/unit) {
			return nil, false
		}
		times = append(times, time.Duration(n)*unit)
	}
	return times, true
}

func sameRun(snaps []outage.Snapshot) bool {
	for i := range snaps {
		if snaps[i].Info["run_id"] != snaps[0].Info["run_id"] {
			return false
		}
	}
	return true
}

func ageTimes(snaps []outage.Snapshot) ([]time.Duration, bool) {
	times := make([]time.Duration, len(snaps))
	for i := 1; i < len(snaps); i++ {
		older, ok := aged(snaps[i-1].Clients, snaps[i].Clients)
		if !ok {
			return nil, false
		}
		times[i] = times[i-1] + older
	}
	return times, true
}

// aged returns the median of how much older the clients became that are in both.
func aged(before, after []outage.Client) (time.Duration, bool) {
	type key struct {
		id   int64
		addr string
	}
	ages := map[key]int64{}
	for _, c := range before {
		ages[key{c.ID, c.Addr}] = c.Age
	}
	var older []int64
	for _, c := range after {
		if age, ok := ages[key{c.ID, c.Addr}]; ok {
			older = append(older, c.Age-age)
		}
	}
	if len(older) == 0 {
		return 0, false
	}
	slices.Sort(older)
	median := older[len(older)/2]
	const century = 100 * 365 * 24 * 3600
	return time.Duration(min(max(median, -century), century)) * time.Second, true
}
