package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"spillway/assert"
	"spillway/outage"
)

// page gathers a text and is written at once.
type page struct {
	bytes.Buffer
	o Options
}

func (p *page) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

func (p *page) flush(w io.Writer) error {
	_, err := p.WriteTo(w)
	return err
}

// style is a terminal's way to draw a text.
type style string

const (
	bold   style = "1"
	dim    style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
)

func (p *page) paint(s style, text string) string { return p.o.paint(s, text) }

func (o Options) paint(s style, text string) string {
	if !o.Color || text == "" || s == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

func styleOf(o assert.Outcome) style {
	switch o {
	case assert.Pass:
		return green
	case assert.Fail:
		return red
	}
	return yellow
}

// hang writes text after a label, and what does not fit below it.
func (p *page) hang(label, text string) {
	indent := columns(label)
	for i, l := range wrap(text, max(p.o.width()-indent, 20)) {
		if i == 0 {
			p.line("%s%s", label, l)
		} else {
			p.line("%s%s", strings.Repeat(" ", indent), l)
		}
	}
}

const labelWidth = 11

// field writes a labelled text of a detailed report; nothing when there is no text.
func (p *page) field(label, text string) {
	if text == "" {
		return
	}
	indent := strings.Repeat(" ", 2+labelWidth)
	for i, l := range wrap(text, max(p.o.width()-2-labelWidth, 20)) {
		if i == 0 {
			p.line("  %s%s", p.paint(dim, pad(label, labelWidth, false)), l)
		} else {
			p.line("%s%s", indent, l)
		}
	}
}

// seconds writes a time for people: 0.4s, 12.3s, 2m05s.
func seconds(d outage.Duration) string {
	t := d.Std().Round(100 * time.Millisecond)
	if t >= 100*time.Second {
		t = t.Round(time.Second)
		return fmt.Sprintf("%dm%02ds", int(t.Minutes()), int(t.Seconds())%60)
	}
	return fmt.Sprintf("%.1fs", t.Seconds())
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// names cleans and joins names.
func names(list []string) string {
	clean := make([]string, len(list))
	for i, n := range list {
		clean[i] = Clean(n, 60)
	}
	return strings.Join(clean, ", ")
}
