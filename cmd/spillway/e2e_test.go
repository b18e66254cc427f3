//go:build e2e

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// The same scripts' commands beside a real Redis. Without redis-server on PATH this fails; it does not skip.
func TestScriptsOnRedis(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"redis-server", "redis-cli"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%v: install redis to run the tests against a real one", err)
		}
	}
	all := maps.Clone(commands)
	all["redis-server"], all["fill"], all["nasty"] = startServer, fill, nasty
	all["turned-away"] = turnedAway
	all["certs"], all["quiet"], all["ports"] = makeCerts, quiet, ports
	testscript.Run(t, testscript.Params{Dir: filepath.Join("testdata", "e2e"), Setup: setup, Cmds: all, Condition: condition})
}

// condition has `ipv6`: loopback has that, too.
func condition(cond string) (bool, error) {
	if cond != "ipv6" {
		return false, fmt.Errorf("unknown condition %q", cond)
	}
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		return false, nil //nolint:nilerr // that is the answer
	}
	return true, l.Close()
}

// startServer starts a Redis and sets REDIS to its URL, PORT to its port and PID to its process: `redis-server [FILE.conf] ARG...`.
func startServer(ts *testscript.TestScript, _ bool, args []string) {
	port, err := freePort()
	ts.Check(err)
	addr := "127.0.0.1:" + port
	var own []string
	if len(args) > 0 && strings.HasSuffix(args[0], ".conf") {
		own, args = []string{ts.MkAbs(args[0])}, args[1:]
	}
	own = append(own, "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", ts.MkAbs("."))
	server := exec.Command("redis-server", append(own, args...)...)
	ts.Check(server.Start())
	ts.Defer(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	ts.Setenv("REDIS", "redis://"+addr)
	ts.Setenv("PORT", port)
	ts.Setenv("PID", strconv.Itoa(server.Process.Pid))
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			ts.Check(conn.Close())
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("waiting for redis-server at %s: %v", addr, err)
		}
	}
}

// ports sets each variable to a port that is free: `ports FIRST SECOND`.
func ports(ts *testscript.TestScript, _ bool, names []string) {
	for _, name := range names {
		port, err := freePort()
		ts.Check(err)
		ts.Setenv(name, port)
	}
}

// turnedAway opens connections to a server that wants a password, of which each is told so once.
func turnedAway(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	idle, err := time.ParseDuration(args[1])
	ts.Check(err)
	for range n {
		conn, err := net.Dial("tcp", "127.0.0.1:"+ts.Getenv("PORT"))
		ts.Check(err)
		ts.Defer(func() { _ = conn.Close() })
		_, err = io.WriteString(conn, "PING\r\n")
		ts.Check(err)
		_, err = conn.Read(make([]byte, 64))
		ts.Check(err)
	}
	time.Sleep(idle)
}

// fill opens connections that say one thing and then nothing for a while: `fill [-6] 28 5s [unnamed|ids|names]`. They stay to the script's end.
func fill(ts *testscript.TestScript, _ bool, args []string) {
	host := "127.0.0.1"
	if args[0] == "-6" {
		host, args = "::1", args[1:]
	}
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	idle, err := time.ParseDuration(args[1])
	ts.Check(err)
	named := !slices.Contains(args, "unnamed")
	for i := range n {
		name := "reports"
		switch {
		case slices.Contains(args, "ids"):
			name = fmt.Sprintf("9b1deb4d-3b7d-4bad-9bdd-%012x", i)
		case slices.Contains(args, "names"):
			name = fmt.Sprintf("of%c%cone", 'a'+i/26, 'a'+i%26)
		}
		say, want := "PING\r\n", "+PONG\r\n"
		if named {
			say, want = "CLIENT SETNAME "+name+"\r\n"+say, "+OK\r\n"+want
		}
		conn, err := net.Dial("tcp", net.JoinHostPort(host, ts.Getenv("PORT")))
		ts.Check(err)
		ts.Defer(func() { _ = conn.Close() })
		_, err = io.WriteString(conn, say)
		ts.Check(err)
		answer := make([]byte, len(want))
		if _, err := io.ReadFull(conn, answer); err != nil {
			ts.Fatalf("connection of the crowd: %v, %q", err, answer)
		}
	}
	time.Sleep(idle)
}

// makeCerts makes an authority in ca.pem, a certificate of the server in server.pem and server.key, and one of ours in us.pem and us.key; it
// sets TLSPORT to a free port.
func makeCerts(ts *testscript.TestScript, _ bool, _ []string) {
	port, err := freePort()
	ts.Check(err)
	ts.Setenv("TLSPORT", port)
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "e2e CA"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	save := func(name, kind string, der []byte) {
		ts.Check(os.WriteFile(ts.MkAbs(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	ts.Check(err)
	save("ca.pem", "CERTIFICATE", der)
	for i, name := range []string{"server", "us"} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		ts.Check(err)
		cert := &x509.Certificate{
			SerialNumber: big.NewInt(int64(2 + i)), Subject: pkix.Name{CommonName: name}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}
		der, err := x509.CreateCertificate(rand.Reader, cert, ca, key.Public(), caKey)
		ts.Check(err)
		save(name+".pem", "CERTIFICATE", der)
		secret, err := x509.MarshalPKCS8PrivateKey(key)
		ts.Check(err)
		save(name+".key", "PRIVATE KEY", secret)
	}
}

// quiet makes sure that nothing was forbidden to anybody since the last time, as the server's own counters say: `quiet`; `! quiet` wants that
// something was.
func quiet(ts *testscript.TestScript, neg bool, _ []string) {
	ask := func(args ...string) string {
		out, err := exec.Command("redis-cli", append([]string{"-p", ts.Getenv("PORT")}, args...)...).Output()
		ts.Check(err)
		return string(out)
	}
	denied := strings.Contains(ask("INFO", "errorstats"), "NOPERM") || strings.TrimSpace(ask("ACL", "LOG")) != ""
	if denied != neg {
		ts.Fatalf("denied %v:\n%s\n%s", denied, ask("INFO", "errorstats"), ask("ACL", "LOG"))
	}
	ask("CONFIG", "RESETSTAT")
	ask("ACL", "LOG", "RESET")
}
