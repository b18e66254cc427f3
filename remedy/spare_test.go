package remedy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spillway/outage"
	"spillway/remedy"
)

// capacity are the causes whose connections are not to be closed, with what their findings hold besides culprits.
var capacity = map[outage.Cause]outage.Finding{
	outage.PubSubPileUp:   {Needed: 130},
	outage.BlockedWorkers: {Needed: 130},
	outage.ReconnectStorm: {Needed: 130},
	outage.OversizedPool:  {Needed: 130, Pool: 6},
	outage.DeploySurge:    {Needed: 130},
}

// hard is a server of 100 slots whose process may open n files.
func hard(s *outage.Snapshot, n int64) {
	s.Process = nil
	if n != 0 {
		s.Process = &outage.Process{NofileSoft: 132, NofileHard: n}
	}
}

func TestSpare(t *testing.T) {
	room := []string{"raise-maxclients maxclients 100>200", "advise"}
	for cause, f := range capacity {
		for name, tt := range map[string]struct {
			hard   int64
			needed int
			o      remedy.Options
			want   []string
			warn   string
		}{
			"room":                   {5000, 130, remedy.Options{}, room, "no connection of web is closed"},
			"room for what it needs": {5000, 450, remedy.Options{}, []string{"raise-maxclients maxclients 100>450", "advise"}, "no connection of web is closed"},
			"room for a part of it":  {332, 450, remedy.Options{}, []string{"raise-maxclients maxclients 100>300", "advise"}, ""},
			"asked for otherwise":    {5000, 130, remedy.Options{MaxClients: 150}, []string{"raise-maxclients maxclients 100>150", "advise"}, ""},
			"no room":                {164, 130, remedy.Options{}, []string{"advise"}, "leaves no room"},
			"room unknown":           {0, 130, remedy.Options{}, []string{"advise"}, "is not known"},
			"might restart":          {164, 130, remedy.Options{CanRestart: true, CanRaiseNofile: true}, []string{"advise"}, "leaves no room"},
		} {
			f.Needed = tt.needed
			// Ids that a finding like this should not have are no reason to close anything.
			f.Culprits = []outage.Culprit{{Service: "web", Name: "web", Addr: "10.0.0.9", Connections: 37, IDs: []int64{135, 136}}}
			d, s := small(cause, f)
			hard(&s, tt.hard)
			p := remedy.Plan(d, s, tt.o)
			if diff := cmp.Diff(tt.want, steps(p)); diff != "" {
				t.Errorf("%s, %s (-want +got):\n%s", cause, name, diff)
			}
			if !strings.Contains(strings.Join(p.Warnings, "\n"), tt.warn) {
				t.Errorf("%s, %s: no warning %q in %q", cause, name, tt.warn, p.Warnings)
			}
			if last := p.Actions[len(p.Actions)-1]; !strings.Contains(last.Reason, "web") || !strings.Contains(p.Fix, "web") {
				t.Errorf("%s, %s: advice %q and fix %q do not name the service", cause, name, last.Reason, p.Fix)
			}
		}
	}
}

func TestSpareSaysWhat(t *testing.T) {
	for cause, want := range map[outage.Cause]string{
		outage.PubSubPileUp: "one subscriber connection", outage.BlockedWorkers: "fewer workers",
		outage.ReconnectStorm: "back-off", outage.OversizedPool: "a pool of 6", outage.DeploySurge: "less surge",
	} {
		d, s := small(cause, capacity[cause])
		p := remedy.Plan(d, s, remedy.Options{})
		if advice := p.Actions[len(p.Actions)-1].Reason; !strings.Contains(advice, want) || !strings.Contains(p.Fix, want) {
			t.Errorf("%s: advice %q, fix %q; want %q", cause, advice, p.Fix, want)
		}
	}
	d, s := small(outage.OversizedPool, outage.Finding{})
	if p := remedy.Plan(d, s, remedy.Options{}); strings.Contains(p.Fix, "0") || !strings.Contains(p.Fix, "smaller pool") {
		t.Errorf("no number is known: fix %q", p.Fix)
	}
}

