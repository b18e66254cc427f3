//go:build e2e

package harness

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"spillway/assert"
	"spillway/diagnose"
	"spillway/outage"
)

// breakage is something of the machinery that breaks in the middle of a run.
type breakage struct {
	what  string
	phase outage.Phase
	part  string // of the container's name
	do    [][]string
	pause time.Duration // between the commands of do
	says  string        // what the run must say, at least
	short bool          // runs in every `make test`
}

// breakages are what `make faults` tries. A run that goes on after one must not be green by it: nobody would know what it shows.
var breakages = []breakage{
	{what: "Redis is killed", phase: outage.Load, part: "-redis-", do: [][]string{{"kill"}}, says: "redis ended with exit code", short: true},
	{what: "Redis is killed", phase: outage.Respond, part: "-redis-", do: [][]string{{"kill"}}, says: "redis ended with exit code"},
	{what: "Redis is killed", phase: outage.Hold, part: "-redis-", do: [][]string{{"kill"}}, says: "redis ended with exit code"},
	{what: "Redis is restarted", phase: outage.Load, part: "-redis-", do: [][]string{{"restart", "--time", "0"}}, says: "ended with exit code"},
	{what: "Redis is restarted", phase: outage.Hold, part: "-redis-", do: [][]string{{"restart", "--time", "0"}}, says: "ended with exit code"},
	{what: "Redis is paused", phase: outage.Load, part: "-redis-", do: [][]string{{"pause"}}, says: "watch Redis: ", short: true},
	{what: "Redis is paused", phase: outage.Hold, part: "-redis-", do: [][]string{{"pause"}}, says: "watch Redis: "},
	{what: "a worker is killed", phase: outage.Load, part: "-web-", do: [][]string{{"kill"}}, says: "web-1 ended by itself", short: true},
	{what: "a worker is killed", phase: outage.Hold, part: "-web-", do: [][]string{{"kill"}}, says: "web-1 ended by itself"},
	{what: "the observer is killed", phase: outage.Load, part: "-observer-", do: [][]string{{"kill"}}, says: "observer ended with exit code"},
}

// How long a run may take to notice, and to clean up: the observer waits for 10 s, and Docker removes a handful of containers.
const faultLimit = 40 * time.Second

// TestFault breaks the machinery under a run. It must end soon, say what broke, conclude nothing, keep what was measured and
// leave nothing behind.
func TestFault(t *testing.T) {
	for _, b := range breakages {
		if !b.short && os.Getenv("SPILLWAY_FAULTS") == "" {
			continue
		}
		t.Run(strings.ReplaceAll(b.what, " ", "-")+"/"+string(b.phase), func(t *testing.T) {
			t.Parallel()
			breakRun(t, b)
		})
	}
}

// breaker breaks a run once, a moment into its phase.
type breaker struct {
	t    *testing.T
	what breakage

	mu   sync.Mutex
	run  string // its name, as the admin connections carry it
	once sync.Once
	done chan struct{}
	at   time.Time
}

// see is the diagnosis, and finds out which run this is.
func (b *breaker) see(window ...outage.Snapshot) outage.Diagnosis {
	b.mu.Lock()
	for _, c := range window[len(window)-1].Clients {
		if parts := strings.Split(c.Name, ":"); parts[0] == "spillway" && len(parts) == 3 {
			b.run = parts[1]
		}
	}
	b.mu.Unlock()
	return diagnose.Diagnose(window...)
}

func (b *breaker) look(s Status) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.Phase == b.what.phase && b.run != "" {
		run := b.run
		b.once.Do(func() { go b.strike(run) })
	}
}

func (b *breaker) strike(run string) {
	defer close(b.done)
	if b.what.phase != outage.Respond { // the response takes less than a second
		time.Sleep(500 * time.Millisecond)
	}
	out, err := exec.Command("docker", "ps", "--quiet", "--filter", "label=spillway.run="+run, "--filter", "name="+b.what.part).CombinedOutput()
	ids := strings.Fields(string(out))
	if err != nil || len(ids) == 0 {
		b.t.Errorf("no container %s of run %s: %v %s", b.what.part, run, err, out)
		return
	}
	b.at = time.Now()
	for i, command := range b.what.do {
		if i > 0 {
			time.Sleep(b.what.pause)
		}
		if out, err := exec.Command("docker", append(command, ids[0])...).CombinedOutput(); err != nil {
			b.t.Logf("docker %s: %v: %s", command, err, out) // a restarted container may be gone already
		}
	}
}

func breakRun(t *testing.T, what breakage) {
	ctx, cancel := context.WithTimeout(t.Context(), runLimit)
	defer cancel()
	b := &breaker{t: t, what: what, done: make(chan struct{})}
	r := &Runner{Docker: docker, Seed: 1, Version: "test", Progress: b.look, Diagnose: b.see}
	s := smallLeak(t)
	s.Expect.Cleared.Hold = outage.Duration(15 * time.Second) // time to break something in it
	h, err := r.Run(ctx, s)
	ended := time.Now()
	result := assert.Check(s, h)
	t.Cleanup(func() {
		if t.Failed() {
			keep(t, h, result)
		}
	})
	select {
	case <-b.done:
	case <-time.After(10 * time.Second):
		t.Fatalf("the run ended before its %s phase: %v", what.phase, err)
	}
	took := ended.Sub(b.at)
	t.Logf("FAULT | %s | %s | %s: %s | %.0f s |", what.what, what.phase, result.Outcome,
		strings.Join(strings.Fields(fmt.Sprint(err)), " "), took.Seconds())
	if took > faultLimit {
		t.Errorf("the run ended %s after the fault", took)
	}
	if err == nil || !strings.Contains(err.Error(), what.says) {
		t.Errorf("want an error that says %q, got: %v", what.says, err)
	}
	if result.Outcome != assert.Inconclusive {
		t.Errorf("it comes to %s", result.Outcome)
	}
	if snapshots := count(h, func(e outage.Event) bool { return e.Snapshot != nil }); snapshots == 0 {
		t.Error("nothing that was measured is in the history")
	}
	if !slices.ContainsFunc(h.Events, func(e outage.Event) bool { return e.Note != nil && e.Note.Broken }) {
		t.Error("the history does not say that the rig broke")
	}
	judgedAgain(t, h, result)
	left, err := leftovers(context.WithoutCancel(ctx))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}
