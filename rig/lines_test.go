package rig

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spillway/outage"
)

// openFake opens n lines to a fake Redis, which is at its limit from then on.
func openFake(t *testing.T, f *fakeRedis, n int) *openLines {
	t.Helper()
	l, err := listenLines(t.Context(), f.addr, n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	f.limit(f.count())
	return l
}

func (f *fakeRedis) lineAddr() string { return lineListen(f.addr) }

// noted takes the next report.
func noted(t *testing.T, l *openLines) outage.Command {
	t.Helper()
	select {
	case c := <-l.commands:
		return c
	case <-time.After(10 * time.Second):
		t.Fatal("no command was reported")
		return outage.Command{}
	}
}

func TestLinesLend(t *testing.T) {
	f := startFake(t)
	l := openFake(t, f, 2)
	if d := cmp.Diff([]string{"spillway:line:1", "spillway:line:2"}, f.names()); d != "" {
		t.Fatal(d)
	}
	direct := dial(t, f.addr)
	direct.want(refusal) // the test is void if Redis were not full
	c := dial(t, f.lineAddr())
	c.do("PING", "+PONG\r\n")
	c.send(string(encode("CLIENT", "KILL", "ADDR", "10.0.0.1:0")))
	c.want(":3\r\n")
	c.do("BIG 300000", "$300000\r\n"+strings.Repeat("x", 300000)+"\r\n")
	c.do("NOSUCH", "-ERR unknown command\r\n")
	c.do("QUIT", "+OK\r\n")
	c.wantEnd()
	want := []outage.Command{
		{Args: []string{"PING"}, Reply: "+PONG", Closed: -1},
		{Args: []string{"CLIENT", "KILL", "ADDR", "10.0.0.1:0"}, Reply: ":3", Closed: 3},
		{Args: []string{"BIG", "300000"}, Reply: "$300000", Closed: -1},
		{Args: []string{"NOSUCH"}, Reply: "-ERR unknown command", Error: true, Closed: -1},
	}
	for _, w := range want {
		if d := cmp.Diff(w, noted(t, l)); d != "" {
			t.Error(d)
		}
	}
	// QUIT ended the borrowing, not the line.
	again := dial(t, f.lineAddr())
	again.do("NAME", "+spillway:line:2\r\n")
}

// A pipeline is answered in order, and its end may be half a close, as `printf ... | nc -N` does it.
func TestLinesPipeline(t *testing.T) {
	f := startFake(t)
	openFake(t, f, 1)
	c := dial(t, f.lineAddr())
	var sent, want strings.Builder
	for i := range 500 {
		fmt.Fprintf(&sent, "\r\nPING %d\r\n*0\r\n", i)
		fmt.Fprintf(&want, "$%d\r\n%d\r\n", len(fmt.Sprint(i)), i)
	}
	c.send(sent.String() + "SLOW\r\n")
	if err := c.nc.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	c.want(want.String() + "+slow\r\n")
	c.wantEnd()
}

// Whatever a user does to a line, the next one gets it as new.
func TestLinesAreResetBetweenUsers(t *testing.T) {
	for _, tt := range []struct{ name, send, want string }{
		{"transaction", "MULTI\r\nPING\r\n", "+OK\r\n+QUEUED\r\n"},
		{"own name", "CLIENT SETNAME mine\r\n", "+OK\r\n"},
		{"monitor", "MONITOR\r\n", "+OK\r\n+1.5 [0 127.0.0.1:1] \"PING\"\r\n+1.6"},
		{"subscription", "SUBSCRIBE a b\r\n", "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n"},
		{"unfinished command", "*2\r\n$4\r\nEC", ""},
		{"gone in the middle of an answer", "BIG 20000000\r\n", "$20000000\r\nxxxx"},
		{"gone before the answer", "SLOW\r\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := startFake(t)
			openFake(t, f, 1)
			c := dial(t, f.lineAddr())
			c.send(tt.send)
			c.want(tt.want)
			_ = c.nc.Close()
			next := dial(t, f.lineAddr())
			next.do("NAME", "+spillway:line:1\r\n")
			next.do("PING", "+PONG\r\n")
			if n := f.everTaken(); n != 1 {
				t.Errorf("%d connections: the line was opened anew", n)
			}
		})
	}
}

