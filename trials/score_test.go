package trials

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"spillway/outage"
	"spillway/scenarios"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func at(seconds float64) outage.Duration { return outage.Duration(seconds * float64(time.Second)) }

// story writes a history: a phase, snapshots with rejects, attempts and diagnoses at their times.
type story struct{ p Played }

func newStory() *story {
	s := &story{}
	s.phase(0, outage.Prepare)
	s.phase(1, outage.Steady)
	s.phase(2, outage.Load)
	return s
}

func (s *story) event(t float64, actor string, e outage.Event) {
	e.At, e.Actor = at(t), actor
	s.p.History.Events = append(s.p.History.Events, e)
}

func (s *story) phase(t float64, p outage.Phase) { s.event(t, "rig", outage.Event{Phase: &p}) }

func (s *story) attempt(t float64, service string, outcome outage.Outcome, n int) {
	s.event(t, service+"-1", outage.Event{Attempt: &outage.Attempt{Service: service, Instance: service + "-1", Op: outage.OpConnect, Outcome: outcome, Count: n}})
}

// look is a snapshot and what was made of it.
func (s *story) look(t float64, rejected string, findings ...outage.Finding) {
	snap := outage.Snapshot{At: at(t), Info: map[string]string{
		"connected_clients": "40", "maxclients": "50", "rejected_connections": rejected, "server_time_usec": "1", "redis_version": "8.0.2",
	}}
	s.event(t, "observer", outage.Event{Snapshot: &snap})
	d := outage.Diagnosis{At: at(t), Findings: findings}
	s.event(t, "spillway", outage.Event{Diagnosis: &d})
	var window []outage.Snapshot
	if n := len(s.p.Looks); n > 0 {
		window = s.p.Looks[n-1].Window
	}
	s.p.Looks = append(s.p.Looks, Look{d, append(append([]outage.Snapshot(nil), window...), snap)})
}

func (s *story) end(t float64) Played {
	s.phase(t, outage.End)
	return s.p
}

func finding(c outage.Cause, confidence float64, culprits ...string) outage.Finding {
	f := outage.Finding{Cause: c, Confidence: confidence}
	for _, name := range culprits {
		f.Culprits = append(f.Culprits, outage.Culprit{Service: name})
	}
	return f
}

// leakTrial is an outage of which api is to blame.
func leakTrial(also ...outage.Cause) Trial {
	s := scenarios.Scenario{
		Name: "trial-1", Until: scenarios.Until{Refusals: 5},
		Fleet:  []scenarios.Service{{Service: "api", Workload: "leaky"}, {Service: "web", Workload: "pooled"}},
		Expect: scenarios.Expect{Cause: outage.ConnectionLeak, Also: also, Culprits: []string{"api"}, Spare: []string{"web"}},
	}
	return Trial{
		Number: 1, Seed: 9, Kind: "connection-leak", Disguise: "named", Scenario: s, Gap: time.Second,
		Truth: Truth{Cause: outage.ConnectionLeak, Also: also, Culprits: []string{"api"}},
	}
}

func played(findings ...outage.Finding) Played {
	s := newStory()
	s.look(2.5, "0")
	s.attempt(3, "api", outage.Refused, 10)
	s.look(3.5, "10", findings...)
	s.look(4.5, "10", findings...)
	return s.end(5)
}

