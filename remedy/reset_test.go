package remedy_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"spillway/outage"
	"spillway/remedy"
)

// machine is a server's machine: what it holds, and what was reset.
type machine struct {
	held   []outage.Held
	reset  []string
	refuse error          // what the kernel answers to each
	denied error          // what resetting comes to
	broken error          // what asking comes to
	hook   func(*machine) // before each look
}

func (m *machine) Held(context.Context) ([]outage.Held, error) {
	if m.hook != nil {
		m.hook(m)
	}
	return slices.Clone(m.held), m.broken
}

func (m *machine) Reset(_ context.Context, victims []outage.Held) (results []error, err error) {
	if m.denied != nil {
		return nil, m.denied
	}
	for _, v := range victims {
		i := slices.IndexFunc(m.held, func(h outage.Held) bool { return h.Cookie == v.Cookie })
		switch {
		case m.refuse != nil:
			results = append(results, m.refuse)
		case i < 0:
			results = append(results, fs.ErrNotExist)
		default:
			m.reset = append(m.reset, v.Peer)
			m.held = slices.Delete(m.held, i, i+1)
			results = append(results, nil)
		}
	}
	return results, nil
}

func abandonedAt(i int) outage.Held {
	quiet := outage.Duration(time.Duration(3+i) * time.Second)
	return outage.Held{Cookie: int64(100 + i), Peer: fmt.Sprintf("10.0.0.3:%d", 40000+i), Local: "10.0.0.1:6379", Quiet: quiet, Told: quiet, Received: 300, Requests: 4, Replies: 4}
}

// outsideOf is n abandoned connections of one host and what diagnose.Outside says of them.
func outsideOf(n int) (outage.Diagnosis, outage.Outside) {
	look := outage.Outside{}
	culprit := outage.Culprit{Service: "10.0.0.3", Addr: "10.0.0.3", Connections: n}
	for i := range n {
		look.Held = append(look.Held, abandonedAt(i))
		culprit.IDs = append(culprit.IDs, int64(100+i))
	}
	return outage.Diagnosis{Findings: []outage.Finding{{Cause: outage.ConnectionLeak, Confidence: 0.7, Culprits: []outage.Culprit{culprit}}}}, look
}

func TestOutsidePlans(t *testing.T) {
	d, look := outsideOf(5)
	look.Held[1].Quiet = outage.Duration(time.Second) // it was used since
	d.Findings[0].Culprits[0].IDs = append(d.Findings[0].Culprits[0].IDs, 999)
	plan := remedy.Outside(d, look, remedy.Options{})
	if len(plan.Actions) != 1 || plan.Actions[0].Kind != outage.ResetSockets {
		t.Fatalf("%+v", plan)
	}
	a := plan.Actions[0]
	var ids []int64
	for _, v := range a.Victims {
		ids = append(ids, v.ID)
	}
	if !slices.Equal(ids, []int64{104, 103, 102, 100}) {
		t.Errorf("victims %v, want the longest quiet first, and not the one that was used", ids)
	}
	if a.Commands[0] != "ss -K src 10.0.0.1:6379 dst 10.0.0.3:40004" {
		t.Errorf("command %q", a.Commands[0])
	}
	if plan := remedy.Outside(d, look, remedy.Options{MaxVictims: 2}); len(plan.Actions[0].Victims) != 2 || !strings.Contains(strings.Join(plan.Warnings, " "), "bound of 2") {
		t.Errorf("with a bound of 2: %+v", plan)
	}
	if plan := remedy.Outside(d, look, remedy.Options{IdleOver: outage.Duration(6 * time.Second)}); len(plan.Actions[0].Victims) != 2 {
		t.Errorf("idle over 6s: %+v", plan.Actions[0].Victims)
	}
	if plan := remedy.Outside(d, look, remedy.Options{IdleOver: outage.Duration(time.Hour)}); len(plan.Actions) != 0 || len(plan.Warnings) < 2 {
		t.Errorf("idle over an hour: %+v", plan)
	}
	if plan := remedy.Outside(outage.Diagnosis{}, look, remedy.Options{}); len(plan.Actions) != 0 || len(plan.Warnings) == 0 {
		t.Errorf("nobody is named: %+v", plan)
	}
	if plan := remedy.Outside(d, look, remedy.Options{Select: remedy.Selection{IgnoreAddr: []string{"10.0.0.3:40004"}}}); len(plan.Actions[0].Victims) != 3 || plan.Actions[0].Victims[0].ID != 103 {
		t.Errorf("without the first: %+v", plan.Actions)
	}
	for _, s := range []remedy.Selection{{MatchName: []string{"api-*"}}, {MatchUser: []string{"app"}}, {MatchLib: []string{"*"}}, {IgnoreName: []string{"api-*"}}} {
		if plan := remedy.Outside(d, look, remedy.Options{Select: s}); len(plan.Actions) != 0 || len(plan.Warnings) != 1 {
			t.Errorf("by what nobody sees, %+v: %+v", s, plan)
		}
	}
	warned := func(o remedy.Options) string {
		return strings.Join(remedy.Outside(d, look, o).Warnings, "\n")
	}
	for _, w := range []struct {
		o    remedy.Options
		want string
		not  string
	}{
		{remedy.Options{}, "1 of the named connections are spared: quiet for less than 2s", "--match-addr"},
		{remedy.Options{MaxVictims: 4}, "", "bound of"},
		{remedy.Options{MaxVictims: 3}, "4 connections could be reset; the bound of 3 ", "--match-addr"},
		{remedy.Options{Select: remedy.Selection{IgnoreAddr: []string{"10.0.0.3:40004", "10.0.0.3:40003"}}}, "2 of the named connections are spared: --match-addr or --ignore-addr", ""},
		{remedy.Options{Select: remedy.Selection{IgnoreAddr: []string{"10.0.0.3:40001"}}}, "--ignore-addr", "quiet for less"},
	} {
		if text := warned(w.o); !strings.Contains(text, w.want) || w.not != "" && strings.Contains(text, w.not) {
			t.Errorf("%+v: want %q and not %q:\n%s", w.o, w.want, w.not, text)
		}
	}
	files := outage.Diagnosis{Findings: []outage.Finding{{Cause: outage.FDExhausted, Confidence: 0.75}}}
	if plan := remedy.Outside(files, look, remedy.Options{}); slices.ContainsFunc(plan.Actions, func(a outage.Action) bool { return a.Kind == outage.ResetSockets }) || len(plan.Actions) == 0 {
		t.Errorf("no file descriptor is left: %+v", plan)
	}
}

