package assert

import (
	"testing"

	"spillway/outage"
	"spillway/scenarios"
)

// verdict returns one verdict of a story.
func verdict(t *testing.T, s *story, check string) Verdict {
	t.Helper()
	s.h.Header.Responder = s.s.Responder
	r, err := Judge(s.done(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range r.Verdicts {
		if v.Check == check {
			return v
		}
	}
	t.Fatalf("no verdict on %s in %+v", check, r.Verdicts)
	return Verdict{}
}

// A canary that was begun before the response and ended after it shows nothing about it.
func TestMitigatedCountsFromABegin(t *testing.T) {
	s := goodLeak().change(func(e *outage.Event) {
		if e.Attempt != nil && e.Attempt.Op == outage.OpFresh && e.At == at(6.5) {
			e.Attempt.Latency = at(1)
		}
	})
	if got := Check(s.s, s.done(t)).Measures.Mitigated; got == nil || *got != at(7) {
		t.Errorf("mitigated at %v, want 7s: the canary of 6.5s began at 5.5s", got)
	}
}

func TestStaysCleared(t *testing.T) {
	noSnapshot := func(from, to float64) func(outage.Event) bool {
		return func(e outage.Event) bool { return e.Snapshot != nil && e.At > at(from) && e.At < at(to) }
	}
	hold := func(d float64) func(*story) {
		return func(s *story) {
			s.s.Expect.Cleared = &scenarios.Cleared{Below: scenarios.Amount{Count: 20}, Hold: at(d)}
		}
	}
	for name, c := range map[string]struct {
		edit func(*story)
		want Outcome
	}{
		"as told":               {func(*story) {}, Pass},
		"a plain number":        {hold(3), Pass},
		"hold longer than held": {hold(6), Inconclusive},
		"one snapshot":          {func(s *story) { s.without(noSnapshot(10, 14)) }, Inconclusive},
		"two side by side":      {func(s *story) { s.without(noSnapshot(11, 14)) }, Inconclusive},
		"limit not readable": {func(s *story) {
			s.change(func(e *outage.Event) {
				if e.Snapshot != nil {
					e.Snapshot.Config = nil
				}
			})
		}, Inconclusive},
		"one over": {func(s *story) { hold(3)(s); s.snapshot(12, 21, 100, 140) }, Fail},
	} {
		s := goodLeak()
		c.edit(s)
		if got := verdict(t, s, "cleared"); got.Outcome != c.want {
			t.Errorf("%s: %+v, want %s", name, got, c.want)
		}
	}
}

func TestControlToTheEnd(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*story)
		want Outcome
	}{
		"as told": {func(*story) {}, Pass},
		"a lucky canary": {func(s *story) {
			s.attempt(12.1, "web", outage.OpFresh, outage.OK, 2, "", "")
		}, Pass},
		"most got in": {func(s *story) {
			s.attempt(12.1, "web", outage.OpFresh, outage.OK, 9, "", "")
		}, Inconclusive},
		"nobody tried": {func(s *story) { s.without(isCanary) }, Inconclusive},
		"somebody acted": {func(s *story) {
			s.act(7, outage.Action{Kind: outage.SetTimeout})
		}, Inconclusive},
	} {
		s := untouched()
		s.s.Responder = "none"
		c.edit(s)
		if got := verdict(t, s, "control"); got.Outcome != c.want {
			t.Errorf("%s: %+v, want %s", name, got, c.want)
		}
	}
}

func TestPeakNeedsReadings(t *testing.T) {
	uncounted := rollout().change(func(e *outage.Event) {
		if e.Snapshot != nil && e.At > at(4) {
			e.Snapshot.Census = nil // CLIENT LIST was forbidden: INFO alone counts no service
		}
	})
	if got := verdict(t, uncounted, "peak"); got.Outcome != Inconclusive || got.Blocked != "" {
		t.Errorf("one reading: %+v", got)
	}
	s := rollout()
	s.s.Expect.Peak = &scenarios.Peak{AtMost: scenarios.Amount{Percent: 60}}
	if got := verdict(t, s, "peak"); got.Outcome != Fail {
		t.Errorf("70 of 100 against 60%%: %+v", got)
	}
	s.s.Expect.Peak.AtMost.Percent = 70
	if got := verdict(t, s, "peak"); got.Outcome != Pass {
		t.Errorf("70 of 100 against 70%%: %+v", got)
	}
}

