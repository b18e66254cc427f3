package report

import (
	"io"
	"slices"
	"strings"

	"spillway/assert"
)

// Text writes what a person reads in ten seconds: a line for each scenario, below it why those that did not pass did
// not, and one line for the whole. A single result is told in detail instead.
func Text(w io.Writer, results []assert.Result, o Options) error {
	p := &page{o: o}
	switch list := judged(results); {
	case len(list) == 1:
		p.detail(list[0])
	case len(list) > 1:
		p.table(list)
		for _, r := range list {
			if r.Outcome != assert.Pass {
				p.line("")
				p.trouble(r)
			}
		}
	}
	if len(results) != 1 {
		if p.Len() > 0 {
			p.line("")
		}
		p.line("%s", p.paint(bold, total(results)))
	}
	return p.flush(w)
}

// table writes the rows. Every column is as wide as what it holds; the diagnosis gives way when that is too much.
func (p *page) table(results []assert.Result) {
	rows := [][]string{heads}
	for _, r := range results {
		rows = append(rows, row(r))
	}
	widths := make([]int, len(heads))
	for _, cells := range rows {
		for i, cell := range cells {
			widths[i] = max(widths[i], columns(cell))
		}
	}
	numbers := len(heads) - 1 - diagnosisColumn
	spare := p.o.width() - 2*diagnosisColumn
	for _, width := range widths {
		spare -= width
	}
	gap := "  "
	if spare < 2*numbers {
		gap = " "
	}
	spare -= len(gap) * numbers
	for _, i := range []int{diagnosisColumn, scenarioColumn} {
		if spare < 0 {
			narrow := max(10, widths[i]+spare)
			spare += widths[i] - narrow
			widths[i] = narrow
		}
	}
	for i, cells := range rows {
		p.row(cells, widths, gap, i == 0)
	}
}

func (p *page) row(cells []string, widths []int, gap string, head bool) {
	var b strings.Builder
	for i, cell := range cells {
		if i > diagnosisColumn {
			b.WriteString(gap)
		} else if i > 0 {
			b.WriteString("  ")
		}
		text := Clean(cell, widths[i])
		if i < len(cells)-1 || i > diagnosisColumn {
			text = pad(text, widths[i], i > diagnosisColumn)
		}
		switch {
		case head:
			text = p.paint(dim, text)
		case i == verdictColumn:
			text = p.paint(styleOf(outcomeOf(cell)), text)
		case i == harmColumn && cell != "0":
			text = p.paint(red, text)
		}
		b.WriteString(text)
	}
	p.line("%s", strings.TrimRight(b.String(), " "))
}

func outcomeOf(word string) assert.Outcome {
	var o assert.Outcome
	_ = o.UnmarshalText([]byte(word))
	return o
}

// trouble tells why a result is not a pass.
func (p *page) trouble(r assert.Result) {
	p.head(r)
	if len(r.Verdicts) == 0 {
		p.line("  no check was run")
	}
	for _, v := range r.Verdicts {
		if v.Outcome != assert.Pass && v.Blocked == "" {
			p.verdict(v)
		}
	}
	p.blocked(r)
	p.nothings(r)
}

func (p *page) head(r assert.Result) {
	text := p.paint(styleOf(r.Outcome), r.Outcome.String()) + "  " + p.paint(bold, Clean(r.Scenario, 40))
	if where := place(r); where != "" {
		text += "  " + p.paint(dim, where)
	}
	p.line("%s", text)
}

// verdict writes what was wanted and got, one below the other, so that long texts stay readable.
func (p *page) verdict(v assert.Verdict) {
	label := "  " + pad(v.Check, 13, false) + "  "
	p.hang(label+"want  ", Clean(v.Want, 0))
	label = strings.Repeat(" ", columns(label))
	p.hang(label+"got   ", Clean(v.Got, 0))
	if v.Hint != "" {
		p.hang(label+"hint  ", Clean(v.Hint, 0))
	}
}

// blocked lists what could not be judged for want of the premise. Without a rig that is everything, and said once.
func (p *page) blocked(r assert.Result) {
	var waiting []string
	for _, v := range r.Verdicts {
		if v.Blocked != "" && v.Blocked != "rig" {
			waiting = append(waiting, v.Check)
		}
	}
	if len(waiting) > 0 {
		p.hang("  not judged     ", strings.Join(waiting, ", ")+": they need the premise")
	}
}

// nothings lists what a responder typed to no effect, as far as no hint has said it.
func (p *page) nothings(r assert.Result) {
	for _, l := range r.Ineffective {
		if !slices.ContainsFunc(r.Verdicts, func(v assert.Verdict) bool { return strings.Contains(v.Hint, l) }) {
			p.hang("  no effect      ", Clean(l, 0))
		}
	}
}
