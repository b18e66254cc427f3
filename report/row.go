package report

import (
	"strconv"

	"spillway/assert"
	"spillway/outage"
)

// none stands where there is nothing to show.
const none = "–"

// heads are the columns of the summary, in order; the first three hold words, the others numbers.
var heads = []string{"", "scenario", "diagnosis", "TTD", "TTM", "TTR", "kills", "harm"}

const (
	verdictColumn   = 0
	scenarioColumn  = 1
	diagnosisColumn = 2
	harmColumn      = 7
)

// row is a result as one line of the summary, cleaned.
func row(r assert.Result) []string {
	m := r.Measures
	return []string{
		r.Outcome.String(), Clean(r.Scenario, 40), diagnosed(r),
		timeTo(m.TTD, m.Lead), timeTo(m.TTM, nil), timeTo(m.TTR, nil),
		strconv.Itoa(m.Killed), strconv.Itoa(m.Collateral),
	}
}

// diagnosed names cause and culprits. In brackets it is what the built-in diagnosis would have told another responder.
func diagnosed(r assert.Result) string {
	m := r.Measures
	text := Clean(string(m.Cause), 40)
	switch {
	case m.Diagnoses == 0:
		return none
	case text == "":
		text = "nothing"
	case len(m.Culprits) > 0:
		text += ": " + names(m.Culprits)
	}
	if !builtin(r) {
		return "(" + text + ")"
	}
	return text
}

func builtin(r assert.Result) bool {
	return r.Header.Responder == "" || r.Header.Responder == "spillway"
}

// timeTo writes a time, negative when it came before clients suffered.
func timeTo(d, lead *outage.Duration) string {
	switch {
	case lead != nil:
		return "-" + seconds(*lead)
	case d == nil:
		return none
	}
	return seconds(*d)
}

// judged leaves out what was not run.
func judged(results []assert.Result) []assert.Result {
	var list []assert.Result
	for _, r := range results {
		if r.Skipped == "" {
			list = append(list, r)
		}
	}
	return list
}

// Outcome is the outcome of all results together, those not run left out.
func Outcome(results []assert.Result) assert.Outcome {
	var outcomes []assert.Outcome
	for _, r := range judged(results) {
		outcomes = append(outcomes, r.Outcome)
	}
	return assert.Merge(outcomes...)
}

// total sums up in one line: 9 scenarios: 7 pass, 1 fail, 1 inconclusive; 2 not run.
func total(results []assert.Result) string {
	count := map[assert.Outcome]int{}
	list := judged(results)
	for _, r := range list {
		count[r.Outcome]++
	}
	text := plural(len(list), "scenario", "scenarios") + ": "
	sep := ""
	for _, o := range []assert.Outcome{assert.Pass, assert.Fail, assert.Inconclusive} {
		if count[o] > 0 {
			text += sep + strconv.Itoa(count[o]) + " " + o.String()
			sep = ", "
		}
	}
	if len(list) == 0 {
		text = "no scenario was run: inconclusive"
	}
	if n := len(results) - len(list); n > 0 {
		text += "; " + strconv.Itoa(n) + " not run"
	}
	return text
}

// place is where a scenario stands, as file:line.
func place(r assert.Result) string {
	switch {
	case r.File == "":
		return ""
	case r.Line == 0:
		return Clean(r.File, 60)
	}
	return Clean(r.File, 60) + ":" + strconv.Itoa(r.Line)
}
