package main

import (
	"io"
	"os"
	"sync"

	"spillway/assert"
	"spillway/harness"
	"spillway/report"
)

// display is what a run shows on stderr while it lasts. What is said meanwhile stands above the lines that are drawn anew.
type display struct {
	mu       sync.Mutex
	quiet    bool
	drawn    bool
	progress *report.Progress
	hidden   string // the scenario that a person has to find out about
}

// hide keeps the name of a scenario back: it would give the cause away.
func (d *display) hide(scenario string) { d.hidden = scenario }

func (d *display) named(scenario string) string {
	if scenario == d.hidden {
		return "game day"
	}
	return scenario
}

func newDisplay(quiet bool) *display {
	drawn := isTerminal(os.Stderr) && !quiet
	out := io.Writer(os.Stderr)
	if quiet {
		out = io.Discard
	}
	return &display{quiet: quiet, drawn: drawn, progress: report.NewProgress(out, drawn, width(os.Stderr))}
}

func (d *display) update(s harness.Status) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s.Scenario = d.named(s.Scenario)
	d.progress.Update(report.Status(s))
}

func (d *display) done(scenario string, outcome assert.Outcome) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.progress.Done(d.named(scenario), outcome)
}

// note says what --quiet keeps back.
func (d *display) note(text string) {
	if !d.quiet {
		d.say(text)
	}
}

// say says what a person must see in any case.
func (d *display) say(text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.drawn {
		d.progress.Close() // what runs is drawn again as it goes on
	}
	complain("", text)
}

func (d *display) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.progress.Close()
}
