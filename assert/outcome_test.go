package assert

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"
)

func TestZeroIsInconclusive(t *testing.T) {
	var zero Outcome
	if zero != Inconclusive {
		t.Errorf("the zero outcome is %s", zero)
	}
	for _, o := range []Outcome{zero, -1, Pass + 1, 9} { // beside those that there are
		if o.String() != "inconclusive" {
			t.Errorf("the outcome %d is %s", int(o), o)
		}
	}
	if o := (Verdict{}).Outcome; o != Inconclusive {
		t.Errorf("a verdict that nobody reached is %s", o)
	}
	if o := (Result{}).Outcome; o != Inconclusive {
		t.Errorf("a result that nobody judged is %s", o)
	}
}

func TestMerge(t *testing.T) {
	for _, c := range []struct {
		in   []Outcome
		want Outcome
	}{
		{nil, Inconclusive},
		{[]Outcome{Pass}, Pass},
		{[]Outcome{Pass, Pass}, Pass},
		{[]Outcome{Pass, Inconclusive, Pass}, Inconclusive},
		{[]Outcome{Inconclusive, Pass}, Inconclusive},
		{[]Outcome{Pass, Inconclusive, Fail, Pass}, Fail},
		{[]Outcome{Outcome(9), Pass}, Inconclusive},
	} {
		if got := Merge(c.in...); got != c.want {
			t.Errorf("Merge(%v) = %s, want %s", c.in, got, c.want)
		}
	}
}

func TestMergeHoldsWhatItSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.SliceOf(rapid.SampledFrom([]Outcome{Inconclusive, Fail, Pass})).Draw(t, "outcomes")
		count := map[Outcome]int{}
		for _, o := range in {
			count[o]++
		}
		got := Merge(in...)
		if (got == Fail) != (count[Fail] > 0) {
			t.Fatalf("Merge(%v) = %s", in, got)
		}
		if (got == Pass) != (len(in) > 0 && count[Pass] == len(in)) {
			t.Fatalf("Merge(%v) = %s", in, got)
		}
	})
}

func TestOutcomeText(t *testing.T) {
	for _, o := range []Outcome{Inconclusive, Fail, Pass} {
		text, err := json.Marshal(o)
		if err != nil || string(text) != `"`+o.String()+`"` {
			t.Errorf("%v is written %s, %v", o, text, err)
		}
		var back Outcome
		if err := json.Unmarshal(text, &back); err != nil || back != o {
			t.Errorf("%s is read as %v, %v", text, back, err)
		}
	}
	var o Outcome
	if err := json.Unmarshal([]byte(`"green"`), &o); err == nil || o != Inconclusive {
		t.Errorf("green is read as %v without an error", o)
	}
}