func TestLinesRefuseWhatCannotBeUndone(t *testing.T) {
	f := startFake(t)
	openFake(t, f, 1)
	for _, command := range []string{"client reply off", "PSYNC ? -1", "SYNC"} {
		c := dial(t, f.lineAddr())
		c.send("PING\r\n" + command + "\r\n")
		c.want("+PONG\r\n-ERR ")
		rest, _ := io.ReadAll(c.in)
		if !strings.Contains(string(rest), "not possible on a borrowed line") {
			t.Errorf("%s: %q", command, rest)
		}
	}
	c := dial(t, f.lineAddr())
	c.send("*1\r\nnonsense\r\n")
	c.want("-ERR Protocol error: ")
	for _, heard := range f.commands() {
		if strings.Contains(strings.ToUpper(heard), "SYNC") || strings.Contains(heard, "reply") {
			t.Errorf("Redis heard %q", heard)
		}
	}
}

func TestMoreClientsThanLines(t *testing.T) {
	f := startFake(t)
	openFake(t, f, 2)
	first, second := dial(t, f.lineAddr()), dial(t, f.lineAddr())
	first.do("PING", "+PONG\r\n")
	second.do("PING", "+PONG\r\n")
	third := dial(t, f.lineAddr())
	third.send("NAME\r\n")
	_ = third.nc.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if b, err := third.in.ReadByte(); err == nil {
		t.Fatalf("a third client got %q of two lines", b)
	}
	third.in.Reset(third.nc)
	_ = third.nc.SetReadDeadline(time.Now().Add(10 * time.Second))
	_ = first.nc.Close()
	third.want("+spillway:line:")
}

// A line that was killed serves nobody: at the limit its next user hears what a new connection hears, and below the
// limit gets one that works.
func TestKilledLine(t *testing.T) {
	for _, during := range []bool{false, true} {
		t.Run(fmt.Sprintf("in use %v", during), func(t *testing.T) {
			f := startFake(t)
			l := openFake(t, f, 1)
			if during {
				c := dial(t, f.lineAddr())
				c.do("PING", "+PONG\r\n")
				c.send("KILLME\r\n")
				c.wantEnd()
				noted(t, l)
				if got := noted(t, l); got.Reply != "" || got.Error {
					t.Errorf("a command without an answer: %+v", got)
				}
			} else if f.kill("spillway:line:") != 1 {
				t.Fatal("no line to kill")
			}
			eventually(t, "the line's end", func() bool { return f.count() == 0 })
			other := dial(t, f.addr) // somebody was faster
			other.do("PING", "+PONG\r\n")
			refused := dial(t, f.lineAddr())
			refused.want(refusal)
			refused.wantEnd()
			_ = other.nc.Close()
			eventually(t, "room", func() bool { return f.count() == 0 })
			c := dial(t, f.lineAddr())
			c.do("NAME", "+spillway:line:1\r\n")
		})
	}
}

// A client that leaves while its command blocks costs the line, but not for longer than it takes to notice.
func TestBlockedLine(t *testing.T) {
	f := startFake(t)
	openFake(t, f, 1)
	c := dial(t, f.lineAddr())
	c.send("BLPOP\r\n")
	eventually(t, "BLPOP", func() bool { return slices.Contains(f.commands(), "BLPOP") })
	_ = c.nc.Close()
	next := dial(t, f.lineAddr())
	next.send("PING\r\n")
	next.want("+PONG\r\n") // the same line would have blocked
}

