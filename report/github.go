package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"spillway/assert"
)

// GitHub Actions shows at most 10 errors of a step.
const mostAnnotations = 10

// GitHub writes an annotation for each scenario that did not pass, the failed ones first. Beyond ten, the last one
// counts those that GitHub would drop without a word.
func GitHub(w io.Writer, results []assert.Result) error {
	var bad []assert.Result
	for _, r := range judged(results) {
		if r.Outcome != assert.Pass {
			bad = append(bad, r)
		}
	}
	slices.SortStableFunc(bad, func(a, b assert.Result) int { return rank(a.Outcome) - rank(b.Outcome) })
	var more int
	if len(bad) > mostAnnotations {
		more = len(bad) - (mostAnnotations - 1)
		bad = bad[:mostAnnotations-1]
	}
	var b strings.Builder
	for _, r := range bad {
		fmt.Fprintln(&b, annotation(r))
	}
	if more > 0 {
		fmt.Fprintf(&b, "::error title=spillway::%d more scenarios did not pass\n", more)
	}
	if len(judged(results)) == 0 {
		fmt.Fprintln(&b, "::error title=spillway::no scenario was run")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func rank(o assert.Outcome) int {
	if o == assert.Fail {
		return 0
	}
	return 1
}

func annotation(r assert.Result) string {
	var params []string
	if r.File != "" {
		params = append(params, "file="+escapeProperty(Clean(r.File, 0)))
	}
	if r.File != "" && r.Line > 0 {
		params = append(params, fmt.Sprintf("line=%d", r.Line))
	}
	params = append(params, "title="+escapeProperty(r.Outcome.String()+": "+Clean(r.Scenario, 60)))
	var lines []string
	for _, v := range r.Verdicts {
		if v.Outcome == assert.Pass || v.Blocked != "" {
			continue
		}
		lines = append(lines, fmt.Sprintf("%s: wanted %s, got %s", Clean(v.Check, 20), Clean(v.Want, 200), Clean(v.Got, 200)))
		if v.Hint != "" {
			lines = append(lines, "  hint: "+Clean(v.Hint, 800))
		}
	}
	if len(lines) == 0 {
		lines = []string{"no check was run"}
	}
	return "::error " + strings.Join(params, ",") + "::" + escapeData(strings.Join(lines, "\n"))
}

var (
	dataEscapes     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	propertyEscapes = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func escapeData(s string) string     { return dataEscapes.Replace(s) }
func escapeProperty(s string) string { return propertyEscapes.Replace(s) }
