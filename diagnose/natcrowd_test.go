package diagnose_test

import (
	"fmt"
	"slices"
	"testing"

	"spillway/outage"
)

// behind is one address with three unnamed programs of one library: a crowd that was used once at 20 s, or again at `again`, a pool from
// then on, and one that came later, each connection of it in use but for one, if it has an odd one. Web is a pool of elsewhere.
type behind struct {
	name                      string
	crowd, before, later, web int
	again, came               float64
	odd                       bool
}

func (b behind) sim() *sim {
	s := &sim{refusing: 20}
	for i := range b.crowd {
		born := 20 + float64(i)/float64(b.crowd)
		s.add(b.name, "10.0.1.1", born, once(max(born, b.again)))
	}
	s.pool(b.name, "10.0.1.1", 20, b.before)
	s.pool(b.name, "10.0.1.1", b.came, b.later)
	if b.odd {
		s.add(b.name, "10.0.1.1", 90, once(90))
	}
	s.pool("web", "10.0.2.1", 10, b.web)
	return full(s)
}

// A pool opens no connection while it has others at rest: who comes when a crowd rests already is another program behind its address.
func TestIdleBehindOneAddressWithLatecomers(t *testing.T) {
	for name, tt := range map[string]struct {
		behind
		idle bool
	}{
		"others come":                            {behind{crowd: 60, before: 2, later: 40, came: 60}, true},
		"they have just come":                    {behind{crowd: 60, before: 2, later: 40, came: 97}, true},
		"under half of the slots":                {behind{crowd: 45, before: 4, later: 51, came: 60}, true},
		"and one in ten beside it":               {behind{crowd: 45, before: 5, later: 51, came: 60}, true},
		"and more than that":                     {behind{crowd: 45, before: 6, later: 51, came: 60}, false},
		"a few come, and elsewhere are more":     {behind{crowd: 45, before: 2, later: 10, web: 50, came: 60}, true},
		"one of them was used once and rests":    {behind{crowd: 60, before: 2, later: 40, came: 60, odd: true}, true},
		"over half, and a quarter beside it":     {behind{crowd: 60, before: 20, later: 30, came: 60}, true},
		"and more than a quarter":                {behind{crowd: 60, before: 21, later: 30, came: 60}, false},
		"they had worked before":                 {behind{crowd: 60, before: 2, later: 40, came: 60, again: 40}, false},
		"the others are as old":                  {behind{crowd: 60, before: 2, later: 40, came: 20}, false},
		"the others came while it was in use":    {behind{crowd: 60, before: 2, later: 40, came: 20.5}, false},
		"they have one name: it may be one pool": {behind{name: "app", crowd: 60, before: 2, later: 40, came: 60}, false},
	} {
		s := tt.sim()
		d := s.diagnose(4, 2)
		f, _ := d.Top()
		if got := f.Cause == outage.IdleNotReaped; got != tt.idle {
			t.Errorf("%s:\n%s", name, text(d))
			continue
		}
		if !tt.idle {
			continue
		}
		var crowd []int64
		for _, k := range s.conns[:tt.crowd] {
			crowd = append(crowd, k.c.ID)
		}
		if got := slices.Sorted(slices.Values(f.Culprits[0].IDs)); len(f.Culprits) != 1 || fmt.Sprint(got) != fmt.Sprint(crowd) {
			t.Errorf("%s: %d of the %d are meant, or others:\n%s", name, len(got), tt.crowd, text(d))
		}
	}
}