func TestLinesClose(t *testing.T) {
	f := startFake(t)
	ctx, cancel := context.WithCancel(t.Context())
	l, err := listenLines(ctx, f.addr, 1)
	if err != nil {
		t.Fatal(err)
	}
	busy := dial(t, f.lineAddr())
	busy.do("PING", "+PONG\r\n")
	waiting := dial(t, f.lineAddr())
	busy.send("BLPOP\r\n")
	start := time.Now()
	cancel()
	l.close()
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("closing took %s", took)
	}
	busy.wantEnd()
	waiting.wantEnd()
	eventually(t, "every line to be closed", func() bool { return f.count() == 0 })
}

func TestLinesCannotListen(t *testing.T) {
	f := startFake(t)
	taken, err := net.Listen("tcp", f.lineAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if _, err := listenLines(t.Context(), f.addr, 2); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("got %v", err)
	}
	eventually(t, "the lines to be closed", func() bool { return f.count() == 0 })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	f.limit(1)
	dial(t, f.addr).do("PING", "+PONG\r\n")
	if _, err := listenLines(ctx, f.addr, 1); err == nil || !strings.Contains(err.Error(), "max number of clients") {
		t.Errorf("a full server: %v", err)
	}
}

func TestNote(t *testing.T) {
	long := make([]string, 100)
	for i := range long {
		long[i] = "k"
	}
	for _, tt := range []struct {
		args  []string
		first string
		want  outage.Command
	}{
		{[]string{"client", "kill", "1.2.3.4:5"}, "+OK", outage.Command{Closed: 1}},
		{[]string{"CLIENT", "KILL", "ID", "7"}, ":0", outage.Command{Closed: 0}},
		{[]string{"CLIENT", "KILL", "x"}, "-ERR No such client", outage.Command{Closed: 0, Error: true}},
		{[]string{"CLIENT", "KILL", "x"}, "", outage.Command{Closed: -1}},
		{[]string{"CLIENT", "KILL", "x"}, ":x", outage.Command{Closed: -1}},
		{[]string{"PING"}, "!9", outage.Command{Closed: -1, Error: true}},
		{[]string{"AUTH", "app", "secret"}, "+OK", outage.Command{Args: []string{"AUTH", "***", "***"}, Closed: -1}},
		{[]string{"HELLO", "3", "auth", "app", "secret", "SETNAME", "x"}, "%7",
			outage.Command{Args: []string{"HELLO", "3", "auth", "***", "***", "SETNAME", "x"}, Closed: -1}},
		{[]string{"SET", "auth", "v"}, "+OK", outage.Command{Args: []string{"SET", "auth", "v"}, Closed: -1}},
		{long, "+OK", outage.Command{Args: append(slices.Clone(long[:64]), "(36 more)"), Closed: -1}},
		{[]string{"SET", strings.Repeat("k", 999)}, "+" + strings.Repeat("r", 999),
			outage.Command{Args: []string{"SET", strings.Repeat("k", 200)}, Reply: "+" + strings.Repeat("r", 199), Closed: -1}},
	} {
		if tt.want.Args == nil {
			tt.want.Args = tt.args
		}
		if tt.want.Reply == "" {
			tt.want.Reply = tt.first
		}
		l := &openLines{commands: make(chan outage.Command, 1)}
		l.note(tt.args, tt.first)
		l.note(tt.args, tt.first) // nobody reads: it is dropped, and nothing waits
		if d := cmp.Diff(tt.want, <-l.commands); d != "" {
			t.Error(d)
		}
	}
}

func TestReport(t *testing.T) {
	l := &openLines{commands: make(chan outage.Command, 8)}
	for range 5 {
		l.note([]string{"PING"}, "+PONG")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	var out strings.Builder
	l.report(ended, json.NewEncoder(&out))
	if n := strings.Count(out.String(), "PING"); n != 5 {
		t.Errorf("%d of 5 commands were reported after the end", n)
	}
	l.note([]string{"PING"}, "+PONG")
	l.report(t.Context(), json.NewEncoder(writerFunc(func([]byte) (int, error) { return 0, io.ErrClosedPipe })))
}