func TestScore(t *testing.T) {
	leak, clamp := outage.ConnectionLeak, outage.FDLimitClamp
	for name, test := range map[string]struct {
		trial        Trial
		played       Played
		right, top2  bool
		hit, named   int
		inconclusive bool
	}{
		"right": {trial: leakTrial(), played: played(finding(leak, 0.9, "api")), right: true, top2: true, hit: 1, named: 1},
		"with a bystander": {trial: leakTrial(), played: played(finding(leak, 0.9, "api", "web")),
			right: true, top2: true, hit: 1, named: 2},
		"second":     {trial: leakTrial(), played: played(finding(clamp, 0.9), finding(leak, 0.8, "api")), top2: true, hit: 1, named: 1},
		"a guess":    {trial: leakTrial(), played: played(finding(leak, 0.49, "api")), hit: 1, named: 1},
		"nothing":    {trial: leakTrial(), played: played()},
		"both":       {trial: leakTrial(clamp), played: played(finding(clamp, 0.9), finding(leak, 0.8, "api")), right: true, top2: true, hit: 1, named: 1},
		"one of two": {trial: leakTrial(clamp), played: played(finding(leak, 0.8, "api")), top2: true, hit: 1, named: 1},
		"broken":     {trial: leakTrial(), played: Played{Err: errors.New("no port")}, inconclusive: true},
	} {
		t.Run(name, func(t *testing.T) {
			got := test.trial.score(test.played, nil)
			if (got.Inconclusive != "") != test.inconclusive {
				t.Errorf("inconclusive %q", got.Inconclusive)
			}
			if test.inconclusive {
				return
			}
			if got.Run.Right != test.right || got.Run.Top2 != test.top2 {
				t.Errorf("right %t among the first two %t, want %t and %t", got.Run.Right, got.Run.Top2, test.right, test.top2)
			}
			if got.Run.Hit != test.hit || got.Run.Named != test.named || got.Run.Culprits != 1 {
				t.Errorf("%d of %d named are culprits of %d, want %d of %d of 1", got.Run.Hit, got.Run.Named, got.Run.Culprits, test.hit, test.named)
			}
		})
	}
}

// TestAnOutageThatDidNotHappenIsNeverRight: nobody was refused, so a right name proves nothing.
func TestAnOutageThatDidNotHappenIsNeverRight(t *testing.T) {
	s := newStory()
	s.look(2.5, "0", finding(outage.ConnectionLeak, 0.9, "api"))
	s.attempt(3, "api", outage.OK, 10)
	s.look(3.5, "0", finding(outage.ConnectionLeak, 0.9, "api"))
	score := leakTrial().score(s.end(5), nil)
	if score.Inconclusive == "" {
		t.Fatalf("%+v: want inconclusive", score)
	}
	tally := Count([]Score{score})
	if tally.Outages.Of != 0 || tally.Inconclusive != 1 || tally.Sound() {
		t.Errorf("%+v: want it counted nowhere, and an unsound campaign", tally)
	}
}

func TestTimesCountFromTheFirstRefusal(t *testing.T) {
	score := leakTrial().score(played(finding(outage.ConnectionLeak, 0.9, "api")), nil)
	if score.Delay == nil || *score.Delay != at(0.5) {
		t.Errorf("delay %v, want 0.5s", score.Delay)
	}
}

func healthyTrial() Trial {
	s := scenarios.Scenario{
		Name: "trial-h1", Until: scenarios.Until{Duration: at(3)},
		Fleet:  []scenarios.Service{{Service: "web", Workload: "pooled"}},
		Expect: scenarios.Expect{Cause: scenarios.Nothing, Spare: []string{"web"}, Refusals: new(false)},
	}
	return Trial{Number: 1, Seed: 9, Healthy: true, Kind: "healthy-busy", Disguise: "named", Scenario: s, Gap: time.Second, Truth: Truth{Cause: scenarios.Nothing}}
}

// TestAnyAlarmCounts: one diagnosis of a healthy run that names something is an alarm, also when the last one is silent.
func TestAnyAlarmCounts(t *testing.T) {
	for _, test := range []struct {
		confidence float64
		alarms     []string
	}{{0.5, []string{"connection-leak"}}, {0.49, nil}} {
		s := newStory()
		s.attempt(2.2, "web", outage.OK, 10)
		s.look(2.5, "0")
		s.look(3.5, "0", finding(outage.ConnectionLeak, test.confidence))
		s.look(4.5, "0")
		score := healthyTrial().score(s.end(5), nil)
		if diff := cmp.Diff(test.alarms, score.Alarms); diff != "" || score.Inconclusive != "" || score.Run.Right != (test.alarms == nil) {
			t.Errorf("%+v: %s", score, diff)
		}
	}
}

