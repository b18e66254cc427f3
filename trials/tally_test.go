package trials

import (
	"math"
	"testing"

	"spillway/outage"
	"spillway/scenarios"
)

// TestWilson holds the interval against published values.
func TestWilson(t *testing.T) {
	for _, test := range []struct {
		n, of     int
		low, high float64
	}{
		{0, 10, 0, 0.2775}, {10, 10, 0.7225, 1}, {5, 10, 0.2366, 0.7634}, {81, 263, 0.2553, 0.3662}, {15, 148, 0.0624, 0.1605}, // Newcombe 1998
		{495, 500, 0.9768, 0.9957}, {0, 0, 0, 1},
	} {
		low, high := Share{test.n, test.of}.Wilson()
		if math.Abs(low-test.low) > 0.0001 || math.Abs(high-test.high) > 0.0001 {
			t.Errorf("%d of %d: %.4f to %.4f, want %.4f to %.4f", test.n, test.of, low, high, test.low, test.high)
		}
	}
}

func score(kind string, truth outage.Cause, said outage.Cause, confidence float64) Score {
	s := Score{Kind: kind, Disguise: "named", Truth: Truth{Cause: truth}, Healthy: truth == scenarios.Nothing}
	if said != "" {
		s.Run.Said = []Said{{Cause: said, Confidence: confidence}}
	}
	s.Run.Right = said == truth && confidence >= certain || truth == scenarios.Nothing && said == ""
	s.Run.Top2 = s.Run.Right
	if s.Healthy && said != "" {
		s.Alarms = []string{string(said)}
	}
	return s
}

func TestCount(t *testing.T) {
	leak, low := outage.ConnectionLeak, outage.MaxclientsTooLow
	cleared := score("connection-leak", leak, leak, 0.95)
	cleared.Clears, cleared.Cleared = true, true
	cleared.Run.Culprits, cleared.Run.Named, cleared.Run.Hit = 2, 2, 1
	cleared.Delay = new(at(1))
	harmful := score("connection-leak", leak, leak, 0.92)
	harmful.Collateral, harmful.Clears = 3, true
	harmful.Delay = new(at(3))
	void := score("connection-leak", leak, leak, 0.95)
	void.Inconclusive = "the rig broke"
	tally := Count([]Score{
		cleared, harmful, void,
		score("maxclients-too-low", low, leak, 0.91),
		score("maxclients-too-low", low, "", 0),
		score("healthy-busy", scenarios.Nothing, "", 0),
		score("healthy-busy", scenarios.Nothing, low, 0.6),
	})
	for _, check := range []struct {
		what      string
		got, want any
	}{
		{"outages", tally.Outages, Share{2, 4}},
		{"healthy", tally.Healthy, Share{1, 2}},
		{"in run", tally.InRun, Share{3, 6}},
		{"alarms", tally.Alarms, 1},
		{"inconclusive", tally.Inconclusive, 1},
		{"precision", tally.Precision, Share{1, 2}},
		{"recall", tally.Recall, Share{1, 2}},
		{"collateral", tally.Collateral, 3},
		{"cleared", tally.Cleared, Share{1, 2}},
		{"sure", tally.Sure, Share{2, 3}},
		{"calibration at 0.6", tally.Calibration[1].Right, Share{0, 1}},
		{"calibration at 0.9", tally.Calibration[4].Right, Share{2, 3}},
		{"leaks named leaks", tally.Matrix["connection-leak"]["connection-leak"], 2},
		{"nothing named", tally.Matrix["maxclients-too-low"]["nothing"], 1},
		{"false alarm", tally.Matrix["healthy-busy"]["maxclients-too-low"], 1},
		{"wrong", len(tally.Wrong), 4},
		{"delay", tally.Delay, Times{2, at(1), at(3), at(3)}},
		{"kinds", tally.Kinds, 3},
	} {
		if check.what == "kinds" {
			check.got = len(tally.Kinds)
		}
		if check.got != check.want {
			t.Errorf("%s: %v, want %v", check.what, check.got, check.want)
		}
	}
	if got := tally.Calibration[4].Mean; math.Abs(got-(0.95+0.92+0.91)/3) > 1e-9 {
		t.Errorf("mean confidence %v", got)
	}
}

