package observe

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestTLSFilesRefuse(t *testing.T) {
	ca, other := newAuthority(t, "test CA"), newAuthority(t, "other CA")
	cert, key := ca.issue(t, "us", nil, nil)
	otherCert, otherKey := other.issue(t, "us", nil, nil)
	dir, missing := t.TempDir(), filepath.Join(t.TempDir(), "missing.pem")
	empty, noise := write(t, "empty.pem", ""), write(t, "noise.pem", "SECRETNOISE")
	sealed := writePEM(t, "sealed.pem", "ENCRYPTED PRIVATE KEY", []byte("x"))
	old := write(t, "old.pem", "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n")
	broken := writePEM(t, "broken.pem", "PRIVATE KEY", []byte("x"))
	for name, test := range map[string]struct {
		files TLSFiles
		want  []string
	}{
		"no CA":               {TLSFiles{CA: missing}, []string{missing, "no such file"}},
		"a folder of CAs":     {TLSFiles{CA: dir}, []string{dir, "is a folder"}},
		"an empty CA":         {TLSFiles{CA: empty}, []string{empty, "is empty"}},
		"noise for a CA":      {TLSFiles{CA: noise}, []string{noise, "want certificates in PEM", "nothing in PEM"}},
		"a key for a CA":      {TLSFiles{CA: key}, []string{key, "found PRIVATE KEY"}},
		"no end":              {TLSFiles{CA: "/dev/zero"}, []string{"/dev/zero has more than 8 MB"}},
		"no certificate":      {TLSFiles{Cert: missing, Key: key}, []string{missing}},
		"no key":              {TLSFiles{Cert: cert, Key: missing}, []string{missing}},
		"a key twice":         {TLSFiles{Cert: key, Key: key}, []string{"want a certificate in PEM", "found PRIVATE KEY"}},
		"a certificate twice": {TLSFiles{Cert: cert, Key: cert}, []string{"want a private key in PEM", "found CERTIFICATE"}},
		"another's key":       {TLSFiles{Cert: cert, Key: otherKey}, []string{otherKey + " is not the key of the certificate in " + cert}},
		"another's cert":      {TLSFiles{Cert: otherCert, Key: key}, []string{key + " is not the key of the certificate in " + otherCert}},
		"an encrypted key":    {TLSFiles{Cert: cert, Key: sealed}, []string{sealed + " is encrypted", "openssl pkey -in " + sealed}},
		"an old one":          {TLSFiles{Cert: cert, Key: old}, []string{old + " is encrypted"}},
		"a broken key":        {TLSFiles{Cert: cert, Key: broken}, []string{broken}},
	} {
		_, err := test.files.Config("h")
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, want := range test.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", name, err, want)
			}
		}
		if strings.Contains(err.Error(), "SECRET") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: the error shows what a file holds: %v", name, err)
		}
	}
	for _, files := range []TLSFiles{{}, {CA: ca.file}, {Cert: cert, Key: key}, {CA: ca.file, Cert: cert, Key: key, Name: "h"}} {
		if _, err := files.Config("h"); err != nil {
			t.Errorf("%+v: %v", files, err)
		}
	}
}

// serveTLS answers PING over TLS, and anything else with OK.
func serveTLS(t *testing.T, conf *tls.Config) string {
	t.Helper()
	return listen(t, func(nc net.Conn) { script(nil)(tls.Server(nc, conf)) })
}

