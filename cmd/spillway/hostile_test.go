package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"spillway/diagnose"
	"spillway/outage"
	"spillway/remedy"
	"spillway/report"
)

// poison is what somebody would have a terminal, a shell, a browser or GitHub's runner act on; marker is in all of it.
var poison = []string{
	"\x1b[2J\x1b[31m", "\x1b]8;;http://e\a", "\n", "\r\n", "\nfix: run this", "\n1. connection-leak, confidence 1.00\n", "::error::x", "\n::stop-commands::x", "##[error]x", "$(touch x)",
	"`touch x`", "'; touch x #", `"; touch x #`, "<script>alert(1)</script>", "|", "](http://e)", "\u202e", "\u200b", "\ufeff", "\xff\xfe", "\x00", "\u2028", "\u0085", "\u2003",
	"\x7f", "\u009b2J", "%s%n", `\`, "!!", strings.Repeat("x", 64<<10),
}

const marker = "PWNED"

// TestHostileServersForgeNoOutput poisons what clients and others choose in recorded outages, then looks at everything that is
// said about them: no line more than of the same with tame words, nothing that a terminal or GitHub's runner obeys, and no command
// to copy that has such a word in it unquoted.
func TestHostileServersForgeNoOutput(t *testing.T) {
	recorded, err := filepath.Glob("../../diagnose/testdata/*.json")
	if err != nil || len(recorded) < 20 {
		t.Fatal(recorded, err)
	}
	rapid.Check(t, func(t *rapid.T) {
		shots := recording(t, rapid.SampledFrom(recorded).Draw(t, "recording"))
		word := strings.Join(rapid.SliceOfN(rapid.SampledFrom(poison), 1, 3).Draw(t, "poison"), "") + marker
		infect(shots, word, rapid.Bool().Draw(t, "addresses too"))
		d := diagnose.Diagnose(shots...)
		plan := remedy.Plan(d, shots[len(shots)-1], remedy.Options{})
		tameD, tamePlan := tame(t, d), tame(t, plan)
		for name, write := range outputs() {
			said := string(written(t, write, d, plan))
			if i := strings.IndexFunc(said, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
				t.Fatalf("%s has %q", name, said[i:min(len(said), i+20)])
			}
			if m := runnerObeys.FindString(said); m != "" {
				t.Fatalf("%s has %q, which GitHub obeys", name, m)
			}
			same := string(written(t, write, tameD, tamePlan))
			if got, want := strings.Count(said, "\n"), strings.Count(same, "\n"); got != want {
				t.Fatalf("%s has %d lines, and %d with tame words:\n%.5000s", name, got, want, said)
			}
		}
		checkCopied(t, d, plan)
	})
}

// runnerObeys is how GitHub's runner takes a line of output for a command.
var runnerObeys = regexp.MustCompile(`(?m)##\[|^\s*::[a-z]`)

// checkCopied looks at what is printed for copying.
func checkCopied(t *rapid.T, d outage.Diagnosis, plan outage.Plan) {
	for _, f := range d.Findings {
		for _, e := range f.Evidence {
			if strings.Contains(e.Command, marker) {
				t.Fatalf("a command shows the evidence by a chosen word: %q", e.Command)
			}
		}
		if slices.ContainsFunc(f.Commands, func(c string) bool { return strings.Contains(c, marker) }) {
			t.Fatalf("a command has a chosen word in it: %q", f.Commands)
		}
	}
	for _, line := range remedy.Commands(plan) {
		if outage.Harmless(line) != line {
			t.Fatalf("a line for redis-cli holds %q", line)
		}
	}
	for _, a := range plan.Actions {
		for _, c := range a.Commands {
			if strings.HasPrefix(c, "prlimit") && strings.Contains(c, marker) {
				t.Fatalf("a command for root has a chosen word in it: %q", c)
			}
		}
	}
}

type writer func(io.Writer, outage.Diagnosis, outage.Plan) error

// outputs are the forms of a diagnosis and a plan; so wide that nothing is wrapped.
func outputs() map[string]writer {
	wide := report.Options{Width: 1 << 30}
	return map[string]writer{
		"text":      func(w io.Writer, d outage.Diagnosis, _ outage.Plan) error { return report.Diagnosis(w, d, wide) },
		"json":      func(w io.Writer, d outage.Diagnosis, _ outage.Plan) error { return report.DiagnosisJSON(w, d) },
		"dry run":   func(w io.Writer, _ outage.Diagnosis, p outage.Plan) error { return remedy.Print(w, p) },
		"plan json": func(w io.Writer, _ outage.Diagnosis, p outage.Plan) error { return report.Encode(w, p) },
		"print": func(w io.Writer, _ outage.Diagnosis, p outage.Plan) error {
			_, err := io.WriteString(w, strings.Join(remedy.Commands(p), "\n"))
			return err
		},
	}
}

func written(t *rapid.T, write writer, d outage.Diagnosis, plan outage.Plan) []byte {
	var b bytes.Buffer
	if err := write(&b, d, plan); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func recording(t *rapid.T, file string) (shots []outage.Snapshot) {
	data, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(data, &shots)
	}
	if err != nil {
		t.Fatal(err)
	}
	return shots
}

// infect puts word into everything that a client, a user of the server or the server itself chooses.
func infect(shots []outage.Snapshot, word string, addresses bool) {
	with := func(s *string) { *s = word + *s }
	for i := range shots {
		s := &shots[i]
		for j := range s.Clients {
			c := &s.Clients[j]
			for _, field := range []*string{&c.Name, &c.User, &c.LibName, &c.LibVer} {
				with(field)
			}
			if addresses {
				with(&c.Addr)
			}
		}
		for j := range s.Slow {
			with(&s.Slow[j].Name)
			s.Slow[j].Command += " " + word
			if addresses {
				with(&s.Slow[j].Addr)
			}
		}
		for j := range s.ACLLog {
			with(&s.ACLLog[j].User)
			with(&s.ACLLog[j].Object)
		}
		for j := range s.Missing {
			with(&s.Missing[j].Why)
		}
		for j := range s.Nodes {
			with(&s.Nodes[j].Addr)
		}
		for j := range s.Log {
			s.Log[j] += word
		}
		if s.Info != nil {
			s.Info["config_file"], s.Info["process_id"] = "/etc/"+word, "1"+word
		}
		if s.Config != nil {
			s.Config["save"], s.Config["maxmemory-policy"] = word, word
		}
	}
}

// tame is v with the same structure, and words of letters.
func tame[T any](t *rapid.T, v T) (tamed T) {
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := json.Unmarshal(data, &tree); err != nil {
		t.Fatal(err)
	}
	if data, err = json.Marshal(tameTree(tree)); err == nil {
		err = json.Unmarshal(data, &tamed)
	}
	if err != nil {
		t.Fatal(err)
	}
	return tamed
}

func tameTree(v any) any {
	switch v := v.(type) {
	case string:
		return strings.Map(func(r rune) rune {
			if r > '~' || !strings.ContainsRune(" .,;:/-=_", r) && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
				return 'x'
			}
			return r
		}, v)
	case []any:
		for i := range v {
			v[i] = tameTree(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = tameTree(v[key])
		}
	}
	return v
}
