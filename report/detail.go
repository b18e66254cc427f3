package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"spillway/assert"
	"spillway/outage"
)

// mostShown bounds lists in a text: more of the same says nothing new, and the JSON has them all.
const mostShown = 4

// detail tells everything that a person wants to know of one run.
func (p *page) detail(r assert.Result) {
	p.head(r)
	if r.Description != "" {
		p.hang("", Clean(r.Description, 0))
	}
	p.line("")
	p.field("target", target(r.Header.Target))
	p.field("responder", fmt.Sprintf("%s, seed %d, took %s", Clean(orWord(r.Header.Responder, "spillway"), 60), r.Header.Seed, seconds(r.Took)))
	p.suffering(r.Measures)
	p.field("diagnosis", diagnosis(r))
	p.field("", Clean(r.Measures.Finding, 0))
	p.field("times", times(r.Measures))
	p.field("slots", slots(r.Measures))
	p.remedy(r)
	p.field("settings", cleaned(r.Measures.Changed))
	p.field("held", held(r.Measures))
	p.field("harm", harm(r.Measures))
	for i, n := range r.Notes {
		p.field(first(i, "notes"), Clean(n, 300))
	}
	p.line("")
	p.checks(r)
	p.nothings(r)
}

func orWord(s, word string) string {
	if s == "" {
		return word
	}
	return s
}

// first labels only the first of several lines.
func first(i int, label string) string {
	if i == 0 {
		return label
	}
	return ""
}

func cleaned(lines []string) string {
	clean := make([]string, len(lines))
	for i, l := range lines {
		clean[i] = Clean(l, 120)
	}
	return strings.Join(clean, ", ")
}

// target says which Redis ran, and why when it was not the one asked for.
func target(t outage.Target) string {
	text := Clean(strings.TrimSpace(t.Product+" "+t.Version), 60)
	if t.Kind != "" {
		text += ", " + Clean(strings.TrimSpace(t.Kind+" "+t.Image), 100)
	}
	if t.Digest != "" {
		text += " (" + Clean(t.Digest, 19) + ")"
	}
	if t.Asked != "" && t.Asked != t.Image {
		text += ", asked for " + Clean(t.Asked, 60)
	}
	if t.Note != "" {
		text += "; " + Clean(t.Note, 200)
	}
	return strings.TrimPrefix(text, ", ")
}

// suffering tells how often clients were refused, and what they were told.
func (p *page) suffering(m assert.Measures) {
	redis := "Redis's own count is missing"
	if m.RejectedByRedis != nil {
		redis = fmt.Sprintf("Redis counted %d", *m.RejectedByRedis)
	}
	text := "nobody refused"
	if m.FirstRefusal != nil {
		text = fmt.Sprintf("%s and %s refused from %s on", plural(m.RefusedConnections, "connection", "connections"),
			plural(m.Refused-m.RefusedConnections, "request", "requests"), seconds(*m.FirstRefusal))
	}
	p.field("outage", text+"; "+redis)
	p.tally("Redis said", m.Refusals, func(k assert.Refusal) (string, bool) { return k.Said, k.Op != outage.OpRequest })
	p.tally("apps saw", m.Refusals, func(k assert.Refusal) (string, bool) { return k.Saw, k.Op == outage.OpRequest })
}

// tally counts refusals by a text of theirs: Redis speaks to connections, libraries to the application.
func (p *page) tally(label string, refusals []assert.Refusal, text func(assert.Refusal) (string, bool)) {
	counts := map[string]int{}
	for _, k := range refusals {
		if t, counted := text(k); counted {
			counts[t] += k.N
		}
	}
	texts := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(counts[b]-counts[a], strings.Compare(a, b))
	})
	for i, t := range texts {
		if i == mostShown {
			p.field("", fmt.Sprintf("%d more kinds", len(texts)-i))
			break
		}
		p.field(first(i, label), fmt.Sprintf("%d times %s", counts[t], quoted(t)))
	}
}

func quoted(s string) string {
	if s == "" {
		return "nothing"
	}
	return `"` + Clean(s, 100) + `"`
}

func diagnosis(r assert.Result) string {
	text := diagnosed(r)
	if r.Measures.Confidence > 0 {
		text += fmt.Sprintf(", confidence %.2f", r.Measures.Confidence)
	}
	if !builtin(r) {
		text += ": what the built-in responder would have said"
	}
	return text
}

func times(m assert.Measures) string {
	if m.Onset == nil {
		return ""
	}
	detect := "detected " + timeTo(m.TTD, nil)
	if m.Lead != nil {
		detect = "detected " + seconds(*m.Lead) + " before clients suffered"
	}
	return fmt.Sprintf("%s, mitigated %s, recovered %s, counted from %s", detect, timeTo(m.TTM, nil), timeTo(m.TTR, nil), seconds(*m.Onset))
}

func slots(m assert.Measures) string {
	if m.Snapshots == 0 {
		return "no snapshot could count them"
	}
	return fmt.Sprintf("peak %d of %d, at the end %d of %d", m.Peak, m.PeakLimit, m.FinalSlots, m.MaxClientsEnd)
}

// held tells how the connections that were open fared while new ones were refused.
func held(m assert.Measures) string {
	when := "while new ones were refused"
	if m.FirstRefusal == nil {
		when = "during the load"
	}
	parts := make([]string, len(m.Held))
	for i, h := range m.Held {
		parts[i] = fmt.Sprintf("%s %d of %d", Clean(h.Service, 40), h.OK, h.OK+h.Failed)
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, ", ") + " PINGs on open connections answered " + when
}

// harm tells what the response cost.
func harm(m assert.Measures) string {
	text := plural(m.Killed, "connection", "connections") + " killed"
	switch {
	case m.Collateral > 0:
		text += fmt.Sprintf(", %d healthy ones harmed", m.Collateral)
	case m.Killed > 0:
		text += ", none of them healthy"
	}
	if m.Interrupted > 0 {
		text += fmt.Sprintf("; %d failures of healthy clients during a planned restart", m.Interrupted)
	}
	return text
}

func (p *page) checks(r assert.Result) {
	for _, v := range r.Verdicts {
		switch {
		case v.Outcome == assert.Pass:
			p.hang("  "+pad(v.Check, 13, false)+"  ok    ", Clean(v.Got, 0))
		case v.Blocked != "":
		default:
			p.verdict(v)
		}
	}
	if len(r.Verdicts) == 0 {
		p.line("  no check was run")
	}
	p.blocked(r)
}
