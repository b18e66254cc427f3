package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"spillway/outage"
	"spillway/watch"
)

// Watch writes a view for a reader who scrolls: all of it, commands in one piece.
func Watch(w io.Writer, v watch.View, o Options) error {
	_, err := io.WriteString(w, strings.Join(layout(v, o, 0), "\n")+"\n")
	return err
}

// WatchScreen returns a view as the lines of a terminal: none is wider than the width of o, and there are no more than height.
func WatchScreen(v watch.View, o Options, height int) []string {
	lines := layout(v, o, max(height, 1))
	lines = lines[:min(len(lines), max(height, 1))]
	for i, l := range lines {
		lines[i] = clip(l, columnsOf(o))
	}
	return lines
}

// WatchJSON writes a view as one line of JSON.
func WatchJSON(w io.Writer, v watch.View) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// WatchLine is a view in one line, for a log.
func WatchLine(v watch.View) string {
	parts := []string{clock(v, v.At)}
	if v.Trouble != "" {
		return Clean(parts[0]+"  "+v.Trouble, 0)
	}
	parts = append(parts, taken(v.Slots), full(v.Forecast))
	if v.Refused.PerSecond > 0 {
		parts = append(parts, fmt.Sprintf("%s refused a second", figure(v.Refused.PerSecond)))
	}
	for _, f := range v.Findings {
		parts = append(parts, fmt.Sprintf("%s (%s)%s", f.Cause, howSure(f), whom(f)))
	}
	return Clean(strings.Join(parts, "  "), 0)
}

// WatchNote is a note of a view as a line of a log.
func WatchNote(v watch.View, n watch.Note) string { return clock(v, n.At) + "  " + Clean(n.Text, 0) }

// most is the widest that text is written: longer lines are hard to follow.
const most = 120

// layout lays the parts of a view out below each other. Height 0 shows all of it; else the parts that can be cut are.
func layout(v watch.View, o Options, height int) []string {
	o.Width = min(o.width(), most)
	head := part(o, func(p *page) { p.watchHead(v) })
	findings := part(o, func(p *page) { p.watchFindings(v) })
	next := part(o, func(p *page) { p.next(v) })
	foot := part(o, func(p *page) { p.cost(v) })
	notes := part(o, func(p *page) { p.notes(v) })
	services := part(o, func(p *page) { p.services(v.Services, mostRows) })
	if height > 0 {
		left := height - len(head) - len(next) - len(foot)
		if len(findings)+len(services)+len(notes) > left {
			notes = notes[max(0, len(notes)-fewNotes):]
		}
		if rows := left - len(findings) - len(notes); len(services) > rows {
			services = part(o, func(p *page) { p.services(v.Services, max(rows-2, fewRows)) })
		}
		if rows := left - len(services) - len(notes); len(findings) > max(rows, 2) {
			notes = notes[max(0, len(notes)-1):]
			findings = findings[:min(len(findings), max(left-len(services)-len(notes), 3))]
		}
	}
	var lines []string
	for _, p := range [][]string{head, services, findings, next, foot, notes} {
		lines = append(lines, p...)
	}
	return lines
}

const (
	mostRows = 20 // of services
	fewRows  = 3
	fewNotes = 2
)

func part(o Options, write func(p *page)) []string {
	p := &page{o: o}
	write(p)
	if p.Len() == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(p.String(), "\n"), "\n")
}

// watchHead says whom, when, how full, and which way it goes.
func (p *page) watchHead(v watch.View) {
	title := Clean(strings.TrimSpace("spillway watch "+v.Target+"  "+v.Server), p.o.width()-12)
	p.line("%s%s", p.paint(bold, pad(title, p.o.width()-8, false)), clock(v, v.At))
	if v.Trouble != "" {
		text := Clean(v.Trouble, 0)
		if v.Verdict != "" {
			text += "; what follows is as it was at " + clock(v, v.LastSeen) + ", " + roughly(v.At-v.LastSeen, false) + " ago"
		}
		for _, l := range wrap(text, p.o.width()) {
			p.line("%s", p.paint(yellow, l))
		}
	}
	for _, l := range v.Outside {
		p.line("%s", Clean(l, p.o.width()))
	}
	if v.Verdict == "" {
		return // nothing was read yet
	}
	p.line("")
	p.field("slots", taken(v.Slots)+counted(v.Slots))
	p.bar(v)
	p.watchField("full", outlook(v.Forecast)+rate(v.Forecast), outlookStyle(v))
	p.watchField("refused", refused(v), refusedStyle(v))
}

