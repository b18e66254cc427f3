package report

import (
	"fmt"
	"math"
	"strings"
	"time"

	"spillway/outage"
	"spillway/watch"
)

// services writes the table of who holds the slots, in so many rows.
func (p *page) services(list []watch.Service, rows int) {
	if len(list) == 0 {
		return
	}
	shown := list
	if len(list) > rows {
		shown = list[:max(rows-1, 0)]
	}
	name := p.o.width() - 2 - 13 - 7 - 12
	p.line("")
	row := func(s style, service, connections, hosts, growth string) {
		line := fmt.Sprintf("  %s%s%s%s", pad(Clean(service, name-1), name, false), pad(connections, 13, true), pad(hosts, 7, true), pad(growth, 12, true))
		p.line("%s", p.paint(s, line))
	}
	row(dim, "service", "connections", "hosts", "growth")
	for _, s := range shown {
		row(growthStyle(s), s.Service, fmt.Sprint(s.Connections), fmt.Sprint(s.Hosts), growthOf(s.Growth))
	}
	if rest := list[len(shown):]; len(rest) > 0 {
		connections, growth := 0, 0.0
		for _, s := range rest {
			connections, growth = connections+s.Connections, growth+s.Growth
		}
		row(dim, fmt.Sprintf("… %d more", len(rest)), fmt.Sprint(connections), "", growthOf(growth))
	}
}

func growthStyle(s watch.Service) style {
	if s.Growth >= 0.5 {
		return yellow
	}
	return ""
}

// watchFindings writes what is wrong, or that nothing is, or why that cannot be told.
func (p *page) watchFindings(v watch.View) {
	if v.Verdict == "" {
		return
	}
	p.line("")
	switch v.Verdict {
	case watch.Healthy:
		p.line("  %s", p.paint(green, "nothing is wrong"))
	case watch.CannotTell:
		p.line("  %s", p.paint(yellow, "cannot tell whether anything is wrong"))
		for i, u := range v.Unsure {
			p.field(first(i, "missing"), Clean(u, 0))
		}
	}
	for i, f := range v.Findings {
		s := bold
		if !f.Sure {
			s = ""
		}
		p.line("%d. %s", i+1, p.paint(s, Clean(fmt.Sprintf("%s, %s, since %s", f.Cause, howSure(f), clock(v, f.Since)), p.o.width()-4)))
		p.hang("   ", Clean(f.Summary, 0))
		for j, c := range f.Culprits {
			if j == mostShown {
				p.field("", fmt.Sprintf("%d more", len(f.Culprits)-j))
				break
			}
			p.field(first(j, "culprits"), culprit(c))
		}
	}
}

func howSure(f watch.Finding) string {
	if f.Sure {
		return fmt.Sprintf("sure %.2f", f.Confidence)
	}
	return fmt.Sprintf("suspected %.2f", f.Confidence)
}

// whom names the services of a finding.
func whom(f watch.Finding) string {
	seen := map[string]bool{}
	var list []string
	for _, c := range f.Culprits {
		if !seen[c.Service] {
			seen[c.Service] = true
			list = append(list, c.Service)
		}
	}
	if len(list) == 0 {
		return ""
	}
	if len(list) > mostShown {
		list = append(list[:mostShown], fmt.Sprintf("%d more", len(list)-mostShown))
	}
	return ": " + names(list)
}

// next writes what to type, and what that will do.
func (p *page) next(v watch.View) {
	if len(v.Next) == 0 {
		return
	}
	p.line("")
	for i, line := range v.Next {
		p.line("  %s%s", p.paint(dim, pad(first(i, "type"), labelWidth, false)), p.paint(bold, Clean(line, 0)))
	}
	if v.Trouble != "" {
		return
	}
	for i, step := range v.Plan {
		p.line("  %s%s", p.paint(dim, pad(first(i, "plan"), labelWidth, false)), Clean(step, p.o.width()-2-labelWidth))
	}
}

