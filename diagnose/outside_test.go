package diagnose

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"spillway/outage"
)

// crowdOf makes n connections of a host; each is finished by shape.
func crowdOf(host string, n int, shape func(i int, h *outage.Held)) []outage.Held {
	list := make([]outage.Held, n)
	for i := range list {
		peer := fmt.Sprintf("%s:%d", host, 40000+i)
		list[i] = outage.Held{Cookie: cookie(peer), Peer: peer, Local: "10.0.0.1:6379"}
		shape(i, &list[i])
	}
	return list
}

func cookie(peer string) (n int64) {
	for _, b := range []byte(peer) {
		n = n*131 + int64(b)
	}
	return n
}

func after(d float64) outage.Duration { return outage.Duration(d * float64(time.Second)) }

// leaked are used once each as they are opened, ten a second; the server answers within milliseconds.
func leaked(i int, h *outage.Held) {
	h.Quiet = after(2.5 + float64(i)/10)
	h.Told, h.Received, h.Requests, h.Replies = h.Quiet-after(0.002), 300, 4, 4
}

func pool(i int, h *outage.Held) {
	h.Quiet = after(float64(i%10) / 20)
	h.Told, h.Received, h.Requests, h.Replies = h.Quiet, 40_000, 900, 900
}

func waitingWorkers(_ int, h *outage.Held) {
	h.Quiet, h.Told, h.Received, h.Requests, h.Replies = after(20), after(20.001), 400, 5, 4
}

func listeners(_ int, h *outage.Held) {
	h.Quiet, h.Told, h.Received, h.Requests, h.Replies = after(20), after(1), 400, 3, 5
}

func muteConnection(i int, h *outage.Held) {
	h.Quiet, h.Told = after(5+float64(i)), after(5+float64(i))
}

func gone(_ int, h *outage.Held) {
	pool(0, h)
	h.SendQueue, h.Retransmits = 700, 5
}

func fellQuiet(i int, h *outage.Held) {
	leaked(0, h)
	h.Quiet = after(40 + float64(i)/1000)
	h.Told = h.Quiet
}

// sharing is a host with so many connections in use and so many that were used once and left.
func sharing(host string, used, left int) []outage.Held {
	return crowdOf(host, used+left, func(i int, h *outage.Held) {
		if i < used {
			pool(i, h)
		} else {
			leaked(i-used, h)
		}
	})
}

func TestOutside(t *testing.T) {
	healthy := slices.Concat(crowdOf("10.0.0.5", 20, pool), crowdOf("10.0.0.6", 6, waitingWorkers), crowdOf("10.0.0.7", 6, listeners))
	full := &outage.Process{NofileSoft: 64, OpenFDs: 64}
	for name, c := range map[string]struct {
		look     outage.Outside
		cause    outage.Cause
		culprits []string
	}{
		"a leak":                      {outage.Outside{Held: slices.Concat(healthy, crowdOf("10.0.0.3", 60, leaked))}, outage.ConnectionLeak, []string{"10.0.0.3"}},
		"a leak on two hosts":         {outage.Outside{Held: slices.Concat(healthy, crowdOf("10.0.0.3", 60, leaked), crowdOf("10.0.0.4", 40, leaked))}, outage.ConnectionLeak, []string{"10.0.0.3", "10.0.0.4"}},
		"and a few at a third":        {outage.Outside{Held: slices.Concat(healthy, crowdOf("10.0.0.3", 60, leaked), crowdOf("10.0.0.9", 6, fellQuiet))}, outage.ConnectionLeak, []string{"10.0.0.3"}},
		"an idle crowd":               {outage.Outside{Held: slices.Concat(healthy, crowdOf("10.0.0.3", 60, fellQuiet))}, outage.IdleNotReaped, []string{"10.0.0.3"}},
		"a crowd that never spoke":    {outage.Outside{Held: slices.Concat(healthy, crowdOf("10.0.0.3", 60, muteConnection))}, outage.SilentConnections, []string{"10.0.0.3"}},
		"hosts that vanished":         {outage.Outside{Held: slices.Concat(healthy, crowdOf("10.0.0.3", 60, gone))}, outage.HalfOpenPeers, []string{"10.0.0.3"}},
		"a pool of slow calls":        {outage.Outside{Held: sharing("10.0.0.3", 41, 40)}, "", nil},
		"a leak beside a pool":        {outage.Outside{Held: sharing("10.0.0.3", 40, 40)}, outage.ConnectionLeak, []string{"10.0.0.3"}},
		"pools alone":                 {outage.Outside{Held: healthy}, "", nil},
		"workers alone":               {outage.Outside{Held: crowdOf("10.0.0.6", 60, waitingWorkers)}, "", nil},
		"subscribers alone":           {outage.Outside{Held: crowdOf("10.0.0.7", 60, listeners)}, "", nil},
		"a leak that just began":      {outage.Outside{Held: slices.Concat(healthy, crowdOf("10.0.0.3", 8, leaked))}, "", nil},
		"nobody":                      {outage.Outside{}, "", nil},
		"no file descriptor left":     {outage.Outside{Held: healthy, Process: full, Listen: &outage.Listen{Queue: 3}}, outage.FDExhausted, nil},
		"none left and nobody waits":  {outage.Outside{Held: healthy, Process: full, Listen: &outage.Listen{}}, "", nil},
		"many wait, and files to use": {outage.Outside{Held: healthy, Process: &outage.Process{NofileSoft: 65, OpenFDs: 64}, Listen: &outage.Listen{Queue: 3}}, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			d := Outside(c.look)
			f, _ := d.Top()
			var hosts []string
			for _, c := range f.Culprits {
				hosts = append(hosts, c.Addr)
			}
			if f.Cause != c.cause || !slices.Equal(hosts, c.culprits) {
				t.Errorf("%s %v, want %s %v\n%+v", f.Cause, hosts, c.cause, c.culprits, d)
			}
			if f.Confidence > outsideMost {
				t.Errorf("confidence %v from outside", f.Confidence)
			}
			if len(d.Unsure) < 2 {
				t.Errorf("one look from outside, and all that is missing: %q", d.Unsure)
			}
		})
	}
}

