package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"spillway/outage"
	"spillway/profile"
)

func TestPermit(t *testing.T) {
	const list, config, info, host, history = "redis-cli CLIENT LIST | wc -l", "redis-cli CONFIG GET timeout", "redis-cli INFO stats | grep x", "ss -ltn", "redis-cli --latency-history -i 5"
	d := outage.Diagnosis{Findings: []outage.Finding{{
		Commands: []string{list, config, info, host, history},
		Evidence: []outage.Evidence{{Text: "a", Command: config}, {Text: "b", Command: info}, {Text: "c"}},
	}}}
	refused := []outage.Missing{{What: "CONFIG GET", Why: "ERR unknown command 'CONFIG'"}, {What: "host", Why: "no"}}
	for name, test := range map[string]struct {
		missing  []outage.Missing
		commands []string
		evidence string
		unread   int
	}{
		"":            {nil, []string{list, config, info, host, history}, config, 0},
		"elasticache": {nil, []string{list, info, history}, "", 0},
		"memorystore": {nil, []string{info, history}, "", 0},
		"readonly":    {refused, []string{list, info, host, history}, "", 1},
	} {
		p, _ := profile.Find(name)
		got := permit(d, p, []outage.Snapshot{{Missing: test.missing}})
		if diff := cmp.Diff(test.commands, got.Findings[0].Commands); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
		e := got.Findings[0].Evidence
		if len(e) != 3 || e[0].Command != test.evidence || e[1].Command != info || len(got.Unread) != test.unread {
			t.Errorf("%s: evidence %+v, unread %+v", name, e, got.Unread)
		}
	}
	if d.Findings[0].Evidence[0].Command != config || len(d.Findings[0].Commands) != 5 {
		t.Errorf("the diagnosis itself changed: %+v", d)
	}
}