// cost says what the watch takes from Redis.
func (p *page) cost(v watch.View) {
	c := v.Cost
	if c.By == "" {
		return
	}
	p.line("")
	bound := "1% at most"
	if c.Share > watch.Most { // it has just begun, or waiting counts too
		bound = "more than the 1% that it aims at"
	}
	text := fmt.Sprintf("%s of Redis a look, every %s: %s of its time, %s", took(c.Look), roughly(c.Every, true), percentage(c.Share), bound)
	if c.By == "clock" {
		text += ", by our own clock"
	}
	p.field("cost", text)
}

// notes writes what happened lately.
func (p *page) notes(v watch.View) {
	for _, n := range v.Notes {
		p.line("  %s", p.paint(dim, Clean(pad(clock(v, n.At), labelWidth, false)+n.Text, p.o.width()-2)))
	}
}

// roughly writes a time of a forecast with about two digits, rounded down or up: 8s, 1m50s, 25m, 3.5h, 12d.
func roughly(d outage.Duration, up bool) string {
	round := func(step time.Duration) time.Duration {
		t := d.Std().Truncate(step)
		if up && t < d.Std() {
			t += step
		}
		return t
	}
	switch t := d.Std(); {
	case t < time.Second:
		return fmt.Sprintf("%.1fs", round(100*time.Millisecond).Seconds())
	case t < 100*time.Second:
		return fmt.Sprintf("%ds", int(round(time.Second).Seconds()))
	case t < 10*time.Minute:
		r := round(10 * time.Second)
		return fmt.Sprintf("%dm%02ds", int(r.Minutes()), int(r.Seconds())%60)
	case t < 2*time.Hour:
		return fmt.Sprintf("%dm", int(round(time.Minute).Minutes()))
	case t < 48*time.Hour:
		return fmt.Sprintf("%.1fh", round(6*time.Minute).Hours())
	}
	return fmt.Sprintf("%dd", int(round(24*time.Hour).Hours()/24))
}

// unit is the number of seconds for which a rate is a number that one can imagine.
func unit(rate float64) float64 {
	switch {
	case math.Abs(rate) >= 0.1 || rate == 0:
		return 1
	case math.Abs(rate)*60 >= 0.1:
		return 60
	}
	return 3600
}

// perTime writes a rate by its unit.
func perTime(rate float64) string {
	return figure(rate*unit(rate)) + map[float64]string{1: " a second", 60: " a minute", 3600: " an hour"}[unit(rate)]
}

// growthOf is a rate as it stands in a table.
func growthOf(rate float64) string {
	text := perTime(rate)
	for long, short := range map[string]string{" a second": "/s", " a minute": "/min", " an hour": "/h"} {
		text = strings.Replace(text, long, short, 1)
	}
	switch {
	case rate == 0:
		return none
	case rate > 0:
		return "+" + text
	}
	return text
}

// figure writes a number with one decimal where that says anything.
func figure(n float64) string {
	if math.Abs(n) >= 99.95 {
		return fmt.Sprintf("%.0f", n)
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", n), ".0")
}

// took writes a time that a server spends.
func took(d outage.Duration) string {
	switch t := d.Std(); {
	case t < time.Millisecond:
		return fmt.Sprintf("%dµs", t.Microseconds())
	case t < time.Second:
		return fmt.Sprintf("%.1fms", float64(t.Microseconds())/1000)
	}
	return seconds(d)
}

func percentage(share float64) string {
	if share > 0 && share < 0.0001 {
		return "less than 0.01%"
	}
	return fmt.Sprintf("%.2f%%", share*100)
}

// columnsOf is the true width of a screen, however narrow.
func columnsOf(o Options) int {
	if o.Width <= 0 {
		return defaultWidth
	}
	return o.Width
}

// clip cuts a line that has been cleaned and coloured to a width.
func clip(line string, width int) string {
	var b strings.Builder
	n, escape, cut := 0, false, false
	for _, r := range line {
		switch {
		case r == '\x1b':
			escape = true
		case escape:
			escape = r != 'm'
		case cut:
			continue
		default:
			if n += runeColumns(r); n > width {
				cut = true
				continue
			}
		}
		b.WriteRune(r) // colours go on to their end
	}
	return b.String()
}
