package watch

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"spillway/outage"
)

const (
	// Most is the part of Redis's time that a watch may take.
	Most = 0.01
	// aim is what it takes at most by its own reckoning. The other half is for what commandstats does not count, such as writing
	// the answer, and for a list that grows from one look to the next.
	aim = Most / 2
	// costOver is the time over which the share is told.
	costOver = outage.Duration(time.Minute)
)

// own are the commands of a look, as commandstats names them: with their subcommands from 7.0 on.
var own = []string{
	"info", "client|list", "client", "config|get", "config", "slowlog|get", "slowlog", "acl|log", "acl", "time", "cluster|nodes", "cluster",
}

// budget keeps account of what the watch costs.
type budget struct {
	spent []entry // the latest minute and a little more, oldest first
	last  *outage.Snapshot
	wall  outage.Duration // of the reading that is not accounted for yet, without the way there and back
	way   outage.Duration // there and back: how long the quickest PING took, since a slow one waited for somebody
	list  bool            // it listed the clients
	look  outage.Duration // what the latest list cost
	by    string
}

// entry is what was spent from a time to another.
type entry struct{ from, to, spent outage.Duration }

// read accounts for the reading before s, now that s shows what Redis spent on it. wall is how long s took to read.
func (b *budget) read(s outage.Snapshot, wall outage.Duration, list bool) {
	if s.Latency > 0 {
		b.way = min(s.Latency, cmp.Or(b.way, s.Latency))
	}
	wall -= b.way
	if list {
		wall -= s.Latency // of the PING itself
	}
	wall = max(wall, 0)
	if b.last != nil {
		spent, by := b.wall, "clock"
		// Others send these commands too. What is counted is theirs as well, and the clock bounds what is ours.
		if told, ok := between(*b.last, s); ok {
			spent, by = min(spent, told), "commandstats"
		}
		b.book(s.At, spent, by)
	} else if list {
		b.look, b.by = wall, "clock" // an upper bound, until the next reading tells
	}
	slim := outage.Snapshot{At: s.At, Info: s.Info}
	b.last, b.wall, b.list = &slim, wall, list
}

func (b *budget) book(at, spent outage.Duration, by string) {
	if b.list {
		b.look, b.by = spent, by
	}
	b.spent = append(b.spent, entry{b.last.At, at, spent})
	for len(b.spent) > 1 && b.spent[0].to < at-costOver {
		b.spent = b.spent[1:]
	}
}

// lost forgets the reading that nothing follows.
func (b *budget) lost() { b.last = nil }

// every is how far apart lists of clients must be.
func (b *budget) every(least outage.Duration) outage.Duration {
	return max(least, outage.Duration(float64(b.look)/aim))
}

// share is the part of the last minute that was spent.
func (b *budget) share() float64 {
	total, over := outage.Duration(0), outage.Duration(0)
	for _, e := range b.spent {
		total, over = total+e.spent, over+e.to-e.from
	}
	if over <= 0 {
		return 0
	}
	return total.Seconds() / over.Seconds()
}

// between is the time that Redis spent on commands such as ours from one reading to the next; ok is false where it does not tell.
func between(before, after outage.Snapshot) (spent outage.Duration, ok bool) {
	a, was := usec(before)
	b, is := usec(after)
	if !was || !is || b < a { // CONFIG RESETSTAT
		return 0, false
	}
	return outage.Duration(b-a) * outage.Duration(time.Microsecond), true
}

func usec(s outage.Snapshot) (total int64, ok bool) {
	for _, name := range own {
		for field := range strings.SplitSeq(s.Info["cmdstat_"+name], ",") {
			if text, found := strings.CutPrefix(field, "usec="); found {
				n, err := strconv.ParseInt(text, 10, 64)
				if err != nil {
					return 0, false
				}
				total, ok = total+n, true
			}
		}
	}
	return total, ok
}
