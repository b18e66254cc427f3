package scenarios

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Mistake is one thing wrong with a catalogue.
type Mistake struct {
	File   string
	Line   int
	Column int
	Text   string // what is wrong, and what was expected
	Hint   string // what to write instead; empty when Text says it
}

// String writes `file:line: text (hint)`.
func (m Mistake) String() string {
	if m.Hint == "" {
		return fmt.Sprintf("%s:%d: %s", m.File, m.Line, m.Text)
	}
	return fmt.Sprintf("%s:%d: %s (%s)", m.File, m.Line, m.Text, m.Hint)
}

// Mistakes is everything wrong with a catalogue, in the order of its lines.
type Mistakes []Mistake

// Error writes one mistake a line.
func (ms Mistakes) Error() string {
	lines := make([]string, len(ms))
	for i, m := range ms {
		lines[i] = m.String()
	}
	return strings.Join(lines, "\n")
}

func (ms Mistakes) sorted() Mistakes {
	ms = slices.Clone(ms)
	slices.SortStableFunc(ms, func(a, b Mistake) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return slices.Compact(ms)
}
