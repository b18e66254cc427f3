package remedy_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spillway/outage"
	"spillway/remedy"
)

// kills is a plan to close the given connections as they are now.
func kills(clients ...outage.Client) outage.Plan {
	a := outage.Action{Kind: outage.KillClients}
	for _, c := range clients {
		a.Victims = append(a.Victims, outage.Victim{ID: c.ID, Addr: c.Addr, Name: c.Name, Age: c.Age, Idle: c.Idle})
	}
	return outage.Plan{Cause: outage.ConnectionLeak, Actions: []outage.Action{a}}
}

// sets is a plan of settings; the values are set in the order given.
func sets(kind outage.ActionKind, param, to string) outage.Action {
	return outage.Action{Kind: kind, Param: param, To: to}
}

func planOf(actions ...outage.Action) outage.Plan {
	return outage.Plan{Cause: outage.ConnectionLeak, Actions: actions}
}

var (
	setTimeout   = sets(outage.SetTimeout, "timeout", "300")
	setKeepalive = sets(outage.SetKeepalive, "tcp-keepalive", "60")
	raise        = sets(outage.RaiseMaxclients, "maxclients", "200")
)

// apply applies p and fails the test when the connection broke.
func apply(t *testing.T, a remedy.Applier, p outage.Plan) []outage.Action {
	t.Helper()
	actions, err := a.Apply(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return actions
}

// outcomes writes each action as its state and result.
func outcomes(actions []outage.Action) []string {
	var list []string
	for _, a := range actions {
		list = append(list, strings.TrimSpace(fmt.Sprintf("%s %s: %s", a.Kind, a.State, a.Result)))
	}
	return list
}

func want(t *testing.T, actions []outage.Action, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, outcomes(actions)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Whatever became of a victim between the plan and the kill, only the one that the plan meant is closed.
func TestKillChecksAgain(t *testing.T) {
	tests := []struct {
		name   string
		change func(*outage.Client)
		why    string
	}{
		{"unchanged", func(*outage.Client) {}, ""},
		{"older now", func(c *outage.Client) { c.Age, c.Idle = c.Age+30, c.Idle+30 }, ""},
		{"used again", func(c *outage.Client) { c.Age, c.Idle = c.Age+3, 0 }, "used again"},
		{"used again, and idle once more for as long", func(c *outage.Client) { c.Age, c.Idle = c.Age+300, 60 }, "used again"},
		{"same address, another id", func(c *outage.Client) { c.ID, c.Age, c.Idle = 77, 0, 0 }, "gone"},
		{"same id, another address", func(c *outage.Client) { c.Addr = "10.0.0.2:1" }, "another connection"},
		{"renamed", func(c *outage.Client) { c.Name = "batch" }, "another connection"},
		{"younger: the server was restarted", func(c *outage.Client) { c.Age, c.Idle = 50, 50 }, "another connection"},
		{"subscribed", func(c *outage.Client) { c.Sub, c.Flags = 1, "P" }, "a subscriber"},
		{"blocked", func(c *outage.Client) { c.Flags = "b" }, "blocked in a command"},
		{"a transaction", func(c *outage.Client) { c.Multi, c.Flags = 0, "x" }, "inside a transaction"},
		{"a watch", func(c *outage.Client) { c.Watch = 1 }, "inside a transaction"},
		{"a replica", func(c *outage.Client) { c.Flags = "S" }, "a replica or a link to a master"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			victim, other := client(10, "api", "10.0.0.2", 61, 60), client(11, "api", "10.0.0.2", 61, 60)
			now := victim
			tt.change(&now)
			f := newFake(now, other)
			a := apply(t, remedy.Applier{Redis: f}, kills(victim))
			if tt.why == "" {
				want(t, a, "kill-clients done: 1 closed")
				if len(f.killed) != 1 || len(a[0].Killed) != 1 || a[0].Spared != 0 {
					t.Errorf("killed %v, said %v", f.killed, a[0].Killed)
				}
				return
			}
			want(t, a, "kill-clients skipped: 0 closed, 1 spared (1 "+tt.why+")")
			if len(f.killed) != 0 || a[0].Spared != 1 {
				t.Errorf("killed %v", f.killed)
			}
		})
	}
}

// The connection that the remedy acts through is not closed, even where it has no name and a plan names it.
func TestKillSparesItself(t *testing.T) {
	self := client(1, "", "10.0.0.2", 61, 60)
	f := newFake(self)
	want(t, apply(t, remedy.Applier{Redis: f}, kills(self)), "kill-clients skipped: 0 closed, 1 spared (1 our own connection)")
	for _, args := range f.sent {
		if args[1] == "KILL" {
			t.Errorf("sent %q", args)
		}
	}
}

// A victim can still change between the second look and the kill; the server compares the address then.
func TestKillIsCheckedByTheServer(t *testing.T) {
	c := client(10, "api", "10.0.0.2", 61, 60)
	f := newFake(c)
	f.before = func(f *fake, args []string) {
		if args[1] == "KILL" {
			now := f.clients[10]
			now.Addr = "10.0.0.7:1"
			f.clients[10] = now
		}
	}
	want(t, apply(t, remedy.Applier{Redis: f}, kills(c)), "kill-clients skipped: 0 closed, 1 spared (1 gone)")
}

func many(n int) []outage.Client {
	var clients []outage.Client
	for i := range n {
		clients = append(clients, client(int64(10+i), "api", "10.0.0.2", 61, 60))
	}
	return clients
}

func TestKillInBatches(t *testing.T) {
	for _, old := range []bool{false, true} {
		f := newFake(many(600)...)
		f.noListID = old
		inBatch, largest := 0, 0
		f.before = func(_ *fake, args []string) {
			inBatch++
			if args[1] == "LIST" {
				inBatch = 0
			}
			largest = max(largest, inBatch)
		}
		a := apply(t, remedy.Applier{Redis: f}, kills(many(600)...))
		want(t, a, "kill-clients done: 600 closed")
		if largest > 500 || len(f.clients) != 0 {
			t.Errorf("old server %v: %d kills at once, %d left", old, largest, len(f.clients))
		}
	}
}

func TestKillRefused(t *testing.T) {
	const noperm = "NOPERM this user has no permissions to run the 'client|kill' command"
	for name, want1 := range map[string]string{
		"CLIENT KILL": "kill-clients errored: 0 closed, then Redis refused: " + noperm,
		"CLIENT LIST": "kill-clients errored: 0 closed, then Redis refused: " + noperm,
		"CLIENT ID":   "kill-clients done: 600 closed", // SKIPME is yes in any case
	} {
		f := newFake(many(600)...)
		f.deny = map[string]string{name: noperm}
		want(t, apply(t, remedy.Applier{Redis: f}, kills(many(600)...)), want1)
		if len(f.sent) > 300 && name != "CLIENT ID" {
			t.Errorf("%s is refused, and %d commands were sent", name, len(f.sent))
		}
	}
}

func TestSet(t *testing.T) {
	tests := []struct {
		name   string
		action outage.Action
		fake   func(*fake)
		want   string
		config string // what is set afterwards
	}{
		{"timeout", setTimeout, nil, "set-timeout done: timeout was 0 and is 300", "300"},
		{"timeout set by somebody", setTimeout, func(f *fake) { f.config["timeout"] = "30" }, "set-timeout skipped: timeout is 30 already", "30"},
		{"timeout set just so", setTimeout, func(f *fake) { f.config["timeout"] = "300" }, "set-timeout skipped: timeout is 300 already", "300"},
		{"timeout that is too large", setTimeout, func(f *fake) { f.config["timeout"] = "900" }, "set-timeout done: timeout was 900 and is 300", "300"},
		{"keepalive", setKeepalive, nil, "set-keepalive done: tcp-keepalive was 300 and is 60", "60"},
		{"maxclients", raise, nil, "raise-maxclients done: maxclients was 100 and is 200", "200"},
		{"maxclients raised by somebody", raise, func(f *fake) { f.config["maxclients"] = "500" }, "raise-maxclients skipped: maxclients is 500 already", "500"},
		{"maxclients, less offered", raise, func(f *fake) { f.mostFDs, f.offer = 160, 153 }, "raise-maxclients done: maxclients was 100 and is 153 (Redis could not have 200 and offered this)", "153"},
		{"maxclients, nothing offered", raise, func(f *fake) { f.mostFDs, f.offer = 110, 100 }, "raise-maxclients errored: ERR CONFIG SET failed (possibly related to argument 'maxclients') - The operating system is not able to handle the specified number of clients, try with 100", "100"},
		{"maxclients, as much offered", raise, func(f *fake) { f.mostFDs, f.offer = 110, 200 }, "raise-maxclients errored: ERR CONFIG SET failed (possibly related to argument 'maxclients') - The operating system is not able to handle the specified number of clients, try with 200", "100"},
		{"maxclients, offered in vain", raise, func(f *fake) { f.mostFDs, f.offer = 110, 120 }, "raise-maxclients errored: ERR CONFIG SET failed (possibly related to argument 'maxclients') - The operating system is not able to handle the specified number of clients, try with 120 (Redis could not have 200 and offered this)", "100"},
		{"maxclients beyond reason", sets(outage.RaiseMaxclients, "maxclients", "4294967295"), nil, "raise-maxclients skipped: maxclients 4294967295 is more than this tool sets", "100"},
		{"a lie", setTimeout, func(f *fake) { f.lie = "0" }, "set-timeout errored: Redis said OK, but timeout is still 0", "0"},
		{"half a lie", setTimeout, func(f *fake) { f.lie = "120" }, "set-timeout done: Redis said OK, and timeout is 120 instead of 300", "120"},
		{"set refused", setTimeout, func(f *fake) { f.deny = map[string]string{"CONFIG SET": "NOPERM no"} }, "set-timeout errored: NOPERM no", "0"},
		{"get refused", setTimeout, func(f *fake) { f.deny = map[string]string{"CONFIG GET": "ERR unknown command 'CONFIG'"} }, "set-timeout errored: what cannot be read cannot be restored, so it is not changed: ERR unknown command 'CONFIG'", "0"},
		{"get answers nothing", setTimeout, func(f *fake) { delete(f.config, "timeout") }, "set-timeout errored: what cannot be read cannot be restored, so it is not changed: CONFIG GET timeout answered nothing", ""},
		{"no number", sets(outage.SetTimeout, "timeout", "0"), nil, `set-timeout skipped: "0" is no value for timeout`, "0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake()
			if tt.fake != nil {
				tt.fake(f)
			}
			was := f.config[tt.action.Param]
			var journal bytes.Buffer
			a := apply(t, remedy.Applier{Redis: f, Journal: &journal}, planOf(tt.action))
			want(t, a, tt.want)
			if got := f.config[tt.action.Param]; got != tt.config {
				t.Errorf("%s is %s, want %s", tt.action.Param, got, tt.config)
			}
			f.lie, f.deny, f.mostFDs = "", nil, 0
			if _, err := remedy.Undo(t.Context(), f, &journal); err != nil {
				t.Error(err)
			}
			if got := f.config[tt.action.Param]; got != was {
				t.Errorf("after undo %s is %q, want %q", tt.action.Param, got, was)
			}
		})
	}
}

