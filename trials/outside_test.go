package trials

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spillway/outage"
)

// left are connections of a host that were used once and left, one after the other; inUse ask and are answered all the time.
func left(host string, n int) (held []outage.Held) {
	for i := range n {
		quiet := at(3 + 0.5*float64(i))
		held = append(held, outage.Held{
			Cookie: int64(len(host)*1000 + i), Peer: fmt.Sprintf("%s:%d", host, 30000+i), Local: "10.0.0.1:6379",
			Quiet: quiet, Told: quiet, Received: 100, Requests: 3, Replies: 3,
		})
	}
	return held
}

func inUse(host string, n int, since float64) (held []outage.Held) {
	for _, h := range left(host, n) {
		h.Cookie, h.Quiet, h.Told, h.Received = h.Cookie+500, 0, 0, h.Received+int64(100*since)
		held = append(held, h)
	}
	return held
}

// TestFromOutside holds what sockets tell against the truth: api leaks, web is to be spared.
func TestFromOutside(t *testing.T) {
	leak := outage.ConnectionLeak
	play := func(rejecting bool, looks ...outage.Outside) Played {
		s := newStory()
		for service, addr := range map[string]string{"api": "10.0.0.5", "web": "10.0.0.6"} {
			s.event(0.5, "rig", outage.Event{Instance: &outage.Instance{Name: service + "-1", Service: service, Addr: addr, State: outage.Started}})
		}
		s.attempt(3, "api", outage.Refused, 10)
		s.look(3.5, "10", finding(leak, 0.9, "api"))
		p := s.end(5)
		p.Looks[0].Diagnosis.Rejecting = rejecting
		p.Outside = looks
		return p
	}
	saw := func(t float64, held ...[]outage.Held) outage.Outside {
		o := outage.Outside{At: at(t)}
		for _, h := range held {
			o.Held = append(o.Held, h...)
		}
		return o
	}
	apiLeaks := func(t float64) outage.Outside { return saw(t, left("10.0.0.5", 12), inUse("10.0.0.6", 8, t)) }
	webLooks := func(t float64) outage.Outside { return saw(t, inUse("10.0.0.5", 8, t), left("10.0.0.6", 12)) }
	for name, test := range map[string]struct {
		played Played
		want   *Outsider
		looks  int
	}{
		"two looks":      {play(true, apiLeaks(1.4), apiLeaks(2.5), apiLeaks(2.9), apiLeaks(3.5)), &Outsider{Right: true, Named: 1, Hit: 1}, 2},
		"one look":       {play(true, apiLeaks(2.9), apiLeaks(3.5), apiLeaks(4.5)), &Outsider{Right: true, Named: 1, Hit: 1}, 1},
		"the wrong host": {play(true, webLooks(2.5), webLooks(3.5)), &Outsider{Right: true, Named: 1, Spared: 1}, 2},
		"nobody":         {play(true, saw(2.5, inUse("10.0.0.6", 8, 2.5)), saw(3.5, inUse("10.0.0.6", 8, 3.5))), &Outsider{}, 2},
		"not full":       {play(false, apiLeaks(2.5), apiLeaks(3.5)), nil, 0},
		"no look":        {play(true, apiLeaks(2.5)), nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if n := len(test.played.outside(&test.played.Looks[0])); n != test.looks {
				t.Errorf("%d looks, want %d", n, test.looks)
			}
			got := leakTrial().score(test.played, nil).Outside
			if got != nil {
				if test.want.Named > 0 && len(got.Said) == 0 {
					t.Error("nothing said")
				}
				got.Said = nil
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	tally := Count([]Score{
		{Kind: "a", Outside: &Outsider{Right: true, Named: 2, Hit: 1, Spared: 1}}, {Kind: "a", Outside: &Outsider{}}, {Kind: "b"},
	})
	want := OutsideTally{Right: Share{1, 2}, Named: Share{1, 2}, Precision: Share{1, 2}, Spared: 1}
	if diff := cmp.Diff(want, tally.Outside); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, tally.Kinds[0].Outside); diff != "" {
		t.Error(diff)
	}
}
