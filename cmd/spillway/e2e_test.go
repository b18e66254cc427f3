//go:build e2e

package main

import (
	"io"
	"maps"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// The same scripts' commands beside a real Redis. Without redis-server on PATH this fails; it does not skip.
func TestScriptsOnRedis(t *testing.T) {
	for _, program := range []string{"redis-server", "redis-cli"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%v: install redis to run the tests against a real one", err)
		}
	}
	all := maps.Clone(commands)
	all["redis-server"], all["fill"], all["nasty"] = startServer, fill, nasty
	testscript.Run(t, testscript.Params{Dir: filepath.Join("testdata", "e2e"), Setup: setup, Cmds: all})
}

// startServer starts a Redis and sets REDIS to its URL, PORT to its port and PID to its process: `redis-server ARG...`.
func startServer(ts *testscript.TestScript, _ bool, args []string) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	addr := free.Addr().String()
	_, port, _ := net.SplitHostPort(addr)
	ts.Check(free.Close())
	server := exec.Command("redis-server", append([]string{"--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", ts.MkAbs(".")}, args...)...)
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

// fill opens connections that say one thing and then nothing for a while: `fill 28 5s`. They stay to the script's end.
func fill(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	idle, err := time.ParseDuration(args[1])
	ts.Check(err)
	for range n {
		conn, err := net.Dial("tcp", "127.0.0.1:"+ts.Getenv("PORT"))
		ts.Check(err)
		ts.Defer(func() { _ = conn.Close() })
		_, err = io.WriteString(conn, "CLIENT SETNAME reports\r\nPING\r\n")
		ts.Check(err)
		answer := make([]byte, len("+OK\r\n+PONG\r\n"))
		if _, err := io.ReadFull(conn, answer); err != nil {
			ts.Fatalf("connection of the crowd: %v, %q", err, answer)
		}
	}
	time.Sleep(idle)
}
