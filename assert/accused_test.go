package assert

import (
	"slices"
	"testing"

	"spillway/outage"
	"spillway/scenarios"
)

// gateway is a run in which api leaks behind 10.0.0.1 beside web, and web also runs at an address of its own.
func gateway(t *testing.T, change func(*scenarios.Scenario)) *run {
	t.Helper()
	s := scenarios.Scenario{
		Name: "nat", Fleet: []scenarios.Service{
			{Service: "api", Workload: "leaky", Unnamed: true, Behind: "nat"},
			{Service: "web", Workload: "pooled", Unnamed: true, Behind: "nat"},
		},
		Expect: scenarios.Expect{Cause: outage.ConnectionLeak, Culprits: []string{"api"}, Spare: []string{"web"}},
	}
	if change != nil {
		change(&s)
	}
	story := tell(s, "spillway").
		instance(0.1, "web", "web-1", "10.0.0.1", outage.Started).
		instance(0.2, "api", "api-1", "10.0.0.1", outage.Started).
		instance(0.2, "web", "web-2", "10.0.0.2", outage.Started).
		add(0.3, "web-1", outage.Event{Opened: &outage.Opened{Service: "web", Instance: "web-1", Ports: []int{2001, 2002, 2003, 1009}}}).
		add(0.4, "api-1", outage.Event{Opened: &outage.Opened{Service: "api", Instance: "api-1", Ports: []int{1001, 1002, 1003}}}).
		add(3, "api-1", outage.Event{Opened: &outage.Opened{Service: "api", Instance: "api-1", Ports: []int{1009}}})
	return newRun(s, story.done(t))
}

func TestAccused(t *testing.T) {
	alike := func(*scenarios.Scenario) {}
	told := func(s *scenarios.Scenario) { s.Fleet[1].DB = 1 }
	named := func(s *scenarios.Scenario) { s.Fleet[0].Unnamed, s.Fleet[1].Unnamed = false, false }
	lying := func(s *scenarios.Scenario) {
		s.Fleet[0].Unnamed, s.Fleet[0].ClientName, s.Fleet[1].Unnamed = false, "web", false
	}
	numbered := func(s *scenarios.Scenario) {
		s.Fleet[0].Unnamed, s.Fleet[0].ClientName, s.Fleet[1].Unnamed = false, "web-7", false
	}
	const nat = "10.0.0.1"
	for name, tt := range map[string]struct {
		change  func(*scenarios.Scenario)
		culprit outage.Culprit
		want    []string
	}{
		"its connections":                  {alike, outage.Culprit{Service: nat, Addr: nat, Examples: []string{nat + ":1001", nat + ":1002"}}, []string{"api"}},
		"those of an innocent":             {alike, outage.Culprit{Service: nat, Addr: nat, Examples: []string{nat + ":2001"}}, []string{"web"}},
		"mostly its own":                   {alike, outage.Culprit{Service: nat, Addr: nat, Examples: []string{nat + ":1001", nat + ":2001", nat + ":1002"}}, []string{"api"}},
		"as many of an innocent":           {alike, outage.Culprit{Service: nat, Addr: nat, Examples: []string{nat + ":1001", nat + ":2001"}}, []string{"api", "web"}},
		"a port that changed hands":        {alike, outage.Culprit{Service: nat, Addr: nat, Examples: []string{nat + ":1009"}}, []string{"api"}},
		"an address of its own":            {alike, outage.Culprit{Service: "10.0.0.2", Addr: "10.0.0.2"}, []string{"web"}},
		"the gateway":                      {alike, outage.Culprit{Service: nat, Addr: nat}, []string{nat}},
		"the gateway, for sure":            {alike, outage.Culprit{Service: nat, Addr: nat, Certainty: 0.8}, []string{nat}},
		"the gateway, and unsure":          {alike, outage.Culprit{Service: nat, Addr: nat, Certainty: 0.5}, []string{"api"}},
		"the gateway, where it could tell": {told, outage.Culprit{Service: nat, Addr: nat, Certainty: 0.5}, []string{nat}},
		"its name":                         {named, outage.Culprit{Service: "api", Addr: nat}, []string{"api"}},
		"the name of an innocent":          {named, outage.Culprit{Service: "web", Addr: nat}, []string{"web"}},
		"another name than it shows":       {named, outage.Culprit{Service: "web", Addr: nat, Examples: []string{nat + ":1001"}}, []string{"web"}},
		"a name that lies, and shows":      {lying, outage.Culprit{Service: "web", Addr: nat, Examples: []string{nat + ":1001"}}, []string{"api"}},
		"a number behind it":               {numbered, outage.Culprit{Service: "web", Addr: nat, Examples: []string{nat + ":1001"}}, []string{"api"}},
		"a name that lies, alone":          {lying, outage.Culprit{Service: "web", Addr: nat}, []string{"web"}},
		"a stranger":                       {alike, outage.Culprit{Service: "cron", Addr: "10.9.9.9"}, []string{"cron"}},
	} {
		r := gateway(t, tt.change)
		got := r.accused(outage.Finding{Culprits: []outage.Culprit{tt.culprit}}, at(4))
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// Behind a gateway only the port tells whether a healthy connection was killed.
func TestVictimsBehindAGateway(t *testing.T) {
	r := gateway(t, nil)
	for addr, want := range map[string]bool{
		"10.0.0.1:1001": false, "10.0.0.1:2001": true, "10.0.0.1:1009": false, "10.0.0.1:7777": false, "10.0.0.2:5": true,
	} {
		if _, got := r.harmless(outage.Victim{Addr: addr}, at(4)); got != want {
			t.Errorf("%s is healthy: %v, want %v", addr, got, want)
		}
	}
	if _, got := r.harmless(outage.Victim{Addr: "10.0.0.1:1009"}, at(2)); !got {
		t.Error("a port that was web's until 3s is not")
	}
	// A connection of three whole seconds was opened before 2 s had gone, whoever has its port by the end of the action. One of two
	// seconds may be api's, and so may any that is younger.
	for age, want := range map[int64]bool{0: false, 1: false, 2: false, 3: true, 4: true} {
		if _, got := r.harmless(outage.Victim{Addr: "10.0.0.1:1009", Age: age}, at(4)); got != want {
			t.Errorf("a port that passed from web to api at 3s, of a connection of %d s at 4s: healthy %v, want %v", age, got, want)
		}
	}
	// Where nobody tells ports, the host's owner counts, and that at the end.
	r.homes.hosts["10.0.0.2"] = []home{{service: "api"}, {service: "web", since: at(3)}}
	if owner, _ := r.harmless(outage.Victim{Addr: "10.0.0.2:5", Age: 9}, at(4)); owner != "web" {
		t.Errorf("a connection of a host of its own is %q's", owner)
	}
}

func TestACensusDoesNotTellWhoIsBehindAGateway(t *testing.T) {
	r := gateway(t, nil)
	s := &outage.Snapshot{Census: []outage.Census{{Host: "10.0.0.1", Count: 30}}}
	if n, ok := r.taken("web", at(4), s); ok {
		t.Errorf("%d", n)
	}
	s.Clients = []outage.Client{{Addr: "10.0.0.1:2001"}, {Addr: "10.0.0.1:1001"}, {Addr: "10.0.0.2:1"}}
	if n, ok := r.taken("web", at(4), s); !ok || n != 2 {
		t.Errorf("%d, %v: want 2", n, ok)
	}
}
