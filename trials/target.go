package trials

import "fmt"

// Target is one thing that a campaign must reach.
type Target struct {
	Name string `json:"name"`
	Want string `json:"want"`
	Got  string `json:"got"`
	Met  bool   `json:"met"`
}

// What a campaign must reach.
const (
	wantRight   = 0.99 // of the outages, right first
	wantEach    = 0.95 // of each kind
	wantCleared = 0.99
	wantSure    = 0.9 // of what was said at 0.9 or more
	mayBeVoid   = 0.02
)

// Targets holds a tally against what a campaign must reach. Of a sample, shares prove nothing: at most one trial may be
// wrong. What another responder did is measured, and is nobody's target but for the harm.
func (t Tally) Targets(sample bool) []Target {
	targets := []Target{
		{"false alarms", "0", fmt.Sprintf("%d in %d healthy trials", t.Alarms, t.Healthy.Of), t.Alarms == 0},
	}
	if t.builtin() {
		targets = append(targets, Target{"collateral", "0", fmt.Sprint(t.Collateral), t.Collateral == 0})
	}
	if sample {
		wrong := t.Outages.Of - t.Outages.N
		return append(targets, Target{"wrong", "at most 1", fmt.Sprintf("%d of %d outages", wrong, t.Outages.Of), wrong <= 1})
	}
	targets = append(targets, share("right first", t.Outages, wantRight))
	for _, k := range t.Kinds {
		if !k.Healthy && k.Right.Fraction() < wantEach {
			targets = append(targets, share("right first, "+k.Kind, k.Right, wantEach))
		}
	}
	if t.builtin() {
		targets = append(targets, share("cleared and still clear", t.Cleared, wantCleared))
	}
	return append(targets, share("right where it said 90 % or more", t.Sure, wantSure))
}

func (t Tally) builtin() bool { return t.Responder == "" || t.Responder == "spillway" }

func share(name string, s Share, want float64) Target {
	return Target{name, fmt.Sprintf("at least %.0f %%", want*100), s.String(), s.Fraction() >= want}
}

// String writes 496 of 500 (99.2 %).
func (s Share) String() string {
	if s.Of == 0 {
		return "none"
	}
	return fmt.Sprintf("%d of %d (%.1f %%)", s.N, s.Of, s.Fraction()*100)
}

// Short writes 22 of 23.
func (s Share) Short() string {
	if s.Of == 0 {
		return "none"
	}
	return fmt.Sprintf("%d of %d", s.N, s.Of)
}

// Sound reports whether enough trials put their question. One void trial of a few is no reason to call all of them so.
func (t Tally) Sound() bool {
	return t.Trials > 0 && t.Inconclusive < t.Trials && t.Inconclusive <= max(1, int(mayBeVoid*float64(t.Trials)))
}

// Met reports whether every target is.
func Met(targets []Target) bool {
	for _, t := range targets {
		if !t.Met {
			return false
		}
	}
	return true
}
