package report

import (
	"fmt"

	"spillway/assert"
	"spillway/outage"
)

// remedy tells what was done, with the commands, and whether it ends the cause or only buys time.
func (p *page) remedy(r assert.Result) {
	if r.Plan == nil {
		return
	}
	for i, a := range r.Plan.Actions {
		p.field(first(i, "remedy"), action(a))
		for j, c := range a.Commands {
			if j == mostShown {
				p.field("", fmt.Sprintf("  … %d more", len(a.Commands)-j))
				break
			}
			p.command("", c)
		}
	}
	if r.Plan.ReliefFor > 0 {
		p.field("relief", "for about "+seconds(r.Plan.ReliefFor)+" at this rate")
	}
	p.field("fix", Clean(r.Plan.Fix, 0))
	for i, l := range r.Plan.ConfLines {
		p.field(first(i, "redis.conf"), Clean(l, 0))
	}
	p.field("rewrite", Clean(r.Plan.Rewrite, 0))
	for i, l := range r.Plan.Warnings {
		p.field(first(i, "warning"), Clean(l, 0))
	}
}

// command writes a line to be copied: it is never broken.
func (p *page) command(label, c string) {
	p.line("  %s  %s", p.paint(dim, pad(label, labelWidth, false)), Clean(c, 0))
}

// action is one step in one sentence: what, what became of it, and what changed.
func action(a outage.Action) string {
	text := string(a.Kind)
	if a.State != outage.Planned && a.Kind != outage.Advise {
		text += " " + string(a.State)
		if a.At > 0 {
			text += " at " + seconds(a.At)
		}
	}
	if a.Param != "" {
		text += fmt.Sprintf(", %s %s -> %s", Clean(a.Param, 40), Clean(a.From, 40), Clean(a.To, 40))
	}
	if a.Result != "" {
		text += ": " + Clean(a.Result, 200)
	} else if a.Reason != "" {
		text += ": " + Clean(a.Reason, 200)
	}
	return text
}
