package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var updateReadme = flag.Bool("update-readme", false, "write the transcripts of the README anew")

// transcript is a block of the README that shows what a saved run looks like: a comment that names its history, then
// the command that made it with its output.
var transcript = regexp.MustCompile("(?s)<!-- judge (\\S+) -->\n```console\n(\\$[^\n]*\n)(.*?)```\n")

// TestReadme judges the histories that the README shows, and compares. They are real runs, kept in examples/histories.
func TestReadme(t *testing.T) {
	const root = "../.."
	path := filepath.Join(root, "README.md")
	readme, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	got := transcript.ReplaceAllStringFunc(string(readme), func(block string) string {
		shown++
		m := transcript.FindStringSubmatch(block)
		var out bytes.Buffer
		cmd := rootCommand()
		cmd.SetOut(&out)
		cmd.SetArgs([]string{"judge", filepath.Join(root, filepath.FromSlash(m[1]))})
		_ = cmd.Execute() // a run that fails is shown too
		return "<!-- judge " + m[1] + " -->\n```console\n" + m[2] + strings.TrimRight(out.String(), "\n") + "\n```\n"
	})
	if shown < 2 {
		t.Fatalf("the README shows %d transcripts, want a pass and a fail", shown)
	}
	if *updateReadme {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(readme), got); diff != "" {
		t.Errorf("the README shows what no run looks like any more (-README +now); go test ./cmd/spillway -run TestReadme -update-readme\n%s", diff)
	}
	for _, want := range []string{"pass  connection-leak", "fail  connection-leak"} {
		if !strings.Contains(got, want) {
			t.Errorf("no transcript begins with %q", want)
		}
	}
}

// shown is a block of the README that shows what a golden file holds.
var shown = regexp.MustCompile("(?s)<!-- shows (\\S+) -->\n```console\n\\$[^\n]*\n(.*?)```\n")

func TestReadmeShowsGoldenFiles(t *testing.T) {
	const root = "../.."
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := shown.FindAllStringSubmatch(string(readme), -1)
	if len(blocks) == 0 {
		t.Fatal("the README shows none")
	}
	for _, b := range blocks {
		want, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(b[1])))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), b[2]); diff != "" {
			t.Errorf("the README does not show %s as it is (-file +README)\n%s", b[1], diff)
		}
	}
}
