package report

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spillway/assert"
	"spillway/outage"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares what was written with a file in testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s: look at the difference, then run with -update: -want +got\n%s", name, diff)
	}
}

// results judges saved histories of the judge.
func results(t testing.TB, names ...string) []assert.Result {
	t.Helper()
	var list []assert.Result
	for _, name := range names {
		f, err := os.Open(filepath.Join("..", "assert", "testdata", name+".jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		h, err := outage.ReadHistory(f)
		_ = f.Close()
		if err != nil {
			t.Fatal(err)
		}
		r, err := assert.Judge(h)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, r)
	}
	return list
}

func write(t testing.TB, f func(*bytes.Buffer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := f(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// catalogue is a run with every kind of outcome.
func catalogue(t testing.TB) []assert.Result {
	list := results(t, "good-leak", "good-clamp", "good-busy", "good-pool", "bad-published", "bad-wrong-cause", "bad-no-outage", "bad-broken-rig", "bad-greedy")
	return append(list, assert.Result{Scenario: "incident-replay", Skipped: "not selected"})
}

func TestTextGolden(t *testing.T) {
	for name, c := range map[string]struct {
		results []assert.Result
		o       Options
	}{
		"catalogue.txt": {catalogue(t), Options{}},
		"allpass.txt":   {results(t, "good-leak", "good-clamp", "good-busy", "good-roll", "good-pool"), Options{}},
		"wide.txt":      {catalogue(t)[:5], Options{Width: 120}},
		"colour.txt":    {results(t, "good-leak", "bad-greedy", "bad-no-outage"), Options{Color: true}},
		"leak.txt":      {results(t, "good-leak"), Options{}},
		"clamp.txt":     {results(t, "good-clamp"), Options{}},
		"busy.txt":      {results(t, "good-busy"), Options{}},
		"published.txt": {results(t, "bad-published"), Options{}},
		"noout.txt":     {results(t, "bad-no-outage"), Options{}},
		"control.txt":   {results(t, "control-yes", "control-no"), Options{}},
		"nothing.txt":   {nil, Options{}},
	} {
		t.Run(name, func(t *testing.T) {
			got := write(t, func(b *bytes.Buffer) error { return Text(b, c.results, c.o) })
			golden(t, name, got)
			if !c.o.Color && bytes.ContainsRune(got, '\x1b') {
				t.Error("escape codes without color")
			}
			for line := range strings.Lines(string(got)) {
				if w := columns(strings.TrimRight(line, "\n")); !c.o.Color && w > c.o.width() {
					t.Errorf("%d columns wide: %s", w, line)
				}
				if strings.HasSuffix(line, " \n") {
					t.Errorf("trailing space: %q", line)
				}
			}
		})
	}
}

func TestMachineGolden(t *testing.T) {
	list := catalogue(t)
	golden(t, "results.json", write(t, func(b *bytes.Buffer) error { return JSON(b, results(t, "good-leak", "bad-published")) }))
	golden(t, "junit.xml", write(t, func(b *bytes.Buffer) error { return JUnit(b, list, map[string]string{"go": "go1.26"}) }))
	golden(t, "github.txt", write(t, func(b *bytes.Buffer) error { return GitHub(b, list) }))
	golden(t, "summary.md", write(t, func(b *bytes.Buffer) error { return Markdown(b, list) }))
}

func leakDiagnosis() outage.Diagnosis {
	return outage.Diagnosis{
		At: outage.Duration(5e9), Slots: 100, MaxClients: 100, Rejecting: true,
		Findings: []outage.Finding{
			{
				Cause: outage.ConnectionLeak, Confidence: .93, Summary: "80 connections of api were opened and never used again; 4.5 more come every second",
				Culprits: []outage.Culprit{
					{Service: "api", Name: "api-1", Addr: "10.0.0.5", Connections: 41, IDs: []int64{7}},
					{Service: "api", Name: "api-2", Addr: "10.0.0.6", Connections: 39},
				},
				Evidence: []outage.Evidence{
					{Text: "78 of 80 connections have been idle since their first command"},
					{Text: "rejected_connections grew by 120 in 2 s", Command: "redis-cli info stats | grep rejected_connections"},
				},
				Commands: []string{"redis-cli client list | grep -c ' addr=10.0.0.5:'"},
				Growth:   4.5, UntilFull: outage.Duration(9e9),
			},
			{
				Cause: outage.MaxclientsTooLow, Confidence: .2, Summary: "the fleet as seen needs 120",
				Asked: 200, Effective: 100, Needed: 120,
			},
		},
	}
}

func TestDiagnosisGolden(t *testing.T) {
	for name, d := range map[string]outage.Diagnosis{
		"diagnosis":  leakDiagnosis(),
		"well":       {Slots: 70, MaxClients: 100},
		"cannottell": {Slots: 70, Unsure: []string{"CONFIG GET is forbidden: the limit is not known", "one snapshot only: take a second one"}},
	} {
		golden(t, name+".txt", write(t, func(b *bytes.Buffer) error { return Diagnosis(b, d, Options{}) }))
		golden(t, name+".json", write(t, func(b *bytes.Buffer) error { return DiagnosisJSON(b, d) }))
	}
}
