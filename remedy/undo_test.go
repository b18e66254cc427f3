package remedy_test

import (
	"bytes"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spillway/outage"
	"spillway/remedy"
)

// everything is a plan of each kind of change, and the server it is for.
func everything() (outage.Plan, *fake) {
	f := newFake(many(3)...)
	f.mostFDs, f.offer = 160, 153
	return outage.Plan{Actions: append(kills(many(3)...).Actions, raise, setTimeout, setKeepalive)}, f
}

// head is the first line of a journal.
const head = `{"journal":"spillway-remedy","version":1}` + "\n"

func undo(t *testing.T, f *fake, journal []byte) []outage.Action {
	t.Helper()
	actions, err := remedy.Undo(t.Context(), f, bytes.NewReader(journal))
	if err != nil {
		t.Fatal(err)
	}
	return actions
}

func TestUndo(t *testing.T) {
	p, f := everything()
	was := maps.Clone(f.config)
	var journal bytes.Buffer
	apply(t, remedy.Applier{Redis: f, Journal: &journal}, p)
	if cmp.Equal(was, f.config) {
		t.Fatal("nothing was changed: there is nothing to test")
	}
	want(t, undo(t, f, journal.Bytes()),
		"set-keepalive undone: tcp-keepalive was 60 and is 300 again",
		"set-timeout undone: timeout was 300 and is 0 again",
		"raise-maxclients undone: maxclients was 153 and is 100 again; open connections stay, and new ones are refused while there are as many",
		"kill-clients skipped: 3 closed connections stay closed",
	)
	if diff := cmp.Diff(was, f.config); diff != "" {
		t.Errorf("not as before:\n%s", diff)
	}
	want(t, undo(t, f, journal.Bytes()), // twice
		"set-keepalive undone: tcp-keepalive is 300 already",
		"set-timeout undone: timeout is 0 already",
		"raise-maxclients undone: maxclients is 100 already",
		"kill-clients skipped: 3 closed connections stay closed",
	)
}

func TestUndoLeavesAThirdValue(t *testing.T) {
	f := newFake()
	var journal bytes.Buffer
	apply(t, remedy.Applier{Redis: f, Journal: &journal}, planOf(setTimeout, setKeepalive))
	f.config["timeout"] = "42"
	want(t, undo(t, f, journal.Bytes()),
		"set-keepalive undone: tcp-keepalive was 60 and is 300 again",
		"set-timeout skipped: timeout is 42 now, neither 0 from before nor 300 from the remedy: somebody changed it since, so it is left alone; if that was a later remedy, undo its journal and then this one")
	if f.config["timeout"] != "42" {
		t.Errorf("timeout is %s", f.config["timeout"])
	}
}

func TestUndoRefused(t *testing.T) {
	f := newFake()
	var journal bytes.Buffer
	apply(t, remedy.Applier{Redis: f, Journal: &journal}, planOf(setTimeout))
	f.deny = map[string]string{"CONFIG SET": "NOPERM no"}
	want(t, undo(t, f, journal.Bytes()), "set-timeout errored: NOPERM no")
	for n := 1; n <= 4; n++ { // CLIENT ID, CLIENT LIST, CONFIG GET, CONFIG SET
		f.failAt = len(f.sent) + n
		if _, err := remedy.Undo(t.Context(), f, bytes.NewReader(journal.Bytes())); err == nil {
			t.Errorf("the connection broke at command %d, and that is no error", n)
		}
		f.failAt = 0
	}
}

// Wherever the connection breaks, whether or not the command before took effect, and wherever a crash then cuts the
// journal, undo restores what was.
func TestUndoAfterABreakAnywhere(t *testing.T) {
	plan, whole := everything()
	apply(t, remedy.Applier{Redis: whole}, plan)
	for n := 1; n <= len(whole.sent)+1; n++ {
		for _, lost := range []bool{false, true} {
			p, f := everything()
			was := maps.Clone(f.config)
			f.failAt, f.lostSet = n, lost
			var journal bytes.Buffer
			_, err := (&remedy.Applier{Redis: f, Journal: &journal}).Apply(t.Context(), p)
			if broke := n <= len(whole.sent); broke != (err != nil) {
				t.Fatalf("command %d of %d breaks: error %v", n, len(whole.sent), err)
			}
			f.failAt = 0
			undo(t, f, journal.Bytes())
			if diff := cmp.Diff(was, f.config); diff != "" {
				t.Errorf("command %d (effect %v) broke: undo left\n%s", n, lost, diff)
			}
		}
	}
}

// crash is a journal's writer that saves what was on the disk, and the settings then, at every byte of every write.
type crash struct {
	f     *fake
	disk  []byte
	check func(disk []byte, config map[string]string)
}

func (c *crash) Write(p []byte) (int, error) {
	for i := range p {
		c.check(append(c.disk[:len(c.disk):len(c.disk)], p[:i]...), maps.Clone(c.f.config))
	}
	c.disk = append(c.disk, p...)
	return len(p), nil
}