// Whoever did anything between two looks is spared, and what came between them is growth.
func TestOutsideSparesWhatIsInUse(t *testing.T) {
	first := crowdOf("10.0.0.3", 60, leaked)
	second := slices.Clone(first)
	for i := range second {
		second[i].Quiet += after(1)
		second[i].Told += after(1)
	}
	second[7].Received++
	second[9].Replies++ // a message to a subscriber
	second = append(second, crowdOf("10.0.0.3", 63, leaked)[60:]...)
	d := Outside(outage.Outside{At: after(7), Held: second}, outage.Outside{At: after(5), Held: first})
	f, ok := d.Top()
	if !ok || len(f.Culprits) != 1 {
		t.Fatalf("%+v", d)
	}
	for _, i := range []int{7, 9} {
		if slices.Contains(f.Culprits[0].IDs, second[i].Cookie) {
			t.Errorf("%s was in use, and is named", second[i].Peer)
		}
	}
	if n := len(f.Culprits[0].IDs); n != 61 || f.Growth != 1.5 {
		t.Errorf("%d named, %v a second", n, f.Growth)
	}
	if n := len(f.Culprits[0].Examples); n != mostExamples {
		t.Errorf("%d examples, want %d", n, mostExamples)
	}
	if f.Confidence != 0.7 { // 0.55 and 0.15 of a share of 61 in 63
		t.Errorf("confidence %v", f.Confidence)
	}
	if f, _ := Outside(outage.Outside{At: after(5), Held: first}, outage.Outside{At: after(5), Held: second}).Top(); f.Growth != 0 {
		t.Errorf("%v a second, in no time", f.Growth)
	}
	if f.Culprits[0].IDs[0] != second[59].Cookie {
		t.Errorf("the first is not the one that was quiet longest")
	}
	if strings.Contains(strings.Join(d.Unsure, " "), "second time") {
		t.Errorf("two looks, and it wants a second: %q", d.Unsure)
	}
}

// A connection of each kind at the edge of what is held against it.
func TestOutsideAtTheEdges(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*outage.Held)
		named bool
	}{
		"as they are":                 {func(*outage.Held) {}, true},
		"quiet for 2s":                {func(h *outage.Held) { h.Quiet, h.Told = after(2), after(2) }, true},
		"quiet for less":              {func(h *outage.Held) { h.Quiet, h.Told = after(1.999), after(1.999) }, false},
		"eight requests":              {func(h *outage.Held) { h.Requests, h.Replies = 8, 8 }, true},
		"nine":                        {func(h *outage.Held) { h.Requests, h.Replies = 9, 9 }, false},
		"not answered":                {func(h *outage.Held) { h.Replies-- }, false},
		"asked after the last answer": {func(h *outage.Held) { h.Told = h.Quiet + 1 }, false},
		"answered 0.5s later":         {func(h *outage.Held) { h.Told = h.Quiet - after(0.5) }, true},
		"told unasked":                {func(h *outage.Held) { h.Told = h.Quiet - after(0.501) }, false},
		"never spoke":                 {func(h *outage.Held) { h.Received = 0 }, false},
		"a probe unanswered":          {func(h *outage.Held) { h.Probes = 1 }, false},
		"a queue alone":               {func(h *outage.Held) { h.SendQueue = 1 }, true},
		"a retransmission, acked":     {func(h *outage.Held) { h.Retransmits = 1 }, true},
		"a queue, retransmitted":      {func(h *outage.Held) { h.SendQueue, h.Retransmits = 1, 1 }, false},
	} {
		held := crowdOf("10.0.0.3", 60, leaked)
		c.spoil(&held[30])
		f, ok := Outside(outage.Outside{Held: held}).Top()
		if !ok || f.Cause != outage.ConnectionLeak {
			t.Fatalf("%s: %+v", name, f)
		}
		if named := slices.Contains(f.Culprits[0].IDs, held[30].Cookie); named != c.named {
			t.Errorf("%s: named %v, want %v", name, named, c.named)
		}
	}
}

