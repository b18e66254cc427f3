package trials

import (
	"fmt"
	"slices"

	"spillway/assert"
	"spillway/diagnose"
	"spillway/outage"
	"spillway/scenarios"
)

// Score is what one trial comes to.
type Score struct {
	Trial string `json:"trial"` // its ID
	Seed  int64  `json:"seed"`
	// Responder is who answered; empty where the run had not begun.
	Responder string `json:"responder,omitempty"`
	Kind      string `json:"kind"`
	Healthy   bool   `json:"healthy,omitempty"`
	Disguise  string `json:"disguise"`
	Truth     Truth  `json:"truth"`
	// Inconclusive says why the trial says nothing, such as an outage that did not happen; then nothing else counts.
	Inconclusive string `json:"inconclusive,omitempty"`

	Run Answer  `json:"run"`           // the judged diagnosis of the run
	Two *Answer `json:"two,omitempty"` // two saved dumps; nil where the run had only one snapshot
	One *Answer `json:"one,omitempty"` // the later one alone
	// Outside is what was told without a slot; nil where the server was not full.
	Outside *Outsider `json:"outside,omitempty"`

	// Alarms are the causes that any diagnosis of a healthy trial named; there should be none.
	Alarms []string `json:"alarms,omitempty"`

	Delay *outage.Duration `json:"delay,omitempty"` // from the first refusal or failure to the first diagnosis that names the cause
	Lead  *outage.Duration `json:"lead,omitempty"`  // how long before it, where it was

	Collateral int  `json:"collateral"` // healthy connections that the responder closed
	Clears     bool `json:"clears"`     // the outage had to be cleared
	Cleared    bool `json:"cleared"`    // it was, and stayed clear for the hold

	Took outage.Duration `json:"took"`
	// Failed are the checks of the judge that did not pass, with what they got.
	Failed []string `json:"failed,omitempty"`
}

// First returns the cause that was named first, or nothing. What is named in passing of a healthy fleet counts too.
func (s Score) First() string {
	switch {
	case len(s.Alarms) > 0:
		return s.Alarms[0]
	case !s.Healthy && len(s.Run.Said) > 0 && s.Run.Said[0].Confidence >= certain:
		return string(s.Run.Said[0].Cause)
	}
	return string(scenarios.Nothing)
}

// Answer is what one diagnosis says, held against the truth.
type Answer struct {
	Said []Said `json:"said"` // most likely first
	// Right: the cause is named first; of two, both are the first two. Of a healthy fleet nothing is named.
	Right bool `json:"right"`
	Top2  bool `json:"top2"` // the cause is among the first two
	// Of the culprits: how many are truly, how many were named, how many of those rightly.
	Culprits int `json:"culprits"`
	Named    int `json:"named"`
	Hit      int `json:"hit"`
}

// Said is one finding.
type Said struct {
	Cause      outage.Cause `json:"cause"`
	Confidence float64      `json:"confidence"`
	Culprits   []string     `json:"culprits,omitempty"`
}

// certain is the confidence from which a finding names its cause; the judge's.
const certain = 0.5

// judged returns the look that counts; nil where nobody looked.
func (p Played) judged(t Trial) *Look {
	d := assert.Judged(t.Scenario, p.History)
	if d == nil {
		return nil
	}
	for i := len(p.Looks) - 1; i >= 0; i-- {
		if p.Looks[i].Diagnosis.At == d.At {
			return &p.Looks[i]
		}
	}
	return nil
}

