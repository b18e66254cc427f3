package rig

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// roleEnv makes the test binary, started again, play a part that needs a process of its own.
const roleEnv = "RIG_TEST_ROLE"

var roles = map[string]func(){
	"lease":   holdLease,
	"connect": connectToDocker,
	"child":   spawnAndWait,
}

// holdLease takes a lease, says its run, and keeps it until it is killed or its stdin ends.
func holdLease() {
	lease, err := NewLease()
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	fmt.Println(lease.Run)
	_, _ = io.Copy(io.Discard, os.Stdin)
	_ = lease.Release()
}

// connectToDocker says how ConnectDocker ends; what testcontainers-go learns of a daemon it keeps for good.
func connectToDocker() {
	start := time.Now()
	_, err := ConnectDocker(context.Background(), nil)
	fmt.Println(errors.Is(err, ErrNoDocker), time.Since(start) < 8*time.Second, err)
}

// spawnAndWait starts a child that has a child, says who they are, and waits to be killed.
func spawnAndWait() {
	lease, err := NewLease()
	if err != nil {
		panic(err)
	}
	home, err := ownHome()
	if err != nil {
		panic(err)
	}
	p := &Processes{run: lease.Run, home: home, mark: home.id + "/" + lease.Run}
	// A child in a session of its own, as a runbook's background job may be.
	child, err := p.spawn(context.Background(), "runbook", []string{"/bin/sh", "-c", "setsid sleep 300 & echo $! $$; wait"})
	if err != nil {
		panic(err)
	}
	line, _ := bufio.NewReader(child.Out).ReadString('\n')
	fmt.Print(lease.Run + " " + line)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// player is the test binary in a role.
type player struct {
	cmd   *exec.Cmd
	stdin io.Closer
	said  string // its first line
}

// play starts the test binary in a role and returns when it has said its first line. It is killed at the test's end.
func play(t *testing.T, role string, env ...string) *player {
	t.Helper()
	p := &player{cmd: exec.Command(os.Args[0])}
	p.cmd.Env = append(append(os.Environ(), env...), roleEnv+"="+role)
	p.cmd.Stderr = os.Stderr
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%s said nothing: %v", role, err)
	}
	p.said = strings.TrimSpace(line)
	return p
}

// kill ends a player as SIGKILL does.
func (p *player) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited 10s for: %s", what)
		}
	}
}

// ended is a context of a run that was cancelled.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
