package remedy_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spillway/outage"
	"spillway/remedy"
)

// Bounds that the golden plans do not reach, each seen from both sides.

// answers is a server that answers some commands by itself.
type answers struct {
	*fake
	to map[string]any // "CONFIG GET" -> the answer
}

func (a answers) Do(ctx context.Context, args ...string) (any, error) {
	if v, ok := a.to[strings.Join(args[:2], " ")]; ok {
		return v, nil
	}
	return a.fake.Do(ctx, args...)
}

func TestOddAnswers(t *testing.T) {
	const unread = "set-timeout errored: what cannot be read cannot be restored, so it is not changed: CONFIG GET timeout answered nothing"
	for _, list := range [][]any{{"timeout"}, {"x", "y", "timeout"}, {"x"}} {
		r := answers{newFake(), map[string]any{"CONFIG GET": list}}
		want(t, apply(t, remedy.Applier{Redis: r}, planOf(setTimeout)), unread)
	}
}

// Old servers leave out fields of CLIENT LIST; a line without an id is nobody's.
func TestShortLines(t *testing.T) {
	const line = "addr=10.0.0.2:40010 name=api age=61 idle=60 flags=N"
	for id, outcome := range map[int64]string{
		10: "kill-clients done: 1 closed",
		0:  "kill-clients skipped: 0 closed, 1 spared (1 gone)",
	} {
		c := outage.Client{ID: id, Addr: "10.0.0.2:40010", Name: "api", Age: 61, Idle: 60}
		text := line
		if id > 0 {
			text = fmt.Sprintf("id=%d %s", id, line)
		}
		r := answers{newFake(c), map[string]any{"CLIENT LIST": text}}
		want(t, apply(t, remedy.Applier{Redis: r}, kills(c)), outcome)
	}
}

func TestRaiseToTheMost(t *testing.T) {
	for to, outcome := range map[string]string{
		"1000000": "raise-maxclients done: maxclients was 100 and is 1000000",
		"1000001": "raise-maxclients skipped: maxclients 1000001 is more than this tool sets",
	} {
		want(t, apply(t, remedy.Applier{Redis: newFake()}, planOf(sets(outage.RaiseMaxclients, "maxclients", to))), outcome)
	}
}

// synced is a journal whose disk says whether it has what was written.
type synced struct {
	bytes.Buffer
	err error
	n   int
}

func (s *synced) Sync() error { s.n++; return s.err }

func TestJournalIsSynced(t *testing.T) {
	f, disk := newFake(), &synced{}
	apply(t, remedy.Applier{Redis: f, Journal: disk}, planOf(setTimeout))
	if lines := bytes.Count(disk.Bytes(), []byte("\n")); disk.n != lines || lines != 3 {
		t.Errorf("%d lines, synced %d times", lines, disk.n)
	}
	f = newFake()
	_, err := (&remedy.Applier{Redis: f, Journal: &synced{err: errDisk}}).Apply(t.Context(), planOf(setTimeout))
	if !errors.Is(err, errDisk) || f.config["timeout"] != "0" {
		t.Errorf("error %v, timeout %s", err, f.config["timeout"])
	}
}

// Versions are compared as far as they can be read.
func TestOddVersions(t *testing.T) {
	for version, old := range map[string]bool{"7": false, "7.0": true, "7.2": false, "7.0.rc1": true, "x.0.1": false, "7.x.1": false} {
		d, s := leak()
		s.Info["redis_version"] = version
		said := strings.Join(remedy.Plan(d, s, remedy.Options{}).Warnings, "\n")
		if got := strings.Contains(said, "visits its newest clients first"); got != old {
			t.Errorf("%s: taken for older than 7.2: %v, want %v", version, got, old)
		}
	}
}

func TestWarnsOfWhatARestartLoses(t *testing.T) {
	for save, loses := range map[string]bool{"": true, "900 1": false} {
		d, s := small(outage.FDLimitClamp, outage.Finding{Asked: 400, Effective: 100, Needed: 130})
		s.Config["save"] = save
		hard(&s, 132)
		said := strings.Join(remedy.Plan(d, s, remedy.Options{CanRestart: true}).Warnings, "\n")
		if got := strings.Contains(said, "loses every key"); got != loses {
			t.Errorf("save %q: loses every key: %v, want %v", save, got, loses)
		}
	}
}

