package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/spf13/viper"

	"spillway/observe"
	"spillway/outage"
	"spillway/report"
	"spillway/topology"
)

func TestWorse(t *testing.T) {
	for _, test := range []struct{ a, b, want int }{
		{exitPass, exitPass, exitPass}, {exitPass, exitInconclusive, exitInconclusive}, {exitInconclusive, exitPass, exitInconclusive},
		{exitFail, exitInconclusive, exitFail}, {exitInconclusive, exitFail, exitFail}, {exitPass, exitFail, exitFail},
	} {
		if got := worse(test.a, test.b); got != test.want {
			t.Errorf("the worse of %d and %d is %d, want %d", test.a, test.b, got, test.want)
		}
	}
}

func TestFileOf(t *testing.T) {
	for addr, want := range map[string]string{
		"10.0.0.5:6379": "10.0.0.5_6379", "[fd00::1%eth0]:6379": "fd00__1_eth0_6379", "redis-1.example:6379": "redis-1.example_6379", "a/../b:1": "a_.._b_1",
	} {
		if got := fileOf(addr); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
}

func TestOneLine(t *testing.T) {
	for text, want := range map[string]string{
		"connect to redis://10.0.0.5:6379: ERR max number":                          "ERR max number",
		"no slot came free in 1s: connect to redis://10.0.0.5:6379: ERR max":        "no slot came free in 1s: ERR max",
		"connect to rediss://ops:xxxxx@[fd00::1]:6379: dial tcp: \x1b[2Jrefused\nx": `dial tcp: \x1b[2Jrefused`,
		"snapshot: connection closed":                                               "snapshot: connection closed",
	} {
		if got := oneLine(errors.New(text)); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// Of several Sentinels, that none knows the name says more than that one is away.
func TestUnheard(t *testing.T) {
	away := answer{addr: "10.0.0.1:26379", err: errors.New("connect to redis://10.0.0.1:26379: refused")}
	full := answer{addr: "10.0.0.2:26379", err: &exit{exitInconclusive, "no slot came free in 1s: connect to redis://10.0.0.2:26379: ERR max", ""}}
	denied := answer{addr: "10.0.0.3:26379", err: observe.Error("NOAUTH Authentication required.")}
	unknown := answer{addr: "10.0.0.4:26379", err: &topology.UnknownName{Name: "mymastre", Known: []string{"cache", "mymaster"}}}
	for name, test := range map[string]struct {
		failed []answer
		code   int
		hint   string
	}{
		"away":    {[]answer{away}, exitInconclusive, "Its own is 26379"},
		"full":    {[]answer{away, full}, exitInconclusive, "a limit of clients, too"},
		"denied":  {[]answer{denied, away}, exitInconclusive, "SPILLWAY_SENTINEL_PASSWORD"},
		"unknown": {[]answer{away, full, unknown, denied}, exitUsage, "did you mean /mymaster?"},
	} {
		e := new(exit)
		if err := unheard("mymastre", test.failed); !errors.As(err, &e) || e.code != test.code || !strings.Contains(e.hint, test.hint) {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

func TestShowNodes(t *testing.T) {
	plan := &outage.Plan{Cause: outage.ConnectionLeak, Actions: []outage.Action{
		{Kind: outage.KillClients, Commands: []string{"CLIENT KILL ID 7 ADDR 10.0.0.9:1234"}, Victims: make([]outage.Victim, 1), Relief: true}}}
	all := []*treatment{
		{Address: "10.0.0.1:6379", Role: "master", Plan: plan},
		{Address: "10.0.0.2:6379", Role: "replica", Well: true},
		{Address: "10.0.0.3:6379", Role: "replica", Alone: "not read: \x1b[2Jrefused"},
		{Address: "10.0.0.4:26379", Role: "sentinel", Alone: "connection-leak, and a Sentinel is never changed"},
	}
	var out strings.Builder
	if err := showNodes(&out, all); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for _, want := range []string{
		"== 10.0.0.1:6379, master\nplan for connection-leak: 1 action\n", "\n4 nodes: 1 with a plan, 1 well, 2 left alone\n",
		"\n  10.0.0.3:6379, replica  left alone: not read: \\x1b[2Jrefused\n", "\n  10.0.0.4:26379, sentinel  left alone: connection-leak, and",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// Who may be touched: nobody that was not read, that is a Sentinel, or of whom one is not sure.
func TestLeftAlone(t *testing.T) {
	info := func(clients string) []outage.Snapshot {
		return []outage.Snapshot{{Info: map[string]string{"redis_version": "7.0.15", "connected_clients": clients, "maxclients": "100"}}}
	}
	for name, test := range map[string]struct {
		n    node
		want string
		well bool
	}{
		"not read":    {node{err: errors.New("connect to redis://a:1: refused")}, "not read: refused", false},
		"well":        {node{snaps: info("12")}, "", true},
		"cannot tell": {node{snaps: info("90")}, "cannot tell what is wrong: ", false},
	} {
		got := test.n.prescribe(nil, viper.New())
		if got.Plan != nil || got.Well != test.well || !strings.HasPrefix(got.Alone, test.want) || (test.want == "") != (got.Alone == "") {
			t.Errorf("%s: %+v", name, got)
		}
	}
	leak := &outage.Diagnosis{Findings: []outage.Finding{{Cause: outage.ConnectionLeak, Confidence: 0.4}}}
	for role, want := range map[string]string{"master": "only 0.40 sure", "sentinel": "never changed"} {
		if got := spared(report.Node{Address: "a:1", Role: role, Diagnosis: leak}, "redis://a:1"); !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", role, got, want)
		}
	}
	leak.Findings[0].Confidence = sureOfNode
	if got := spared(report.Node{Role: "master", Diagnosis: leak}, ""); got != "" {
		t.Errorf("one that is sure is left alone: %s", got)
	}
}

// What is not carried out still counts: a plan that nobody may carry out from here is no success, and has no journal.
func TestUntouched(t *testing.T) {
	finding := []outage.Finding{{Cause: outage.ConnectionLeak}}
	for name, test := range map[string]struct {
		t    treatment
		acts bool
		code int
	}{
		"well":                  {treatment{Well: true}, false, exitPass},
		"not read":              {treatment{Alone: "not read"}, false, exitInconclusive},
		"a Sentinel in trouble": {treatment{Alone: "never changed", Finding: finding}, false, exitFail},
		"advice alone":          {treatment{Plan: &outage.Plan{}, Finding: finding, advice: true}, false, exitFail},
		"a plan":                {treatment{Plan: &outage.Plan{}, Finding: finding}, true, exitPass},
	} {
		if acts, code := test.t.acts(), test.t.untouched(); acts != test.acts || code != test.code {
			t.Errorf("%s: %v, %d", name, acts, code)
		}
	}
}

// An expression has to match something of what a plan is made for, on any of the nodes.
func TestSelectionOfNodes(t *testing.T) {
	clients := []outage.Client{{ID: 7, Name: "api-1"}, {ID: 8, Name: "web-1"}}
	of := func(plan *outage.Plan, id int64) *treatment {
		return &treatment{
			Plan: plan, Finding: []outage.Finding{{Culprits: []outage.Culprit{{IDs: []int64{id}}}}},
			node: &node{snaps: []outage.Snapshot{{Clients: clients}}},
		}
	}
	all := []*treatment{{node: &node{}}, of(&outage.Plan{}, 7), of(nil, 8)}
	for pattern, want := range map[string]bool{"api-*": true, "web-*": false, "apj-*": false} {
		cmd := remedyCommand()
		if err := cmd.Flags().Set("match-name", pattern); err != nil {
			t.Fatal(err)
		}
		v, err := settings(cmd)
		if err != nil {
			t.Fatal(err)
		}
		if err := checkSelection(cmd, v, all); (err == nil) != want {
			t.Errorf("%s: %v", pattern, err)
		}
		if err := checkSelection(cmd, v, []*treatment{of(nil, 7)}); err != nil {
			t.Errorf("%s, where there is no plan at all: %v", pattern, err)
		}
	}
}