// host is a Host whose limits can or cannot be raised.
type host struct {
	raise, restart error
	did            []string
}

func (h *host) RaiseNofile(_ context.Context, n int64) error {
	h.did = append(h.did, fmt.Sprintf("raise %d", n))
	return h.raise
}

func (h *host) Restart(_ context.Context, n int64) error {
	h.did = append(h.did, fmt.Sprintf("restart %d", n))
	return h.restart
}

func TestLiveOrElseRestart(t *testing.T) {
	lift := []outage.Action{sets(outage.RaiseNofile, "nofile", "232"), sets(outage.RestartRedis, "nofile", "232"), raise, {Kind: outage.Advise}}
	const done, said = "raise-maxclients done: maxclients was 100 and is 200", "advise done: said; nothing was changed"
	eperm := errors.New("operation not permitted")
	tests := []struct {
		name string
		host *host
		want []string
		did  []string
	}{
		{"live", &host{}, []string{"raise-nofile done: the file descriptor limit is 232; undo does not lower it", "restart-redis skipped: the file descriptor limit was raised live", done, said}, []string{"raise 232"}},
		{"restart", &host{raise: eperm}, []string{"raise-nofile errored: operation not permitted", "restart-redis done: restarted with 232 file descriptors", done, said}, []string{"raise 232", "restart 232"}},
		{"neither", &host{raise: eperm, restart: eperm}, []string{"raise-nofile errored: operation not permitted", "restart-redis errored: operation not permitted", "raise-maxclients skipped: the file descriptor limit was not raised", said}, []string{"raise 232", "restart 232"}},
		{"no host", nil, []string{"raise-nofile skipped: nobody here can act on the server's process", "restart-redis skipped: nobody here can act on the server's process", "raise-maxclients skipped: the file descriptor limit was not raised", said}, nil},
	}
	further := slices.Clone(lift)
	further[2].Instead = "150"
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := remedy.Applier{Redis: newFake()}
			if tt.host != nil {
				a.Host = tt.host
			}
			want(t, apply(t, a, planOf(lift...)), tt.want...)
			if skipped := tt.want[2]; strings.HasSuffix(skipped, "was not raised") { // then as far as it reaches
				as := slices.Clone(tt.want)
				as[2] = "raise-maxclients done: maxclients was 100 and is 150, and not 200: the file descriptor limit was not raised"
				want(t, apply(t, remedy.Applier{Redis: newFake(), Host: a.Host}, planOf(further...)), as...)
				if tt.host != nil {
					tt.host.did = tt.host.did[:len(tt.did)]
				}
			}
			if tt.host != nil && !cmp.Equal(tt.did, tt.host.did) {
				t.Errorf("the host did %q, want %q", tt.host.did, tt.did)
			}
		})
	}
}

