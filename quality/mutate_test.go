package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMutate tries all mutants of the demo on its tests.
func TestMutate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "demo.json")
	before, err := os.ReadFile("testdata/demo/demo.go")
	if err != nil {
		t.Fatal(err)
	}
	var told strings.Builder
	if err := mutate(context.Background(), &told, "testdata/demo", path); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, m := range r.Files[0].Mutations {
		got[fmt.Sprintf("%d:%d %s", m.Line, m.Column, m.Type)] = m.Status
	}
	want := map[string]string{
		"6:7 CONDITIONALS_BOUNDARY":   "LIVED",
		"6:7 CONDITIONALS_NEGATION":   "KILLED",
		"7:20 ARITHMETIC_BASE":        "NOT VIABLE", // strings
		"7:30 ARITHMETIC_BASE":        "KILLED",
		"9:15 ARITHMETIC_BASE":        "KILLED",
		"9:15 INVERT_NEGATIVES":       "KILLED",
		"16:16 CONDITIONALS_BOUNDARY": "KILLED",
		"16:16 CONDITIONALS_NEGATION": "KILLED",
		"16:30 INCREMENT_DECREMENT":   "KILLED",
		"17:27 ARITHMETIC_BASE":       "KILLED",
		"17:35 ARITHMETIC_BASE":       "KILLED",
		"17:42 ARITHMETIC_BASE":       "KILLED", // of constants
		"23:38 ARITHMETIC_BASE":       "NOT COVERED",
		"23:38 INVERT_NEGATIVES":      "NOT COVERED",
		"23:41 CONDITIONALS_NEGATION": "NOT COVERED",
	}
	for at, status := range want {
		if got[at] != status {
			t.Errorf("%s: %q, want %q", at, got[at], status)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d mutants, want %d: %v", len(got), len(want), got)
	}
	if !strings.Contains(told.String(), "LIVED demo.go:6:7 CONDITIONALS_BOUNDARY") {
		t.Errorf("the survivor is not told: %s", told.String())
	}
	if after, err := os.ReadFile("testdata/demo/demo.go"); err != nil || string(after) != string(before) {
		t.Error("the source has changed", err)
	}
}

// TestMutateRefuses has packages that say nothing of their tests.
func TestMutateRefuses(t *testing.T) {
	for name, c := range map[string]struct{ source, test, says string }{
		"tests that fail": {"func F(a int) bool { return a > 1 }", "func TestF(t *testing.T) { t.Error(F(1)) }", "do not pass without a mutant"},
		"no tests":        {"func F(a int) bool { return a > 1 }", "", "meet none of its operators"},
		"no operators":    {"func F(a int) int { return a }", "", "nothing to mutate"},
		"no types":        {"func F(a int) bool { return a > b }", "", "undefined: b"},
	} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "go.mod"), "module demo\n\ngo 1.26\n")
		write(t, filepath.Join(dir, "f.go"), "package demo\n\n"+c.source+"\n")
		write(t, filepath.Join(dir, "f_test.go"), "package demo\n\nimport \"testing\"\n\nfunc TestNothing(t *testing.T) {}\n\n"+c.test+"\n")
		err := mutate(context.Background(), &strings.Builder{}, dir, filepath.Join(dir, "out.json"))
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}
