package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"spillway/rig"
)

// program prepares this program as a process of its own. TestMain knows it by its name, also where it starts itself again.
func program(ctx context.Context, t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "spillway")
	test, err := os.Executable()
	if err == nil {
		err = os.Symlink(test, path)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), rig.BinaryEnv+"="+path)
	return cmd
}

// interruptAt starts cmd, interrupts it once a line of its stderr contains text, and returns its exit code and stderr.
func interruptAt(t *testing.T, cmd *exec.Cmd, text string) (code int, said string) {
	t.Helper()
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	seen := false
	var all strings.Builder
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		fmt.Fprintln(&all, lines.Text())
		if !seen && strings.Contains(lines.Text(), text) {
			seen = true
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Error(err)
			}
		}
	}
	if !seen {
		t.Errorf("never said %q", text)
	}
	err = cmd.Wait()
	ended := new(exec.ExitError)
	if err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), all.String()
}

func TestInterrupt(t *testing.T) {
	f := &fake{refuse: -1}
	if err := f.start(); err != nil {
		t.Fatal(err)
	}
	defer f.stop()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, verb := range []string{"diagnose", "remedy"} {
		cmd := program(ctx, t, verb, "redis://"+f.listener.Addr().String(), "--wait", "1h")
		code, said := interruptAt(t, cmd, "trying for a slot")
		if code != exitInterrupted || !strings.Contains(said, "spillway: interrupted") || strings.Contains(said, "removed") {
			t.Errorf("%s: exit code %d, said %q", verb, code, said)
		}
	}
}

func TestCutShort(t *testing.T) {
	cut := fmt.Errorf("load: %w", context.Canceled)
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"clean":         {errors.Join(cut, nil), "interrupted; everything the run made was removed"},
		"nothing begun": {nil, "interrupted; everything the run made was removed"},
		"left":          {errors.Join(errors.Join(cut, errors.New("clean up: network spillway-1")), cut), "interrupted, and: clean up: network spillway-1"},
	} {
		e := new(exit)
		if err := cutShort(test.err); !errors.As(err, &e) || e.code != exitInterrupted || e.text != test.want {
			t.Errorf("%s: got %+v, want %q", name, e, test.want)
		}
	}
}

func TestInterrupted(t *testing.T) {
	done := &exit{code: exitFail}
	if got := interrupted(done); !errors.Is(got, done) {
		t.Errorf("a verb that came to its end: %v", got)
	}
	if got := interrupted(nil); got != nil {
		t.Errorf("a verb that was done: %v", got)
	}
	e := new(exit)
	if got := interrupted(context.Canceled); !errors.As(got, &e) || e.code != exitInterrupted {
		t.Errorf("got %v", got)
	}
}
