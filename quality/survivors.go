package main

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"
)

// survivor is a mutant that no test notices. It is recognised by its file, kind and line of code, not by the line's number:
// that changes with every edit above. Two of one kind in one line are one survivor.
type survivor struct {
	file, kind, code string
	reason           string // in the list
	line, column     int    // in a report
}

func (s survivor) String() string {
	where := ""
	if s.line > 0 {
		where = fmt.Sprintf("    (%s:%d:%d)\n", s.file, s.line, s.column)
	}
	return fmt.Sprintf("%s %s: %s\n%s", s.file, s.kind, s.code, where)
}

func (s survivor) same(o survivor) bool {
	return s.file == o.file && s.kind == o.kind && s.code == o.code
}

// readSurvivors reads the list: a line `FILE KIND: CODE`, and below it the reason, indented. Lines that begin with # say
// something to people.
func readSurvivors(path string) ([]survivor, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	var list []survivor
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		text := lines.Text()
		switch {
		case strings.HasPrefix(text, "#") || strings.TrimSpace(text) == "":
		case text[0] == ' ' || text[0] == '\t':
			if len(list) == 0 {
				return nil, fmt.Errorf("%s:%d: a reason without a survivor", path, n)
			}
			last := &list[len(list)-1]
			last.reason = strings.TrimSpace(last.reason + " " + strings.TrimSpace(text))
		default:
			head, code, ok := strings.Cut(text, ": ")
			file, kind, both := strings.Cut(head, " ")
			if !ok || !both {
				return nil, fmt.Errorf("%s:%d: want FILE KIND: CODE, got %q", path, n, text)
			}
			list = append(list, survivor{file: file, kind: kind, code: squeeze(code)})
		}
	}
	for _, s := range list {
		if s.reason == "" {
			return nil, fmt.Errorf("%s: no reason for\n%s", path, s)
		}
	}
	return list, lines.Err()
}

// compare tells which survivors nobody has accepted, and which reasons have no survivor any more in the packages that ran.
func compare(survived, accepted []survivor, packages []string) (unexplained, stale []survivor) {
	for _, s := range survived {
		if !slices.ContainsFunc(accepted, s.same) && !slices.ContainsFunc(unexplained, s.same) {
			unexplained = append(unexplained, s)
		}
	}
	for _, a := range accepted {
		pkg, _, _ := strings.Cut(a.file, "/")
		if slices.Contains(packages, pkg) && !slices.ContainsFunc(survived, a.same) {
			stale = append(stale, a)
		}
	}
	return unexplained, stale
}

// squeeze makes one space of any white space.
func squeeze(code string) string { return strings.Join(strings.Fields(code), " ") }

func sourceLines(path string) ([]string, error) {
	data, err := os.ReadFile(path)
	return strings.Split(string(data), "\n"), err
}
