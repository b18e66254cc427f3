package observe

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	refusal        = "-ERR max number of clients reached\r\n"
	clusterRefusal = "-ERR max number of clients + cluster connections reached\r\n"
)

// pipe returns a Conn whose peer runs serve.
func pipe(t *testing.T, serve func(net.Conn)) *Conn {
	t.Helper()
	client, server := net.Pipe()
	var wait sync.WaitGroup
	wait.Go(func() {
		serve(server)
		_ = server.Close()
	})
	c := NewConn(client)
	t.Cleanup(func() { _ = c.Close(); wait.Wait() })
	return c
}

// answer reads one command for each reply, then writes them all at once.
func answer(replies ...string) func(net.Conn) {
	return func(nc net.Conn) {
		r := bufio.NewReader(nc)
		for range replies {
			if _, err := readReply(r, maxReply); err != nil {
				return
			}
		}
		_, _ = io.WriteString(nc, strings.Join(replies, ""))
	}
}

func TestDo(t *testing.T) {
	for _, test := range []struct {
		name, reply string
		want        any
		err         error
	}{
		{"status", "+OK\r\n", "OK", nil},
		{"integer", ":-42\r\n", int64(-42), nil},
		{"bulk", "$6\r\na\r\nb\x00c\r\n", "a\r\nb\x00c", nil},
		{"empty bulk", "$0\r\n\r\n", "", nil},
		{"null bulk", "$-1\r\n", nil, nil},
		{"null array", "*-1\r\n", nil, nil},
		{"nested array", "*3\r\n:1\r\n*2\r\n$1\r\na\r\n*0\r\n-ERR inner\r\n", []any{int64(1), []any{"a", []any{}}, Error("ERR inner")}, nil},
		{"error", "-NOPERM no\r\n", nil, Error("NOPERM no")},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := pipe(t, answer(test.reply)).Do(t.Context(), "X")
			if !errors.Is(err, test.err) || (err == nil) != (test.err == nil) {
				t.Fatalf("error %v, want %v", err, test.err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPipelineKeepsErrorsInPlace(t *testing.T) {
	c := pipe(t, answer("+OK\r\n", "-BUSY script\r\n", ":3\r\n"))
	got, err := c.Pipeline(t.Context(), [][]string{{"A"}, {"B"}, {"C", "x y", ""}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]any{"OK", Error("BUSY script"), int64(3)}, got); diff != "" {
		t.Error(diff)
	}
}

func TestCommandOnTheWire(t *testing.T) {
	got := make(chan any, 1)
	c := pipe(t, func(nc net.Conn) {
		v, _ := readReply(bufio.NewReader(nc), maxReply)
		got <- v
		_, _ = io.WriteString(nc, "+OK\r\n")
	})
	if _, err := c.Do(t.Context(), "CLIENT", "SETNAME", "a b\r\n"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]any{"CLIENT", "SETNAME", "a b\r\n"}, <-got); diff != "" {
		t.Error(diff)
	}
}

// The peer never reads, as a full Redis does not: the pipe blocks the write until the refusal ends it.
func TestRefusalArrivesUnsolicited(t *testing.T) {
	for _, line := range []string{refusal, clusterRefusal} {
		c := pipe(t, func(nc net.Conn) { _, _ = io.WriteString(nc, line) })
		start := time.Now()
		replies, err := c.Pipeline(t.Context(), [][]string{{"INFO"}, {"CLIENT", "LIST"}})
		if !errors.Is(err, ErrFull) || len(replies) != 0 {
			t.Errorf("%q: got %v, %v; want no replies and ErrFull", line, replies, err)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("%q took %v", line, took)
		}
		if _, err := c.Do(t.Context(), "PING"); !errors.Is(err, ErrFull) {
			t.Errorf("a later call: %v, want ErrFull again", err)
		}
	}
}

// failedWrite is a connection on which every write fails although the refusal can still be read.
type failedWrite struct{ net.Conn }

func (failedWrite) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestRefusalIsReadThoughTheWriteFails(t *testing.T) {
	for _, test := range []struct {
		sent string
		want error
	}{{refusal, ErrFull}, {"", ErrClosed}} {
		client, server := net.Pipe()
		var wait sync.WaitGroup
		wait.Go(func() { _, _ = io.WriteString(server, test.sent); _ = server.Close() })
		c := NewConn(failedWrite{client})
		if _, err := c.Do(t.Context(), "PING"); !errors.Is(err, test.want) {
			t.Errorf("after %q: %v, want %v", test.sent, err, test.want)
		}
		_ = c.Close()
		wait.Wait()
	}
}

func TestWriteFailsAndNothingComes(t *testing.T) {
	client, server := net.Pipe()
	defer func() { _ = server.Close() }()
	c := NewConn(failedWrite{client})
	start := time.Now()
	if _, err := c.Do(t.Context(), "PING"); !errors.Is(err, ErrClosed) || !strings.Contains(err.Error(), "broken pipe") {
		t.Errorf("got %v, want ErrClosed that says broken pipe", err)
	}
	if took := time.Since(start); took > closeGrace+2*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestWalls(t *testing.T) {
	for _, test := range []struct {
		name  string
		serve func(net.Conn)
		want  error
		not   error
	}{
		{"hung", func(nc net.Conn) { _, _ = io.Copy(io.Discard, nc) }, ErrSilent, ErrClosed},
		{"hung in a reply", func(nc net.Conn) { _, _ = io.WriteString(nc, "$5\r\nab"); _, _ = io.Copy(io.Discard, nc) }, ErrSilent, ErrClosed},
		{"closed", func(net.Conn) {}, ErrClosed, ErrSilent},
		{"closed in a reply", func(nc net.Conn) { _, _ = io.WriteString(nc, "$5\r\nab") }, ErrClosed, ErrSilent},
		{"closed in an array", func(nc net.Conn) { _, _ = io.WriteString(nc, "*2\r\n:1\r\n") }, ErrClosed, ErrSilent},
		{"protected mode", func(nc net.Conn) { _, _ = io.WriteString(nc, "-DENIED Redis is running in protected mode\r\n") }, ErrDenied, ErrFull},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			_, err := pipe(t, test.serve).Do(ctx, "PING")
			if !errors.Is(err, test.want) || errors.Is(err, test.not) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func TestBounds(t *testing.T) {
	for name, reply := range map[string]string{
		"oversized bulk":      "$99999999999\r\n",
		"bulk to pass over":   "$3000000000\r\n",
		"bulk in an array":    "*1\r\n$2000\r\n",
		"bulk without an end": "$1\r\nabc\r\n",
		"negative length":     "$-2\r\n",
		"endless line":        "+" + strings.Repeat("x", 3000) + "\r\n",
		"huge array":          "*1000000000\r\n",
		"many small values":   "*900\r\n" + strings.Repeat(":1\r\n", 900),
		"deep arrays":         strings.Repeat("*1\r\n", maxDepth+1) + ":1\r\n",
		"no type":             "HTTP/1.1 400 Bad Request\r\n",
		"empty line":          "\r\n",
		"no number":           ":x\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := pipe(t, answer(reply))
			c.limit = 1000
			_, err := c.Do(t.Context(), "X")
			var broken protocolError
			if !errors.As(err, &broken) {
				t.Errorf("got %v, want a protocol error", err)
			}
		})
	}
}

func TestDepthWithinBound(t *testing.T) {
	if _, err := pipe(t, answer(strings.Repeat("*1\r\n", maxDepth)+":1\r\n")).Do(t.Context(), "X"); err != nil {
		t.Error(err)
	}
}

func TestCancelledBeforeIsHarmless(t *testing.T) {
	c := pipe(t, answer("+PONG\r\n"))
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Do(over, "PING"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context canceled", err)
	}
	if got, err := c.Do(t.Context(), "PING"); got != "PONG" {
		t.Errorf("the connection is lost: %v, %v", got, err)
	}
}

func TestCancelledInBetween(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := pipe(t, func(nc net.Conn) { cancel(); _, _ = io.Copy(io.Discard, nc) })
	if _, err := c.Do(ctx, "PING"); !errors.Is(err, context.Canceled) || errors.Is(err, ErrSilent) {
		t.Errorf("got %v, want context canceled", err)
	}
}

// One command takes all the time there is. The next has none, and the reason is the answer that did not come.
func TestNoTimeLeftAfterSilence(t *testing.T) {
	c := pipe(t, func(nc net.Conn) { _, _ = io.Copy(io.Discard, nc) })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	for _, command := range []string{"PING", "INFO"} {
		if _, err := c.Do(ctx, command); !errors.Is(err, ErrSilent) || !strings.Contains(err.Error(), "PING, 0 of 1 replies") {
			t.Errorf("%s: %v, want the silence after PING", command, err)
		}
	}
}

func TestSeveralGoroutinesShareOneConn(t *testing.T) {
	c := pipe(t, answering(func(words ...string) string { return "+" + words[0] + "\r\n" }))
	var wait sync.WaitGroup
	for _, word := range []string{"A", "B", "C", "D"} {
		wait.Go(func() {
			for range 50 {
				if got, err := c.Do(t.Context(), word); got != word {
					t.Errorf("asked %s, got %v, %v", word, got, err)
					return
				}
			}
		})
	}
	wait.Wait()
}

func TestErrorKinds(t *testing.T) {
	for text, want := range map[string]error{
		"ERR max number of clients reached":                                                        ErrFull,
		"ERR max number of clients + cluster connections reached":                                  ErrFull,
		"NOAUTH Authentication required.":                                                          ErrDenied,
		"WRONGPASS invalid username-password pair or user is disabled.":                            ErrDenied,
		"NOPERM this user has no permissions to run the 'config|get' command":                      ErrDenied,
		"ERR invalid password":                                                                     ErrDenied,
		"ERR AUTH <password> called without any password configured for the default user. Are you": ErrDenied,
		"ERR unknown command 'CONFIG'":                                                             nil,
		"ERR Number of clients is max number of clients reached":                                   nil,
	} {
		for _, wall := range []error{ErrFull, ErrDenied, ErrClosed} {
			if got := errors.Is(Error(text), wall); got != errors.Is(want, wall) {
				t.Errorf("%q is %v: %v", text, wall, got)
			}
		}
	}
	if got := Error("BUSY Redis is busy").Code(); got != "BUSY" {
		t.Errorf("code %q", got)
	}
}

func FuzzReply(f *testing.F) {
	for _, seed := range []string{
		refusal, clusterRefusal, "+OK\r\n", ":1\r\n", "$3\r\nabc\r\n", "$-1\r\n", "*2\r\n$1\r\na\r\n*1\r\n:2\r\n",
		"*-1\r\n", "$99999999999\r\n", "*1000000\r\n", strings.Repeat("*1\r\n", 20), "+\n", "\r\n", "%1\r\n+a\r\n:1\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		const bound = 4096
		r := bufio.NewReader(strings.NewReader(string(data)))
		for {
			v, err := newDecoder(r, bound).reply()
			if err != nil {
				return
			}
			if size := sizeOf(v, 0); size > bound {
				t.Fatalf("a reply of %d bytes within a bound of %d", size, bound)
			}
		}
	})
}

func sizeOf(v any, depth int) int {
	if depth > maxDepth+1 {
		panic("too deep")
	}
	switch v := v.(type) {
	case string:
		return len(v)
	case Error:
		return len(v)
	case []any:
		n := 0
		for _, e := range v {
			n += sizeOf(e, depth+1)
		}
		return n
	}
	return 0
}

func readReply(r *bufio.Reader, limit int64) (any, error) { return newDecoder(r, limit).reply() }
