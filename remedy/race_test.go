package remedy_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"spillway/outage"
	"spillway/remedy"
)

// atGet changes a setting as somebody else would, just before CONFIG GET is answered for the nth time.
func atGet(n int, param, value string) func(*fake, []string) {
	return func(f *fake, args []string) {
		if args[1] == "GET" {
			if n--; n == 0 {
				f.config[param] = value
			}
		}
	}
}

// Somebody else sets the same at every moment there is: before the journal is on the disk, and just before the change.
func TestSetMeetsSomebodyElse(t *testing.T) {
	const timeout, maxclients = "timeout", "maxclients"
	moment := "somebody else set it in the same moment"
	tests := []struct {
		name   string
		action outage.Action
		before func(*fake, []string)
		want   string
		is     string // what is set then
		undone string // and after undo
	}{
		{"the same, before the journal was written", setTimeout, atGet(2, timeout, "300"), "set-timeout skipped: timeout is 300 already", "300", "300"},
		{"less, before the journal was written", setTimeout, atGet(2, timeout, "60"), "set-timeout skipped: timeout is 60 already", "60", "60"},
		{"more, before the journal was written", setTimeout, atGet(2, timeout, "900"), "set-timeout done: timeout was 900 and is 300", "300", "900"},
		{"the same, in the same moment", setTimeout, atGet(3, timeout, "300"), "set-timeout skipped: timeout is 300 already: " + moment, "300", "300"},
		{"less, in the same moment", setTimeout, atGet(3, timeout, "60"), "set-timeout skipped: timeout is 60 already: " + moment, "60", "60"},
		{"more, in the same moment", setTimeout, atGet(3, timeout, "900"), "set-timeout done: timeout was 900 and is 300", "300", "900"},
		{"afterwards", setTimeout, atGet(4, timeout, "60"), "set-timeout done: Redis said OK, and timeout is 60 instead of 300", "60", "0"},
		{"more slots, before", raise, atGet(2, maxclients, "500"), "raise-maxclients skipped: maxclients is 500 already", "500", "500"},
		{"more slots, in the same moment", raise, atGet(3, maxclients, "500"), "raise-maxclients skipped: maxclients is 500 already: " + moment, "500", "500"},
		{"fewer slots, in the same moment", raise, atGet(3, maxclients, "150"), "raise-maxclients done: maxclients was 150 and is 200", "200", "150"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake()
			f.before = tt.before
			var journal bytes.Buffer
			want(t, apply(t, remedy.Applier{Redis: f, Journal: &journal}, planOf(tt.action)), tt.want)
			if got := f.config[tt.action.Param]; got != tt.is {
				t.Errorf("%s is %s, want %s", tt.action.Param, got, tt.is)
			}
			undo(t, f, journal.Bytes())
			if got := f.config[tt.action.Param]; got != tt.undone {
				t.Errorf("after undo %s is %s, want %s", tt.action.Param, got, tt.undone)
			}
		})
	}
}

// Who keeps changing a setting is not fought.
func TestSetGivesUp(t *testing.T) {
	f := newFake()
	gets, sets := 0, 0
	f.before = func(f *fake, args []string) {
		switch args[1] {
		case "GET":
			gets++
			f.config["timeout"] = strconv.Itoa(1000 + gets)
		case "SET":
			sets++
		}
	}
	var journal bytes.Buffer
	want(t, apply(t, remedy.Applier{Redis: f, Journal: &journal}, planOf(setTimeout)), "set-timeout skipped: somebody else keeps changing timeout, so it is left alone")
	if sets != 0 || gets != 6 {
		t.Errorf("%d sets, %d gets", sets, gets)
	}
	if actions := undo(t, f, journal.Bytes()); len(actions) != 0 {
		t.Errorf("nothing was changed, and undo says %q", outcomes(actions))
	}
}

