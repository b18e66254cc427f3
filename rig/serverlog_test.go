package rig

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestServerLog(t *testing.T) {
	var text strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&text, "line %d\r\n", i)
	}
	text.WriteString(strings.Repeat("y", 5000) + "\nthe end, without a newline")
	log := newServerLog()
	log.follow(strings.NewReader(text.String()))
	got := log.lines()
	if len(got) != logHead+logTail {
		t.Fatalf("kept %d lines", len(got))
	}
	if got[0] != "line 0" || got[logHead-1] != fmt.Sprintf("line %d", logHead-1) {
		t.Errorf("the beginning is %q … %q", got[0], got[logHead-1])
	}
	if want := fmt.Sprintf("line %d", 1000+2-logTail); got[logHead] != want {
		t.Errorf("the end begins with %q, not %q", got[logHead], want)
	}
	if long := got[len(got)-2]; len(long) > logLine || !strings.HasPrefix(long, "yyy") {
		t.Errorf("a long line was kept at %d bytes: %.10q", len(long), long)
	}
	if last := got[len(got)-1]; last != "the end, without a newline" {
		t.Errorf("the last line is %q", last)
	}
}

func TestLastWords(t *testing.T) {
	log := newServerLog()
	log.follow(strings.NewReader("one\ntwo\n\nthree\nfour\n"))
	p := &Process{errors: &tail{}}
	if got := lastWords(t.Context(), p, nil); got != "(it said nothing)" {
		t.Errorf("got %q", got)
	}
	_, _ = p.errors.Write([]byte("bad directive\n"))
	if got := lastWords(t.Context(), p, log); got != "two; three; four; bad directive" {
		t.Errorf("got %q", got)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	open := newServerLog()
	open.add("still open")
	if got := lastWords(ended, p, open); !strings.HasPrefix(got, "still open") {
		t.Errorf("a log that goes on was not left: %q", got)
	}
	if !slices.Equal(log.lines(), []string{"one", "two", "", "three", "four"}) {
		t.Errorf("reading the last words changed the log: %q", log.lines())
	}
}
