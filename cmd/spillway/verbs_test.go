package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"spillway/outage"
	"spillway/scenarios"
)

// Every verb has help with an example, and it fits a terminal.
func TestHelp(t *testing.T) {
	verbs := rootCommand().Commands()
	if len(verbs) < 10 {
		t.Errorf("only %d verbs", len(verbs))
	}
	for _, verb := range verbs {
		if verb.Hidden {
			continue
		}
		if verb.Example == "" || verb.Short == "" {
			t.Errorf("%s has no example, or no short help", verb.Name())
		}
		var out bytes.Buffer
		verb.SetOut(&out)
		if err := verb.Help(); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 84 {
				t.Errorf("%s: a help line of %d columns: %s", verb.Name(), n, line)
			}
		}
	}
}

// Each flag that takes one of a few words refuses the others as soon as it is set, wherever the value comes from.
func TestDefaultsAreValid(t *testing.T) {
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if _, ok := f.Value.(checked); ok && f.Value.Type() != "stringSlice" {
				if err := f.Value.Set(f.DefValue); err != nil {
					t.Errorf("%s --%s: its own default %q: %v", cmd.Name(), f.Name, f.DefValue, err)
				}
			}
		})
		for _, verb := range cmd.Commands() {
			visit(verb)
		}
	}
	visit(rootCommand())
}

func TestListFitsTheTerminal(t *testing.T) {
	picked := []scenarios.Scenario{
		{Name: "short", Description: "Short.", Expect: scenarios.Expect{Cause: "nothing"}},
		{Name: "a-scenario-of-long-name", Description: "One of a description that is far too long for a line of eighty columns, " +
			"with “quotes” and \x1b[31mcolour\x1b[0m.", Expect: scenarios.Expect{Cause: "maxclients-too-low"}},
	}
	for _, columns := range []int{0, 60, 80, 100} {
		var out strings.Builder
		if err := list(&out, picked, columns); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if columns == 0 && len(lines) != 3 {
			t.Errorf("a pipe gets %d lines, want a header and one a scenario", len(lines))
		}
		for _, line := range lines {
			if n := utf8.RuneCountInString(line); columns >= 80 && n > columns {
				t.Errorf("%d columns, want %d: %s", n, columns, line)
			}
		}
		text := strings.Join(strings.Fields(out.String()), " ")
		if !strings.Contains(text, "with “quotes” and") || strings.Contains(text, "\x1b") {
			t.Errorf("words are lost, or colours were let through: %s", text)
		}
	}
}

func TestHealthy(t *testing.T) {
	info := outage.Snapshot{Info: map[string]string{"connected_clients": "12"}}
	unsure := []string{"growth: take a second snapshot"}
	for name, test := range map[string]struct {
		d    outage.Diagnosis
		last outage.Snapshot
		want bool
	}{
		"whole evidence":                  {outage.Diagnosis{Slots: 70, MaxClients: 100}, info, true},
		"a finding":                       {outage.Diagnosis{Slots: 12, MaxClients: 100, Findings: make([]outage.Finding, 1)}, info, false},
		"a gap, far from the limit":       {outage.Diagnosis{Slots: 12, MaxClients: 10000, Unsure: unsure}, info, true},
		"a gap, just under half":          {outage.Diagnosis{Slots: 49, MaxClients: 100, Unsure: unsure}, info, true},
		"a gap, half full":                {outage.Diagnosis{Slots: 50, MaxClients: 100, Unsure: unsure}, info, false},
		"a gap, and no limit":             {outage.Diagnosis{Slots: 12, Unsure: unsure}, info, false},
		"a gap, and refusals":             {outage.Diagnosis{Slots: 12, MaxClients: 10000, Rejecting: true, Unsure: unsure}, info, false},
		"no INFO":                         {outage.Diagnosis{Slots: 12, MaxClients: 10000, Unsure: unsure}, outage.Snapshot{}, false},
		"an INFO that lacks what matters": {outage.Diagnosis{MaxClients: 10000, Unsure: unsure}, outage.Snapshot{Info: map[string]string{"redis_version": "7"}}, false},
	} {
		if got := healthy(test.d, []outage.Snapshot{test.last}); got != test.want {
			t.Errorf("%s: healthy %v, want %v", name, got, test.want)
		}
	}
}
