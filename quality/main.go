// Command quality holds the tests against mutants of the code: it tries each, or reads what gremlins found when it did, and
// judges which share the tests kill, package by package, and whether each survivor is one that docs/survivors.txt accepts with a reason.
//
//	go run ./quality mutate remedy out/mutants/remedy.json
//	go run ./quality judge docs/survivors.txt out/mutants/remedy.json …
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
)

// The targets. Of the mutants that ran into the time limit nobody knows whether a test caught them: some loop for ever, but
// where they are many the machine was too busy, and the score says nothing.
const (
	leastKilled  = 0.90
	mostTimedOut = 0.05
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ok, err := command(ctx, os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "quality:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

func command(ctx context.Context, args []string) (ok bool, err error) {
	switch {
	case len(args) == 3 && args[0] == "mutate":
		return true, mutate(ctx, os.Stdout, args[1], args[2])
	case len(args) >= 3 && args[0] == "judge":
		return run(os.Stdout, ".", args[1], args[2:])
	}
	return false, errors.New("usage: quality mutate PACKAGE REPORT.json, or quality judge SURVIVORS REPORT.json [REPORT.json]")
}

// report is the part of gremlins's JSON that is read. Each is of one package, and named after it.
type report struct {
	Files []file `json:"files"`
}

type file struct {
	Name      string   `json:"file_name"`
	Mutations []mutant `json:"mutations"`
}

type mutant struct {
	Type   string `json:"type"`
	Status string `json:"status"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

// score is what became of a package's mutants.
type score struct {
	pkg                                string
	killed, lived, timedOut, uncovered int
	unviable                           int // they do not compile: gremlins counts them as killed
	survivors                          []survivor
}

func (s score) share() float64 { return float64(s.killed) / float64(max(1, s.killed+s.lived)) }

// run prints the table and the survivors. It is not ok when a package is below the target, or when the list of survivors
// and what survived differ.
func run(out io.Writer, root, list string, reports []string) (ok bool, err error) {
	accepted, err := readSurvivors(list)
	if err != nil {
		return false, err
	}
	ok = true
	var all []survivor
	var packages []string
	fmt.Fprintln(out, "| package | killed | survived | score | timed out | not covered | does not compile |")
	fmt.Fprintln(out, "|---|---|---|---|---|---|---|")
	for _, path := range reports {
		s, err := read(root, path)
		if err != nil {
			return false, err
		}
		verdict := ""
		if s.killed+s.lived == 0 || s.share() < leastKilled {
			ok, verdict = false, fmt.Sprintf(" below %.0f %%", 100*leastKilled)
		}
		if all := s.killed + s.lived + s.timedOut; float64(s.timedOut) > mostTimedOut*float64(all) {
			ok, verdict = false, verdict+" (too many timed out: run it on a quieter machine)"
		}
		fmt.Fprintf(out, "| %s | %d | %d | %.1f %%%s | %d | %d | %d |\n",
			s.pkg, s.killed, s.lived, 100*s.share(), verdict, s.timedOut, s.uncovered, s.unviable)
		all, packages = append(all, s.survivors...), append(packages, s.pkg)
	}
	unexplained, stale := compare(all, accepted, packages)
	say(out, "survivors without a reason in "+list, unexplained)
	say(out, "reasons in "+list+" whose mutant does not survive any more", stale)
	return ok && len(unexplained)+len(stale) == 0, nil
}

func say(out io.Writer, title string, list []survivor) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(out, "\n%d %s:\n", len(list), title)
	for _, s := range list {
		fmt.Fprintln(out, s)
	}
}

// read reads one report. Only the last word of a mutant counts, and each place only once.
func read(root, path string) (score, error) {
	s := score{pkg: strings.TrimSuffix(filepath.Base(path), ".json")}
	data, err := os.ReadFile(path)
	if err != nil {
		return s, err
	}
	var r report
	if err := json.Unmarshal(data, &r); err != nil {
		return s, fmt.Errorf("%s: %w", path, err)
	}
	texts, err := stringSums(filepath.Join(root, s.pkg))
	if err != nil {
		return s, err
	}
	for _, f := range r.Files {
		name := filepath.Base(f.Name)
		lines, err := sourceLines(filepath.Join(root, s.pkg, name))
		if err != nil {
			return s, err
		}
		for _, m := range f.Mutations {
			switch {
			case m.Type == "ARITHMETIC_BASE" && texts[place{name, m.Line, m.Column}]:
				s.unviable++
			case m.Status == killed:
				s.killed++
			case m.Status == timedOut:
				s.timedOut++
			case m.Status == notCovered:
				s.uncovered++
			case m.Status == notViable:
				s.unviable++
			case m.Status != lived:
				return s, fmt.Errorf("%s: %s:%d: unknown status %q", path, f.Name, m.Line, m.Status)
			case m.Line < 1 || m.Line > len(lines):
				return s, fmt.Errorf("%s: %s has no line %d: the source has changed since the run", path, f.Name, m.Line)
			default:
				s.lived++
				s.survivors = append(s.survivors, survivor{
					file: s.pkg + "/" + name, kind: m.Type, code: squeeze(lines[m.Line-1]), line: m.Line, column: m.Column,
				})
			}
		}
	}
	slices.SortFunc(s.survivors, func(a, b survivor) int {
		return strings.Compare(fmt.Sprintf("%s:%05d:%03d", a.file, a.line, a.column), fmt.Sprintf("%s:%05d:%03d", b.file, b.line, b.column))
	})
	return s, nil
}
