package assert

import (
	"encoding/json"
	"fmt"

	"spillway/outage"
	"spillway/scenarios"
)

// check is one expectation: when it applies to a run, and what it comes to.
type check struct {
	name  string
	when  func(*run) bool
	judge func(*run) Verdict
	need  need
}

// need says what becomes of a verdict when the premise of the run does not hold.
type need int

const (
	always  need = iota // it does not depend on the premise
	premise             // it means nothing without it
	harm                // a failure is one anyway, a pass means nothing
)

// checks is everything that is judged of a run with a responder, in the order in which it is reported.
func checks() []check {
	return []check{
		{"premise", everyRun, premiseHolds, always},
		{"steady-before", hasSteady, steadyBefore, always},
		{"cause", byBuiltin, cause, premise},
		{"also", namesAlso, alsoNamed, premise},
		{"culprits", namesCulprits, culpritsNamed, premise},
		{"detect", limitsDetect, detect, premise},
		{"steady-during", hasSpared, steadyDuring, premise},
		{"actions", namesActions, actions, premise},
		{"mitigate", limitsMitigate, mitigate, premise},
		{"recover", limitsRecover, recovered, premise},
		{"cleared", definesCleared, cleared, premise},
		{"spared", wasPut, spared, premise},
		{"collateral", everyRun, collateral, harm},
		{"steady-after", wasHeld, steadyAfter, premise},
		{"fixed", wasFixed, fixed, premise},
		{"peak", boundsPeak, peak, harm},
		{"refusals", forbidsRefusals, refusals, harm},
		{"suffer", namesSuffer, suffer, premise},
	}
}

// controls is what is judged of a run without a responder.
func controls() []check {
	return []check{
		{"premise", everyRun, premiseHolds, always},
		{"control", everyRun, control, premise},
	}
}

// Check judges a run that somebody responded to. The names of cause and culprit, the time to detect and the kinds
// of action are judged only where the built-in responder ran; for others they are left out, not green.
func Check(s scenarios.Scenario, h outage.History) Result { return judge(s, h, checks()) }

// Control judges a run that nobody responded to: it passes when the outage lasted to the end. One that got well by
// itself is inconclusive, since then its scenario proves nothing about any responder.
func Control(s scenarios.Scenario, h outage.History) Result { return judge(s, h, controls()) }

// HasControl reports whether a run of s without a responder can show anything: only an outage can stay.
func HasControl(s scenarios.Scenario) bool { return refusalsWanted(s) > 0 || s.Until.Failures > 0 }

// Judge judges a saved history by the scenario in its own header, as a control when nobody responded.
func Judge(h outage.History) (Result, error) {
	var s scenarios.Scenario
	if err := json.Unmarshal(h.Header.Definition, &s); err != nil {
		return Result{}, fmt.Errorf("scenario in the history header: %w", err)
	}
	if h.Header.Responder == "none" {
		return Control(s, h), nil
	}
	return Check(s, h), nil
}

func judge(s scenarios.Scenario, h outage.History, list []check) Result {
	r := newRun(s, h)
	verdicts := r.verdicts(list)
	result := Result{
		Scenario: s.Name, Description: s.Description, File: s.File, Line: s.Line,
		Outcome: merge(verdicts), Verdicts: verdicts, Measures: r.m, Header: h.Header, Took: r.end(),
		Plan: r.carriedOut(),
	}
	result.Notes, result.Output = r.notes()
	r.explain(&result)
	return result
}

func (r *run) verdicts(list []check) []Verdict {
	var verdicts []Verdict
	unsound := r.unsound()
	if unsound != "" {
		verdicts = append(verdicts, Verdict{Check: "rig", Want: "a rig that works to the end", Got: unsound,
			Hint: "nothing can be concluded from this run: mend the rig and run it again"})
	}
	holds := true
	for _, c := range list {
		if !c.when(r) {
			continue
		}
		v := c.judge(r)
		v.Check = c.name
		if c.name == "premise" {
			holds = v.Outcome == Pass
		}
		switch {
		case unsound != "":
			v.block("rig")
		case !holds && (c.need == premise || c.need == harm && v.Outcome == Pass):
			v.block("premise")
		}
		verdicts = append(verdicts, v)
	}
	return verdicts
}

// block makes a verdict inconclusive for want of another. What was got stays, as information.
func (v *Verdict) block(by string) { v.Outcome, v.Hint, v.Blocked = Inconclusive, "", by }

func merge(verdicts []Verdict) Outcome {
	outcomes := make([]Outcome, len(verdicts))
	for i, v := range verdicts {
		outcomes[i] = v.Outcome
	}
	return Merge(outcomes...)
}

func passIf(ok bool) Outcome {
	if ok {
		return Pass
	}
	return Fail
}

// missing is the verdict where a measurement is not there.
func missing(want, got, hint string) Verdict { return lacking(Inconclusive, want, got, hint) }

func lacking(o Outcome, want, got, hint string) Verdict {
	return Verdict{Outcome: o, Want: want, Got: got, Hint: hint}
}