// What was set in the same moment cannot be given back, or whether it could is not known.
func TestGivingBackFails(t *testing.T) {
	for broken, said := range map[bool]string{
		false: "set-timeout done: timeout was set to 60 by somebody else in the same moment, is 300 now and could not be given back: NOPERM no",
		true:  "set-timeout errored: read: unexpected EOF",
	} {
		f := newFake()
		meet, sets := atGet(3, "timeout", "60"), 0
		f.before = func(f *fake, args []string) {
			meet(f, args)
			if args[1] == "SET" {
				if sets++; sets == 2 && broken {
					f.failAt = len(f.sent) + 1
				} else if sets == 2 {
					f.deny = map[string]string{"CONFIG SET": "NOPERM no"}
				}
			}
		}
		var journal bytes.Buffer
		actions, err := (&remedy.Applier{Redis: f, Journal: &journal}).Apply(t.Context(), planOf(setTimeout))
		if broken != (err != nil) {
			t.Errorf("error %v", err)
		}
		want(t, actions, said)
		if f.failAt, f.deny, f.before = 0, nil, nil; !broken {
			undo(t, f, journal.Bytes())
			if f.config["timeout"] != "60" {
				t.Errorf("undo did not give it back: %s", f.config["timeout"])
			}
		}
	}
}

// When Redis offers less, and somebody else got more in the meantime, that is left alone.
func TestOfferMeetsSomebodyElse(t *testing.T) {
	f := newFake()
	f.mostFDs, f.offer = 160, 153
	f.before = atGet(5, "maxclients", "158")
	want(t, apply(t, remedy.Applier{Redis: f}, planOf(raise)), "raise-maxclients skipped: maxclients is 158 already")
}

// short is a Redis that answers fewer commands of a pipeline than were sent, and says that all is well.
type short struct{ *fake }

func (s short) Pipeline(ctx context.Context, commands [][]string) ([]any, error) {
	return s.fake.Pipeline(ctx, commands[:2])
}

func TestSetCountsItsReplies(t *testing.T) {
	_, err := (&remedy.Applier{Redis: short{newFake()}}).Apply(t.Context(), planOf(setTimeout))
	if err == nil || !strings.Contains(err.Error(), "2 replies to 3 commands") {
		t.Errorf("error %v", err)
	}
}

// A value that cannot be read back was set all the same.
func TestSetCannotReadBack(t *testing.T) {
	for _, silent := range []bool{false, true} {
		f := newFake()
		gets := 0
		f.before = func(f *fake, args []string) {
			if args[1] == "GET" {
				if gets++; gets == 4 && silent {
					delete(f.config, "timeout")
				} else if gets == 4 {
					f.deny = map[string]string{"CONFIG GET": "NOPERM no"}
				}
			}
		}
		why := "NOPERM no"
		if silent {
			why = "CONFIG GET timeout answered nothing"
		}
		want(t, apply(t, remedy.Applier{Redis: f}, planOf(setTimeout)), "set-timeout done: Redis said OK, but timeout could not be read back: "+why)
	}
}

// operators take turns on one Redis, command by command, as schedule says; a pipeline is one turn, as it is for Redis.
type operators struct {
	*fake
	asks, goes [2]chan struct{}
}

type operator struct {
	*operators
	i int
}

func (o operator) turn() {
	o.asks[o.i] <- struct{}{}
	<-o.goes[o.i]
}

func (o operator) Do(ctx context.Context, args ...string) (any, error) {
	o.turn()
	return o.fake.Do(ctx, args...)
}

func (o operator) Pipeline(ctx context.Context, commands [][]string) ([]any, error) {
	o.turn()
	return o.fake.Pipeline(ctx, commands)
}

// run carries both plans out, each command when next says whose turn it is, and returns what became of them.
func (o *operators) run(ctx context.Context, plans [2]outage.Plan, journals [2]*bytes.Buffer, next func() int) (actions [2][]outage.Action, err error) {
	type ended struct {
		i       int
		actions []outage.Action
		err     error
	}
	ends := make(chan ended)
	for i := range 2 {
		o.asks[i], o.goes[i] = make(chan struct{}), make(chan struct{})
		go func() {
			a := remedy.Applier{Redis: operator{o, i}, Journal: journals[i]}
			actions, err := a.Apply(ctx, plans[i])
			ends <- ended{i, actions, err}
		}()
	}
	waits := [2]bool{}
	for left := 2; left > 0; {
		for busy := left - count(waits); busy > 0; busy-- { // all who still work stand still before the next turn
			select {
			case <-o.asks[0]:
				waits[0] = true
			case <-o.asks[1]:
				waits[1] = true
			case e := <-ends:
				actions[e.i] = e.actions
				if e.err != nil {
					err = e.err
				}
				left--
			}
		}
		if count(waits) == 0 {
			continue
		}
		i := next()
		if !waits[i] {
			i = 1 - i
		}
		waits[i] = false
		o.goes[i] <- struct{}{}
	}
	return actions, err
}

