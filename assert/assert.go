// Package assert is the judge: it holds a scenario against the history of its run and says, expectation by
// expectation, pass, fail or inconclusive, with what was wanted and what was got.
//
// It has two witnesses, what Redis showed in its snapshots and what the clients suffered in their attempts, and
// it stands behind everything that acts:
//
//	Scenario × History -> Verdicts -> report
//
// The package is pure: it starts nothing, reads no clock and no file, and reaches the same verdicts from a saved
// history years later. It refuses to call anything green that was not seen: where the outage did not happen, the
// rig broke or a witness is missing, the verdict is Inconclusive and says what is missing.
package assert

import (
	"fmt"
	"strings"

	"spillway/outage"
)

// Outcome is what a verdict comes to. The zero value is Inconclusive: a check that did not run is never green.
type Outcome int

// The outcomes, least certain first.
const (
	Inconclusive Outcome = iota
	Fail
	Pass
)

var outcomeWords = [...]string{Inconclusive: "inconclusive", Fail: "fail", Pass: "pass"}

// String returns pass, fail or inconclusive.
func (o Outcome) String() string {
	if o < 0 || int(o) >= len(outcomeWords) {
		return outcomeWords[Inconclusive]
	}
	return outcomeWords[o]
}

// MarshalText writes o as String does.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (o *Outcome) UnmarshalText(text []byte) error {
	for i, word := range outcomeWords {
		if string(text) == word {
			*o = Outcome(i)
			return nil
		}
	}
	return fmt.Errorf("%q is no outcome: want one of %s", text, strings.Join(outcomeWords[:], ", "))
}

// Merge returns the outcome of the whole: one fail makes it fail, else one inconclusive makes it inconclusive.
// Nothing at all is inconclusive.
func Merge(outcomes ...Outcome) Outcome {
	merged := Inconclusive
	if len(outcomes) > 0 {
		merged = Pass
	}
	for _, o := range outcomes {
		if o == Fail {
			return Fail
		}
		if o != Pass {
			merged = Inconclusive
		}
	}
	return merged
}

// Verdict is the answer to one expectation.
type Verdict struct {
	// Check is the stable name of the check: premise, cause, also, culprits, detect, mitigate, recover, actions, cleared,
	// spared, collateral, steady-before, steady-during, steady-after, peak, refusals, suffer, control or rig.
	Check   string  `json:"check"`
	Outcome Outcome `json:"outcome"`
	Want    string  `json:"want"`
	Got     string  `json:"got"`
	// Hint says what to look at, where that is not plain from Want and Got.
	Hint string `json:"hint,omitempty"`
	// Blocked names the verdict without which this one could not be reached, such as premise; else it is empty.
	Blocked string `json:"blocked,omitempty"`
}

// Result is the judgement of one run of one scenario.
type Result struct {
	Scenario    string `json:"scenario"`
	Description string `json:"description,omitempty"`
	File        string `json:"file,omitempty"`
	Line        int    `json:"line,omitempty"`
	// Skipped says why the scenario was not run, such as "not selected"; such a result has no verdicts and no outcome.
	Skipped  string        `json:"skipped,omitempty"`
	Outcome  Outcome       `json:"outcome"`
	Verdicts []Verdict     `json:"verdicts"`
	Measures Measures      `json:"measures"`
	Header   outage.Header `json:"header"`
	// Took is how long the run lasted on its own clock.
	Took outage.Duration `json:"took"`
	// Plan is the remedy with what became of each action; nil when nothing was planned. Victims are counted in the
	// action's Result and not listed.
	Plan *outage.Plan `json:"plan,omitempty"`
	// Ineffective are lines about what an exec or human responder typed to no effect, and why.
	Ineffective []string `json:"ineffective,omitempty"`
	// Notes are what the rig had to say, Output what the responder printed.
	Notes  []string `json:"notes,omitempty"`
	Output []string `json:"output,omitempty"`
}