func taken(s watch.Slots) string {
	if s.Limit == 0 {
		return fmt.Sprintf("%d taken, limit unknown", s.Taken)
	}
	return fmt.Sprintf("%d of %d taken (%d%%), %d free", s.Taken, s.Limit, s.Taken*100/s.Limit, s.Free)
}

// counted says what counts beside clients.
func counted(s watch.Slots) string {
	text := ""
	if s.Replicas > 0 {
		text += ", " + plural(s.Replicas, "replica", "replicas")
	}
	if s.Links > 0 {
		text += ", " + plural(s.Links, "cluster link", "cluster links")
	}
	if text != "" {
		text = fmt.Sprintf(": %s%s", plural(s.Clients, "client", "clients"), text)
	}
	return text
}

// bar draws how much of the limit is taken.
func (p *page) bar(v watch.View) {
	if v.Slots.Limit == 0 {
		return
	}
	width := p.o.width() - 2 - labelWidth
	full := min(width, (width*v.Slots.Taken+v.Slots.Limit-1)/v.Slots.Limit)
	p.line("%s%s%s", strings.Repeat(" ", 2+labelWidth), p.paint(fullness(v), strings.Repeat("█", full)), p.paint(dim, strings.Repeat("░", width-full)))
}

func fullness(v watch.View) style {
	switch {
	case v.Forecast.Outlook == watch.Full, v.Slots.Taken*100 >= v.Slots.Limit*95:
		return red
	case v.Forecast.Outlook == watch.Filling, v.Slots.Taken*100 >= v.Slots.Limit*80:
		return yellow
	}
	return green
}

// outlook says in a few words when it will be full.
func outlook(f watch.Forecast) string {
	switch f.Outlook {
	case watch.Full:
		return "now"
	case watch.Filling:
		return fmt.Sprintf("in %s to %s", roughly(f.Earliest, false), roughly(f.Latest, true))
	case watch.Steady:
		text := "not filling"
		if f.Why != "" {
			text += ": " + f.Why
		}
		return text + unlikely(f)
	}
	return "cannot tell: " + f.Why + unlikely(f)
}

// full is the outlook as part of a line.
func full(f watch.Forecast) string {
	switch f.Outlook {
	case watch.Full, watch.Filling:
		return "full " + outlook(f)
	case watch.Steady:
		return "not filling"
	}
	return "full: " + outlook(f)
}

func unlikely(f watch.Forecast) string {
	if f.Earliest.Seconds() < 1 || f.Why == "" {
		return ""
	}
	return "; not before " + roughly(f.Earliest, false) + " from now"
}

// rate says what the forecast rests on.
func rate(f watch.Forecast) string {
	switch {
	case f.Over == 0 || f.Outlook == watch.Full:
		return ""
	case f.Outlook == watch.Filling:
		return fmt.Sprintf(", at %s (%s to %s), as in the last %s", perTime(f.Rate), figure(f.Low*unit(f.Rate)), figure(f.High*unit(f.Rate)), roughly(f.Over, false))
	}
	return fmt.Sprintf(", %s in the last %s", perTime(f.Rate), roughly(f.Over, false))
}

func refused(v watch.View) string {
	if v.Refused.Total == 0 {
		return "nobody since " + clock(v, 0)
	}
	return fmt.Sprintf("%s, %d since %s", perTime(v.Refused.PerSecond), v.Refused.Total, clock(v, 0))
}

func refusedStyle(v watch.View) style {
	if v.Refused.PerSecond > 0 {
		return red
	}
	return ""
}

func outlookStyle(v watch.View) style {
	switch v.Forecast.Outlook {
	case watch.Full:
		return red
	case watch.Filling:
		return yellow
	}
	return ""
}

// watchField is a field whose text has a colour.
func (p *page) watchField(label, text string, s style) {
	for i, l := range wrap(text, p.o.width()-2-labelWidth) {
		if s != "" {
			l = p.paint(s, l)
		}
		p.line("  %s%s", p.paint(dim, pad(first(i, label), labelWidth, false)), l)
	}
}

// clock is the time on the wall at a time of the watch.
func clock(v watch.View, at outage.Duration) string {
	return v.Time.Add((at - v.At).Std()).Format(time.TimeOnly)
}
