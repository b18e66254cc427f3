package remedy_test

import (
	"strings"
	"testing"

	"spillway/outage"
	"spillway/remedy"
)

// Of several programs behind one address only the connections with evidence against them are closed, and the plan says
// how sure it is.
func TestUnnamedVictimsBehindOneAddress(t *testing.T) {
	s := outage.Snapshot{
		Info:   map[string]string{"redis_version": "8.0.2", "connected_clients": "40", "maxclients": "40"},
		Config: map[string]string{"maxclients": "40", "timeout": "0"},
	}
	var ids []int64
	for id := int64(1); id <= 40; id++ {
		c := outage.Client{ID: id, Addr: "10.0.0.1:" + string(rune('0'+id%10)) + "00", Age: 60, Idle: 40, Flags: "N", Multi: -1, Cmd: "get"}
		if id%2 == 0 {
			ids = append(ids, id)
		}
		s.Clients = append(s.Clients, c)
	}
	d := outage.Diagnosis{Slots: 40, MaxClients: 40, Findings: []outage.Finding{{
		Cause: outage.ConnectionLeak, Confidence: 0.9, Growth: 1,
		Culprits: []outage.Culprit{{
			Service: "go-redis", Addr: "10.0.0.1", Connections: 40, IDs: ids,
			By: "ages", Certainty: 0.5, Why: "others look the same", Examples: []string{"10.0.0.1:200"},
		}},
	}}}
	p := remedy.Plan(d, s, remedy.Options{})
	killed := 0
	for _, a := range p.Actions {
		for _, v := range a.Victims {
			killed++
			if v.ID%2 != 0 {
				t.Errorf("%d is closed, and nothing speaks against it", v.ID)
			}
		}
	}
	if killed != 20 {
		t.Errorf("%d closed, want 20", killed)
	}
	said := strings.Join(p.Warnings, "\n")
	if want := "that these are go-redis at 10.0.0.1 is 0.50 sure, told by ages: others look the same"; !strings.Contains(said, want) {
		t.Errorf("warnings %q: want %q", said, want)
	}
	if p.Fix != "deploy go-redis at 10.0.0.1 with a bounded pool" {
		t.Errorf("fix %q", p.Fix)
	}
}

func TestFewDoubtsAreSaid(t *testing.T) {
	f := outage.Finding{Cause: outage.OversizedPool, Confidence: 0.9}
	for _, addr := range []string{"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"} {
		f.Culprits = append(f.Culprits, outage.Culprit{Service: addr, Addr: addr, Connections: 9, By: "address", Certainty: 0.75, Why: "it has no name"})
	}
	said := strings.Join(remedy.Plan(outage.Diagnosis{Findings: []outage.Finding{f}}, outage.Snapshot{}, remedy.Options{}).Warnings, "\n")
	if strings.Count(said, "0.75 sure") != 3 || !strings.Contains(said, "see the diagnosis") {
		t.Errorf("%s", said)
	}
}
