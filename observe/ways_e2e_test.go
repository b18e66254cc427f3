//go:build e2e && linux

package observe

import (
	"crypto/tls"
	"errors"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"spillway/outage"
)

// tlsServer runs a Redis with a TLS port that wants client certificates. It returns the port, and what a client needs.
func tlsServer(t *testing.T, directives ...string) (s server, port int, files TLSFiles) {
	t.Helper()
	ca := newAuthority(t, "e2e CA")
	cert, key := ca.issue(t, "redis", []string{"127.0.0.1"}, nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port = l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	s = start(t, append([]string{"--tls-port", strconv.Itoa(port), "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", ca.file}, directives...)...)
	files.CA = ca.file
	files.Cert, files.Key = ca.issue(t, "us", nil, nil)
	return s, port, files
}

func (f TLSFiles) must(t *testing.T) *tls.Config {
	t.Helper()
	conf, err := f.Config("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	return conf
}

func TestTLSOfRedis(t *testing.T) {
	s, port, files := tlsServer(t, "--maxclients", "3")
	plain := s.options()
	o := plain
	o.Addr, o.TLS, o.Name = net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), files.must(t), "spillway:e2e:tls"
	stranger := newAuthority(t, "stranger")
	strangerCert, strangerKey := stranger.issue(t, "stranger", nil, nil)
	twelve := TLSFiles{CA: files.CA}.must(t)
	twelve.MaxVersion = tls.VersionTLS12
	for name, test := range map[string]struct {
		tls  *tls.Config
		addr string
		is   error
		text string
	}{
		"no certificate":       {TLSFiles{CA: files.CA}.must(t), o.Addr, ErrCertificate, ""},
		"no certificate, 1.2":  {twelve, o.Addr, ErrCertificate, ""},
		"a stranger's":         {TLSFiles{CA: files.CA, Cert: strangerCert, Key: strangerKey}.must(t), o.Addr, ErrCertificate, "it refused ours"},
		"another CA":           {TLSFiles{CA: stranger.file}.must(t), o.Addr, nil, `("redis") is signed by "e2e CA", and no authority behind it is trusted here`},
		"another name":         {TLSFiles{CA: files.CA, Name: "redis.test"}.must(t), o.Addr, nil, `not for redis.test, but for "127.0.0.1"`},
		"TLS to a plain port":  {files.must(t), plain.Addr, ErrSpeaksPlain, ""},
		"plain to the TLS one": {nil, o.Addr, ErrSpeaksTLS, ""},
	} {
		wrong := o
		wrong.TLS, wrong.Addr, wrong.Timeout = test.tls, test.addr, 4*time.Second
		_, err := Dial(t.Context(), wrong)
		if err == nil || test.is != nil && !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.text) || errors.Is(err, ErrClosed) {
			t.Errorf("%s: %v, want %v %q", name, err, test.is, test.text)
		}
	}
	// Those that were refused are gone in a moment.
	admin := dial(t, o)
	waitFor(t, admin, 1)
	dial(t, o)
	dial(t, plain)
	for i := range 20 {
		if _, err := Dial(t.Context(), o); !errors.Is(err, ErrClosed) || !strings.Contains(err.Error(), "TLS") {
			t.Fatalf("try %d at the limit: %v, want ErrClosed over TLS", i, err)
		}
	}
	// At the limit nobody can tell which port it is either.
	wrong := o
	wrong.TLS = nil
	if _, err := Dial(t.Context(), wrong); !errors.Is(err, ErrFull) && !errors.Is(err, ErrClosed) {
		t.Errorf("plain to the TLS port at the limit: %v", err)
	}
	wrong = o
	wrong.Addr = plain.Addr
	if _, err := Dial(t.Context(), wrong); !errors.Is(err, ErrSpeaksPlain) || !strings.Contains(err.Error(), "-ERR") {
		t.Errorf("TLS to the plain port at the limit: %v", err)
	}
	snap, err := (&Reader{Conn: admin}).Snapshot(t.Context())
	if err != nil || snap.Slots() != 3 || len(snap.Clients) != 3 || snap.Rejected() < 20 {
		t.Errorf("%d slots, %d listed, %d rejected, %v", snap.Slots(), len(snap.Clients), snap.Rejected(), err)
	}
}

// waitFor waits until so many connections are left.
func waitFor(t *testing.T, c *Conn, want int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		snap, err := (&Reader{Conn: c}).Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(snap.Clients) == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waiting for %d connections: %d after 10s", want, len(snap.Clients))
		}
	}
}

func TestUnixSocketOfRedis(t *testing.T) {
	s := start(t, "--maxclients", "2", "--user", "ops", "on", ">s3cret", "~*", "+@all")
	o, err := ParseURL("unix://ops:s3cret@" + s.socket + "?db=2")
	if err != nil {
		t.Fatal(err)
	}
	o.Name = "spillway:e2e:unix"
	c := dial(t, o)
	snap, err := (&Reader{Conn: c}).Snapshot(t.Context())
	if err != nil || len(snap.Clients) != 1 || !snap.Clients[0].Ours() || snap.Clients[0].User != "ops" || snap.Clients[0].DB != 2 {
		t.Errorf("%+v, %v", snap.Clients, err)
	}
	dial(t, s.options())
	if _, err := Dial(t.Context(), o); !errors.Is(err, ErrFull) || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("at the limit: %v", err)
	}
}

// Asking for rights changes nothing and closes nobody, on whatever version, and tells what a user may not do.
func TestRightsOfRedis(t *testing.T) {
	s := start(t)
	admin := dial(t, s.options())
	bystander := dial(t, s.options())
	if _, err := admin.Do(t.Context(), "ACL", "SETUSER", "mon", "on", ">s3cret", "~*", "+ping", "+info", "+client", "+config|get"); err != nil {
		t.Fatal(err)
	}
	o := s.options()
	o.Username, o.Password = "mon", "s3cret"
	mon := dial(t, o)
	for name, test := range map[string]struct {
		conn *Conn
		want []string
	}{"admin": {admin, nil}, "mon": {mon, []string{"CONFIG SET"}}} {
		before, err := (&Reader{Conn: admin}).Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var snap outage.Snapshot
		if err := Rights(t.Context(), test.conn, &snap); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range snap.Missing {
			got = append(got, m.What)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %+v, want %v", name, snap.Missing, test.want)
		}
		after, err := (&Reader{Conn: admin}).Snapshot(t.Context())
		if err != nil || len(after.Clients) != len(before.Clients) || !maps.Equal(after.Config, before.Config) {
			t.Errorf("%s: %d clients before, %d after, %v", name, len(before.Clients), len(after.Clients), err)
		}
		if _, err := bystander.Do(t.Context(), "PING"); err != nil {
			t.Errorf("%s: a bystander was closed: %v", name, err)
		}
	}
}
