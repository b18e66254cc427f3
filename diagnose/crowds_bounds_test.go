package diagnose_test

import (
	"testing"

	"spillway/outage"
)

// TestCrowdsBounds has servers close to a threshold of a rule, on one side or the other.
func TestCrowdsBounds(t *testing.T) {
	beside := crowd("worker", 2, 20, blocks) // 40 of about 90 wait, and 20 of a service most of which works
	for i := range 45 {
		c := beside.add("job", "10.0.14.1", 30, busy)
		if i < 20 {
			blocks(c, i)
		}
	}
	someSilent := crowd("scan", 1, 15, mute)
	someSilent.pool("web", "10.0.2.2", 10, 12)
	piling := counting(storm("api", 3, 15), 75)
	for range 40 {
		piling.add("shop", "10.0.3.1", now-1, busy)
	}
	slow := counting(storm("api", 3, 15), 11)
	patient := counting(storm("api", 3, 15), 17)
	patient.refusing = 5
	fast := counting(storm("api", 3, 15), 17)
	few := counting(storm("api", 1, 10), 300)
	few.pool("web", "10.0.2.2", 10, 40)
	lesser := counting(storm("api", 1, 12), 300)
	lesser.pool("api", "10.0.12.1", 20, 14)
	third := counting(storm("api", 1, 25), 300)
	third.pool("web", "10.0.2.2", 10, 30)
	unequal := oversized("shop", 1, 30, 2)
	for h := range 3 {
		for i := range 6 {
			last := until(30)
			if i < 2 {
				last = busy
			}
			unequal.add("shop", hostOf(13, h+2), 20, last)
		}
	}
	uneven := oversized("shop", 3, 20, 1)
	for i := range 12 {
		uneven.conns[i].last = busy
	}
	minor := oversized("shop", 1, 20, 2)
	minor.pool("web", "10.0.2.2", 10, 26)
	for name, tt := range map[string]struct {
		sim   *sim
		cause outage.Cause
		want  bool
	}{
		"most of one, part of another":    {full(beside), outage.BlockedWorkers, false},
		"silent, but not most":            {full(someSilent), outage.SilentConnections, false},
		"many stay":                       {full(piling), outage.ReconnectStorm, false},
		"a fifth a second":                {slow, outage.ReconnectStorm, false},
		"a third a second, few refusals":  {patient, outage.ReconnectStorm, false},
		"a third a second, many refusals": {fast, outage.ReconnectStorm, true},
		"a seventh of the slots":          {full(few), outage.ReconnectStorm, false},
		"less than half of the service":   {full(lesser), outage.ReconnectStorm, false},
		"more than a third of the slots":  {full(third), outage.ReconnectStorm, true},
		"one large pool, three small":     {full(unequal), outage.OversizedPool, false},
		"one busy host":                   {uneven, outage.OversizedPool, false},
		"a third of the slots":            {full(minor), outage.OversizedPool, false},
		"a third in use":                  {oversized("shop", 3, 20, 7), outage.OversizedPool, true},
		"nearly half in use":              {oversized("shop", 3, 20, 9), outage.OversizedPool, false},
	} {
		n, every := 4, 2.0
		if name == "many stay" {
			n = 2
		}
		d := tt.sim.diagnose(n, every)
		got := false
		for _, f := range d.Findings {
			got = got || f.Cause == tt.cause
		}
		if got != tt.want || tt.want && len(d.Findings) != 1 {
			t.Errorf("%s: %s is named: %v\n%s", name, tt.cause, got, text(d))
		}
	}
}

// TestCrowdsNoise has a few of the kind beside the crowd: they are not to blame.
func TestCrowdsNoise(t *testing.T) {
	s := crowd("feed", 3, 15, listens)
	for i := range 5 {
		listens(s.add("news", "10.0.14.1", 20, busy), i)
	}
	fill(s)
	f, _ := s.diagnose(3, 1).Top()
	for _, c := range f.Culprits {
		if c.Service != "feed" {
			t.Errorf("%s is blamed for %s", c.Service, f.Cause)
		}
	}
	if f.Cause != outage.PubSubPileUp || len(f.Culprits) != 3 {
		t.Errorf("%s by %v", f.Cause, f.Culprits)
	}
}
