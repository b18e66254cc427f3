package assert

import (
	"slices"
	"strings"
	"testing"

	"spillway/outage"
	"spillway/scenarios"
)

func TestStem(t *testing.T) {
	for name, want := range map[string]string{
		"web-7": "web", "web-12": "web", "web": "web", "web-": "web", "web-7a": "web-7a", "web-api": "web-api", "web-api-3": "web-api", "-7": "-7", "": "",
	} {
		if got := stem(name); got != want {
			t.Errorf("the stem of %q is %q, want %q", name, got, want)
		}
	}
}

// Connections go by the client name that their service sets, by the name of the service where it sets none, or by nothing.
func TestWhoBearsAName(t *testing.T) {
	r := &run{s: scenarios.Scenario{Fleet: []scenarios.Service{
		{Service: "web", ClientName: "front-7"}, {Service: "api"}, {Service: "cron", Unnamed: true}, {Service: "job", ClientName: "job"},
		{Service: "mail", ClientName: "job"},
	}}}
	for name, want := range map[string]string{
		"front-7": "web", "front": "web", "web": "", "api": "api", "api-1": "", "cron": "", "job": "job mail", "mail": "", "": "", "nobody": "",
	} {
		if got := strings.Join(r.bearers(name), " "); got != want {
			t.Errorf("%q is borne by %q, want %q", name, got, want)
		}
		for _, s := range r.s.Fleet {
			bears := s.Service == name || slices.Contains(strings.Fields(want), s.Service)
			if got := r.bears(s.Service, name); got != bears && name != "" {
				t.Errorf("%s bears %q: %v, want %v", s.Service, name, got, bears)
			}
		}
	}
}

// A gateway with one service behind it gives it away.
func TestAGatewayForOneIsNotShared(t *testing.T) {
	s := tell(leakScenario(), "spillway").instance(1, "api", "api-1", "10.0.0.1", outage.Started).instance(2, "api", "api-2", "10.0.0.1", outage.Started).
		add(3, "api-1", outage.Event{Opened: &outage.Opened{Service: "api", Instance: "api-1", Ports: []int{1001}}})
	alone := addresses(s.done(t).Events)
	beside := addresses(s.instance(4, "web", "web-1", "10.0.0.1", outage.Started).done(t).Events)
	if alone.shared("10.0.0.1") || !beside.shared("10.0.0.1") || beside.shared("10.0.0.2") {
		t.Errorf("shared: of one service %v, of two %v, of nobody %v", alone.shared("10.0.0.1"), beside.shared("10.0.0.1"), beside.shared("10.0.0.2"))
	}
	if got := alone.of("10.0.0.1:7777", at(5)).service; got != "api" {
		t.Errorf("a port that nobody told, of the only service there, is %q's", got)
	}
	if got := beside.of("10.0.0.1:7777", at(5)).service; got != "" {
		t.Errorf("a port that nobody told, of two services, is %q's", got)
	}
}

// What was typed to no effect explains the first verdict that failed for it, wherever that stands.
func TestExplainsTheFirstThatFailed(t *testing.T) {
	s := published()
	r := newRun(s.s, s.done(t))
	for _, verdicts := range [][]Verdict{
		{{Check: "recover"}, {Check: "mitigate"}},
		{{Check: "premise", Outcome: Fail}, {Check: "mitigate", Outcome: Pass}, {Check: "cleared", Blocked: "premise"}, {Check: "recover", Hint: "it never stopped"}},
	} {
		result := Result{Verdicts: verdicts}
		r.explain(&result)
		for _, v := range result.Verdicts {
			if told := strings.Contains(v.Hint, "closed nothing"); told != (v.Check == "recover") {
				t.Errorf("%s is told %q", v.Check, v.Hint)
			}
		}
	}
}