func count(b [2]bool) (n int) {
	for _, b := range b {
		if b {
			n++
		}
	}
	return n
}

// However two operators meet, the tighter timeout and the larger maxclients are in force at the end, each victim is closed
// once and nobody else, and when both undo, in any order and as often as they are told to, everything is as it was.
func TestTwoOperatorsDoNotFight(t *testing.T) {
	met := 0
	rapid.Check(t, func(t *rapid.T) {
		f := newFake(many(8)...)
		f.clients[50] = client(50, "web", "10.0.0.9", 500, 0)
		f.config["timeout"] = rapid.SampledFrom([]string{"0", "3000"}).Draw(t, "timeout")
		was := maps.Clone(f.config)
		o := operators{fake: f}
		var plans [2]outage.Plan
		journals := [2]*bytes.Buffer{{}, {}}
		least, most := 1<<30, 0
		for i := range plans {
			timeout := rapid.SampledFrom([]int{60, 300, 300, 900}).Draw(t, "to")
			maxclients := rapid.SampledFrom([]int{150, 200, 200, 400}).Draw(t, "raise")
			least, most = min(least, timeout), max(most, maxclients)
			plans[i] = outage.Plan{Actions: append(kills(many(8)...).Actions, sets(outage.RaiseMaxclients, "maxclients", strconv.Itoa(maxclients)), sets(outage.SetTimeout, "timeout", strconv.Itoa(timeout)))}
		}
		actions, err := o.run(context.Background(), plans, journals, func() int { return rapid.IntRange(0, 1).Draw(t, "turn") })
		if err != nil {
			t.Fatal(err)
		}
		if f.config["timeout"] != strconv.Itoa(least) || f.config["maxclients"] != strconv.Itoa(most) {
			t.Fatalf("%v; %q and %q", f.config, outcomes(actions[0]), outcomes(actions[1]))
		}
		if len(f.clients) != 1 || len(actions[0][0].Killed)+len(actions[1][0].Killed) != 8 || len(f.killed) != 8 {
			t.Fatalf("%d are left; %q and %q", len(f.clients), outcomes(actions[0]), outcomes(actions[1]))
		}
		if said := fmt.Sprint(outcomes(actions[0]), outcomes(actions[1])); strings.Contains(said, "same moment") {
			met++
		}
		for range 4 {
			first := rapid.IntRange(0, 1).Draw(t, "who undoes")
			for _, i := range []int{first, 1 - first} {
				if _, err := remedy.Undo(context.Background(), f, bytes.NewReader(journals[i].Bytes())); err != nil {
					t.Fatal(err)
				}
			}
		}
		if !maps.Equal(was, f.config) {
			t.Fatalf("undo left %v of %v; %q and %q", f.config, was, outcomes(actions[0]), outcomes(actions[1]))
		}
	})
	if met == 0 {
		t.Error("they never met in the same moment: the property says little")
	}
}