// many is a campaign with so many right and wrong outages, and silent healthy trials.
func many(right, wrong, healthy int) []Score {
	var scores []Score
	for range right {
		scores = append(scores, score("connection-leak", outage.ConnectionLeak, outage.ConnectionLeak, 0.95))
	}
	for range wrong {
		scores = append(scores, score("maxclients-too-low", outage.MaxclientsTooLow, outage.ConnectionLeak, 0.6))
	}
	for range healthy {
		scores = append(scores, score("healthy-busy", scenarios.Nothing, "", 0))
	}
	return scores
}

func TestTargets(t *testing.T) {
	alarm := score("healthy-busy", scenarios.Nothing, outage.ConnectionLeak, 0.6)
	harm := score("connection-leak", outage.ConnectionLeak, outage.ConnectionLeak, 0.95)
	harm.Collateral = 1
	dirty := score("connection-leak", outage.ConnectionLeak, outage.ConnectionLeak, 0.95)
	dirty.Clears = true
	boast := score("connection-leak", outage.ConnectionLeak, outage.MaxclientsTooLow, 0.95)
	for name, test := range map[string]struct {
		scores []Score
		sample bool
		met    bool
	}{
		"all right":            {many(100, 0, 20), false, true},
		"99 of 100, one kind":  {many(99, 1, 20), false, false}, // of that kind none was right
		"one wrong of many":    {append(many(200, 0, 20), boast), false, true},
		"98 of 100":            {append(many(98, 0, 20), boast, boast), false, false},
		"an alarm":             {append(many(200, 0, 20), alarm), false, false},
		"harm":                 {append(many(200, 0, 20), harm), false, false},
		"not cleared":          {append(many(200, 0, 20), dirty), false, false},
		"a sample, one wrong":  {many(29, 1, 12), true, true},
		"a sample, two wrong":  {many(28, 2, 12), true, false},
		"a sample, an alarm":   {append(many(30, 0, 11), alarm), true, false},
		"a sample, with harm":  {append(many(30, 0, 11), harm), true, false},
		"a sample, uncleared":  {append(many(30, 0, 11), dirty), true, true},
		"sure and often wrong": {append(many(8, 0, 0), boast), false, false},
	} {
		targets := Count(test.scores).Targets(test.sample)
		if got := Met(targets); got != test.met {
			t.Errorf("%s: met %t, want %t: %+v", name, got, test.met, targets)
		}
	}
}

// TestARunbookIsNotOurTarget: what another responder does is measured, and what the diagnosis said is judged all the same.
func TestARunbookIsNotOurTarget(t *testing.T) {
	harm := score("connection-leak", outage.ConnectionLeak, outage.ConnectionLeak, 0.95)
	harm.Collateral, harm.Clears, harm.Responder = 5, true, "exec:runbook.sh"
	tally := Count(append(many(200, 0, 20), harm))
	if !Met(tally.Targets(false)) || tally.Collateral != 5 || tally.Cleared != (Share{0, 1}) {
		t.Errorf("%+v", tally.Targets(false))
	}
}

func TestSound(t *testing.T) {
	void := score("connection-leak", outage.ConnectionLeak, outage.ConnectionLeak, 0.95)
	void.Inconclusive = "nobody was refused"
	for name, test := range map[string]struct {
		scores []Score
		sound  bool
	}{
		"none":          {nil, false},
		"all void":      {[]Score{void}, false},
		"one of a few":  {append(many(20, 0, 5), void), true},
		"two of a few":  {append(many(20, 0, 5), void, void), false},
		"2 of a 100":    {append(many(78, 0, 20), void, void), true},
		"3 of a 100":    {append(many(77, 0, 20), void, void, void), false},
		"nothing wrong": {many(30, 0, 12), true},
	} {
		if got := Count(test.scores).Sound(); got != test.sound {
			t.Errorf("%s: sound %t, want %t", name, got, test.sound)
		}
	}
}