func resetOf(t *testing.T, n int, m *machine, enough func(context.Context) bool) (outage.Action, string, error) {
	t.Helper()
	d, look := outsideOf(n)
	if m.held == nil {
		m.held = slices.Clone(look.Held)
	}
	journal := &strings.Builder{}
	a := remedy.Applier{Sockets: m, Journal: journal, Enough: enough}
	actions, err := a.Apply(t.Context(), remedy.Outside(d, look, remedy.Options{}))
	return actions[0], journal.String(), err
}

// One, then two, then four: no more are reset than it takes.
func TestResetStopsWhenASlotIsFree(t *testing.T) {
	m := &machine{}
	tries := 0
	a, journal, err := resetOf(t, 20, m, func(context.Context) bool { tries++; return tries == 3 })
	if err != nil || a.State != outage.Done || len(m.reset) != 7 || len(a.Killed) != 7 {
		t.Fatalf("%d reset, %+v, %v", len(m.reset), a, err)
	}
	if m.reset[0] != "10.0.0.3:40019" || a.Result != "7 closed; then a slot was free, and 13 were left" {
		t.Errorf("%q first, %q", m.reset[0], a.Result)
	}
	if strings.Count(journal, "\n") != 3 || !strings.Contains(journal, `"reset-sockets"`) || !strings.Contains(journal, `"received":300`) {
		t.Errorf("the journal:\n%s", journal)
	}
}

// A slot that is free before anything was reset is not the one that is kept.
func TestResetIsNotEnoughWithoutAny(t *testing.T) {
	m := &machine{}
	m.hook = func(m *machine) { // the first two to be tried were used again
		m.hook = nil
		m.held[4].Received++
		m.held[3].Received++
	}
	a, _, err := resetOf(t, 5, m, func(context.Context) bool { return true })
	if err != nil || len(a.Killed) != 1 || a.Spared != 2 {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestResetGoesThroughAll(t *testing.T) {
	m := &machine{}
	a, _, err := resetOf(t, 300, m, nil)
	if err != nil || len(m.reset) != 300 || a.Result != "300 closed" {
		t.Errorf("%d reset, %q, %v", len(m.reset), a.Result, err)
	}
}

// Between plan and reset one is used, one is gone, and the port of a third has another connection.
func TestResetSparesWhatChanged(t *testing.T) {
	_, look := outsideOf(6)
	look.Held[1].Received++
	look.Held[3].Cookie = 777
	look.Held[4].Peer = "10.0.0.9:1"
	m := &machine{held: slices.Delete(look.Held, 5, 6)}
	a, _, err := resetOf(t, 6, m, nil)
	if err != nil || !slices.Equal(m.reset, []string{"10.0.0.3:40002", "10.0.0.3:40000"}) || a.Spared != 4 {
		t.Fatalf("%v reset, %+v, %v", m.reset, a, err)
	}
	if a.Result != "2 closed, 4 spared (3 gone, 1 used again)" {
		t.Error(a.Result)
	}
}

func TestResetIsRefused(t *testing.T) {
	m := &machine{refuse: fmt.Errorf("%w: it takes CAP_NET_ADMIN", os.ErrPermission)}
	a, _, err := resetOf(t, 3, m, nil)
	if err != nil || a.State != outage.Errored || !strings.Contains(a.Result, "CAP_NET_ADMIN") || len(a.Killed) != 0 {
		t.Errorf("%+v, %v", a, err)
	}
	m = &machine{denied: fmt.Errorf("%w: netlink", os.ErrPermission)}
	if a, _, err = resetOf(t, 3, m, nil); err != nil || a.State != outage.Errored || !strings.Contains(a.Result, "netlink") {
		t.Errorf("nobody may ask: %+v, %v", a, err)
	}
	m = &machine{broken: errors.New("no netlink")}
	if a, _, err = resetOf(t, 3, m, nil); err == nil || a.State != outage.Errored || !strings.Contains(err.Error(), "after 0 of 3") {
		t.Errorf("%+v, %v", a, err)
	}
	d, look := outsideOf(1)
	actions, err := (&remedy.Applier{}).Apply(t.Context(), remedy.Outside(d, look, remedy.Options{}))
	if err != nil || actions[0].State != outage.Skipped {
		t.Errorf("without a machine: %+v, %v", actions, err)
	}
}

// Undo of such a journal says what stays as it is.
func TestResetCannotBeUndone(t *testing.T) {
	_, journal, err := resetOf(t, 2, &machine{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	undone, err := remedy.Undo(t.Context(), newFake(), strings.NewReader(journal))
	if err != nil || len(undone) != 1 || undone[0].State != outage.Skipped || !strings.Contains(undone[0].Result, "2 closed connections stay closed") {
		t.Errorf("%+v, %v", undone, err)
	}
}