func TestDialTLSFiles(t *testing.T) {
	ca, other := newAuthority(t, "test CA"), newAuthority(t, "other CA")
	server := func(names []string, change func(*x509.Certificate)) *tls.Config {
		cert, key := ca.issue(t, "redis.test", names, change)
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		return &tls.Config{Certificates: []tls.Certificate{pair}}
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	strict := server([]string{"127.0.0.1"}, nil)
	strict.ClientAuth, strict.ClientCAs = tls.RequireAndVerifyClientCert, pool
	strict12 := strict.Clone()
	strict12.MaxVersion = tls.VersionTLS12
	named := server([]string{"a.test", "*.b.test"}, nil)
	bare := server(nil, nil)
	past := server([]string{"127.0.0.1"}, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })

	cert, key := ca.issue(t, "us", nil, nil)
	strangerCert, strangerKey := other.issue(t, "stranger", nil, nil)
	trusted := TLSFiles{CA: ca.file}
	with := func(change func(*TLSFiles)) TLSFiles { f := trusted; change(&f); return f }
	for name, test := range map[string]struct {
		server *tls.Config
		files  TLSFiles
		is     error
		want   []string // nothing: it works
	}{
		"trusted":                  {server([]string{"127.0.0.1"}, nil), trusted, nil, nil},
		"roots of the system":      {server([]string{"127.0.0.1"}, nil), TLSFiles{}, nil, []string{`"redis.test"`, `signed by "test CA", and no authority behind it is trusted here`}},
		"another CA":               {server([]string{"127.0.0.1"}, nil), TLSFiles{CA: other.file}, nil, []string{"no authority behind it is trusted here"}},
		"insecure":                 {past, TLSFiles{Insecure: true}, nil, nil},
		"expired":                  {past, trusted, nil, []string{"is valid from", "has expired"}},
		"expired, by name":         {past, with(func(f *TLSFiles) { f.Name = "127.0.0.1" }), nil, []string{"is valid from", "has expired"}},
		"another name":             {named, trusted, nil, []string{`not for 127.0.0.1, but for "a.test", "*.b.test"`}},
		"its name":                 {named, with(func(f *TLSFiles) { f.Name = "x.b.test" }), nil, nil},
		"a wrong name":             {named, with(func(f *TLSFiles) { f.Name = "c.test" }), nil, []string{`not for c.test, but for "a.test"`}},
		"the common name, unasked": {bare, trusted, nil, []string{`no name but its common name "redis.test"`}},
		"the common name":          {bare, with(func(f *TLSFiles) { f.Name = "redis.test" }), nil, nil},
		"another common name":      {bare, with(func(f *TLSFiles) { f.Name = "redis" }), nil, []string{`no name but its common name "redis.test"`}},
		"a common name beside":     {named, with(func(f *TLSFiles) { f.Name = "redis.test" }), nil, []string{"not for redis.test"}},
		"a name, another CA":       {named, TLSFiles{CA: other.file, Name: "a.test"}, nil, []string{"no authority behind it is trusted here"}},
		"no certificate":           {strict, trusted, ErrCertificate, []string{"certificate required"}},
		"no certificate, 1.2":      {strict12, trusted, ErrCertificate, nil},
		"certificate":              {strict, with(func(f *TLSFiles) { f.Cert, f.Key = cert, key }), nil, nil},
		"certificate, 1.2":         {strict12, with(func(f *TLSFiles) { f.Cert, f.Key = cert, key }), nil, nil},
		"a stranger's":             {strict, with(func(f *TLSFiles) { f.Cert, f.Key = strangerCert, strangerKey }), ErrCertificate, []string{"it refused ours"}},
	} {
		t.Run(name, func(t *testing.T) {
			conf, err := test.files.Config("127.0.0.1")
			if err != nil {
				t.Fatal(err)
			}
			c, err := Dial(t.Context(), Options{Addr: serveTLS(t, test.server), TLS: conf, Timeout: 5 * time.Second})
			if err == nil {
				_ = c.Close()
			}
			if (err == nil) != (test.want == nil && test.is == nil) {
				t.Fatalf("got %v, want %v %q", err, test.is, test.want)
			}
			if err == nil {
				return
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v, want %q", err, want)
				}
			}
			if errors.Is(err, ErrClosed) || errors.Is(err, ErrFull) || test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("%v is taken for a full server, or is not %v", err, test.is)
			}
		})
	}
}

// TLS and the lack of it, taken for each other.
func TestDialWrongPort(t *testing.T) {
	cert, key := newAuthority(t, "test CA").issue(t, "us", []string{"127.0.0.1"}, nil)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	insecure, err := TLSFiles{Insecure: true}.Config("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		serve func(net.Conn)
		tls   *tls.Config
		want  error
		text  string
	}{
		"plain to TLS": {func(nc net.Conn) { _, _ = io.WriteString(nc, "\x15\x03\x01\x00\x02\x02\x46") }, nil, ErrSpeaksTLS, ""},
		"plain to TLS, no word": {func(nc net.Conn) {
			_ = tls.Server(nc, &tls.Config{Certificates: []tls.Certificate{pair}}).Handshake()
		}, nil, ErrSpeaksTLS, ""},
		"plain to closed":         {func(net.Conn) {}, nil, ErrClosed, ""},
		"TLS to plain":            {plainRedis, insecure, ErrSpeaksPlain, ""},
		"TLS to a full plain one": {func(nc net.Conn) { _, _ = io.WriteString(nc, refusal); _, _ = io.Copy(io.Discard, nc) }, insecure, ErrSpeaksPlain, "-ERR"},
		"TLS to a full TLS one":   {func(net.Conn) {}, insecure, ErrClosed, ""},
		"TLS to silence":          {func(nc net.Conn) { _, _ = io.Copy(io.Discard, nc) }, insecure, ErrSilent, ""},
		"closed after the handshake": {func(nc net.Conn) {
			_ = tls.Server(nc, &tls.Config{Certificates: []tls.Certificate{pair}}).Handshake()
		}, insecure, nil, "closed after the TLS handshake"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Dial(t.Context(), Options{Addr: listen(t, test.serve), TLS: test.tls, Timeout: 3 * time.Second})
			if err == nil || test.want != nil && !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.text) {
				t.Errorf("got %v, want %v %q", err, test.want, test.text)
			}
			if test.want == nil && errors.Is(err, ErrClosed) {
				t.Errorf("%v is taken for a full server", err)
			}
		})
	}
}

// plainRedis waits for the end of a line, as Redis does, and knows PING.
func plainRedis(nc net.Conn) {
	r := bufio.NewReader(nc)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		if line == "PING\r\n" {
			_, _ = io.WriteString(nc, "+PONG\r\n")
		}
	}
}
