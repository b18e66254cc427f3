package observe

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"spillway/outage"
)

// fault is what a server does in place of an answer, until writing fails.
type fault struct {
	name  string
	write func(io.Writer)
	want  string // in the error of Dial
}

func text(s string) func(io.Writer) { return func(w io.Writer) { _, _ = io.WriteString(w, s) } }

// endless writes begin, then part for ever.
func endless(begin, part string) func(io.Writer) {
	parts := bytes.Repeat([]byte(part), 1+(32<<10)/len(part))
	return func(w io.Writer) {
		_, err := io.WriteString(w, begin)
		for err == nil {
			_, err = w.Write(parts)
		}
	}
}

// byBytes writes a byte every 50 ms.
func byBytes(s string) func(io.Writer) {
	return func(w io.Writer) {
		for i := 0; ; i++ {
			if _, err := w.Write([]byte{s[i%len(s)]}); err != nil {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
}

// faults are the answers of a server that lies, hangs or is none. After them it waits for the client to go, or closes.
func faults() []fault {
	return []fault{
		{"hangs", func(io.Writer) {}, ErrSilent.Error()},
		{"a line byte by byte", byBytes("+x"), ErrSilent.Error()},
		{"a string of 1 GB that does not come", text("$1000000000\r\n"), ErrSilent.Error()},
		{"a string of 1 GB", endless("$1000000000\r\n", "x"), ""}, // as fast as the machine is: late, or of the wrong kind
		{"a string of 100 GB", endless("$100000000000\r\n", "x"), "allowed"},
		{"an endless line", endless("+", "x"), "a line of more than"},
		{"an endless error", endless("-ERR ", "x"), "a line of more than"},
		{"an endless array", endless("*1000000000\r\n", ":1\r\n"), "an array of 1000000000 values"},
		{"a large array within a large array", endless("", "*1000000\r\n"), "arrays within each other"},
		{"arrays within arrays", endless("", "*1\r\n"), "arrays within each other"},
		{"a negative length", text("$-5\r\n"), "negative length"},
		{"a negative array", text("*-9223372036854775808\r\n"), "negative length"},
		{"a length beyond numbers", text("$9223372036854775808\r\n"), "has no number"},
		{"a string longer than it says", text("$2\r\nPONG\r\n"), "a string longer than it said"},
		{"another protocol", text("HTTP/1.1 200 OK\r\n\r\n"), "it begins with"},
		{"escape codes", text("\x1b]0;owned\a\r\n"), `it begins with "\x1b]0;owned\a"`},
		{"zeros", endless("", "\x00"), "a line of more than"},
	}
}

// lying serves hello as Redis does, then one fault.
func lying(f fault, hello bool) func(net.Conn) {
	return func(nc net.Conn) {
		if hello {
			if _, err := readReply(bufio.NewReader(nc), maxReply); err != nil {
				return
			}
			_, _ = io.WriteString(nc, "+PONG\r\n")
		}
		gone := make(chan struct{})
		go func() { defer close(gone); _, _ = io.Copy(io.Discard, nc) }()
		f.write(nc)
		<-gone // and never before, or it would be a server that closes
	}
}

// within fails when do takes longer than a machine that others use explains, or allocates more than holding one largest reply takes.
func within(t *testing.T, do func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := time.Now()
	do()
	took := time.Since(began)
	runtime.ReadMemStats(&after)
	if took > 2*time.Minute {
		t.Errorf("it took %v", took)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 8*maxReply {
		t.Errorf("%d MB were allocated", grown>>20)
	}
}

func TestDialFaults(t *testing.T) {
	for _, f := range faults() {
		t.Run(f.name, func(t *testing.T) {
			addr := listen(t, lying(f, false))
			within(t, func() {
				c, err := Dial(t.Context(), Options{Addr: addr, Timeout: 1500 * time.Millisecond})
				if err == nil {
					_ = c.Close()
				}
				if f.want == "" {
					return
				}
				if err == nil || !strings.Contains(err.Error(), f.want) || !strings.Contains(err.Error(), "connect to redis://"+addr) {
					t.Errorf("got %v, want %q", err, f.want)
				}
			})
		})
	}
}

func TestSnapshotFaults(t *testing.T) {
	for _, f := range faults() {
		t.Run(f.name, func(t *testing.T) {
			addr := listen(t, lying(f, true))
			within(t, func() {
				c, err := Dial(t.Context(), Options{Addr: addr, Timeout: 20 * time.Second})
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = c.Close() }()
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				snap, err := (&Reader{Conn: c}).Snapshot(ctx)
				if err == nil {
					t.Errorf("no error, and a snapshot of %+v", snap)
				}
				if len(snap.Missing) == 0 || len(snap.Clients) > 0 {
					t.Errorf("missing %+v, %d clients", snap.Missing, len(snap.Clients))
				}
			})
		})
	}
}

// TestAnswersToAnotherCommand has a server whose answers are one late, and one that says the same to everything: nothing of it
// may be taken for what was asked.
func TestAnswersToAnotherCommand(t *testing.T) {
	for name, reply := range map[string]string{
		"a number": ":1\r\n", "nothing": "$-1\r\n", "an empty array": "*0\r\n", "words": "$5\r\nhello\r\n", "arrays": "*2\r\n*1\r\n:1\r\n$1\r\nx\r\n",
		"a setting that was not asked for": "*2\r\n$11\r\nrequirepass\r\n$6\r\nsecret\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			addr := listen(t, answering(func(...string) string { return reply }))
			c, err := Dial(t.Context(), Options{Addr: addr})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			snap, err := (&Reader{Conn: c}).Snapshot(t.Context())
			if err != nil || len(snap.Clients) > 0 || len(snap.Info) > 0 || len(snap.Config) > 0 {
				t.Errorf("%+v, %v", snap, err)
			}
			if name != "words" && len(snap.Missing) == 0 {
				t.Error("nothing is missing")
			}
		})
	}
}

// TestListTooLongToHold: names of 64 KB make a list that is passed over, and everything else is read all the same.
func TestListTooLongToHold(t *testing.T) {
	const size = 3 << 20
	c := pipe(t, answering(func(words ...string) string {
		switch words[0] {
		case "CLIENT":
			return bulk(strings.Repeat("x", size))
		case "INFO":
			return bulk("connected_clients:100\n")
		}
		return "*0\r\n"
	}))
	c.limit = 1 << 20
	snap, err := (&Reader{Conn: c}).Snapshot(t.Context())
	if err != nil || snap.Connected() != 100 || len(snap.Clients) > 0 {
		t.Fatalf("%+v, %v", snap, err)
	}
	if m := snap.Missing[0]; m.What != "CLIENT LIST" || !strings.Contains(m.Why, "an answer of 3 MB") {
		t.Errorf("missing %+v", m)
	}
	if _, err := c.Do(t.Context(), "CLIENT", "LIST"); err == nil || errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
	if _, err := c.Do(t.Context(), "PING"); err != nil {
		t.Errorf("the connection is lost: %v", err)
	}
}

func TestListOfTooManyLines(t *testing.T) {
	const lines = mostClients + 100_000
	list := strings.Repeat("id=1 addr=a\n", lines)
	within(t, func() {
		clients, err := ParseClients(list)
		if len(clients) != mostClients || err == nil || !strings.Contains(err.Error(), fmt.Sprintf("of %d lines", lines)) {
			t.Errorf("%d clients, %v", len(clients), err)
		}
	})
}

func selfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// TestBadCertificates: a certificate that is not to be trusted, one of another host, and none at all.
func TestBadCertificates(t *testing.T) {
	certificate, pool := selfSigned(t)
	serve := func(nc net.Conn) {
		secure := tls.Server(nc, &tls.Config{Certificates: []tls.Certificate{certificate}})
		script(nil)(secure)
	}
	for name, test := range map[string]struct {
		serve func(net.Conn)
		conf  *tls.Config
		want  string
	}{
		"of nobody":       {serve, &tls.Config{ServerName: "localhost"}, "x509"},
		"of another host": {serve, &tls.Config{ServerName: "redis.example", RootCAs: pool}, "not for redis.example"},
		"no TLS at all":   {script(nil), &tls.Config{ServerName: "localhost", RootCAs: pool}, "TLS"},
		"hangs":           {func(nc net.Conn) { _, _ = io.Copy(io.Discard, nc) }, &tls.Config{ServerName: "localhost"}, ErrSilent.Error()},
		"endless zeros":   {func(nc net.Conn) { endless("", "\x00")(nc) }, &tls.Config{ServerName: "localhost"}, "TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			addr := listen(t, test.serve)
			within(t, func() {
				_, err := Dial(t.Context(), Options{Addr: addr, TLS: test.conf, Timeout: 2 * time.Second, Password: "secret"})
				if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret") {
					t.Errorf("got %v, want %q", err, test.want)
				}
			})
		})
	}
}

// TestSavedConfigIsNotForged: a value of two lines is not two settings in a saved folder.
func TestSavedConfigIsNotForged(t *testing.T) {
	config := map[string]string{
		"save": "3600 1\nmaxclients\n5", "maxclients": "100", "timeout": "0\r", "tcp-keepalive": ` 1) "x"`, "hz": "\"\\\x1b\xff\n", "appendonly": "",
	}
	if err := WriteFiles(t.TempDir(), outage.Snapshot{Config: config}); err != nil {
		t.Fatal(err)
	}
	got := ParseConfig(configText(config))
	for name, value := range config {
		if got[name] != value {
			t.Errorf("%s is %q, want %q", name, got[name], value)
		}
	}
	if len(got) != len(config) {
		t.Errorf("%d settings of %d", len(got), len(config))
	}
}

func TestFilesWithoutAnEnd(t *testing.T) {
	if text, err := readBounded("/dev/zero", 1<<20); text != "" || err == nil || !strings.Contains(err.Error(), "/dev/zero is longer than 1 MB") {
		t.Errorf("%d bytes, %v", len(text), err)
	}
}