// After a restart the old connection is dead: what follows goes over a new one.
func TestRestartRedials(t *testing.T) {
	old, fresh := newFake(), newFake()
	fresh.config["maxclients"] = "200"
	old.failAt = 1
	a := remedy.Applier{Redis: old, Host: &host{}, Redial: func(context.Context) (remedy.Redis, error) { return fresh, nil }}
	want(t, apply(t, a, planOf(sets(outage.RestartRedis, "nofile", "232"), raise, setTimeout)),
		"restart-redis done: restarted with 232 file descriptors", "raise-maxclients skipped: maxclients is 200 already", "set-timeout done: timeout was 0 and is 300")
	a.Redial = func(context.Context) (remedy.Redis, error) { return nil, io.ErrUnexpectedEOF }
	if _, err := a.Apply(t.Context(), planOf(sets(outage.RestartRedis, "nofile", "232"), raise)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("no way back in, and the error is %v", err)
	}
}

func TestApplyReports(t *testing.T) {
	var reported []outage.Action
	clock := outage.Duration(0)
	a := remedy.Applier{Redis: newFake(), Report: func(a outage.Action) { reported = append(reported, a) }, Now: func() outage.Duration { clock += sec(1); return clock }}
	p := planOf(setTimeout, setTimeout)
	actions := apply(t, a, p)
	if diff := cmp.Diff(actions, reported); diff != "" {
		t.Errorf("reported something else than returned:\n%s", diff)
	}
	if actions[0].At != sec(1) || actions[1].At != sec(2) || actions[0].From != "0" {
		t.Errorf("got %+v", actions)
	}
	if p.Actions[0].State != outage.Planned || p.Actions[0].From != "" {
		t.Error("the plan itself was changed")
	}
}

func TestApplyEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	f := newFake(many(600)...)
	f.before = func(_ *fake, args []string) {
		if args[1] == "KILL" {
			cancel()
		}
	}
	actions, err := (&remedy.Applier{Redis: f}).Apply(ctx, outage.Plan{Actions: append(kills(many(600)...).Actions, setTimeout)})
	if !errors.Is(err, context.Canceled) || len(f.clients) == 0 || f.config["timeout"] != "0" {
		t.Errorf("error %v, %d clients left, timeout %s", err, len(f.clients), f.config["timeout"])
	}
	if actions[0].State != outage.Errored || len(actions[0].Killed) != 600-len(f.clients) || actions[1].State != outage.Planned {
		t.Errorf("states %q", outcomes(actions))
	}
}

// What cannot be written down is not done.
func TestNothingWithoutItsJournal(t *testing.T) {
	for n := range 2 {
		f := newFake(many(1)...)
		_, err := (&remedy.Applier{Redis: f, Journal: &fullDisk{lines: n}}).Apply(t.Context(), outage.Plan{Actions: append([]outage.Action{setTimeout}, kills(many(1)...).Actions...)})
		if !errors.Is(err, errDisk) || f.config["timeout"] != "0" || len(f.clients) != 1 {
			t.Errorf("after %d lines: error %v, timeout %s", n, err, f.config["timeout"])
		}
	}
}

var errDisk = errors.New("no space left on device")

type fullDisk struct{ lines int }

func (d *fullDisk) Write(p []byte) (int, error) {
	if d.lines--; d.lines < 0 {
		return 0, errDisk
	}
	return len(p), nil
}
