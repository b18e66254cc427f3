package trials

import (
	"cmp"
	"math"
	"slices"

	"spillway/outage"
)

// Tally is what many scores come to.
type Tally struct {
	Seeds     []int64 `json:"seeds"`
	Responder string  `json:"responder"` // empty where it was not kept
	Trials    int     `json:"trials"`
	Outages   Share   `json:"outages"` // right first, of the outages that happened
	Top2      Share   `json:"top2"`
	Healthy   Share   `json:"healthy"` // silent, of the healthy trials
	Alarms    int     `json:"false_alarms"`
	// Inconclusive trials count nowhere else.
	Inconclusive int `json:"inconclusive"`

	Kinds []KindTally `json:"kinds"`
	// Matrix counts outages and healthy trials by kind and by what was named first; "nothing" where nothing was.
	Matrix map[string]map[string]int `json:"matrix"`

	Precision Share           `json:"culprit_precision"` // of the culprits named, how many are
	Recall    Share           `json:"culprit_recall"`    // of the culprits, how many were named
	Disguises []DisguiseTally `json:"disguises"`

	TwoDumps Share `json:"two_dumps"` // right, outages and healthy ones
	OneDump  Share `json:"one_dump"`
	InRun    Share `json:"in_run"` // the same of the run, to compare

	Outside OutsideTally `json:"outside"`

	Delay Times `json:"delay"`
	Lead  Times `json:"lead"`

	Collateral int   `json:"collateral"`
	Cleared    Share `json:"cleared"`

	Calibration []Bin `json:"calibration"`
	Sure        Share `json:"sure"` // right, of what was said at 0.9 or more

	Wrong []Score `json:"wrong,omitempty"` // what was not right, or did harm, or was not cleared
	Void  []Score `json:"void,omitempty"`  // what was inconclusive
}

// KindTally is the outages of one kind.
type KindTally struct {
	Kind     string `json:"kind"`
	Healthy  bool   `json:"healthy,omitempty"`
	Right    Share  `json:"right"`
	TwoDumps Share  `json:"two_dumps"`
	OneDump  Share  `json:"one_dump"`
	// Outside is what was told without a slot, of the servers that were full.
	Outside      OutsideTally `json:"outside"`
	Inconclusive int          `json:"inconclusive,omitempty"`
}

// DisguiseTally is how well culprits were found under one disguise.
type DisguiseTally struct {
	Disguise  string `json:"disguise"`
	Right     Share  `json:"right"`
	Precision Share  `json:"culprit_precision"`
	Recall    Share  `json:"culprit_recall"`
}

// Share is so many of so many.
type Share struct {
	N  int `json:"n"`
	Of int `json:"of"`
}

func (s *Share) count(yes bool) {
	s.Of++
	if yes {
		s.N++
	}
}

func (s *Share) add(n, of int) { s.N, s.Of = s.N+n, s.Of+of }

// Fraction returns N / Of; 1 of nothing, for nothing speaks against it.
func (s Share) Fraction() float64 {
	if s.Of == 0 {
		return 1
	}
	return float64(s.N) / float64(s.Of)
}

// Wilson returns the bounds between which the true share lies in 95 of 100 cases (E. B. Wilson, 1927): unlike the normal
// approximation they hold for few trials, and for shares near 0 and 1.
func (s Share) Wilson() (low, high float64) {
	if s.Of == 0 {
		return 0, 1
	}
	const z = 1.959963984540054
	n, p := float64(s.Of), float64(s.N)/float64(s.Of)
	middle := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return max(0, middle-half), min(1, middle+half)
}

// Times are durations in order.
type Times struct {
	N      int             `json:"n"`
	Median outage.Duration `json:"median"`
	P90    outage.Duration `json:"p90"`
	Most   outage.Duration `json:"most"`
}

func timesOf(all []outage.Duration) Times {
	if len(all) == 0 {
		return Times{}
	}
	slices.Sort(all)
	// The nearest rank: the least value that so many are not above.
	rank := func(p float64) outage.Duration { return all[int(math.Ceil(p*float64(len(all))))-1] }
	return Times{len(all), rank(0.5), rank(0.9), all[len(all)-1]}
}

// Bin is what was said with a confidence from Least on, below the next bin's.
type Bin struct {
	Least float64 `json:"least"`
	Right Share   `json:"right"`
	Mean  float64 `json:"mean"` // of the confidences
}

// bins are where confidences are cut.
var bins = []float64{0.5, 0.6, 0.7, 0.8, 0.9}

