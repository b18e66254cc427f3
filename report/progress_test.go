package report

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spillway/assert"
)

func TestProgressOnATerminal(t *testing.T) {
	var b bytes.Buffer
	p := NewProgress(&b, true, 80)
	p.Update(Status{Scenario: "leak", Phase: "load", Slots: 40, MaxClients: 100, Elapsed: time.Second})
	p.Update(Status{Scenario: "clamp", Phase: "prepare"})
	p.Update(Status{Scenario: "leak", Phase: "load", Slots: 100, MaxClients: 100, Refusals: 12, Elapsed: 2 * time.Second})
	p.Done("leak", assert.Pass)
	p.Close()
	golden(t, "progress.txt", b.Bytes())
	want := []string{"leak  pass after 2.0s"}
	if diff := cmp.Diff(want, screen(b.String())); diff != "" {
		t.Errorf("left on the screen: -want +got\n%s", diff)
	}
}

// screen plays the few codes that Progress writes, and returns what a terminal would show.
func screen(s string) []string {
	var lines []string
	row := 0
	for s != "" {
		var n int
		switch _, err := fmt.Sscanf(s, "\x1b[%dA", &n); {
		case err == nil:
			row -= n
			s = s[strings.IndexByte(s, 'A')+1:]
		case strings.HasPrefix(s, "\x1b[J"):
			lines, s = lines[:row], s[len("\x1b[J"):]
		case s[0] == '\r':
			s = s[1:]
		default:
			line, rest, _ := strings.Cut(s, "\n")
			lines, s, row = append(lines, line), rest, row+1
		}
	}
	return lines
}

func TestProgressKeepsABlock(t *testing.T) {
	var b bytes.Buffer
	p := NewProgress(&b, true, 40)
	for i := range 5 {
		p.Update(Status{Scenario: "a-very-long-name-of-a-scenario\x1b[2J", Phase: "load", Slots: i})
		p.Update(Status{Scenario: "b", Phase: "load", Slots: i})
	}
	got := screen(b.String())
	if len(got) != 2 {
		t.Fatalf("%d lines for two scenarios: %q", len(got), got)
	}
	for _, l := range got {
		if columns(l) >= 40 {
			t.Errorf("a line of %d columns wraps on a terminal of 40: %q", columns(l), l)
		}
	}
}

func TestProgressElsewhere(t *testing.T) {
	var b bytes.Buffer
	p := NewProgress(&b, false, 0)
	for _, s := range []Status{
		{Scenario: "leak", Phase: "load"}, {Scenario: "leak", Phase: "load", Slots: 40}, {Scenario: "clamp", Phase: "load"},
		{Scenario: "leak", Phase: "hold", Slots: 20, MaxClients: 100, Refusals: 60, Elapsed: 9 * time.Second},
	} {
		p.Update(s)
	}
	p.Done("leak", assert.Fail)
	p.Close()
	golden(t, "progress-plain.txt", b.Bytes())
	if n := strings.Count(b.String(), "\n"); n != 4 || strings.Contains(b.String(), "\x1b") {
		t.Errorf("want a line for each of 3 phases and the outcome, got %q", b.String())
	}
}

func TestProgressIsSafe(t *testing.T) {
	var b bytes.Buffer
	p := NewProgress(&b, true, 80)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			name := fmt.Sprint("s", i)
			for n := range 50 {
				p.Update(Status{Scenario: name, Slots: n})
			}
			p.Done(name, assert.Pass)
		})
	}
	wg.Wait()
	p.Close()
	if got := screen(b.String()); len(got) != 8 {
		t.Errorf("%d lines left for 8 scenarios: %q", len(got), got)
	}
}
