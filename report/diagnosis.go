package report

import (
	"fmt"
	"io"

	"spillway/outage"
)

// Diagnosis writes a diagnosis as redis's own doctors do: numbered findings, numbers first, then what to type.
func Diagnosis(w io.Writer, d outage.Diagnosis, o Options) error {
	p := &page{o: o}
	p.diagnosis(d)
	return p.flush(w)
}

func (p *page) diagnosis(d outage.Diagnosis) {
	switch {
	case len(d.Findings) > 0:
		p.line("%s", p.paint(bold, state(d)))
		for i, f := range d.Findings {
			p.line("")
			p.finding(i+1, f)
		}
	case len(d.Unsure) > 0:
		p.line("%s", p.paint(yellow, "Cannot tell. "+state(d)))
	default:
		p.line("%s", p.paint(green, "Nothing is wrong. "+state(d)))
	}
	if len(d.Unsure) > 0 {
		p.line("")
	}
	for i, u := range d.Unsure {
		p.field(first(i, "missing"), Clean(u, 0))
	}
	if len(d.Unread) > 0 {
		p.line("")
	}
	for _, m := range d.Unread {
		p.hang("", Unread(m))
	}
}

// Unread says which command a server does not let us have, why, and what that costs.
func Unread(m outage.Missing) string {
	text := fmt.Sprintf("not allowed: %s (%s)", Clean(m.What, 60), Clean(m.Why, 200))
	if costs := m.Costs(); costs != "" {
		text += ", " + Clean(costs, 0)
	}
	return text
}

// state is how full Redis is, and whether it turns clients away.
func state(d outage.Diagnosis) string {
	text := plural(d.Slots, "connection", "connections") + ", limit unknown"
	if d.MaxClients > 0 {
		text = fmt.Sprintf("%d of %d connections (%d%%)", d.Slots, d.MaxClients, d.Slots*100/d.MaxClients)
	}
	if d.Rejecting {
		return text + ", clients are being refused."
	}
	return text + ", no refusals seen."
}

func (p *page) finding(n int, f outage.Finding) {
	p.hang(fmt.Sprintf("%d. ", n), fmt.Sprintf("%s, confidence %.2f", p.paint(bold, Clean(string(f.Cause), 40)), f.Confidence))
	p.hang("   ", Clean(f.Summary, 0))
	for i, c := range f.Culprits {
		if i == 2*mostShown {
			p.field("", fmt.Sprintf("%d more", len(f.Culprits)-i))
			break
		}
		p.field(first(i, "culprits"), culprit(c))
		p.certainty(c)
	}
	if f.Growth > 0 {
		p.field("growth", growth(f))
	}
	if f.Needed > 0 {
		p.field("maxclients", limits(f))
	}
	for i, e := range f.Evidence {
		p.field(first(i, "evidence"), Clean(e.Text, 0))
		if e.Command != "" {
			p.command("", e.Command)
		}
	}
	shown := map[string]bool{}
	for _, e := range f.Evidence {
		shown[e.Command] = true
	}
	label := "also"
	for _, c := range f.Commands {
		if !shown[c] {
			p.command(label, c)
			label = ""
		}
	}
}

func culprit(c outage.Culprit) string {
	text := plural(c.Connections, "connection", "connections") + " of " + Clean(c.Service, 60)
	if c.Addr != "" && c.Addr != c.Service {
		text += " at " + Clean(c.Addr, 60)
	}
	if c.Name != "" && c.Name != c.Service {
		text += ", named " + Clean(c.Name, 60)
	}
	return text
}

func growth(f outage.Finding) string {
	text := fmt.Sprintf("%.1f connections a second", f.Growth)
	if f.UntilFull > 0 {
		text += ", full in " + seconds(f.UntilFull)
	}
	return text
}

func limits(f outage.Finding) string {
	text := fmt.Sprintf("%d needed", f.Needed)
	if f.Effective > 0 {
		text += fmt.Sprintf(", %d in force", f.Effective)
	}
	if f.Asked > 0 && f.Asked != f.Effective {
		text += fmt.Sprintf(", %d asked for", f.Asked)
	}
	return text
}