func TestUndoOfACutJournal(t *testing.T) {
	p, f := everything()
	was := maps.Clone(f.config)
	cuts := 0
	c := &crash{f: f}
	c.check = func(disk []byte, config map[string]string) {
		cuts++
		g := newFake()
		g.config = config
		if _, err := remedy.Undo(t.Context(), g, bytes.NewReader(disk)); err != nil {
			t.Fatalf("cut after %d bytes: %v", len(disk), err)
		}
		if diff := cmp.Diff(was, g.config); diff != "" {
			t.Fatalf("cut after %d bytes: undo left\n%s", len(disk), diff)
		}
	}
	apply(t, remedy.Applier{Redis: f, Journal: c}, p)
	if cuts < 1000 {
		t.Errorf("only %d places were tried", cuts)
	}
}

func TestUndoReadsOnlyJournals(t *testing.T) {
	for text, want := range map[string]string{
		"hello":  "line 1: this is no journal",
		"{}\n":   "line 1: this is no journal",
		"null\n": "line 1: this is no journal",
		`{"journal":"spillway-remedy","version":2}` + "\n": "line 1: version 2",
		head + "{\n" + head: "line 2: ",
		head + `{"stage":"after","n":1,"action":{}}` + "\n":       "line 2: entry",
		head + `{"stage":"after","n":0,"action":{}}` + "\n":       "line 2: entry",
		head + `{"stage":"before","n":2,"action":{}}` + "\n":      "line 2: entry",
		head + `{"stage":"meanwhile","n":1,"action":{}}` + "\n\n": "line 2: entry",
	} {
		_, err := remedy.Undo(t.Context(), newFake(), strings.NewReader(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
	if _, err := remedy.Undo(t.Context(), newFake(), io.MultiReader(strings.NewReader(head), badDisk{})); err == nil {
		t.Error("a journal that cannot be read on is taken for a short one")
	}
}

type badDisk struct{}

func (badDisk) Read([]byte) (int, error) { return 0, errDisk }

// FuzzUndo feeds Undo what a disk may give back: it sets nothing but what a remedy sets, and to nothing but a number.
func FuzzUndo(f *testing.F) {
	p, r := everything()
	var journal bytes.Buffer
	if _, err := (&remedy.Applier{Redis: r, Journal: &journal}).Apply(f.Context(), p); err != nil {
		f.Fatal(err)
	}
	f.Add(journal.Bytes())
	f.Add([]byte("{}\n"))
	f.Add([]byte(head + `{"stage":"before","n":1,"action":{"kind":"set-timeout","reason":"","param":"dir","from":"/etc/cron.d","to":"0"}}` + "\n"))
	f.Add([]byte(head + `{"stage":"before","n":1,"action":{"kind":"set-timeout","reason":"","param":"timeout","from":"1\nx","to":"0"}}` + "\n"))
	f.Add(bytes.ReplaceAll(journal.Bytes(), []byte(`"after"`), []byte(`"before"`)))
	f.Fuzz(func(t *testing.T, text []byte) {
		server := newFake()
		actions, err := remedy.Undo(t.Context(), server, bytes.NewReader(text))
		if err != nil && len(actions) > 0 {
			t.Errorf("half undone: %v", err)
		}
		for _, sent := range changing(server.sent) {
			if sent[0] != "CONFIG" || !slices.Contains([]string{"timeout", "tcp-keepalive", "maxclients"}, sent[2]) {
				t.Errorf("sent %q", sent)
			}
			if sent[1] == "SET" {
				if n, err := strconv.Atoi(sent[3]); err != nil || n < 0 {
					t.Errorf("sent %q", sent)
				}
			}
		}
	})
}

// changing leaves out how Undo looks for other remedies.
func changing(sent [][]string) [][]string {
	return slices.DeleteFunc(slices.Clone(sent), func(args []string) bool {
		return slices.Equal(args, []string{"CLIENT", "ID"}) || slices.Equal(args, []string{"CLIENT", "LIST"})
	})
}

func TestUndoDistrustsTheJournal(t *testing.T) {
	for _, action := range []string{
		`{"kind":"set-timeout","param":"dir","from":"/etc/cron.d","to":"0"}`,
		`{"kind":"set-timeout","param":"maxclients","from":"1","to":"100"}`,
		`{"kind":"raise-maxclients","param":"maxclients","from":"-5","to":"100"}`,
		`{"kind":"set-keepalive","param":"tcp-keepalive","from":"60\\r\\nFLUSHALL","to":"300"}`,
	} {
		server := newFake()
		undone, err := remedy.Undo(t.Context(), server, strings.NewReader(head+`{"stage":"before","n":1,"action":`+action+"}\n"))
		if err != nil || len(undone) != 1 || undone[0].State != outage.Skipped || !strings.Contains(undone[0].Result, "somebody changed the journal") || len(changing(server.sent)) > 0 {
			t.Errorf("%s: %+v, %v; sent %q", action, undone, err, server.sent)
		}
	}
}
