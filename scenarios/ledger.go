package scenarios

import (
	"fmt"
	"strconv"
	"strings"
)

// place is where a value stands in the catalogue, such as scenarios[0].fleet[1].pool.size.
type place string

func (p place) key(name string) place {
	if p == "" {
		return place(name)
	}
	return p + "." + place(name)
}

func (p place) item(i int) place { return p + place("["+strconv.Itoa(i)+"]") }

// String leaves out the scenario's number: messages have a line.
func (p place) String() string {
	s := string(p)
	if strings.HasPrefix(s, "scenarios[") {
		if _, inside, ok := strings.Cut(s, "]."); ok {
			return inside
		}
		return "scenario"
	}
	return s
}

// within reports whether p is q or stands inside it.
func (p place) within(q place) bool {
	rest, ok := strings.CutPrefix(string(p), string(q))
	return ok && (rest == "" || q == "" || rest[0] == '.' || rest[0] == '[')
}

type position struct{ line, column int }

// ledger knows where each value stands in the file and collects what is wrong with it.
type ledger struct {
	file  string
	nodes map[place]position
	flaws []flaw
	// closed ledgers take no more: what was noted last makes everything else guesswork.
	closed bool
}

type flaw struct {
	place place
	Mistake
}

// given reports whether the file has something at p.
func (l *ledger) given(p place) bool {
	_, ok := l.nodes[p]
	return ok
}

// sound reports whether nothing is wrong at or inside any of the places, so that a check of several values
// together does not repeat in other words what was said about one of them.
func (l *ledger) sound(places ...place) bool {
	for _, f := range l.flaws {
		for _, p := range places {
			if f.place.within(p) {
				return false
			}
		}
	}
	return true
}

// add notes a mistake about the value at p. A value that the file does not have is looked for in what should hold it.
func (l *ledger) add(p place, hint, format string, args ...any) {
	l.addAt(p, l.position(p), hint, format, args...)
}

func (l *ledger) addAt(p place, at position, hint, format string, args ...any) {
	if l.closed {
		return
	}
	l.flaws = append(l.flaws, flaw{p, Mistake{
		File: l.file, Line: at.line, Column: at.column, Text: fmt.Sprintf(format, args...), Hint: hint,
	}})
}

func (l *ledger) position(p place) position {
	for {
		if at, ok := l.nodes[p]; ok {
			return at
		}
		cut := strings.LastIndexAny(string(p), ".[")
		if cut < 0 {
			return position{1, 1}
		}
		p = p[:cut]
	}
}

func (l *ledger) mistakes() Mistakes {
	ms := make(Mistakes, len(l.flaws))
	for i, f := range l.flaws {
		ms[i] = f.Mistake
	}
	return ms.sorted()
}

// word notes a mistake unless value is one of known.
func (l *ledger) word(p place, what, value string, known []string) {
	if value == "" || !l.sound(p) {
		return
	}
	for _, k := range known {
		if k == value {
			return
		}
	}
	l.add(p, suggest(value, known), "unknown %s %q", what, value)
}
