package rig

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// newProcesses is a rig for children that are no part of Spillway.
func newProcesses(t *testing.T) *Processes {
	t.Helper()
	ownLeases(t)
	lease := newLease(t)
	home, err := ownHome()
	if err != nil {
		t.Fatal(err)
	}
	p := &Processes{run: lease.Run, home: home, mark: home.id + "/" + lease.Run}
	t.Cleanup(func() {
		if err := p.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return p
}

func (p *Processes) shell(t *testing.T, script string) *Process {
	t.Helper()
	child, err := p.spawn(t.Context(), "sh", []string{"/bin/sh", "-c", script})
	if err != nil {
		t.Fatal(err)
	}
	return child
}

func wait(t *testing.T, p *Process) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	exit, err := p.Wait(ctx)
	if err != nil {
		t.Fatalf("%s still runs after 10s", p.Name)
	}
	return exit
}

// alive reports whether a process runs; a zombie does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z")
}

func TestChildStdio(t *testing.T) {
	p := newProcesses(t)
	child, err := p.spawn(t.Context(), "cat", []string{"/bin/cat"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(child.In, "hello\n"); err != nil {
		t.Fatal(err)
	}
	if err := child.In.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(child.Out)
	if string(text) != "hello\n" || err != nil {
		t.Errorf("read %q, %v", text, err)
	}
	if exit := wait(t, child); exit != 0 {
		t.Errorf("exit code %d", exit)
	}
	if err := child.End(t.Context()); err != nil {
		t.Errorf("ending one that is gone: %v", err)
	}
	if err := child.End(t.Context()); err != nil {
		t.Errorf("ending it twice: %v", err)
	}
}

func TestChildExit(t *testing.T) {
	p := newProcesses(t)
	child := p.shell(t, "echo trouble >&2; exit 7")
	if exit := wait(t, child); exit != 7 || child.Errors() != "trouble" {
		t.Errorf("exit code %d, stderr %q", exit, child.Errors())
	}
	killed := p.shell(t, "kill -9 $$")
	if exit := wait(t, killed); exit != 137 {
		t.Errorf("exit code %d of a killed child", exit)
	}
	select {
	case <-killed.Done():
	default:
		t.Error("Done is open")
	}
	// Of a program that has ended, Wait says so also when nobody has time left.
	for range 100 {
		if exit, err := killed.Wait(ended()); exit != 137 || err != nil {
			t.Fatal(exit, err)
		}
	}
}

func TestChildEnd(t *testing.T) {
	p := newProcesses(t)
	polite := p.shell(t, "trap 'exit 3' TERM; echo up; while :; do sleep 0.01; done")
	ready(t, polite)
	start := time.Now()
	if err := polite.End(t.Context()); err != nil {
		t.Fatal(err)
	}
	if exit := wait(t, polite); exit != 3 || time.Since(start) > 900*time.Millisecond {
		t.Errorf("exit code %d after %s: SIGTERM was not heard", exit, time.Since(start))
	}
	deaf := p.shell(t, "trap '' TERM; echo up; while :; do sleep 0.01; done")
	ready(t, deaf)
	if err := deaf.End(t.Context()); err != nil {
		t.Fatal(err)
	}
	if exit := wait(t, deaf); exit != 137 {
		t.Errorf("exit code %d of a child that ignores SIGTERM", exit)
	}
}

func ready(t *testing.T, p *Process) string {
	t.Helper()
	line, err := bufio.NewReader(p.Out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// A child that never reads must not hang whoever writes to it: its end ends the write.
func TestChildThatNeverReads(t *testing.T) {
	p := newProcesses(t)
	child := p.shell(t, "echo up; sleep 300")
	ready(t, child)
	wrote := make(chan error, 1)
	go func() {
		_, err := child.In.Write(make([]byte, 1<<20))
		wrote <- err
	}()
	select {
	case err := <-wrote:
		t.Fatalf("the test is void: a megabyte went into a pipe: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	if err := child.End(t.Context()); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-wrote:
		if err == nil {
			t.Error("a write that nobody read succeeded")
		}
	case <-time.After(5 * time.Second):
		t.Fatal("the write hangs")
	}
}

func TestWriteLimit(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	in := childIn{w}
	defer in.Close()
	// The deadline is each write's own, not the pipe's.
	if err := in.SetWriteDeadline(time.Now().Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Write([]byte("x")); err != nil {
		t.Errorf("an old deadline counts: %v", err)
	}
}

// What a runbook leaves behind ends with it, and cannot keep its readers waiting.
func TestChildLeavesSomethingBehind(t *testing.T) {
	p := newProcesses(t)
	child := p.shell(t, "sleep 300 & echo $!; exit 0")
	start := time.Now()
	text, err := io.ReadAll(child.Out)
	if err != nil || time.Since(start) > 2*time.Second {
		t.Errorf("its output ended after %s: %v", time.Since(start), err)
	}
	if exit := wait(t, child); exit != 0 {
		t.Errorf("exit code %d", exit)
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	eventually(t, "what it left behind to end", func() bool { return !alive(pid) })
}

// One that fled into a session of its own holds stdout and stderr open.
func TestChildLeavesASessionBehind(t *testing.T) {
	p := newProcesses(t)
	child := p.shell(t, "setsid sh -c 'echo $$; exec sleep 300' & sleep 0.1")
	pid, _ := strconv.Atoi(ready(t, child))
	start := time.Now()
	wait(t, child)
	if _, err := io.ReadAll(child.Out); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("its output: %v", err)
	}
	if took := time.Since(start); took > lastOutput+2*time.Second {
		t.Errorf("its reader waited %s", took)
	}
	if !alive(pid) {
		t.Fatal("the test is void: the session ended by itself")
	}
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "Close to end what carries the run's mark", func() bool { return !alive(pid) })
}

func TestSpawnFails(t *testing.T) {
	p := newProcesses(t)
	before := openFiles(t)
	for range 20 {
		if _, err := p.spawn(t.Context(), "nothing", []string{"/nonexistent/program"}); err == nil || !strings.Contains(err.Error(), "start nothing") {
			t.Fatalf("got %v", err)
		}
	}
	if after := openFiles(t); after > before {
		t.Errorf("%d file descriptors before, %d after", before, after)
	}
	if _, err := p.spawn(ended(), "late", []string{"/bin/cat"}); !errors.Is(err, context.Canceled) {
		t.Errorf("a run that is over starts children: %v", err)
	}
}

// openFiles counts this process's file descriptors.
func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestCloseProcesses(t *testing.T) {
	p := newProcesses(t)
	before := openFiles(t)
	var children []*Process
	for range 8 {
		children = append(children, p.shell(t, "trap '' TERM; echo up; sleep 300"))
		ready(t, children[len(children)-1])
	}
	start := time.Now()
	if err := p.Close(ended()); err != nil { // after Ctrl-C
		t.Fatal(err)
	}
	if took := time.Since(start); took > 4*time.Second {
		t.Errorf("ending 8 deaf children took %s: not side by side", took)
	}
	for _, child := range children {
		if exit := wait(t, child); exit != 137 {
			t.Errorf("exit code %d", exit)
		}
	}
	if err := p.Close(t.Context()); err != nil {
		t.Errorf("closing twice: %v", err)
	}
	if after := openFiles(t); after > before {
		t.Errorf("%d file descriptors before, %d after", before, after)
	}
}

func TestStartRunbook(t *testing.T) {
	p := newProcesses(t)
	path := filepath.Join(t.TempDir(), "runbook")
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho $REDIS_HOST\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	child, err := p.StartRunbook(t.Context(), Runbook{Path: path, Env: map[string]string{"REDIS_HOST": "127.0.0.9"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := ready(t, child); got != "127.0.0.9" {
		t.Errorf("its environment says %q", got)
	}
	if err := p.Cut(t.Context(), child); err == nil {
		t.Error("a process was cut off its network")
	}
	if _, err := p.StartShell(t.Context(), &Redis{}); err == nil {
		t.Error("a shell without a line")
	}
}

// After SIGKILL the kernel ends the children; what they started in turn is found by its mark, once the lease is free.
func TestKilledRunOfProcesses(t *testing.T) {
	ownLeases(t)
	run := play(t, "child")
	words := strings.Fields(run.said)
	if len(words) != 3 {
		t.Fatalf("it said %q", run.said)
	}
	fled, _ := strconv.Atoi(words[1])
	child, _ := strconv.Atoi(words[2])
	ended, err := CleanProcesses(t.Context())
	if err != nil || len(ended) != 0 || !alive(fled) || !alive(child) {
		t.Fatalf("a living run lost %v, %v", ended, err)
	}
	run.kill()
	eventually(t, "the kernel to end the child", func() bool { return !alive(child) })
	if !alive(fled) {
		t.Fatal("the test is void: nothing is left after SIGKILL")
	}
	ended, err = CleanProcesses(t.Context())
	if err != nil || len(ended) != 1 || ended[0].Run != words[0] || ended[0].Kind != "process" {
		t.Errorf("cleaned %v, %v", ended, err)
	}
	eventually(t, "what was left to end", func() bool { return !alive(fled) })
	if again, err := CleanProcesses(t.Context()); len(again) != 0 || err != nil {
		t.Errorf("cleaned again: %v, %v", again, err)
	}
}

// Another home's processes, and those without a mark, are nobody's business.
func TestStraysOfOthers(t *testing.T) {
	p := newProcesses(t)
	child := p.shell(t, "echo up; sleep 300")
	ready(t, child)
	everything := func(string) bool { return true }
	if got := strays(home{id: "another"}, everything); len(got) != 0 {
		t.Errorf("found %v", got)
	}
	got := strays(p.home, everything)
	if len(got) == 0 || !slices.ContainsFunc(got, func(s stray) bool { return strings.HasSuffix(s.Name, " "+child.id) }) {
		t.Errorf("of our own it found %v", got)
	}
	for _, s := range got {
		_ = s.process.Release()
	}
}

func TestFreePort(t *testing.T) {
	for range 20 {
		port, err := freePort()
		if err != nil {
			t.Fatal(err)
		}
		if port <= lowestPort || port > highestPort {
			t.Errorf("port %d", port)
		}
	}
}

// Without file descriptors the rig says so and hangs nowhere.
func TestOutOfFileDescriptors(t *testing.T) {
	p := newProcesses(t)
	f := startFake(t)
	l := openFake(t, f, 1)
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	scarce := old
	scarce.Cur = 1
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &scarce); err != nil {
		t.Fatal(err)
	}
	_, spawnErr := p.spawn(t.Context(), "cat", []string{"/bin/cat"})
	_, portErr := freePort()
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{spawnErr, portErr} {
		if err == nil || !errors.Is(err, syscall.EMFILE) {
			t.Errorf("got %v", err)
		}
	}
	// Lines are lent again once there are some.
	dial(t, f.lineAddr()).do("PING", "+PONG\r\n")
	_ = l
}
