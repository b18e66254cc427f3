package report

import (
	"fmt"
	"io"
	"strings"

	"spillway/assert"
)

// summaryLimit is below the 1 MiB at which GitHub refuses a step's summary.
const summaryLimit = 1000 << 10

// Markdown writes a table of the results and, below, why those that did not pass did not: for a job summary or a document.
func Markdown(w io.Writer, results []assert.Result) error {
	var b strings.Builder
	fmt.Fprintln(&b, "| verdict | scenario | diagnosis | TTD | TTM | TTR | killed | collateral |")
	fmt.Fprintln(&b, "|---|---|---|--:|--:|--:|--:|--:|")
	list := judged(results)
	for _, r := range list {
		cells := row(r)
		for i, c := range cells {
			cells[i] = escapeMarkdown(c)
		}
		cells[verdictColumn] = mark(r.Outcome)
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
	}
	fmt.Fprintf(&b, "\n**%s**\n", total(results))
	for i, r := range list {
		if b.Len() > summaryLimit {
			fmt.Fprintf(&b, "\n%d more scenarios are not told here: this page would be too long.\n", len(list)-i)
			break
		}
		if r.Outcome != assert.Pass {
			explainMarkdown(&b, r)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func mark(o assert.Outcome) string {
	switch o {
	case assert.Pass:
		return "✅ pass"
	case assert.Fail:
		return "❌ **fail**"
	}
	return "❔ **inconclusive**"
}

func explainMarkdown(b *strings.Builder, r assert.Result) {
	fmt.Fprintf(b, "\n### %s: %s\n\n", r.Outcome, escapeMarkdown(Clean(r.Scenario, 60)))
	var blocked []string
	for _, v := range r.Verdicts {
		switch {
		case v.Outcome == assert.Pass:
		case v.Blocked == "rig": // the first verdict says that nothing was judged
		case v.Blocked != "":
			blocked = append(blocked, v.Check)
		default:
			fmt.Fprintf(b, "- **%s** (%s): wanted %s; got %s\n", v.Check, v.Outcome, escapeMarkdown(Clean(v.Want, 300)), escapeMarkdown(Clean(v.Got, 300)))
			if v.Hint != "" {
				fmt.Fprintf(b, "  - %s\n", escapeMarkdown(Clean(v.Hint, 800)))
			}
		}
	}
	if len(r.Verdicts) == 0 {
		fmt.Fprintln(b, "- no check was run")
	}
	if len(blocked) > 0 {
		fmt.Fprintf(b, "- not judged without the premise: %s\n", strings.Join(blocked, ", "))
	}
}

// markdownEscapes keep a name from becoming a link, an image, a tag or a new cell.
var markdownEscapes = strings.NewReplacer(
	`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "<", "&lt;", ">", "&gt;", "&", "&amp;",
	"|", `\|`, "~", `\~`, "#", `\#`, "!", `\!`,
)

func escapeMarkdown(s string) string { return markdownEscapes.Replace(s) }
