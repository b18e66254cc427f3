package assert

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spillway/outage"
)

func ptr(seconds float64) *outage.Duration { d := at(seconds); return &d }

func TestMeasuresOfALeak(t *testing.T) {
	m := Check(goodLeak().s, history(t, "good-leak")).Measures
	rejected := int64(140)
	want := Measures{
		Refused: 146, RefusedConnections: 133, RejectedByRedis: &rejected,
		Refusals: []Refusal{
			{outage.OpConnect, reached, "", 130},
			{outage.OpRequest, reached, "write: broken pipe", 13},
			{outage.OpFresh, reached, "EOF", 3},
		},
		Onset: ptr(5), FirstRefusal: ptr(5), LastRefusal: ptr(6.2), Detected: ptr(4.7), Responded: ptr(6.3), Mitigated: ptr(6.5),
		TTD: ptr(0), Lead: ptr(.3), TTM: ptr(1.5), TTR: ptr(1.2),
		Peak: 100, PeakLimit: 100, FinalSlots: 20, MaxClientsStart: 100, MaxClientsEnd: 100, Killed: 8,
		Held:  []Held{{"web", 3, 0}},
		Cause: outage.ConnectionLeak, Confidence: .9, Culprits: []string{"api"}, Finding: "as it was told", Diagnoses: 12, Snapshots: 14, ReliefFor: at(40),
	}
	if diff := cmp.Diff(want, m); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestPlanIsTheOneCarriedOut(t *testing.T) {
	plan := Check(goodLeak().s, history(t, "good-leak")).Plan
	var got []string
	for _, a := range plan.Actions {
		got = append(got, string(a.Kind)+" "+string(a.State)+" "+a.Result)
		if a.Victims != nil || a.Killed != nil {
			t.Errorf("%s lists victims", a.Kind)
		}
	}
	want := []string{"kill-clients done killed 8 of 8", "set-timeout done ", "advise done "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestMeasuresOfARestart(t *testing.T) {
	m := Check(restarted().s, history(t, "good-clamp")).Measures
	// 60 before the restart; after it the counter starts at 0 and nothing is refused.
	if m.RejectedByRedis == nil || *m.RejectedByRedis != 140 {
		t.Errorf("rejected over a reset: %v, want 140", m.RejectedByRedis)
	}
	if m.Interrupted != 3 || m.Collateral != 0 {
		t.Errorf("interrupted %d, collateral %d; want 3 and 0", m.Interrupted, m.Collateral)
	}
	if diff := cmp.Diff([]string{"maxclients 100 -> 1000"}, m.Changed); diff != "" {
		t.Errorf("changed: -want +got\n%s", diff)
	}
}

// A counter that was reset has grown from 0 to what it shows.
func TestRejectedOverAReset(t *testing.T) {
	s := tell(leakScenario(), "spillway").snapshot(1, 1, 10, 50).snapshot(2, 1, 10, 70).snapshot(3, 1, 10, 5).snapshot(4, 1, 10, 8)
	r := newRun(s.s, s.done(t))
	if got := r.m.RejectedByRedis; got == nil || *got != 28 {
		t.Errorf("got %v, want 20 before the reset and 8 after", got)
	}
	one := tell(leakScenario(), "spillway").snapshot(1, 1, 10, 50)
	if got := newRun(one.s, one.done(t)).m.RejectedByRedis; got != nil {
		t.Errorf("one snapshot shows a growth of %d", *got)
	}
}

// An address may pass from an instance that is gone to one of another service.
func TestAddressesPassOn(t *testing.T) {
	s := tell(leakScenario(), "spillway").
		instance(1, "api", "api-1", "10.0.0.5", outage.Started).instance(4, "api", "api-1", "10.0.0.5", outage.Stopped).
		instance(5, "web", "web-2", "10.0.0.5", outage.Started)
	homes := addresses(s.done(t).Events)
	for at, want := range map[outage.Duration]string{0: "api", at(3): "api", at(4.5): "api", at(5): "web", at(9): "web"} {
		if got := homes.at("10.0.0.5", at).service; got != want {
			t.Errorf("at %s: %s, want %s", at, got, want)
		}
	}
	if got := homes.at("10.0.0.9", 0).service; got != "" {
		t.Errorf("a stranger is %q", got)
	}
}

func TestPublishedRunbookIsTold(t *testing.T) {
	result := Check(published().s, history(t, "bad-published"))
	want := []string{
		"CLIENT KILL ADDR 10.0.0.5:0 closed nothing: ADDR wants an exact ip:port, and no client has port 0",
		"CLIENT KILL ADDR 10.0.0.6:0 closed nothing: ADDR wants an exact ip:port, and no client has port 0",
		"CONFIG SET maxclients 20000 was refused: the file descriptor limit allows no more than 992 clients; try CONFIG SET maxclients 992, or raise the limit first",
		"CONFIG SET timeout 300 closed nothing yet: it reaps what has been idle for longer than 300 s, and the run ended 7.4s later; it never reaps subscribers, blocked clients or replicas",
	}
	if diff := cmp.Diff(want, result.Ineffective); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for _, v := range result.Verdicts {
		if told := strings.Contains(v.Hint, want[0]); told != (v.Check == "mitigate") {
			t.Errorf("%s: hint %q", v.Check, v.Hint)
		}
	}
	if diff := cmp.Diff([]string{"done, all clear"}, result.Output); diff != "" {
		t.Errorf("output: -want +got\n%s", diff)
	}
	if lines := Check(corrected().s, history(t, "good-exec")).Ineffective; len(lines) > 0 {
		t.Errorf("the corrected runbook passes and is told %q", lines)
	}
}

func TestWhyACommandDidNothing(t *testing.T) {
	for _, c := range []struct{ line, reply, want string }{
		{"CLIENT KILL ADDR 10.0.0.5", ":0", "and this has no port"},
		{"client kill addr 10.0.0.5:*", ":0", "no client has port *"},
		{"CLIENT KILL 10.0.0.5:0", "-ERR No such client", "the old form wants an exact ip:port"},
		{"CLIENT KILL ID", "-ERR No such client", "taken for an address"},
		{"CLIENT KILL ADDR app-1:4000", ":0", "host names are not resolved"},
		{"CLIENT KILL ADDR 10.0.0.5:4000", ":0", "(any more)"},
		{"CLIENT KILL ADDR [::1]", ":0", "no port"},
		{"CLIENT KILL LADDR 10.0.0.1:0", ":0", "the server's own end"},
		{"CLIENT KILL ID 7", ":0", "that id any more"},
		{"CLIENT KILL TYPE normal", ":0", "leaves out subscribers"},
		{"CLIENT KILL MAXAGE 60", "-ERR syntax error", "MAXAGE needs redis 7.4 or valkey 8.0; this is redis 7.0.15"},
		{"CLIENT KILL IP 10.0.0.5", "-ERR syntax error", "IP needs valkey 9.0"},
		{"CLIENT KILL NOT-NAME web", "-ERR syntax error", "NOT-NAME needs valkey 9.0"},
		{"CLIENT KILL ID 1 2 3", "-ERR syntax error", "ID takes one id"},
		{"CONFIG SET maxclients 9", "-NOPERM this user has no permissions", "no permission"},
		{"CONFIG REWRITE", "-ERR The server is running without a config file", "nothing to rewrite"},
		{"CONFIG SET nosuch 1", "-ERR Unknown option", "ERR Unknown option"},
	} {
		s := outageUntil("exec:x", 14)
		closed := -1
		if strings.Contains(strings.ToUpper(c.line), "KILL") {
			closed = 0
		}
		s.command(6.2, c.reply, closed, strings.Fields(c.line)...).calmDown(100)
		lines := Check(s.s, s.done(t)).Ineffective
		if len(lines) != 1 || !strings.HasPrefix(lines[0], c.line) || !strings.Contains(lines[0], c.want) {
			t.Errorf("%s: got %q, want %q", c.line, lines, c.want)
		}
	}
}

// A look is no response: whoever only looks has not mitigated what got well by itself.
func TestLookingIsNoResponse(t *testing.T) {
	s := outageUntil("human", 6.3).command(6.1, "$100", -1, "INFO").command(6.2, "$100", -1, "client", "list").calmDown(20)
	result := Check(s.s, s.done(t))
	if result.Measures.Responded != nil {
		t.Errorf("responded at %s", *result.Measures.Responded)
	}
	for _, v := range result.Verdicts {
		if v.Check == "mitigate" && v.Outcome != Fail {
			t.Errorf("mitigate: %+v", v)
		}
	}
}

func TestControlOfACalmScenario(t *testing.T) {
	s := healthyBusy()
	if HasControl(s.s) || !HasControl(leakScenario()) {
		t.Error("only an outage has a control")
	}
	if got := Control(s.s, s.done(t)); got.Outcome != Inconclusive {
		t.Errorf("got %s", got.Outcome)
	}
}

func TestJudgeWithoutADefinition(t *testing.T) {
	if r, err := Judge(outage.History{}); err == nil || r.Outcome != Inconclusive {
		t.Errorf("got %s, %v", r.Outcome, err)
	}
}

func TestEmptyHistory(t *testing.T) {
	if r := Check(leakScenario(), outage.History{}); r.Outcome != Inconclusive {
		t.Errorf("got %s", r.Outcome)
	}
}
