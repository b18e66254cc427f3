package rig

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// strays finds processes whose environment says that they belong to a run of this home that pick accepts. Runs tie
// their children to themselves, but not what a runbook starts in turn.
func strays(h home, pick func(run string) bool) []stray {
	var found []stray
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		if pid == os.Getpid() {
			continue
		}
		process, err := os.FindProcess(pid) // before it is looked at: a number can change hands, a handle cannot
		if err != nil {
			continue
		}
		if run, ok := strings.CutPrefix(leaseOf(dir), h.id+"/"); ok && pick(run) {
			comm, _ := os.ReadFile(filepath.Join(dir, "comm"))
			found = append(found, stray{Leftover{Kind: "process", Name: strings.TrimSpace(string(comm)) + " " + strconv.Itoa(pid), Run: run}, process})
			continue
		}
		_ = process.Release()
	}
	return found
}

// leaseOf is a process's leaseEnv; empty when it has none, or belongs to another user.
func leaseOf(dir string) string {
	environ, _ := os.ReadFile(filepath.Join(dir, "environ"))
	for _, entry := range bytes.Split(environ, []byte{0}) {
		if value, ok := bytes.CutPrefix(entry, []byte(leaseEnv+"=")); ok {
			return string(value)
		}
	}
	return ""
}

// endStrays kills strays until there are none; while it looks they may have started others.
func endStrays(ctx context.Context, h home, pick func(run string) bool) []Leftover {
	var ended []Leftover
	seen := map[string]bool{}
	for ctx.Err() == nil {
		found := strays(h, pick)
		if len(found) == 0 {
			break
		}
		for _, s := range found {
			if s.process.Signal(syscall.SIGKILL) == nil && !seen[s.Name] {
				seen[s.Name] = true
				ended = append(ended, s.Leftover)
			}
			_ = s.process.Release()
		}
		time.Sleep(10 * time.Millisecond) // the killed are still listed for a moment
	}
	return ended
}

type stray struct {
	Leftover
	process *os.Process
}
