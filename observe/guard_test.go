package observe

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What is held back is never sent, and each reply stands at its command's place, also where the connection breaks.
func TestGuard(t *testing.T) {
	serve, commands := heard(func(words ...string) string {
		if words[0] == "DIE" {
			return ""
		}
		return "+" + words[0] + "\r\n"
	})
	c := dialTo(t, Options{Addr: listen(t, serve), Name: "spillway:test:guard", Timeout: 5 * time.Second, Allow: func(args []string) string {
		if args[0] == "CONFIG" || args[0] == "CLIENT" {
			return "the test does not allow " + args[0]
		}
		return ""
	}})
	replies, err := c.Pipeline(t.Context(), [][]string{{"CONFIG", "GET"}, {"A"}, {"CLIENT"}, {"B"}, {"CONFIG"}})
	want := []any{Error("NOTSENT the test does not allow CONFIG"), "A", Error("NOTSENT the test does not allow CLIENT"), "B", Error("NOTSENT the test does not allow CONFIG")}
	if diff := cmp.Diff(want, replies); diff != "" || err != nil {
		t.Errorf("%v, -want +got\n%s", err, diff)
	}
	if replies, err = c.Pipeline(t.Context(), [][]string{{"CONFIG"}}); err != nil || len(replies) != 1 {
		t.Errorf("all held back: %v, %v", replies, err)
	}
	if _, err := c.Do(t.Context(), "CLIENT", "LIST"); err == nil || errors.Is(err, ErrDenied) || !strings.HasPrefix(err.Error(), "NOTSENT ") {
		t.Errorf("Do: %v", err)
	}
	replies, err = c.Pipeline(t.Context(), [][]string{{"C"}, {"CONFIG"}, {"DIE"}, {"CONFIG"}})
	if diff := cmp.Diff([]any{"C", Error("NOTSENT the test does not allow CONFIG")}, replies); diff != "" || err == nil {
		t.Errorf("broken: %v, -want +got\n%s", err, diff)
	}
	if diff := cmp.Diff([]string{"PING", "A", "B", "C", "DIE"}, commands()); diff != "" {
		t.Errorf("-want +sent\n%s", diff)
	}
}

// Our own connection is known as ours in the list also where the server does not let us name it.
func TestOwnConnectionWithoutAName(t *testing.T) {
	list := "id=7 addr=10.0.0.1:1 name= age=1 idle=0 flags=N db=0 sub=0 psub=0 multi=-1 cmd=client|list\nid=8 addr=10.0.0.1:2 name= age=1 idle=0 flags=N db=0 sub=0 psub=0 multi=-1 cmd=get\n"
	for name, test := range map[string]struct {
		id   string
		ours int
	}{"told": {":7\r\n", 1}, "not told": {"-NOPERM no\r\n", 0}} {
		addr := listen(t, answering(func(words ...string) string {
			switch strings.Join(words, " ") {
			case "CLIENT ID":
				return test.id
			case "CLIENT LIST":
				return bulk(list)
			case "PING":
				return "+PONG\r\n"
			}
			return "-NOPERM no\r\n"
		}))
		c := dialTo(t, Options{Addr: addr, Name: "spillway:1:test"})
		snap, err := (&Reader{Conn: c}).Snapshot(t.Context())
		ours := 0
		for _, client := range snap.Clients {
			if client.Ours() {
				ours++
			}
		}
		if err != nil || len(snap.Clients) != 2 || ours != test.ours {
			t.Errorf("%s: %d of %d are ours, want %d of 2; %v", name, ours, len(snap.Clients), test.ours, err)
		}
	}
}

func dialTo(t *testing.T, o Options) *Conn {
	t.Helper()
	c, err := Dial(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}
