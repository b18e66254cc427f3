//go:build e2e

package main

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// Ctrl-C in the middle of a run: exit code 130, no server of it is left, and what was seen is kept.
func TestInterruptedRun(t *testing.T) {
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Fatalf("%v: install redis to run the tests against a real one", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := program(ctx, t, "run", "connection-leak", "--target", "process", "--out", "out")
	code, said := interruptAt(t, cmd, "connection-leak         load")
	if code != exitInterrupted || !strings.Contains(said, "spillway: interrupted; everything the run made was removed") {
		t.Errorf("exit code %d, said %s", code, said)
	}
	if _, err := os.Stat(cmd.Dir + "/out/connection-leak/" + historyFile); err != nil {
		t.Error(err)
	}
	clean := program(ctx, t, "clean", "--target", "process")
	if out, err := clean.CombinedOutput(); err != nil || string(out) != "nothing was left\n" {
		t.Errorf("clean: %v, said %s", err, out)
	}
}
