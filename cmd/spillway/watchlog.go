package main

import (
	"fmt"
	"io"

	"spillway/outage"
	"spillway/report"
	"spillway/watch"
)

// logged writes a line a look, where there is no screen to draw on.
type logged struct {
	out     io.Writer
	json    bool
	trouble string // the latest, and when it was written
	told    outage.Duration
	noted   outage.Duration // the notes up to then are written
}

func (l *logged) show(v watch.View) error {
	if v.Trouble != "" && v.Trouble == l.trouble && v.At-l.told < troubleEvery {
		return nil
	}
	l.trouble, l.told = v.Trouble, v.At
	if l.json {
		return report.WatchJSON(l.out, v)
	}
	for _, note := range v.Notes {
		if note.At > l.noted {
			if _, err := fmt.Fprintln(l.out, report.WatchNote(v, note)); err != nil {
				return err
			}
			l.noted = note.At
		}
	}
	_, err := fmt.Fprintln(l.out, report.WatchLine(v))
	return err
}
