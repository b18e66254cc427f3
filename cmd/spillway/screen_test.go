package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"spillway/outage"
	"spillway/watch"
)

func viewed() watch.View {
	return watch.View{
		Version: 1, Time: time.Date(2026, 11, 28, 12, 31, 9, 0, time.UTC), Target: "redis://10.0.0.5:6379",
		Slots: watch.Slots{Taken: 7, Limit: 10, Free: 3}, Verdict: watch.Healthy,
	}
}

func TestScreen(t *testing.T) {
	var s tea.Model = screen{}
	if lines := s.(screen).lines(); len(lines) > 0 {
		t.Errorf("before its size is known: %q", lines)
	}
	s, _ = s.Update(tea.WindowSizeMsg{Width: 40, Height: 5})
	if lines := s.(screen).lines(); len(lines) != 1 || lines[0] != "looking …" {
		t.Errorf("before a first look: %q", lines)
	}
	s, _ = s.Update(viewed())
	if v := s.View(); !v.AltScreen || !strings.Contains(v.Content, "7 of 10 taken") || strings.Count(v.Content, "\n") > 4 {
		t.Errorf("%q", v.Content)
	}
	if _, cmd := s.Update(tea.KeyPressMsg{Code: 'x', Text: "x"}); cmd != nil {
		t.Error("x ends it")
	}
	for _, key := range []tea.KeyPressMsg{{Code: 'q', Text: "q"}, {Code: 'c', Mod: tea.ModCtrl}} {
		if _, cmd := s.Update(key); cmd == nil {
			t.Errorf("%s does not end it", key)
		}
	}
	over, cmd := s.Update(endedMsg{errors.New("over")})
	if cmd == nil || over.(screen).err == nil {
		t.Error("the end of the watch does not end it")
	}
}

// A log says once that Redis is not seen, and again every ten seconds; each note once; and a line a look.
func TestWatchLog(t *testing.T) {
	var out bytes.Buffer
	l := logged{out: &out}
	at := func(second int, trouble string, notes ...watch.Note) {
		v := viewed()
		v.At, v.Trouble, v.Notes = outage.Duration(second)*outage.Duration(time.Second), trouble, notes
		if err := l.show(v); err != nil {
			t.Fatal(err)
		}
	}
	note := watch.Note{At: 1, Text: "connection lost"}
	at(0, "")
	at(1, "trying", note)
	for i := 2; i < 13; i++ {
		at(i, "trying", note)
	}
	at(13, "", note)
	if got := strings.Count(out.String(), "trying"); got != 2 {
		t.Errorf("trouble is told %d times in 12 s:\n%s", got, out.String())
	}
	if got := strings.Count(out.String(), "connection lost"); got != 1 {
		t.Errorf("a note is told %d times:\n%s", got, out.String())
	}
	if got := strings.Count(out.String(), "7 of 10 taken"); got != 2 {
		t.Errorf("%d looks:\n%s", got, out.String())
	}
}
