package diagnose

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spillway/outage"
)

var retell = flag.Bool("update", false, "write what is told of the dumps in testdata anew")

// windows are the readings of a dump that are told: what an operator may have at hand.
var windows = []struct {
	name string
	of   func(shots []outage.Snapshot) []outage.Snapshot
}{
	{"all readings", func(s []outage.Snapshot) []outage.Snapshot { return s }},
	{"the first two", func(s []outage.Snapshot) []outage.Snapshot { return s[:2] }},
	{"the last two, the later first", func(s []outage.Snapshot) []outage.Snapshot {
		last := slices.Clone(s[len(s)-2:])
		slices.Reverse(last)
		return last
	}},
	{"the last alone", func(s []outage.Snapshot) []outage.Snapshot { return s[len(s)-1:] }},
	{"what redis-cli shows", func(s []outage.Snapshot) []outage.Snapshot {
		return changed(s, func(o *outage.Snapshot) { o.Process, o.Listen, o.Sockets, o.Log = nil, nil, nil, nil })
	}},
	{"without names", func(s []outage.Snapshot) []outage.Snapshot {
		return changed(s, func(o *outage.Snapshot) {
			for i := range o.Clients {
				o.Clients[i].Name = ""
			}
		})
	}},
	{"no list of clients", func(s []outage.Snapshot) []outage.Snapshot {
		return changed(s, func(o *outage.Snapshot) { o.Clients = nil })
	}},
}

// changed returns copies of the readings that may be changed.
func changed(shots []outage.Snapshot, change func(*outage.Snapshot)) []outage.Snapshot {
	shots = slices.Clone(shots)
	for i := range shots {
		shots[i].Clients = slices.Clone(shots[i].Clients)
		change(&shots[i])
	}
	return shots
}

// TestTold holds every word that is told of the dumps in testdata, whole and in parts, against what was told before: a
// threshold that moved shows here even where the cause stays the same. After a change that is meant, look at the
// difference that `go test ./diagnose -run TestTold -update` makes, and commit it.
func TestTold(t *testing.T) {
	for name, shots := range dumps(t) {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join("testdata", "told", name+".txt")
			told := wording(shots)
			if *retell {
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(told), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatalf("%v: run with -update, and look at what it says", err)
			}
			if diff := cmp.Diff(strings.Split(string(before), "\n"), strings.Split(told, "\n")); diff != "" {
				t.Errorf("told differently (-before +now); if that is meant, run with -update:\n%s", diff)
			}
		})
	}
	files, _ := filepath.Glob("testdata/told/*.txt")
	if want := len(dumps(t)); len(files) != want {
		t.Errorf("%d dumps, and %d are told: remove those whose dump is gone", want, len(files))
	}
}

// TestEachRuleIsNeeded takes each rule away in turn: a dump must then be told differently.
func TestEachRuleIsNeeded(t *testing.T) {
	all := rules
	defer func() { rules = all }()
	whole := map[string]string{}
	for name, shots := range dumps(t) {
		whole[name] = strings.Join(causes(Diagnose(shots...)), " ")
	}
	for i, r := range all {
		rules = slices.Delete(slices.Clone(all), i, i+1)
		needed := false
		for name, shots := range dumps(t) {
			needed = needed || whole[name] != strings.Join(causes(Diagnose(shots...)), " ")
		}
		if !needed {
			t.Errorf("without the rule %d for %s every dump is told the same: it needs a dump of its own", i+1, r.cause)
		}
	}
}

func causes(d outage.Diagnosis) []string {
	var list []string
	for _, f := range d.Findings {
		list = append(list, string(f.Cause))
	}
	return list
}

// dumps are the real readings in testdata, by name.
func dumps(t *testing.T) map[string][]outage.Snapshot {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.json")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no dumps: %v", err)
	}
	all := map[string][]outage.Snapshot{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var shots []outage.Snapshot
		if err := json.Unmarshal(data, &shots); err != nil || len(shots) < 2 {
			t.Fatalf("%s: %v, %d readings", path, err, len(shots))
		}
		all[strings.TrimSuffix(filepath.Base(path), ".json")] = shots
	}
	return all
}

// wording writes what is diagnosed of each part of a dump.
func wording(shots []outage.Snapshot) string {
	var b strings.Builder
	for _, w := range windows {
		d := Diagnose(w.of(shots)...)
		fmt.Fprintf(&b, "== %s: %d of %d, rejecting %v\n%s", w.name, d.Slots, d.MaxClients, d.Rejecting, words(d))
	}
	return b.String()
}

// words writes every finding and every doubt.
func words(d outage.Diagnosis) string {
	var b strings.Builder
	for _, f := range d.Findings {
		fmt.Fprintf(&b, "%s %.2f: %s\n", f.Cause, f.Confidence, f.Summary)
		fmt.Fprintf(&b, "  grows %.2f, full in %.1f s; asked %d, effective %d, needed %d, pool %d\n",
			f.Growth, f.UntilFull.Std().Seconds(), f.Asked, f.Effective, f.Needed, f.Pool)
		for _, c := range f.Culprits {
			fmt.Fprintf(&b, "  culprit %s %q at %s: %d connections, %d against it", c.Service, c.Name, c.Addr, c.Connections, len(c.IDs))
			if c.By != "" || c.Certainty != 0 {
				fmt.Fprintf(&b, "; by %s, %.2f sure: %s", c.By, c.Certainty, c.Why)
			}
			fmt.Fprintln(&b)
		}
		for _, e := range f.Evidence {
			fmt.Fprintf(&b, "  - %s\n", e.Text)
		}
		for _, c := range f.Commands {
			fmt.Fprintf(&b, "  $ %s\n", c)
		}
	}
	for _, u := range d.Unsure {
		fmt.Fprintf(&b, "unsure: %s\n", u)
	}
	return b.String()
}
