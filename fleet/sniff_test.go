package fleet

import (
	"bytes"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"spillway/outage"
)

// script is a connection whose reads and writes are laid down beforehand.
type script struct {
	net.Conn
	reads  []string // each one Read; then readErr
	rdErr  error
	wrErr  error
	closed bool
}

func (s *script) Read(p []byte) (int, error) {
	if len(s.reads) == 0 {
		return 0, s.rdErr
	}
	n := copy(p, s.reads[0])
	if s.reads[0] = s.reads[0][n:]; s.reads[0] == "" {
		s.reads = s.reads[1:]
	}
	return n, nil
}

func (s *script) Write(p []byte) (int, error) {
	if s.wrErr != nil {
		return 0, s.wrErr
	}
	return len(p), nil
}

func (s *script) SetDeadline(time.Time) error     { return nil }
func (s *script) SetReadDeadline(time.Time) error { return nil }
func (s *script) Close() error                    { s.closed = true; return nil }

func opError(op string, errno error) error {
	addr := &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 6379}
	return &net.OpError{Op: op, Net: "tcp", Source: addr, Addr: addr, Err: os.NewSyscallError(op, errno)}
}

func TestSniffJudgesByTheFirstLine(t *testing.T) {
	long := "-" + strings.Repeat("x", 500)
	for _, tc := range []struct {
		name   string
		conn   script
		writes bool
		age    time.Duration
		want   []verdict // none or one
	}{
		{"served", script{reads: []string{"+OK\r\n", full + "\r\n"}, rdErr: io.EOF}, true, 0, []verdict{{outcome: outage.OK}}},
		{"refused", script{reads: []string{full + "\r\n"}, rdErr: io.EOF}, true, 0, []verdict{{outage.Refused, full, ""}}},
		{"refused byte by byte", script{reads: strings.Split(full+"\r\n", ""), rdErr: io.EOF}, true, 0, []verdict{{outage.Refused, full, ""}}},
		{"refused and cut off", script{reads: []string{full}, rdErr: opError("read", syscall.ECONNRESET)}, true, 0, []verdict{{outage.Refused, full, ""}}},
		{"the line waits behind a failed write", script{reads: []string{full + "\r\n"}, rdErr: io.EOF, wrErr: opError("write", syscall.EPIPE)}, true, 0, []verdict{{outage.Refused, full, ""}}},
		{"closed without a word", script{rdErr: io.EOF}, true, 0, []verdict{{outage.Refused, "", "EOF"}}},
		{"reset without a word", script{rdErr: opError("read", syscall.ECONNRESET)}, true, 0, []verdict{{outage.Refused, "", "read: connection reset by peer"}}},
		{"closed before the first write", script{rdErr: io.EOF, wrErr: opError("write", syscall.EPIPE)}, true, 0, []verdict{{outage.Refused, "", "write: broken pipe"}}},
		{"closed long after it was accepted", script{rdErr: io.EOF}, false, time.Minute, []verdict{{outage.Reset, "", "EOF"}}},
		{"protected mode", script{reads: []string{"-DENIED Redis is running\r\n"}, rdErr: io.EOF}, true, 0, []verdict{{outage.Denied, "-DENIED Redis is running", ""}}},
		{"no password", script{reads: []string{"-NOAUTH HELLO must\r\n"}, rdErr: io.EOF}, true, 0, []verdict{{outage.Denied, "-NOAUTH HELLO must", ""}}},
		{"an old server", script{reads: []string{"-ERR unknown command\r\n"}, rdErr: io.EOF}, true, 0, []verdict{{outage.OK, "-ERR unknown command", ""}}},
		{"no answer", script{rdErr: os.ErrDeadlineExceeded}, true, 0, []verdict{{outage.TimedOut, "", "i/o timeout"}}},
		{"a line without an end", script{reads: []string{long}, rdErr: io.EOF}, true, 0, []verdict{{outage.OK, long[:longest], ""}}},
		{"closed by ourselves", script{rdErr: net.ErrClosed}, true, 0, nil},
	} {
		var got []verdict
		c := &sniffed{Conn: &tc.conn, born: time.Now().Add(-tc.age), tell: func(v verdict, _ time.Duration) { got = append(got, v) }}
		sent := strings.Join(tc.conn.reads, "")
		if tc.writes {
			_, _ = c.Write([]byte("HELLO"))
		}
		var read bytes.Buffer
		_, _ = read.ReadFrom(c)
		if read.String() != sent {
			t.Errorf("%s: the client read %q, Redis sent %q", tc.name, read.String(), sent)
		}
		_ = c.Close()
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: %+v, want %+v", tc.name, got, tc.want)
		}
		if !tc.conn.closed {
			t.Errorf("%s: not closed", tc.name)
		}
	}
}

func TestSniffLooksOnceMoreWhenNobodyRead(t *testing.T) {
	for _, tc := range []struct {
		name string
		conn script
		age  time.Duration
		want []verdict
	}{
		{"a refusal lay there", script{reads: []string{full + "\r\n"}, rdErr: io.EOF}, 0, []verdict{{outage.Refused, full, ""}}},
		{"closed at once", script{rdErr: io.EOF}, 0, []verdict{{outage.Refused, "", ""}}},
		{"reaped while it waited", script{rdErr: io.EOF}, time.Minute, []verdict{{outage.Reset, "", ""}}},
		{"still open after a while", script{rdErr: os.ErrDeadlineExceeded}, time.Minute, []verdict{{outage.OK, "", ""}}},
		{"a probe that only dials", script{rdErr: os.ErrDeadlineExceeded}, 0, nil},
	} {
		var got []verdict
		c := &sniffed{Conn: &tc.conn, born: time.Now().Add(-tc.age), tell: func(v verdict, _ time.Duration) { got = append(got, v) }}
		_ = c.Close()
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: %+v, want %+v", tc.name, got, tc.want)
		}
	}
}
