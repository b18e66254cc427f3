package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"spillway/assert"
	"spillway/outage"
)

// Status is how one running scenario stands.
type Status struct {
	Scenario   string
	Phase      outage.Phase
	Slots      int
	MaxClients int // the limit in force; 0 while it is not known
	Refusals   int
	Elapsed    time.Duration
}

// Progress shows running scenarios: on a terminal one block of lines that is drawn anew, a line for each; elsewhere
// a plain line whenever a scenario enters another phase. It is safe for concurrent use and has no goroutine.
type Progress struct {
	mu      sync.Mutex
	w       io.Writer
	tty     bool
	width   int
	running []Status
	drawn   int // lines of the block on the screen
}

// NewProgress makes a progress display on w; width 0 is 80 columns.
func NewProgress(w io.Writer, tty bool, width int) *Progress {
	if width <= 0 {
		width = defaultWidth
	}
	return &Progress{w: w, tty: tty, width: width}
}

// Update shows how a scenario stands.
func (p *Progress) Update(s Status) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := p.find(s.Scenario)
	changed := i < 0 || p.running[i].Phase != s.Phase
	if i < 0 {
		p.running = append(p.running, s)
	} else {
		p.running[i] = s
	}
	if p.tty {
		p.draw("")
	} else if changed {
		_, _ = fmt.Fprintln(p.w, strings.TrimSpace(p.status(s)))
	}
}

// Done takes a scenario off the display and leaves a line with its outcome.
func (p *Progress) Done(scenario string, outcome assert.Outcome) {
	p.mu.Lock()
	defer p.mu.Unlock()
	took := ""
	if i := p.find(scenario); i >= 0 {
		took = " after " + seconds(outage.Duration(p.running[i].Elapsed))
		p.running = slices.Delete(p.running, i, i+1)
	}
	line := fmt.Sprintf("%s  %s%s", Clean(scenario, 40), outcome, took)
	if p.tty {
		p.draw(line)
	} else {
		_, _ = fmt.Fprintln(p.w, line)
	}
}

// Close clears the display; what follows starts on a line of its own. The display can be used again after.
func (p *Progress) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = nil
	if p.tty {
		p.draw("")
	}
}

func (p *Progress) find(scenario string) int {
	return slices.IndexFunc(p.running, func(s Status) bool { return s.Scenario == scenario })
}

// draw replaces the block on the screen, after a line that stays above it. One write, so that it does not flicker.
func (p *Progress) draw(above string) {
	var b strings.Builder
	if p.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\r", p.drawn)
	}
	b.WriteString("\x1b[J")
	if above != "" {
		b.WriteString(above + "\n")
	}
	for _, s := range p.running {
		b.WriteString(p.status(s) + "\n")
	}
	p.drawn = len(p.running)
	_, _ = io.WriteString(p.w, b.String())
}

// status is a line that never wraps: a wrapped one would spoil the block.
func (p *Progress) status(s Status) string {
	limit := "?"
	if s.MaxClients > 0 {
		limit = fmt.Sprint(s.MaxClients)
	}
	line := fmt.Sprintf("%s  %s  %11s connected  %6d refused  %6s",
		pad(Clean(s.Scenario, 22), 22, false), pad(Clean(string(s.Phase), 8), 8, false), fmt.Sprintf("%d/%s", s.Slots, limit), s.Refusals, seconds(outage.Duration(s.Elapsed)))
	return Clean(line, max(p.width-1, 1))
}
