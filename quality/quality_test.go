package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// at is one mutant of the demo, as gremlins would write it.
func at(kind, status string, line, column int) string {
	return fmt.Sprintf(`{"type":%q,"status":%q,"line":%d,"column":%d}`, kind, status, line, column)
}

// judged runs the tool on a report of the demo.
func judged(t *testing.T, list string, mutants ...string) (ok bool, said string) {
	t.Helper()
	dir := t.TempDir()
	survivors, path := filepath.Join(dir, "survivors.txt"), filepath.Join(dir, "demo.json")
	write(t, survivors, list)
	write(t, path, `{"files":[{"file_name":"demo.go","mutations":[`+strings.Join(mutants, ",")+`]}]}`)
	var out strings.Builder
	ok, err := run(&out, "testdata", survivors, []string{path})
	if err != nil {
		t.Fatal(err)
	}
	return ok, out.String()
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// many are so many mutants that were killed.
func many(n int) []string {
	var list []string
	for i := range n {
		list = append(list, at("CONDITIONALS_NEGATION", "KILLED", 6, i+1))
	}
	return list
}

const (
	boundary = "demo/demo.go CONDITIONALS_BOUNDARY: if n > 3 {\n"
	reason   = "  nobody greets three\n  at once\n"
)

func TestScore(t *testing.T) {
	lived, slow := at("CONDITIONALS_BOUNDARY", "LIVED", 6, 7), at("INVERT_NEGATIVES", "TIMED OUT", 9, 15)
	for name, c := range map[string]struct {
		list    string
		mutants []string
		ok      bool
		says    string
	}{
		"all killed":           {"", many(10), true, "| demo | 10 | 0 | 100.0 % | 0 | 0 | 0 |"},
		"nothing ran":          {"", nil, false, "below 90 %"},
		"one of ten accepted":  {"# why\n\n" + boundary + reason, append(many(9), lived), true, "| demo | 9 | 1 | 90.0 % |"},
		"one of nine":          {boundary + reason, append(many(8), lived), false, "88.9 % below 90 %"},
		"unexplained":          {"", append(many(9), lived), false, "1 survivors without a reason"},
		"another line":         {"demo/demo.go CONDITIONALS_BOUNDARY: if n > 4 {\n" + reason, append(many(9), lived), false, "does not survive any more"},
		"another kind":         {"demo/demo.go INVERT_NEGATIVES: if n > 3 {\n" + reason, append(many(9), lived), false, "1 survivors without a reason"},
		"stale":                {boundary + reason, many(10), false, "does not survive any more"},
		"of another package":   {"other/other.go INVERT_NEGATIVES: x\n" + reason, many(10), true, "100.0 %"},
		"not covered":          {"", append(many(9), at("INVERT_NEGATIVES", "NOT COVERED", 9, 15)), true, "| 0 | 1 | 0 |"},
		"one of 20 timed out":  {"", append(many(19), slow), true, "| 19 | 0 | 100.0 % | 1 |"},
		"one of ten timed out": {"", append(many(9), slow), false, "too many timed out"},
		"sum of strings":       {"", append(many(9), at("ARITHMETIC_BASE", "KILLED", 7, 20)), true, "| demo | 9 | 0 | 100.0 % | 0 | 0 | 1 |"},
		"sum of numbers":       {"", append(many(9), at("ARITHMETIC_BASE", "KILLED", 7, 30)), true, "| demo | 10 | 0 | 100.0 % | 0 | 0 | 0 |"},
	} {
		ok, said := judged(t, c.list, c.mutants...)
		if ok != c.ok || !strings.Contains(said, c.says) {
			t.Errorf("%s: ok %v, want %v with %q\n%s", name, ok, c.ok, c.says, said)
		}
	}
}

func TestSurvivorsNeedAReason(t *testing.T) {
	for _, text := range []string{boundary, boundary + boundary + reason, reason, "demo.go\n"} {
		path := filepath.Join(t.TempDir(), "survivors.txt")
		write(t, path, text)
		list, err := readSurvivors(path)
		if err == nil {
			t.Errorf("%q is taken for %v", text, list)
		}
	}
	got, err := readSurvivors("../docs/survivors.txt")
	if err != nil {
		t.Error(err)
	}
	for _, s := range got {
		lines, err := sourceLines("../" + s.file)
		if err != nil {
			t.Error(err)
			continue
		}
		found := false
		for _, line := range lines {
			found = found || squeeze(line) == s.code
		}
		if !found {
			t.Errorf("no such line in %s: %s", s.file, s.code)
		}
	}
}

func TestUnreadable(t *testing.T) {
	dir := t.TempDir()
	list, path := filepath.Join(dir, "list"), filepath.Join(dir, "demo.json")
	write(t, list, "")
	for _, text := range []string{
		"no JSON",
		`{"files":[{"file_name":"gone.go","mutations":[]}]}`,
		`{"files":[{"file_name":"demo.go","mutations":[` + at("INVERT_NEGATIVES", "LIVED", 99, 1) + `]}]}`,
		`{"files":[{"file_name":"demo.go","mutations":[` + at("INVERT_NEGATIVES", "VANISHED", 9, 1) + `]}]}`,
	} {
		write(t, path, text)
		if _, err := run(&strings.Builder{}, "testdata", list, []string{path}); err == nil {
			t.Errorf("no error for %s", text)
		}
	}
}
