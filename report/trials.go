package report

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

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
	fmt.Fprintf(&b, "%s\n\n", played(r.Tally))
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
	fmt.Fprintf(&b, "### %s\n\n", escapeMarkdown(played(r.Tally)))
	figures := [][]string{{"measure", "value"}}
	for _, line := range trialFigures(r) {
		figures = append(figures, line[:])
	}
	markdownRows(&b, figures)
	for _, rows := range [][][]string{withInstead(kindRows(r.Tally), r.Tally), disguiseRows(r.Tally), calibrationRows(r.Tally)} {
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

// played says what was played.
func played(t trials.Tally) string {
	seeds := "no seed"
	for i, s := range t.Seeds {
		switch {
		case i == 0 && len(t.Seeds) == 1:
			seeds = fmt.Sprint("seed ", s)
		case i == 0:
			seeds = fmt.Sprint("seeds ", s)
		case i == len(t.Seeds)-1:
			seeds += fmt.Sprint(" and ", s)
		default:
			seeds += fmt.Sprint(", ", s)
		}
	}
	return fmt.Sprintf("%d trials of %s, responder %s", t.Trials, seeds, Clean(cmp.Or(t.Responder, "not kept"), 80))
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

// namedRows is the confusion matrix without its empty cells: most often named first.
func namedRows(t trials.Tally) [][]string {
	rows := [][]string{{"true", "named"}}
	for _, k := range t.Kinds {
		rows = append(rows, []string{k.Kind, mostFirst(t.Matrix[k.Kind])})
	}
	return rows
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

// withInstead adds a column to the rows of kinds: what was named first where the answer was wrong. With what was right that is the
// confusion matrix, of which most cells are empty.
func withInstead(rows [][]string, t trials.Tally) [][]string {
	named := map[string]map[string]int{}
	for _, s := range t.Wrong {
		if s.Run.Right {
			continue // but harmful, or not cleared
		}
		if named[s.Kind] == nil {
			named[s.Kind] = map[string]int{}
		}
		named[s.Kind][s.First()]++
	}
	rows[0] = append(rows[0], "named first instead")
	for i, k := range t.Kinds {
		rows[i+1] = append(rows[i+1], mostFirst(named[k.Kind]))
	}
	return rows
}

// mostFirst writes what was named how often, most often first.
func mostFirst(named map[string]int) string {
	said := slices.SortedFunc(maps.Keys(named), func(a, b string) int {
		return cmp.Or(cmp.Compare(named[b], named[a]), cmp.Compare(a, b))
	})
	for i, s := range said {
		said[i] = fmt.Sprintf("%d %s", named[s], s)
	}
	return strings.Join(said, ", ")
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
			if len(t.Seeds) > 1 {
				fmt.Fprintf(b, "  %3d", s.Seed)
			}
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
