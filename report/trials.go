package report

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"spillway/outage"
	"spillway/scenarios"
	"spillway/trials"
)

// Trials is what a campaign of trials reports.
type Trials struct {
	trials.Tally
	Targets []trials.Target `json:"targets"`
	// Sample says that these were too few for the targets of a campaign.
	Sample bool `json:"sample,omitempty"`
}

// TrialsText writes a campaign for a terminal: the sums, the matrix, what was wrong, the targets.
func TrialsText(w io.Writer, r Trials) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d trials of seed %d, responder %s\n\n", r.Trials, r.Seed, Clean(r.Responder, 80))
	for _, line := range trialFigures(r) {
		fmt.Fprintf(&b, "  %-28s %s\n", line[0], line[1])
	}
	for _, t := range []struct {
		title string
		rows  [][]string
	}{
		{"What was named first, by what was true", namedRows(r.Tally)},
		{"Right, by kind", kindRows(r.Tally)},
		{"By how services show who they are", disguiseRows(r.Tally)},
		{"Calibration", calibrationRows(r.Tally)},
	} {
		fmt.Fprintf(&b, "\n%s\n\n", t.title)
		alignRows(&b, t.rows)
	}
	wrongText(&b, r.Tally)
	b.WriteString("\n")
	if r.Sample {
		b.WriteString("A sample: too few for shares, so at most one may be wrong.\n")
	}
	for _, t := range r.Targets {
		fmt.Fprintf(&b, "%-4s  %s: want %s, got %s\n", met(t), t.Name, t.Want, t.Got)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// TrialsMarkdown writes the same as tables.
func TrialsMarkdown(w io.Writer, r Trials) error {
	var b strings.Builder
	fmt.Fprintf(&b, "### %d trials of seed %d, responder %s\n\n", r.Trials, r.Seed, escapeMarkdown(Clean(r.Responder, 80)))
	figures := [][]string{{"measure", "value"}}
	for _, line := range trialFigures(r) {
		figures = append(figures, line[:])
	}
	markdownRows(&b, figures)
	for _, rows := range [][][]string{matrixRows(r.Tally), kindRows(r.Tally), disguiseRows(r.Tally), calibrationRows(r.Tally)} {
		b.WriteString("\n")
		markdownRows(&b, rows)
	}
	b.WriteString("\n")
	targets := [][]string{{"", "target", "want", "got"}}
	for _, t := range r.Targets {
		targets = append(targets, []string{met(t), t.Name, t.Want, t.Got})
	}
	markdownRows(&b, targets)
	_, err := io.WriteString(w, b.String())
	return err
}

func met(t trials.Target) string {
	if t.Met {
		return "pass"
	}
	return "fail"
}

// trialFigures are the sums, one a line.
func trialFigures(r Trials) [][2]string {
	lines := [][2]string{
		{"right first", withBounds(r.Outages)},
		{"right among the first two", withBounds(r.Top2)},
		{"healthy and silent", withBounds(r.Healthy)},
		{"culprits: precision", withBounds(r.Precision)},
		{"culprits: recall", withBounds(r.Recall)},
		{"detected after", delays(r.Delay)},
		{"detected before", delays(r.Lead)},
		{"cleared and still clear", withBounds(r.Cleared)},
		{"healthy connections closed", strconv.Itoa(r.Collateral)},
		{"right in the run", withBounds(r.InRun)},
		{"right from two dumps", withBounds(r.TwoDumps)},
		{"right from one dump", withBounds(r.OneDump)},
		{"from outside: cause right", withBounds(r.Outside.Right)},
		{"from outside: precision", withBounds(r.Outside.Precision)},
	}
	if r.Inconclusive > 0 {
		lines = append(lines, [2]string{"inconclusive", fmt.Sprintf("%d, counted nowhere else", r.Inconclusive)})
	}
	return lines
}

// withBounds writes a share with its Wilson interval.
func withBounds(s trials.Share) string {
	if s.Of == 0 {
		return none
	}
	low, high := s.Wilson()
	return fmt.Sprintf("%s, %.1f to %.1f", s, low*100, high*100)
}

func delays(t trials.Times) string {
	if t.N == 0 {
		return none
	}
	return fmt.Sprintf("%s in the middle, %s for 90 %%, %s at most, of %d", seconds(t.Median), seconds(t.P90), seconds(t.Most), t.N)
}

// matrixRows has a row for each kind and a column for each cause that was named; an empty cell is 0.
func matrixRows(t trials.Tally) [][]string {
	columns := map[string]bool{}
	for _, row := range t.Matrix {
		for said := range row {
			columns[said] = true
		}
	}
	var heads []string
	for _, c := range append(causeWords(), string(scenarios.Nothing)) {
		if columns[c] {
			heads = append(heads, c)
			delete(columns, c)
		}
	}
	heads = append(heads, slices.Sorted(maps.Keys(columns))...)
	rows := [][]string{append([]string{"true, named"}, heads...)}
	for _, k := range t.Kinds {
		row := []string{k.Kind}
		for _, said := range heads {
			cell := ""
			if n := t.Matrix[k.Kind][said]; n > 0 {
				cell = strconv.Itoa(n)
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	return rows
}

// namedRows has the same without its empty cells, which fits a terminal: most often named first.
func namedRows(t trials.Tally) [][]string {
	rows := [][]string{{"true", "named"}}
	for _, k := range t.Kinds {
		row := t.Matrix[k.Kind]
		said := slices.SortedFunc(maps.Keys(row), func(a, b string) int {
			return cmp.Or(cmp.Compare(row[b], row[a]), cmp.Compare(a, b))
		})
		var parts []string
		for _, s := range said {
			parts = append(parts, fmt.Sprintf("%d %s", row[s], s))
		}
		rows = append(rows, []string{k.Kind, strings.Join(parts, ", ")})
	}
	return rows
}

func causeWords() []string {
	var words []string
	for _, c := range outage.Causes() {
		words = append(words, string(c.Word))
	}
	return words
}

func kindRows(t trials.Tally) [][]string {
	rows := [][]string{{"kind", "right", "95 % interval", "two dumps", "one dump", "outside", "blamed", "inconclusive"}}
	for _, k := range t.Kinds {
		low, high := k.Right.Wilson()
		bounds := fmt.Sprintf("%.1f to %.1f", low*100, high*100)
		if k.Right.Of == 0 {
			bounds = none
		}
		rows = append(rows, []string{k.Kind, k.Right.String(), bounds, k.TwoDumps.Short(), k.OneDump.Short(), k.Outside.Right.Short(), k.Outside.Precision.Short(), strconv.Itoa(k.Inconclusive)})
	}
	return rows
}

func disguiseRows(t trials.Tally) [][]string {
	rows := [][]string{{"names", "right first", "culprit precision", "culprit recall"}}
	for _, d := range t.Disguises {
		rows = append(rows, []string{d.Disguise, d.Right.String(), d.Precision.String(), d.Recall.String()})
	}
	return rows
}

func calibrationRows(t trials.Tally) [][]string {
	rows := [][]string{{"said", "on average", "was right"}}
	for i, b := range t.Calibration {
		to := 1.0
		if i+1 < len(t.Calibration) {
			to = t.Calibration[i+1].Least
		}
		mean := none
		if b.Right.Of > 0 {
			mean = fmt.Sprintf("%.2f", b.Mean)
		}
		rows = append(rows, []string{fmt.Sprintf("%.1f to %.1f", b.Least, to), mean, b.Right.String()})
	}
	return rows
}

// wrongText lists the trials to look at.
func wrongText(b *strings.Builder, t trials.Tally) {
	for _, list := range []struct {
		title  string
		scores []trials.Score
	}{{"Wrong", t.Wrong}, {"Inconclusive", t.Void}} {
		if len(list.scores) == 0 {
			continue
		}
		fmt.Fprintf(b, "\n%s\n\n", list.title)
		for _, s := range list.scores {
			fmt.Fprintf(b, "  %-5s %-20s %-10s %s\n", s.Trial, s.Kind, s.Disguise, Clean(WhyWrong(s), 160))
		}
	}
}

// WhyWrong says in a line what was not as it should be; empty where all was.
func WhyWrong(s trials.Score) string {
	if s.Inconclusive != "" {
		return s.Inconclusive
	}
	var parts []string
	switch {
	case len(s.Alarms) > 0:
		parts = append(parts, "alarms: "+strings.Join(s.Alarms, ", "))
	case !s.Run.Right:
		parts = append(parts, "said "+saidText(s.Run))
	}
	if s.Collateral > 0 {
		parts = append(parts, fmt.Sprintf("%d healthy connections closed", s.Collateral))
	}
	if s.Clears && !s.Cleared {
		parts = append(parts, "not cleared")
	}
	return strings.Join(parts, "; ")
}

func saidText(a trials.Answer) string {
	if len(a.Said) == 0 {
		return "nothing"
	}
	var parts []string
	for _, s := range a.Said {
		parts = append(parts, fmt.Sprintf("%s (%.2f)", s.Cause, s.Confidence))
	}
	return strings.Join(parts, ", ")
}

// alignRows writes rows as columns, the first line as heads.
func alignRows(b *strings.Builder, rows [][]string) {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	for _, row := range rows {
		line := " "
		for i, cell := range row {
			line += " " + cell + strings.Repeat(" ", widths[i]-len([]rune(cell))+1)
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}

func markdownRows(b *strings.Builder, rows [][]string) {
	for i, row := range rows {
		cells := make([]string, len(row))
		for j, cell := range row {
			cells[j] = escapeMarkdown(cell)
		}
		fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
		if i == 0 {
			b.WriteString(strings.Repeat("| --- ", len(row)) + "|\n")
		}
	}
}

// TrialsJSON writes it for programs.
func TrialsJSON(w io.Writer, r Trials) error { return Encode(w, r) }