// A restart explains what clients lose, a little while; after that it is harm again.
func TestRestartExplainsForAWhile(t *testing.T) {
	s := restarted().attempt(13.5, "web", outage.OpRequest, outage.Reset, 1, "", "EOF")
	if got := verdict(t, s, "collateral"); got.Outcome != Pass {
		t.Errorf("6.6 s after the restart: %+v", got)
	}
	late := restarted().without(isEnd).phase(30, outage.End).attempt(20, "web", outage.OpRequest, outage.Reset, 1, "", "EOF")
	if got := verdict(t, late, "collateral"); got.Outcome != Fail {
		t.Errorf("13 s after the restart: %+v", got)
	}
}

// A service that starts later cannot answer before the fault.
func TestLateServicesAreNotSteady(t *testing.T) {
	s := goodLeak()
	s.s.Fleet[0].Start = at(2)
	for _, v := range Check(s.s, s.done(t)).Verdicts {
		if v.Check == "steady-before" {
			t.Errorf("judged: %+v", v)
		}
	}
}

// Of a service whose hosts vanished, the dead connections are to be killed and the living spared.
func TestTheLivingOfACutServiceAreHealthy(t *testing.T) {
	for name, c := range map[string]struct {
		addr string
		want Outcome
	}{
		"a dead host":         {"10.0.0.5:41000", Pass},
		"its replacement":     {"10.0.0.8:41000", Fail},
		"a spared service":    {"10.0.0.2:41000", Fail},
		"nobody of the fleet": {"10.0.0.99:41000", Pass},
	} {
		s := outageUntil("spillway", 6.3).instance(4, "api", "api-1", "10.0.0.5", outage.Cut).
			instance(4.5, "api", "api-3", "10.0.0.8", outage.Started).
			remedied([]outage.Victim{{ID: 1, Addr: c.addr}}).calmDown(20)
		s.s.Expect.Cause, s.s.Faults, s.s.Fix = outage.HalfOpenPeers, []scenarios.Fault{{Cut: "api", At: at(1), Replace: true}}, nil
		if got := verdict(t, s, "collateral"); got.Outcome != c.want {
			t.Errorf("%s: %+v, want %s", name, got, c.want)
		}
	}
}

// Where nobody is to blame, nobody may be killed.
func TestNobodyIsToBlame(t *testing.T) {
	s := goodLeak()
	s.s.Expect.Cause, s.s.Expect.Culprits, s.s.Fix = outage.MaxclientsTooLow, nil, nil
	if got := verdict(t, s, "collateral"); got.Outcome != Fail {
		t.Errorf("8 of api killed: %+v", got)
	}
	s.s.Expect.Cause = outage.ConnectionLeak
	if got := verdict(t, s, "collateral"); got.Outcome != Pass {
		t.Errorf("a leak whose culprits are not told: %+v", got)
	}
}

// A runbook may act before the next diagnosis is there: what the built-in would have said is the one after.
func TestWhatTheBuiltInWouldHaveSaid(t *testing.T) {
	s := published().without(func(e outage.Event) bool { return e.Diagnosis != nil && e.At > at(4) && e.At < at(7) })
	s.diagnose(6.9, outage.ConnectionLeak, .9, "api").diagnose(7.5, outage.IdleNotReaped, .9, "web")
	if got := Check(s.s, s.done(t)).Measures; got.Cause != outage.ConnectionLeak || len(got.Culprits) != 1 {
		t.Errorf("got %s of %v", got.Cause, got.Culprits)
	}
}
