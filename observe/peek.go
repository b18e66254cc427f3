package observe

import (
	"context"
	"errors"
	"fmt"
	"time"

	"spillway/outage"
)

// Peeking is for a server with room and not too many clients: there CLIENT LIST takes less than a few ms, and what it shows in the middle
// of a second is needed, since a client pool that is too small shows on such a server only.
const mostPeeked = 1000

// peekAt is when in a second of the server's clock a peek comes, by turns. Late in a second, where the looks are, a connection counts as
// in use if it was for most of a second; a pool whose calls are short uses all it has in that time even if it has some to spare.
// Earlier it does not.
var peekAt = [][]float64{{0.15, 0.45}, {0.3, 0.6}}

// Peek reads how long each client has been idle. An error means that the connection broke or that Redis would not tell; it is
// not for concurrent use.
func (r *Reader) Peek(ctx context.Context) (outage.Peek, error) {
	snap := outage.Snapshot{At: r.now()}
	began := time.Now()
	replies, err := r.Conn.Pipeline(ctx, [][]string{{"INFO", "server"}, {"CLIENT", "LIST"}})
	took := time.Since(began)
	if err != nil {
		return outage.Peek{}, err
	}
	readInfo(&snap, replies[0])
	readClients(&snap, replies[1])
	if err := r.time(ctx, &snap); err != nil {
		return outage.Peek{}, err
	}
	peek := snap.Peek()
	peek.Took = outage.Duration(took)
	switch {
	case len(snap.Missing) > 0:
		return outage.Peek{}, fmt.Errorf("%s: %s", snap.Missing[0].What, snap.Missing[0].Why)
	case peek.Time == 0:
		return outage.Peek{}, errors.New("the server does not tell its time")
	}
	return peek, nil
}

// Rest waits for the next look after s, about every later as Pause says, and returns what peeks in the meantime showed. wait sleeps, and its
// error ends the rest; one of peek does not, since the next look meets the same.
func Rest(ctx context.Context, s outage.Snapshot, now func() outage.Duration, every time.Duration,
	wait func(context.Context, time.Duration) error, peek func(context.Context) (outage.Peek, error),
) ([]outage.Peek, error) {
	due := now() + outage.Duration(Pause(s, now(), every))
	var peeks []outage.Peek
	var times []outage.Duration
	if every >= time.Second {
		times = peekTimes(s, due)
	}
	for _, at := range times {
		if at < now() {
			continue
		}
		if err := wait(ctx, (at - now()).Std()); err != nil {
			return peeks, err
		}
		if p, err := peek(ctx); err == nil {
			peeks = append(peeks, p)
		}
	}
	for len(times) > 0 && due < now() { // a peek was slow: no other moment of a second does
		due += outage.Duration(time.Second)
	}
	return peeks, wait(ctx, (due - now()).Std())
}

// peekTimes returns when to peek between the look s and the next, at due, on the clock of the looks: in the last second before that.
func peekTimes(s outage.Snapshot, due outage.Duration) []outage.Duration {
	usec, told := s.Number(serverClock)
	limit := s.MaxClients()
	if !told || len(s.Clients) == 0 || len(s.Clients) > mostPeeked || limit == 0 || 2*s.Slots() >= limit {
		return nil
	}
	// The server's second that has begun when due comes.
	second := (usec + (due - s.At).Std().Microseconds()) / 1e6
	begun := s.At + outage.Duration(time.Duration(second*1e6-usec)*time.Microsecond)
	var times []outage.Duration
	for _, phase := range peekAt[second%int64(len(peekAt))] {
		if at := begun + outage.Duration(phase*float64(time.Second)); at > s.At && at < due {
			times = append(times, at)
		}
	}
	return times
}