// Count adds up scores of trials that one responder answered.
func Count(scores []Score) Tally {
	t := Tally{Trials: len(scores), Matrix: map[string]map[string]int{}}
	var delays, leads []outage.Duration
	for _, least := range bins {
		t.Calibration = append(t.Calibration, Bin{Least: least})
	}
	for _, s := range scores {
		t.Seeds = append(t.Seeds, s.Seed)
		t.Responder = cmp.Or(t.Responder, s.Responder)
		kind := t.kind(s)
		t.Collateral += s.Collateral // harm is harm, whatever else the trial shows
		if s.Inconclusive != "" {
			t.Inconclusive++
			kind.Inconclusive++
			t.Void = append(t.Void, s)
			continue
		}
		kind.Right.count(s.Run.Right)
		if s.Two != nil {
			kind.TwoDumps.count(s.Two.Right)
		}
		if s.One != nil {
			kind.OneDump.count(s.One.Right)
		}
		kind.Outside.count(s.Outside)
		t.Outside.count(s.Outside)
		t.named(s)
		t.answers(s)
		t.calibrate(s)
		if !s.Healthy {
			t.culprits(s)
		}
		if s.Clears {
			t.Cleared.count(s.Cleared)
		}
		if s.Delay != nil {
			delays = append(delays, *s.Delay)
		}
		if s.Lead != nil {
			leads = append(leads, *s.Lead)
		}
		if !s.Run.Right || s.Collateral > 0 || s.Clears && !s.Cleared {
			t.Wrong = append(t.Wrong, s)
		}
	}
	t.Delay, t.Lead = timesOf(delays), timesOf(leads)
	t.inOrder()
	return t
}

func (t *Tally) kind(s Score) *KindTally {
	i := slices.IndexFunc(t.Kinds, func(k KindTally) bool { return k.Kind == s.Kind })
	if i < 0 {
		i = len(t.Kinds)
		t.Kinds = append(t.Kinds, KindTally{Kind: s.Kind, Healthy: s.Healthy})
	}
	return &t.Kinds[i]
}

// named counts what was said first.
func (t *Tally) named(s Score) {
	if t.Matrix[s.Kind] == nil {
		t.Matrix[s.Kind] = map[string]int{}
	}
	t.Matrix[s.Kind][s.First()]++
}

func (t *Tally) answers(s Score) {
	if s.Healthy {
		t.Healthy.count(s.Run.Right)
		t.Alarms += len(s.Alarms)
	} else {
		t.Outages.count(s.Run.Right)
		t.Top2.count(s.Run.Top2)
	}
	t.InRun.count(s.Run.Right)
	if s.Two != nil {
		t.TwoDumps.count(s.Two.Right)
	}
	if s.One != nil {
		t.OneDump.count(s.One.Right)
	}
}

func (t *Tally) culprits(s Score) {
	i := slices.IndexFunc(t.Disguises, func(d DisguiseTally) bool { return d.Disguise == s.Disguise })
	if i < 0 {
		i = len(t.Disguises)
		t.Disguises = append(t.Disguises, DisguiseTally{Disguise: s.Disguise})
	}
	d := &t.Disguises[i]
	d.Right.count(s.Run.Right)
	if s.Run.Culprits == 0 { // whoever is named then is context, not blame
		return
	}
	for _, share := range []struct{ precision, recall *Share }{{&t.Precision, &t.Recall}, {&d.Precision, &d.Recall}} {
		share.precision.add(s.Run.Hit, s.Run.Named)
		share.recall.add(s.Run.Hit, s.Run.Culprits)
	}
}

// calibrate counts what was named first by how sure it was. What was named of a healthy fleet was wrong.
func (t *Tally) calibrate(s Score) {
	if len(s.Run.Said) == 0 || s.Run.Said[0].Confidence < certain {
		return
	}
	first := s.Run.Said[0]
	right := first.Cause == s.Truth.Cause || slices.Contains(s.Truth.Also, first.Cause)
	for i := len(bins) - 1; i >= 0; i-- {
		if first.Confidence >= bins[i] {
			b := &t.Calibration[i]
			b.Mean += (first.Confidence - b.Mean) / float64(b.Right.Of+1)
			b.Right.count(right)
			break
		}
	}
	if first.Confidence >= 0.9 {
		t.Sure.count(right)
	}
}

// inOrder sorts what came as the trials did: kinds as they are listed, and each seed once.
func (t *Tally) inOrder() {
	slices.Sort(t.Seeds)
	t.Seeds = slices.Compact(t.Seeds)
	place := map[string]int{}
	for i, k := range Kinds() {
		place[k.Name] = i
	}
	slices.SortStableFunc(t.Kinds, func(a, b KindTally) int { return cmp.Compare(place[a.Kind], place[b.Kind]) })
	worn := map[string]int{}
	for i, d := range disguises {
		worn[d.name] = i
	}
	slices.SortStableFunc(t.Disguises, func(a, b DisguiseTally) int { return cmp.Compare(worn[a.Disguise], worn[b.Disguise]) })
}
