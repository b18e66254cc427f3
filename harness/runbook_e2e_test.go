//go:build e2e

package harness

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"spillway/assert"
	"spillway/outage"
	"spillway/scenarios"
)

// with lets a runbook answer a scenario.
func with(t *testing.T, s scenarios.Scenario, path string) scenarios.Scenario {
	t.Helper()
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	s.Responder = "exec:" + abs
	return s
}

func TestThePublishedAdviceFails(t *testing.T) {
	t.Parallel()
	s := with(t, patient(scenario(t, "connection-leak")), "../examples/runbooks/published.sh")
	_, result := play(t, Runner{}, s)
	mustFail(t, result, "mitigate", "recover", "cleared")
	v := verdict(t, result, "mitigate")
	if !strings.Contains(v.Hint, "CLIENT KILL ADDR ") || !strings.Contains(v.Hint, ":0 closed nothing") {
		t.Errorf("the verdict does not say which line did nothing: %q", v.Hint)
	}
	if result.Measures.Killed != 0 {
		t.Errorf("%d connections closed, and no client has port 0", result.Measures.Killed)
	}
}

func TestTheCorrectedRunbookPasses(t *testing.T) {
	t.Parallel()
	s := with(t, scenario(t, "connection-leak"), "../examples/runbooks/corrected.sh")
	h, result := play(t, Runner{}, s)
	passes(t, result)
	if n := count(h, func(e outage.Event) bool { return e.Command != nil }); n < 3 {
		t.Errorf("%d commands recorded: the runbook sent at least a CLIENT LIST, a CLIENT KILL and a CONFIG SET", n)
	}
	if len(result.Output) == 0 {
		t.Error("what the runbook printed was not kept")
	}
}

func TestARunbookThatHangsIsEnded(t *testing.T) {
	t.Parallel()
	s := with(t, smallLeak(t), "testdata/runbooks/hangs.sh")
	s.Expect.Mitigate = outage.Duration(10 * time.Second) // a busy machine needs some seconds to start it
	h, result := play(t, Runner{}, s)
	mustFail(t, result, "mitigate", "recover", "cleared")
	said := notes(h, "responder")
	for _, want := range []string{"waiting for somebody", "the runbook was ended at its time limit of 10s"} {
		if !slices.Contains(said, want) {
			t.Errorf("%q is not among what the responder is on record with: %q", want, said)
		}
	}
	respond, hold := phase(t, h, outage.Respond), phase(t, h, outage.Hold)
	if took := (hold - respond).Std(); took > s.Expect.Mitigate.Std()+stopLimit {
		t.Errorf("responding took %s, and its limit is %s", took, s.Expect.Mitigate)
	}
}

func TestARunbookThatGivesUpIsJudged(t *testing.T) {
	t.Parallel()
	s := with(t, patient(smallLeak(t)), "testdata/runbooks/gives-up.sh")
	h, result := play(t, Runner{}, s)
	mustFail(t, result, "mitigate", "recover", "cleared")
	said := notes(h, "responder")
	want := "the runbook ended with exit code 1; stderr: nothing here is in my book"
	if !slices.Contains(said, want) || !slices.Contains(said, "PONG") {
		t.Errorf("%q and PONG are not among what the responder is on record with: %q", want, said)
	}
	if v := verdict(t, result, "mitigate"); !strings.Contains(v.Got, "did nothing") {
		t.Errorf("a PING is no response: %s", v.Got)
	}
}

// A runbook has its whole time, whether or not the outage ends before it does.
func TestARunbookMayOutlastTheRelief(t *testing.T) {
	t.Parallel()
	s := with(t, patient(smallLeak(t)), "testdata/runbooks/takes-its-time.sh")
	s.Redis.Nofile = 1024
	h, result := play(t, Runner{}, s)
	passes(t, result)
	if said := notes(h, "responder"); !slices.Contains(said, "all done") {
		t.Errorf("the runbook was cut off: %q", said)
	}
	if v := verdict(t, result, "cleared"); v.Outcome != assert.Pass {
		t.Errorf("cleared: %s", v.Got)
	}
}

// The observer's own connection is among the victims: that must not end the run before it is judged.
func TestARunbookThatKillsEverybodyIsCaught(t *testing.T) {
	t.Parallel()
	s := with(t, patient(smallLeak(t)), "testdata/runbooks/kills-everybody.sh")
	s.Fleet[1].Rate, s.Fleet[1].Hold = 45, outage.Duration(100*time.Millisecond) // web is hit while it works
	_, result := play(t, Runner{}, s)
	mustFail(t, result, "collateral")
	if result.Measures.Collateral == 0 {
		t.Error("everybody was killed, and the collateral is 0")
	}
}

// notes returns the texts that an actor is on record with.
func notes(h outage.History, actor string) []string {
	var texts []string
	for _, e := range h.Events {
		if e.Note != nil && e.Actor == actor {
			texts = append(texts, e.Note.Text)
		}
	}
	return texts
}

// phase returns when a phase began.
func phase(t *testing.T, h outage.History, p outage.Phase) outage.Duration {
	t.Helper()
	for _, e := range h.Events {
		if e.Phase != nil && *e.Phase == p {
			return e.At
		}
	}
	t.Fatalf("no %s phase in the history", p)
	return 0
}

// The lines kept for a runbook are idle until it comes, and Redis reaps whoever is idle for longer than its timeout.
func TestATimeoutDoesNotReapTheLines(t *testing.T) {
	t.Parallel()
	s := with(t, scenario(t, "connection-leak"), "testdata/runbooks/closes-idle.sh")
	s.Redis.Timeout = outage.Duration(5 * time.Second) // the load alone takes 4 s
	_, result := play(t, Runner{}, s)
	for _, line := range result.Output {
		if strings.Contains(line, "max number of clients") {
			t.Errorf("the runbook had no line of its own: %q", line)
		}
	}
	if result.Measures.Killed == 0 {
		t.Error("the runbook closed nothing")
	}
}