// Below three tenths of all connections, or five of a host, nobody is named; a host with a quarter of what the first has is.
func TestOutsideCounts(t *testing.T) {
	named := func(crowds ...[]outage.Held) (hosts []string) {
		f, _ := Outside(outage.Outside{Held: slices.Concat(crowds...)}).Top()
		for _, c := range f.Culprits {
			hosts = append(hosts, c.Addr)
		}
		return hosts
	}
	mute := func(n int, quiet float64) []outage.Held {
		return crowdOf("10.0.0.3", n, func(_ int, h *outage.Held) { h.Quiet, h.Told = after(quiet), after(quiet) })
	}
	f, _ := Outside(outage.Outside{Held: slices.Concat(crowdOf("10.0.0.3", 50, leaked), crowdOf("10.0.0.5", 50, pool))}).Top()
	if f.Confidence != 0.63 { // 0.55 and 0.15 of a half, rounded
		t.Errorf("half of them: confidence %v", f.Confidence)
	}
	for name, c := range map[string]struct {
		got  []string
		want int
	}{
		"mute for 3s":   {named(mute(40, 3)), 1},
		"mute for less": {named(mute(40, 2.9)), 0},
		"30 of 100":     {named(crowdOf("10.0.0.3", 30, leaked), crowdOf("10.0.0.5", 70, pool)), 1},
		"29 of 100":     {named(crowdOf("10.0.0.3", 29, leaked), crowdOf("10.0.0.5", 71, pool)), 0},
		"5 of 5":        {named(crowdOf("10.0.0.3", 5, leaked)), 1},
		"4 of 4":        {named(crowdOf("10.0.0.3", 4, leaked)), 0},
		"a quarter":     {named(crowdOf("10.0.0.3", 40, leaked), crowdOf("10.0.0.4", 10, leaked)), 2},
		"less than one": {named(crowdOf("10.0.0.3", 41, leaked), crowdOf("10.0.0.4", 10, leaked)), 1},
	} {
		if len(c.got) != c.want {
			t.Errorf("%s: %v, want %d hosts", name, c.got, c.want)
		}
	}
}

func TestSpread(t *testing.T) {
	evenly := func(n int, over float64) (times []outage.Duration) {
		for i := range n {
			times = append(times, after(3+over*float64(i)/float64(n-1)))
		}
		return times
	}
	seconds := func(list ...float64) (times []outage.Duration) {
		for _, s := range list {
			times = append(times, after(s))
		}
		return times
	}
	for name, c := range map[string]struct {
		times []outage.Duration
		want  bool
	}{
		"over 2s":          {evenly(20, 2), true},
		"over less":        {evenly(20, 1.99), false},
		"two":              {evenly(2, 9), true},
		"one":              {[]outage.Duration{after(9)}, false},
		"six of ten close": {append(evenly(6, 0.1), evenly(5, 10)[1:]...), false},
		"six in a quarter": {seconds(0, 2, 4, 6, 8, 10, 20, 27, 34, 40), false},
		"five, and one":    {seconds(0, 2, 4, 6, 8, 10.1, 20, 27, 34, 40), true},
		"five of ten":      {append(evenly(5, 0.1), after(6), after(8), after(10), after(12), after(14)), true},
	} {
		if got := spread(c.times); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// The command that counts connections asks for the server's port, whatever kind its address is.
func TestOutsideCountsAtThePort(t *testing.T) {
	for local, port := range map[string]string{"10.0.0.1:6380": "6380", "[fd00::1]:6381": "6381", "[::ffff:10.0.0.1]:6382": "6382"} {
		held := crowdOf("10.0.0.5", 40, leaked)
		for i := range held {
			held[i].Local = local
		}
		d := Outside(outage.Outside{Held: held})
		if len(d.Findings) == 0 || !strings.Contains(d.Findings[0].Commands[0], "( sport = :"+port+" )") {
			t.Errorf("%s: %+v", local, d.Findings)
		}
	}
}
