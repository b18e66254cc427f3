package observe

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// listen serves every connection with serve, on 127.0.0.1, and closes it.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	wait.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			wait.Go(func() { serve(nc); _ = nc.Close() })
		}
	})
	t.Cleanup(func() { _ = l.Close(); wait.Wait() })
	return l.Addr().String()
}

// answering says to each command what answer has for its words; with nothing to say it hangs up.
func answering(answer func(words ...string) string) func(net.Conn) {
	return func(nc net.Conn) {
		r := bufio.NewReader(nc)
		for {
			v, err := readReply(r, maxReply)
			if err != nil {
				return
			}
			var words []string
			for _, word := range v.([]any) {
				words = append(words, word.(string))
			}
			reply := answer(words...)
			if reply == "" {
				return
			}
			if _, err := io.WriteString(nc, reply); err != nil {
				return
			}
		}
	}
}

// heard answers as answer does, and keeps the commands.
func heard(answer func(words ...string) string) (serve func(net.Conn), commands func() []string) {
	var lock sync.Mutex
	var got []string
	serve = answering(func(words ...string) string {
		lock.Lock()
		defer lock.Unlock()
		got = append(got, strings.Join(words, " "))
		return answer(words...)
	})
	return serve, func() []string {
		lock.Lock()
		defer lock.Unlock()
		return slices.Clone(got)
	}
}

// script answers each command by its first word, and +OK where it has nothing.
func script(replies map[string]string) func(net.Conn) {
	return answering(func(words ...string) string { return cmp.Or(replies[words[0]], "+OK\r\n") })
}

// The server writes the refusal and closes at once, often before the client has written: the race of a real full Redis.
func TestDialFull(t *testing.T) {
	for _, line := range []string{refusal, clusterRefusal} {
		addr := listen(t, func(nc net.Conn) { _, _ = io.WriteString(nc, line) })
		for i := range 100 {
			// Late and large writes meet a closed socket.
			o := Options{Addr: addr, Password: "s3cret", Name: "spillway:test:" + strings.Repeat("n", i*1000), Timeout: 5 * time.Second}
			o.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
				nc, err := (&net.Dialer{}).DialContext(ctx, network, addr)
				time.Sleep(time.Duration(i%5) * time.Millisecond)
				return nc, err
			}
			_, err := Dial(t.Context(), o)
			if !errors.Is(err, ErrFull) {
				t.Fatalf("try %d: %v, want ErrFull", i, err)
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Fatalf("the error shows the password: %v", err)
			}
		}
	}
}

func TestDialWalls(t *testing.T) {
	for _, test := range []struct {
		name  string
		serve func(net.Conn)
		want  error
	}{
		{"closed", func(net.Conn) {}, ErrClosed},
		{"silent", func(nc net.Conn) { _, _ = io.Copy(io.Discard, nc) }, ErrSilent},
		{"no password", script(map[string]string{"PING": "-NOAUTH Authentication required.\r\n"}), ErrDenied},
		{"protected", func(nc net.Conn) { _, _ = io.WriteString(nc, "-DENIED Redis is running in protected mode\r\n") }, ErrDenied},
		{"loading", script(map[string]string{"PING": "-LOADING Redis is loading the dataset in memory\r\n"}), nil},
		{"busy", script(map[string]string{"PING": "-BUSY Redis is busy running a script.\r\n"}), nil},
		{"no right to ping", script(map[string]string{"PING": "-NOPERM User mon has no permissions\r\n"}), nil},
		{"well", script(nil), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := Dial(t.Context(), Options{Addr: listen(t, test.serve), Timeout: 300 * time.Millisecond})
			if err == nil {
				_ = c.Close()
			}
			if (err == nil) != (test.want == nil) || !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func TestDialLogsIn(t *testing.T) {
	serve, commands := heard(func(...string) string { return "+OK\r\n" })
	addr := listen(t, serve)
	c, err := Dial(t.Context(), Options{Addr: addr, Username: "mon", Password: "pw", DB: 3, Name: "spillway:r:admin"})
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	if got, want := strings.Join(commands(), ", "), "AUTH mon pw, SELECT 3, CLIENT SETNAME spillway:r:admin, PING"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestDialRefusedLogin(t *testing.T) {
	for name, test := range map[string]struct {
		command, reply string
		denied         bool
	}{
		"wrong password": {"AUTH", "-WRONGPASS invalid username-password pair or user is disabled.\r\n", true},
		"no AUTH":        {"AUTH", "-ERR unknown command 'AUTH', with args beginning with: 'hunter2' \r\n", false},
		"no such db":     {"SELECT", "-ERR DB index is out of range\r\n", false},
		"bad name":       {"CLIENT", "-ERR Client names cannot contain spaces, newlines or special characters.\r\n", false},
	} {
		addr := listen(t, script(map[string]string{test.command: test.reply}))
		_, err := Dial(t.Context(), Options{Addr: addr, Password: "hunter2", DB: 99, Name: "n"})
		if err == nil || errors.Is(err, ErrDenied) != test.denied {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Contains(fmt.Sprint(err), "hunter2") {
			t.Errorf("%s: the error shows the password: %v", name, err)
		}
	}
}

func TestDialDown(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	if _, err := Dial(t.Context(), Options{Addr: addr}); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v, want connection refused", err)
	}
}

func TestDialUnanswered(t *testing.T) {
	o := Options{Addr: "x:1", Timeout: 50 * time.Millisecond, Dialer: func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	if _, err := Dial(t.Context(), o); !errors.Is(err, ErrUnanswered) || errors.Is(err, ErrSilent) {
		t.Errorf("got %v, want ErrUnanswered", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Dial(ctx, o); !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnanswered) {
		t.Errorf("got %v, want context canceled", err)
	}
}

// Over TLS a full Redis closes without a byte; a server without TLS answers something else.
func TestDialTLS(t *testing.T) {
	closed := listen(t, func(net.Conn) {})
	_, err := Dial(t.Context(), Options{Addr: closed, TLS: &tls.Config{}})
	if !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v, want ErrClosed", err)
	}
	silent := listen(t, func(nc net.Conn) { _, _ = io.Copy(io.Discard, nc) })
	_, err = Dial(t.Context(), Options{Addr: silent, TLS: &tls.Config{}, Timeout: 100 * time.Millisecond})
	if !errors.Is(err, ErrSilent) {
		t.Errorf("silent: %v, want ErrSilent", err)
	}
	plain := listen(t, func(nc net.Conn) { _, _ = io.WriteString(nc, refusal); _, _ = io.Copy(io.Discard, nc) })
	_, err = Dial(t.Context(), Options{Addr: plain, TLS: &tls.Config{}})
	if err == nil || errors.Is(err, ErrClosed) || errors.Is(err, ErrSilent) {
		t.Errorf("no TLS: %v", err)
	}
}
