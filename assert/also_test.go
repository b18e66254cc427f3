package assert

import (
	"strings"
	"testing"

	"spillway/outage"
)

// two tells an outage with two causes: the diagnosis that is acted on names those given, and later ones the rest.
func two(acted, later []outage.Finding) *story {
	sc := leakScenario()
	sc.Expect.Also = []outage.Cause{outage.FDLimitClamp}
	s := outageUntil("spillway", 6.2)
	s.s.Expect.Also = sc.Expect.Also
	for i := range s.h.Events {
		if d := s.h.Events[i].Diagnosis; d != nil && s.h.Events[i].At == at(5.7) {
			d.Findings = acted
		}
	}
	s.remedied(victims(8))
	if later != nil {
		s.add(7.1, "spillway", outage.Event{Diagnosis: &outage.Diagnosis{At: at(7.1), Findings: later}})
	}
	return s.calmDown(20)
}

func TestAlso(t *testing.T) {
	leak := outage.Finding{Cause: outage.ConnectionLeak, Confidence: 0.9, Culprits: []outage.Culprit{{Service: "10.0.0.5", Addr: "10.0.0.5"}}}
	clamp := outage.Finding{Cause: outage.FDLimitClamp, Confidence: 0.8}
	guess := clamp
	guess.Confidence = 0.4
	low := outage.Finding{Cause: outage.MaxclientsTooLow, Confidence: 0.6, Culprits: []outage.Culprit{{Service: "web"}}}
	for name, tt := range map[string]struct {
		acted, later []outage.Finding
		want         Outcome
	}{
		"both":                {[]outage.Finding{leak, clamp}, nil, Pass},
		"one":                 {[]outage.Finding{leak}, nil, Fail},
		"a guess":             {[]outage.Finding{leak, guess}, nil, Fail},
		"the wrong way round": {[]outage.Finding{clamp, leak}, nil, Fail},
		"once it was seen":    {[]outage.Finding{leak}, []outage.Finding{clamp}, Pass},
		"another one later":   {[]outage.Finding{leak}, []outage.Finding{low}, Fail},
	} {
		s := two(tt.acted, tt.later)
		got := map[string]Verdict{}
		for _, v := range Check(s.s, s.h).Verdicts {
			got[v.Check] = v
		}
		if got["also"].Outcome != tt.want {
			t.Errorf("%s: %+v, want %s", name, got["also"], tt.want)
		}
		// The address is api's, and a finding about the whole server blames nobody beside it.
		if v := got["culprits"]; v.Got != "api" && tt.acted[0].Cause == outage.ConnectionLeak {
			t.Errorf("%s: culprits %+v", name, v)
		}
	}
	s := two([]outage.Finding{leak}, nil)
	s.s.Expect.Also = nil
	for _, v := range Check(s.s, s.h).Verdicts {
		if strings.Contains(v.Check, "also") {
			t.Errorf("nothing else is expected: %+v", v)
		}
	}
}