// TestAHealthyTrialInWhichClientsFailedIsNone: the generator drew too much, and nobody is blamed for an alarm.
func TestAHealthyTrialInWhichClientsFailedIsNone(t *testing.T) {
	s := newStory()
	s.attempt(2.2, "web", outage.OK, 10)
	s.attempt(2.3, "web", outage.PoolTimeout, 1)
	s.look(2.5, "0")
	s.look(3.5, "0")
	s.look(4.5, "0")
	if score := healthyTrial().score(s.end(5), nil); score.Inconclusive == "" {
		t.Error("want inconclusive")
	}
}

// player plays what it is told.
type player func(Trial) Played

func (p player) Play(_ context.Context, t Trial) Played { return p(t) }

func TestPlayKeepsWhatATrialLeaves(t *testing.T) {
	dir := t.TempDir()
	list := []Trial{leakTrial(), healthyTrial(), leakTrial()}
	list[2].Number = 2
	var told []string
	scores, err := Play(t.Context(), player(func(trial Trial) Played {
		if trial.Healthy {
			s := newStory()
			s.attempt(2.2, "web", outage.OK, 10)
			s.look(2.5, "0")
			s.look(3.5, "0")
			s.look(4.5, "0")
			return s.end(5)
		}
		return played(finding(outage.ConnectionLeak, 0.9, "api"))
	}), list, 2, dir, func(s Score) { told = append(told, s.Trial) })
	if err != nil {
		t.Fatal(err)
	}
	if len(scores) != 3 || scores[0].Trial != "1" || scores[1].Trial != "h1" || scores[2].Trial != "2" {
		t.Fatalf("%+v: want the scores in the order of the trials", scores)
	}
	if len(told) != 3 {
		t.Errorf("told %v: want each score as it comes", told)
	}
	for _, s := range scores {
		if s.Inconclusive != "" || !s.Run.Right || s.One == nil || s.Two == nil {
			t.Errorf("%+v: want right, and both kinds of dumps diagnosed", s)
		}
	}
	for _, name := range []string{"scenario.yaml", "history.jsonl", "score.json", "window.json", "dumps/1/info.txt", "dumps/2/info.txt"} {
		for _, folder := range []string{"001", "002", "h001"} {
			if _, err := os.Stat(filepath.Join(dir, folder, name)); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestPlayStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	scores, err := Play(ctx, player(func(Trial) Played {
		cancel()
		return Played{Err: context.Canceled}
	}), []Trial{leakTrial(), leakTrial(), leakTrial()}, 1, "", nil)
	if err != nil || len(scores) != 0 {
		t.Errorf("%v, %v: want no score of what was cut off", scores, err)
	}
}

// TestHintsOfSavedDumpsCount: from dumps a hint that comes first is right where it is so, and an alarm on a healthy fleet.
func TestHintsOfSavedDumpsCount(t *testing.T) {
	var dumps []outage.Snapshot // a burst larger than the listen queue: whether it overflowed only the kernel knows
	for i := range 2 {
		shot := outage.Snapshot{At: at(3.5 + float64(i)), Config: map[string]string{"tcp-backlog": "20", "maxclients": "1000"}, Info: map[string]string{"connected_clients": "60"}}
		for id := range int64(60) {
			shot.Clients = append(shot.Clients, outage.Client{ID: id, Addr: fmt.Sprintf("10.0.0.1:%d", 40000+id), Name: "cron", Age: 2 + int64(i), Idle: 2 + int64(i), Cmd: "ping"})
		}
		dumps = append(dumps, shot)
	}
	overflow := leakTrial()
	overflow.Truth.Cause = outage.BacklogOverflow
	score := overflow.score(played(), dumps)
	for name, a := range map[string]*Answer{"two": score.Two, "one": score.One} {
		if a == nil || len(a.Said) == 0 || a.Said[0].Confidence >= certain || !a.Right || !a.Top2 {
			t.Errorf("%s: %+v, want right by a hint", name, a)
		}
	}
	s := newStory()
	s.attempt(2.2, "web", outage.OK, 10)
	s.look(3.5, "0")
	s.look(4.5, "0")
	score = healthyTrial().score(s.end(5), dumps)
	if score.Two.Right || score.One.Right || !score.Run.Right {
		t.Errorf("two %+v, one %+v, run %+v: want a hint to count against the dumps of a healthy fleet alone", score.Two, score.One, score.Run)
	}
}