func TestOthers(t *testing.T) {
	other := client(7, "spillway:12:remedy-apply", "10.0.0.5", 90, 59)
	stale := client(8, "spillway:13:remedy-apply", "10.0.0.5", 90, 60)
	clients := []outage.Client{stale, other, client(9, "spillway:14:remedy", "10.0.0.5", 3, 0), client(10, "spillway:15:remedy-undo", "10.0.0.5", 3, 0),
		client(11, "api:remedy-apply", "10.0.0.5", 3, 0), client(6, "spillway:16:remedy-apply", "10.0.0.6", 3, 0)}
	text := "another remedy is at work: spillway:12:remedy-apply from 10.0.0.5:40007"
	if got := remedy.Others(clients, 6); len(got) != 1 || got[0] != text {
		t.Errorf("got %q", got)
	}
	if got := remedy.Others(clients, 0); len(got) != 2 || got[0] != text {
		t.Errorf("got %q", got)
	}
	d, s := leak()
	s.Clients = append(s.Clients, other)
	for self, want := range map[int64]bool{0: true, 6: true, 7: false} {
		p := remedy.Plan(d, s, remedy.Options{Self: self})
		if got := strings.Contains(p.Warnings[0], text+": what it does first is gone"); got != want {
			t.Errorf("as %d: %q", self, p.Warnings)
		}
	}
}

// While another remedy is at work, which may have found the setting as it wants it, undo leaves it alone and says so.
func TestUndoWaitsForAnother(t *testing.T) {
	f := newFake()
	var journal bytes.Buffer
	apply(t, remedy.Applier{Redis: f, Journal: &journal}, planOf(setTimeout))
	f.clients[7] = client(7, "spillway:12:remedy-apply", "10.0.0.5", 9, 1)
	left := "set-timeout skipped: another remedy is at work: spillway:12:remedy-apply from 10.0.0.5:40007: it may count on timeout 300, which is left alone; undo again when it has ended"
	want(t, undo(t, f, journal.Bytes()), left)
	f.self = 7 // it is we ourselves
	want(t, undo(t, f, journal.Bytes()), "set-timeout undone: timeout was 300 and is 0 again")
	f.self = 1
	want(t, undo(t, f, journal.Bytes()), "set-timeout undone: timeout is 0 already")
	f.config["timeout"] = "300"
	f.deny = map[string]string{"CLIENT LIST": "NOPERM no", "CLIENT ID": "NOPERM no"} // nobody tells
	want(t, undo(t, f, journal.Bytes()), "set-timeout undone: timeout was 300 and is 0 again")
	for n := 1; n <= 2; n++ {
		f.deny, f.failAt = nil, len(f.sent)+n
		if _, err := remedy.Undo(t.Context(), f, bytes.NewReader(journal.Bytes())); err == nil {
			t.Errorf("the connection broke at command %d, and that is no error", n)
		}
		f.failAt = 0
	}
}

func TestReadJournal(t *testing.T) {
	p, f := everything()
	p.Cause = outage.ConnectionLeak
	var journal bytes.Buffer
	apply(t, remedy.Applier{Redis: f, Journal: &journal}, p)
	whole := journal.String()
	lines := strings.SplitAfter(whole, "\n")
	for name, tt := range map[string]struct {
		text       string
		torn       bool
		unfinished outage.ActionKind
	}{
		"whole":                       {text: whole},
		"empty":                       {},
		"header cut":                  {text: lines[0][:20], torn: true},
		"header alone":                {text: lines[0]},
		"cut before its line is full": {text: lines[0] + lines[1][:len(lines[1])-1], torn: true},
		"an effect, perhaps":          {text: lines[0] + lines[1], unfinished: outage.KillClients},
		"and a cut":                   {text: lines[0] + lines[1] + lines[2] + lines[3] + lines[4][:9], torn: true, unfinished: outage.RaiseMaxclients},
		"an end":                      {text: lines[0] + lines[1] + lines[2]},
	} {
		j, err := remedy.ReadJournal(strings.NewReader(tt.text))
		a, ok := j.Unfinished()
		if err != nil || j.Torn != tt.torn || a.Kind != tt.unfinished || ok != (tt.unfinished != "") {
			t.Errorf("%s: %v, torn %v, unfinished %q", name, err, j.Torn, a.Kind)
		}
		if begun := len(tt.text) >= len(lines[0]); begun != (j.Cause == outage.ConnectionLeak) || begun == j.Started.IsZero() {
			t.Errorf("%s: of %q, begun %s", name, j.Cause, j.Started)
		}
	}
	if strings.Contains(whole, `"frees"`) {
		t.Error("the journal repeats what the plan says for people")
	}
}