// A raise that the growth will use up says when.
func TestSpareReliefFor(t *testing.T) {
	d, s := small(outage.PubSubPileUp, outage.Finding{Growth: 2})
	hard(&s, 5000)
	if got := remedy.Plan(d, s, remedy.Options{}).ReliefFor; got != sec(50) {
		t.Errorf("relief for %v, want 50s for 100 more slots at 2 a second", got)
	}
}

func TestSilent(t *testing.T) {
	// 100 + i is idle for i seconds.
	d, s := small(outage.SilentConnections, outage.Finding{Culprits: []outage.Culprit{
		{Service: "10.0.0.9", Addr: "10.0.0.9", IDs: []int64{102, 103, 136}},
		{Service: "10.0.0.7", Addr: "10.0.0.7", IDs: []int64{135}},
	}})
	p := remedy.Plan(d, s, remedy.Options{})
	if diff := cmp.Diff([]string{"kill-clients 2", "kill-clients 1 after 3s", "set-timeout timeout 0>300"}, steps(p)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, want := range []string{"1 of the named connections are spared: not at the address that the diagnosis gave"} {
		if !slices.Contains(p.Warnings, want) {
			t.Errorf("no %q in %q", want, p.Warnings)
		}
	}
	if !strings.Contains(p.Fix, "10.0.0.9, 10.0.0.7") {
		t.Errorf("fix %q does not name the hosts", p.Fix)
	}
	if got := remedy.Commands(p); len(got) != 3 || strings.Contains(got[1], "ID 102 ") {
		t.Errorf("bare commands cannot wait: %q", got)
	}
	for n, want := range map[int][]string{1: {"kill-clients 1"}, 2: {"kill-clients 2"}, 3: {"kill-clients 2", "kill-clients 1 after 3s"}} {
		p := remedy.Plan(d, s, remedy.Options{MaxVictims: n})
		if diff := cmp.Diff(append(want, "set-timeout timeout 0>300"), steps(p)); diff != "" {
			t.Errorf("at most %d (-want +got):\n%s", n, diff)
		}
		if bound := fmt.Sprintf("3 connections could be closed; the bound of %d leaves the younger ones", n); warned(p, bound) != (n < 3) {
			t.Errorf("at most %d of 3: %q", n, p.Warnings)
		}
	}
	d.Findings[0].Culprits[0].IDs = []int64{102, 104}
	d.Findings[0].Culprits[1].IDs = nil
	if diff := cmp.Diff([]string{"kill-clients 1", "kill-clients 1 after 3s", "set-timeout timeout 0>300"}, steps(remedy.Plan(d, s, remedy.Options{}))); diff != "" {
		t.Errorf("as many young ones as others (-want +got):\n%s", diff)
	}
	d.Findings[0].Culprits[0].IDs = []int64{100, 102}
	if diff := cmp.Diff([]string{"kill-clients 2 after 3s", "set-timeout timeout 0>300"}, steps(remedy.Plan(d, s, remedy.Options{}))); diff != "" {
		t.Errorf("only young ones (-want +got):\n%s", diff)
	}
	for i := range 5 {
		d.Findings[0].Culprits = append(d.Findings[0].Culprits, outage.Culprit{Addr: "10.1.0." + string(rune('1'+i))})
	}
	if p := remedy.Plan(d, s, remedy.Options{}); !strings.Contains(p.Fix, "10.1.0.2 and 3 more hosts") {
		t.Errorf("fix %q names too many", p.Fix)
	}
	d.Findings[0].Culprits = nil
	if p := remedy.Plan(d, s, remedy.Options{}); !strings.Contains(p.Fix, "from there") {
		t.Errorf("fix %q", p.Fix)
	}
}

// A crowd that is the second finding adds its raise and its advice, and closes nothing.
func TestSpareBesideALeak(t *testing.T) {
	for cause, f := range capacity {
		d, s := leak()
		hard(&s, 5000)
		f.Cause, f.Confidence = cause, 0.8
		f.Culprits = []outage.Culprit{{Service: "web", Addr: "10.0.0.9", IDs: []int64{135}}}
		d.Findings = append(d.Findings, f)
		want := []string{"kill-clients 60", "raise-maxclients maxclients 100>200", "set-timeout timeout 0>300", "advise"}
		if diff := cmp.Diff(want, steps(remedy.Plan(d, s, remedy.Options{}))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", cause, diff)
		}
	}
}
