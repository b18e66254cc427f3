package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"spillway/observe"
	"spillway/outage"
	"spillway/report"
	"spillway/watch"
)

// hook runs a user's command for findings, one after the other. A nil hook does nothing.
type hook struct {
	command string
	url     string
	within  time.Duration
	queue   chan job
	told    chan string
	wait    sync.WaitGroup
}

// job is one run of the command.
type job struct {
	cause outage.Cause
	env   []string
	stdin []byte
}

const (
	hookWithin = 30 * time.Second
	mostJobs   = 16
	lastWords  = 200 // of what it printed
)

func newHook(command string, o observe.Options) *hook {
	if command == "" {
		return nil
	}
	return &hook{command: command, url: toType(o), within: hookWithin, queue: make(chan job, mostJobs), told: make(chan string, mostJobs)}
}

// start begins to run what is added, until ctx ends or stop is called.
func (h *hook) start(ctx context.Context) (stop func()) {
	if h == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	h.wait.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case j, more := <-h.queue:
				if !more {
					close(h.told)
					return
				}
				said := h.once(ctx, j)
				select {
				case h.told <- said:
				case <-ctx.Done():
					return
				}
			}
		}
	})
	return func() {
		cancel()
		h.wait.Wait()
	}
}

// add has the command run for a finding. It returns what is to be said about it at once.
func (h *hook) add(f outage.Finding, v watch.View) string {
	if h == nil {
		return ""
	}
	var stdin bytes.Buffer
	enc := json.NewEncoder(&stdin)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(f); err != nil {
		return fmt.Sprintf("exec for %s: %v", f.Cause, err)
	}
	j := job{cause: f.Cause, stdin: stdin.Bytes(), env: []string{
		"SPILLWAY_CAUSE=" + string(f.Cause), fmt.Sprintf("SPILLWAY_CONFIDENCE=%.2f", f.Confidence), "SPILLWAY_URL=" + h.url,
		fmt.Sprintf("SPILLWAY_SLOTS=%d", v.Slots.Taken), fmt.Sprintf("SPILLWAY_MAXCLIENTS=%d", v.Slots.Limit),
	}}
	select {
	case h.queue <- j:
		return ""
	default:
		return fmt.Sprintf("exec for %s was left out: %d others are waiting", f.Cause, mostJobs)
	}
}

// said has what became of the runs.
func (h *hook) said() <-chan string {
	if h == nil {
		return nil
	}
	return h.told
}

// finish waits until all that was added has run.
func (h *hook) finish(ctx context.Context, note func(string)) error {
	if h == nil {
		return nil
	}
	close(h.queue)
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case said, more := <-h.told:
			if !more {
				return nil
			}
			note(said)
		}
	}
}

// once runs the command and says what became of it.
func (h *hook) once(ctx context.Context, j job) string {
	ctx, cancel := context.WithTimeout(ctx, h.within)
	defer cancel()
	var out tail
	cmd := exec.CommandContext(ctx, "sh", "-c", h.command)
	cmd.Env = append(os.Environ(), j.env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(j.stdin), &out, &out
	cmd.WaitDelay = time.Second // for what it left behind with its output open
	alone(cmd)
	began := time.Now()
	err := cmd.Run()
	said := fmt.Sprintf("exec for %s ", j.cause)
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay) && ctx.Err() == nil:
		said += fmt.Sprintf("done in %s", time.Since(began).Round(10*time.Millisecond))
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		said += fmt.Sprintf("ended after %s, as it took too long", h.within)
	default:
		said += "failed: " + err.Error()
	}
	if last := out.last(); last != "" {
		said += ": " + last
	}
	return said
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-4096):]
	return len(p), nil
}

// last is the last line that says anything.
func (t *tail) last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(string(t.text)), "\n")
	return report.Clean(strings.TrimSpace(lines[len(lines)-1]), lastWords)
}