// score holds what was played against the truth. dumps are one or two snapshots read back from files.
func (t Trial) score(p Played, dumps []outage.Snapshot) Score {
	result := assert.Check(t.Scenario, p.History)
	s := Score{
		Trial: t.ID(), Seed: t.Seed, Kind: t.Kind, Healthy: t.Healthy, Disguise: t.Disguise, Truth: t.Truth,
		Responder: p.History.Header.Responder,
		Delay:     result.Measures.TTD, Lead: result.Measures.Lead, Collateral: result.Measures.Collateral,
	}
	for _, v := range result.Verdicts {
		if v.Outcome != assert.Pass {
			s.Failed = append(s.Failed, fmt.Sprintf("%s %s: want %s, got %s", v.Check, v.Outcome, v.Want, v.Got))
		}
		if v.Check == "cleared" {
			s.Clears, s.Cleared = true, v.Outcome == assert.Pass
		}
	}
	look := p.judged(t)
	switch {
	case p.Err != nil:
		s.Inconclusive = "the rig broke: " + p.Err.Error()
	case look == nil:
		s.Inconclusive = "nobody looked"
	default:
		s.Inconclusive = t.unproven(result)
		if n := suffered(p.History); s.Inconclusive == "" && t.Healthy && n > 0 {
			s.Inconclusive = fmt.Sprintf("%d attempts failed, and nothing was to be wrong", n)
		}
	}
	if look == nil {
		return s
	}
	s.Run = t.answer(p.History, look.Diagnosis, look.Diagnosis.At)
	if t.Healthy {
		s.Alarms = alarms(p.Looks)
		s.Run.Right = len(s.Alarms) == 0
		s.Run.Top2 = s.Run.Right
	}
	s.Outside = t.fromOutside(p, look)
	if n := len(dumps); n > 0 {
		s.One = t.saved(p.History, look, dumps[n-1:])
		if n > 1 {
			s.Two = t.saved(p.History, look, dumps)
		}
	}
	return s
}

// unproven says why the trial did not put its question; empty when it did.
func (t Trial) unproven(result assert.Result) string {
	for _, v := range result.Verdicts {
		switch {
		case v.Check == "rig", v.Check == "premise" && v.Outcome != assert.Pass:
			return v.Check + ": " + v.Got
		case v.Check == "suffer" && v.Outcome != assert.Pass:
			return "clients did not suffer as drawn: " + v.Got
		case v.Check == "refusals" && v.Outcome != assert.Pass:
			return "clients were refused, and nothing was to be wrong: " + v.Got
		}
	}
	return ""
}

// suffered counts the attempts that did not end well.
func suffered(h outage.History) int {
	n := 0
	for _, e := range h.Events {
		if e.Attempt != nil && e.Attempt.Outcome != outage.OK {
			n += e.Attempt.N()
		}
	}
	return n
}

// saved diagnoses again, from files alone. They show less, and what they show is said less surely: what is named first
// counts, hint or not, and of a healthy fleet nothing may be named at all.
func (t Trial) saved(h outage.History, look *Look, dumps []outage.Snapshot) *Answer {
	a := t.answer(h, diagnose.Diagnose(dumps...), look.Diagnosis.At)
	a.Right, a.Top2 = t.first(a.Said), t.among(a.Said)
	return &a
}

// answer scores one diagnosis; at is when it was made, on the clock of the run.
func (t Trial) answer(h outage.History, d outage.Diagnosis, at outage.Duration) Answer {
	var a Answer
	blamed := assert.Blamed(t.Scenario, h, d.Findings, at)
	for i, f := range d.Findings {
		a.Said = append(a.Said, Said{f.Cause, f.Confidence, blamed[i]})
	}
	named := slices.DeleteFunc(slices.Clone(a.Said), func(s Said) bool { return s.Confidence < certain })
	a.Right, a.Top2 = t.first(named), t.among(named)
	a.Culprits = len(t.Truth.Culprits)
	for _, s := range a.Said {
		if s.Cause != t.Truth.Cause {
			continue
		}
		a.Named = len(s.Culprits)
		for _, c := range s.Culprits {
			if slices.Contains(t.Truth.Culprits, c) {
				a.Hit++
			}
		}
		break
	}
	return a
}

// first reports whether the causes come first.
func (t Trial) first(said []Said) bool {
	if t.Truth.Cause == scenarios.Nothing {
		return len(said) == 0
	}
	causes := append([]outage.Cause{t.Truth.Cause}, t.Truth.Also...)
	if len(said) < len(causes) {
		return false
	}
	for _, s := range said[:len(causes)] {
		if !slices.Contains(causes, s.Cause) {
			return false
		}
	}
	return true
}

// among reports whether the cause is one of the first two.
func (t Trial) among(said []Said) bool {
	if t.Truth.Cause == scenarios.Nothing {
		return len(said) == 0
	}
	return slices.ContainsFunc(said[:min(2, len(said))], func(s Said) bool { return s.Cause == t.Truth.Cause })
}

// alarms are the causes that any of the looks named.
func alarms(looks []Look) []string {
	var named []string
	for _, l := range looks {
		for _, f := range l.Diagnosis.Findings {
			if text := string(f.Cause); f.Confidence >= certain && !slices.Contains(named, text) {
				named = append(named, text)
			}
		}
	}
	return named
}
