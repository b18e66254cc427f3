package remedy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spillway/outage"
	"spillway/remedy"
)

const gone, well = "ef645fa4531d3d2b05cafebfbbcee895b840ad06", "f371a1eb24281f15a1c4334d5eb34f7599fd354e"

func TestLinks(t *testing.T) {
	d, s := small(outage.ReplicaOrClusterSlots, outage.Finding{Needed: 150, Culprits: []outage.Culprit{{Service: "10.0.0.8", Addr: "10.0.0.8", IDs: []int64{135}}}})
	hard(&s, 5000)
	s.Info["connected_slaves"], s.Info["cluster_connections"] = "3", "4"
	s.Nodes = []outage.Node{
		{ID: strings.Repeat("a", 40), Flags: "myself,master", Link: "connected"},
		{ID: gone, Flags: "master,fail", Link: "disconnected"},
		{ID: well, Flags: "master", Link: "connected"},
		{ID: "$(x)", Flags: "noaddr", Link: "disconnected"},
	}
	p := remedy.Plan(d, s, remedy.Options{})
	if diff := cmp.Diff([]string{"raise-maxclients maxclients 100>200", "advise", "advise"}, steps(p)); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	if !strings.Contains(p.Actions[1].Reason, "3 replicas from 10.0.0.8") {
		t.Errorf("replicas: %q", p.Actions[1].Reason)
	}
	if diff := cmp.Diff([]string{"CLUSTER FORGET " + gone}, p.Actions[2].Commands); diff != "" {
		t.Errorf("nodes (-want +got):\n%s", diff)
	}
	unknown := d
	unknown.Findings = []outage.Finding{d.Findings[0]}
	unknown.Findings[0].Culprits = nil
	if p := remedy.Plan(unknown, s, remedy.Options{}); !strings.Contains(p.Actions[1].Reason, "3 replicas hold a slot each") {
		t.Errorf("replicas that no list shows: %q", p.Actions[1].Reason)
	}
	s.Nodes = nil
	p = remedy.Plan(d, s, remedy.Options{})
	if last := p.Actions[len(p.Actions)-1]; !strings.Contains(last.Reason, "CLUSTER NODES") {
		t.Errorf("without nodes: %+v", last)
	}
	hard(&s, 164)
	if p := remedy.Plan(d, s, remedy.Options{}); p.Actions[0].Kind != outage.Advise || !strings.Contains(strings.Join(p.Warnings, " "), "leaves no room") {
		t.Errorf("no room: %q %q", steps(p), p.Warnings)
	}
}

// A second finding closes what it names when it is sure, and what the first has not.
func TestTwoKills(t *testing.T) {
	for confidence, want := range map[float64][]string{
		0.9: {"kill-clients 60", "set-timeout timeout 0>300", "kill-clients 1"},
		0.6: {"kill-clients 60", "set-timeout timeout 0>300"},
	} {
		d, s := leak()
		first := d.Findings[0].Culprits[0]
		d.Findings = append(d.Findings, outage.Finding{Cause: outage.SilentConnections, Confidence: confidence, Culprits: []outage.Culprit{
			{Service: first.Service, Addr: first.Addr, IDs: first.IDs[:3]},
			{Service: "10.0.0.9", Addr: "10.0.0.9", IDs: []int64{135}},
		}})
		if diff := cmp.Diff(want, steps(remedy.Plan(d, s, remedy.Options{}))); diff != "" {
			t.Errorf("confidence %v (-want +got):\n%s", confidence, diff)
		}
	}
}
