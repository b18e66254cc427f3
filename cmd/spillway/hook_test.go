package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"spillway/observe"
	"spillway/outage"
	"spillway/watch"
)

func run1(t *testing.T, h *hook, f outage.Finding) (said []string) {
	t.Helper()
	stop := h.start(t.Context())
	defer stop()
	if refused := h.add(f, watch.View{Slots: watch.Slots{Taken: 97, Limit: 100}}); refused != "" {
		t.Fatal(refused)
	}
	if err := h.finish(t.Context(), func(text string) { said = append(said, text) }); err != nil {
		t.Fatal(err)
	}
	return said
}

// What a client chose comes by standard input and nowhere else.
func TestHookGetsTheFinding(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	hostile := "api\n'$(touch pwned)`touch pwned`\""
	f := outage.Finding{Cause: outage.ConnectionLeak, Confidence: 0.91, Summary: hostile, Culprits: []outage.Culprit{{Service: hostile, Connections: 3}}}
	o := observe.Options{Network: "tcp", Addr: "10.0.0.5:6379", Username: "ops", Password: "s3cret"}
	said := run1(t, newHook(`cat > stdin; env > env; echo "$SPILLWAY_CAUSE $SPILLWAY_CONFIDENCE $SPILLWAY_SLOTS of $SPILLWAY_MAXCLIENTS at $SPILLWAY_URL"`, o), f)
	if len(said) != 1 || !strings.HasSuffix(said[0], ": connection-leak 0.91 97 of 100 at redis://ops:@10.0.0.5:6379") || !strings.HasPrefix(said[0], "exec for connection-leak done in ") {
		t.Errorf("said %q", said)
	}
	var got outage.Finding
	data, err := os.ReadFile("stdin")
	if err != nil || json.Unmarshal(data, &got) != nil || got.Culprits[0].Service != hostile {
		t.Errorf("standard input: %v: %s", err, data)
	}
	env, err := os.ReadFile("env")
	if err != nil || strings.Contains(string(env), "pwned") || strings.Contains(string(env), "s3cret") {
		t.Errorf("environment: %v: %s", err, env)
	}
	if _, err := os.Stat(filepath.Join(dir, "pwned")); err == nil {
		t.Error("a client's name was run")
	}
}

func TestHookFails(t *testing.T) {
	f := outage.Finding{Cause: outage.IdleNotReaped}
	said := run1(t, newHook("echo no pager here >&2; exit 7", observe.Options{}), f)
	if len(said) != 1 || said[0] != "exec for idle-not-reaped failed: exit status 7: no pager here" {
		t.Errorf("said %q", said)
	}
}

// Neither a command that hangs nor one that leaves a child with its output open holds the watch up.
func TestHookEnds(t *testing.T) {
	f := outage.Finding{Cause: outage.IdleNotReaped}
	h := newHook("sleep 60 & sleep 60", observe.Options{})
	h.within = 300 * time.Millisecond
	began := time.Now()
	if said := run1(t, h, f); len(said) != 1 || said[0] != "exec for idle-not-reaped ended after 300ms, as it took too long" {
		t.Errorf("said %q", said)
	}
	if said := run1(t, newHook("sleep 60 & echo left", observe.Options{}), f); len(said) != 1 || !strings.HasSuffix(said[0], ": left") {
		t.Errorf("said %q", said)
	}
	if took := time.Since(began); took > 40*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestHookQueueIsBounded(t *testing.T) {
	h := newHook("true", observe.Options{})
	left := 0
	for range mostJobs + 3 { // nobody runs them
		if said := h.add(outage.Finding{Cause: outage.IdleNotReaped}, watch.View{}); strings.Contains(said, "left out") {
			left++
		}
	}
	if left != 3 {
		t.Errorf("%d left out, want 3", left)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h.start(ctx)() // what is left is not run, and not waited for
	var none *hook
	none.start(ctx)()
	if none.add(outage.Finding{}, watch.View{}) != "" || none.said() != nil || none.finish(ctx, nil) != nil {
		t.Error("no hook does something")
	}
}