// Where nothing is done there is nothing to say of replicas.
func TestNoWordOfReplicasWithoutActions(t *testing.T) {
	d, s := small("gremlins", outage.Finding{})
	s.Info["connected_slaves"] = "2"
	if w := remedy.Plan(d, s, remedy.Options{}).Warnings; len(w) != 1 {
		t.Errorf("warnings %q", w)
	}
}

// A server whose maxclients nobody knows has no old value to come back to.
func TestRaiseFromTheUnknown(t *testing.T) {
	_, s := leak()
	delete(s.Config, "maxclients")
	d := outage.Diagnosis{Findings: []outage.Finding{{Cause: outage.MaxclientsTooLow, Confidence: 0.9, Needed: 130}}}
	hard(&s, 5000)
	a := remedy.Plan(d, s, remedy.Options{}).Actions[0]
	if a.Kind != outage.RaiseMaxclients || a.To != "130" || a.From != "" || a.Undo != nil {
		t.Errorf("got %+v", a)
	}
}

// Advice is last and said once, whichever finding it comes from.
func TestAdviceIsLastAndOnce(t *testing.T) {
	d, s := small(outage.FDExhausted, outage.Finding{})
	d.Findings = append(d.Findings,
		outage.Finding{Cause: outage.FDLimitClamp, Confidence: 0.6, Asked: 100},
		outage.Finding{Cause: outage.HalfOpenPeers, Confidence: 0.6})
	p := remedy.Plan(d, s, remedy.Options{})
	if diff := cmp.Diff([]string{"set-keepalive tcp-keepalive 300>60", "advise", "advise"}, steps(p)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A second kill of the same connections is none, and one less sure than it must be is not planned.
func TestSecondKill(t *testing.T) {
	for _, tt := range []struct {
		confidence float64
		ids        []int64
		most       int
		kills      []string
	}{
		{0.69, []int64{135}, 0, []string{"kill-clients 60"}},
		{0.7, []int64{135}, 0, []string{"kill-clients 60", "kill-clients 1"}},
		{0.9, []int64{10}, 0, []string{"kill-clients 60"}},
		{0.9, []int64{10, 11}, 1, []string{"kill-clients 1"}},
	} {
		d, s := leak()
		d.Findings = append(d.Findings, outage.Finding{Cause: outage.SilentConnections, Confidence: tt.confidence, Culprits: []outage.Culprit{{IDs: tt.ids}}})
		var got []string
		for _, step := range steps(remedy.Plan(d, s, remedy.Options{MaxVictims: tt.most})) {
			if strings.HasPrefix(step, "kill") {
				got = append(got, step)
			}
		}
		if diff := cmp.Diff(tt.kills, got); diff != "" {
			t.Errorf("%v sure of %v (-want +got):\n%s", tt.confidence, tt.ids, diff)
		}
	}
}

func TestHostsAreNamed(t *testing.T) {
	for n, named := range map[int]string{3: "10.1.0.3 without", 4: "10.1.0.4 without", 5: "10.1.0.4 and 1 more hosts"} {
		f := outage.Finding{}
		for i := range n {
			f.Culprits = append(f.Culprits, outage.Culprit{Addr: fmt.Sprintf("10.1.0.%d", i+1)})
		}
		d, s := small(outage.SilentConnections, f)
		if fix := remedy.Plan(d, s, remedy.Options{}).Fix; !strings.Contains(fix, named) {
			t.Errorf("%d hosts: no %q in %q", n, named, fix)
		}
	}
}

func printed(t *testing.T, p outage.Plan) string {
	t.Helper()
	var b bytes.Buffer
	if err := remedy.Print(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// One command more is shown where a line would only say that there is one.
func TestPrintShowsFewCommands(t *testing.T) {
	for n, want := range map[int]string{4: "", 5: "", 6: "… and 2 more"} {
		got := printed(t, planOf(outage.Action{Kind: outage.Advise, Commands: slices.Repeat([]string{"PING"}, n)}))
		shown := n
		if want != "" {
			shown = 4
		}
		if strings.Count(got, "PING") != shown || strings.Contains(got, "more") != (want != "") || !strings.Contains(got, want) {
			t.Errorf("%d commands:\n%s", n, got)
		}
	}
}

func TestPrintSaysWhatARaiseFrees(t *testing.T) {
	for to, want := range map[string]string{"99": "prevents a return\n", "100": "prevents a return\n", "101": "prevents a return, frees 1 slots\n"} {
		a := sets(outage.RaiseMaxclients, "maxclients", to)
		a.From = "100"
		if got := printed(t, planOf(a)); !strings.Contains(got, "raise-maxclients: "+want) {
			t.Errorf("to %s: no %q in\n%s", to, want, got)
		}
	}
}

func TestPrintSaysForHowLong(t *testing.T) {
	for d, want := range map[outage.Duration]string{
		0: "", sec(1): "1 seconds", sec(119): "119 seconds", sec(120): "2 minutes", sec(7199): "119 minutes", sec(7200): "2 hours",
	} {
		got := printed(t, outage.Plan{Cause: outage.ConnectionLeak, ReliefFor: d})
		if !strings.Contains(got, want) || strings.Contains(got, "relief") != (want != "") {
			t.Errorf("%v: no %q in\n%s", d, want, got)
		}
	}
}

// warned reports whether a plan warns with these words.
func warned(p outage.Plan, words string) bool {
	return strings.Contains(strings.Join(p.Warnings, "\n"), words)
}

func TestWarnsOfATimeoutThatDoesNotHold(t *testing.T) {
	for growth, fast := range map[float64]bool{0: false, 0.49: false, 0.5: true, 0.51: true} {
		d, s := leak()
		d.Findings[0].Growth = growth
		o := remedy.Options{Timeout: sec(200)}
		if got := warned(remedy.Plan(d, s, o), "does not hold this leak"); got != fast {
			t.Errorf("%v a second for 200s: warned %v, want %v", growth, got, fast)
		}
		delete(s.Config, "maxclients")
		d.MaxClients = 0
		if warned(remedy.Plan(d, s, o), "does not hold this leak") {
			t.Errorf("%v a second: maxclients is not known, and said to be too small", growth)
		}
	}
}

func TestTimeoutThatIsSetAlready(t *testing.T) {
	for timeout, set := range map[string]bool{"0": true, "1": false, "300": false, "301": true} {
		d, s := leak()
		s.Config["timeout"] = timeout
		p := remedy.Plan(d, s, remedy.Options{})
		if got := slices.Contains(steps(p), "set-timeout timeout "+timeout+">300"); got != set || warned(p, "s already") == set {
			t.Errorf("timeout %s: set %v, want %v; %q", timeout, got, set, p.Warnings)
		}
	}
}

func TestAdviceOnAPool(t *testing.T) {
	for pool, want := range map[int]string{-1: "smaller", 0: "smaller", 1: "a pool of 1 "} {
		d, s := small(outage.OversizedPool, outage.Finding{Pool: pool})
		p := remedy.Plan(d, s, remedy.Options{})
		if advice := p.Actions[len(p.Actions)-1].Reason; !strings.Contains(advice, want) {
			t.Errorf("pool %d: no %q in %q", pool, want, advice)
		}
	}
}

func TestMostVictims(t *testing.T) {
	for most, bounded := range map[int]bool{0: false, 59: true, 60: false, 61: false} {
		d, s := leak()
		p := remedy.Plan(d, s, remedy.Options{MaxVictims: most})
		if got := warned(p, "leaves the younger ones"); got != bounded {
			t.Errorf("at most %d of 60: warned %v, want %v", most, got, bounded)
		}
	}
}

func TestVictimsAreCountedBySource(t *testing.T) {
	for n, want := range map[int]string{
		3: "half-open-peers: 3 of api at 10.2.0.1, 2 of api at 10.2.0.2, 1 of api at 10.2.0.3",
		5: "half-open-peers: 5 of api at 10.2.0.1, 4 of api at 10.2.0.2, 3 of api at 10.2.0.3, 2 more sources",
	} {
		var s outage.Snapshot
		var ids []int64
		for i := range n {
			for range n - i {
				id := int64(len(ids) + 1)
				ids = append(ids, id)
				s.Clients = append(s.Clients, client(id, "api", fmt.Sprintf("10.2.0.%d", i+1), 90, 90))
			}
		}
		d := outage.Diagnosis{Findings: []outage.Finding{{Cause: outage.HalfOpenPeers, Culprits: []outage.Culprit{{IDs: ids}}}}}
		if got := remedy.Plan(d, s, remedy.Options{}).Actions[0].Reason; got != want {
			t.Errorf("%d sources: %q, want %q", n, got, want)
		}
	}
}
