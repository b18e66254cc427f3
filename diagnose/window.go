package diagnose

import (
	"cmp"
	"slices"

	"spillway/outage"
)

// memory is how far back from the latest snapshot a diagnosis looks, in seconds: growth long ago says nothing about now.
const memory = 30

// window returns the snapshots to judge by, oldest first and at least one: those since the server's last start, no older
// than memory, and in any case the two latest.
func window(snapshots []outage.Snapshot) []*outage.Snapshot {
	var all []*outage.Snapshot
	for i := range snapshots {
		if s := &snapshots[i]; len(s.Info) > 0 || len(s.Clients) > 0 || len(s.Config) > 0 {
			all = append(all, s)
		}
	}
	if len(all) == 0 {
		return []*outage.Snapshot{new(outage.Snapshot)}
	}
	slices.SortStableFunc(all, func(a, b *outage.Snapshot) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(serverTime(a), serverTime(b)))
	})
	latest := all[len(all)-1]
	from := len(all) - 1
	for from > 0 && !restarted(all[from-1], all[from]) {
		if from <= len(all)-2 && between(all[from-1], latest) > memory {
			break
		}
		from--
	}
	return all[from:]
}

func restarted(a, b *outage.Snapshot) bool {
	before, after := a.Info["run_id"], b.Info["run_id"]
	return before != "" && after != "" && before != after
}

// serverTime returns the server's own clock in microseconds; 0 where it does not tell.
func serverTime(s *outage.Snapshot) int64 {
	if n, ok := s.Number("server_time_usec"); ok {
		return n
	}
	n, _ := s.Number("uptime_in_seconds")
	return n * 1e6
}

// between returns the seconds from a to b, never below 0. Dumps saved by hand have no At; then the server's clock has to do.
func between(a, b *outage.Snapshot) float64 {
	if d := (b.At - a.At).Seconds(); d > 0 {
		return d
	}
	if from, to := serverTime(a), serverTime(b); from > 0 && to > from {
		return float64(to-from) / 1e6
	}
	return 0
}
