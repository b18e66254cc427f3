//go:build e2e

package harness

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"spillway/assert"
	"spillway/diagnose"
	"spillway/observe"
	"spillway/outage"
	"spillway/replay"
	"spillway/scenarios"
)

// replayed are the kept captures that are replayed here: quick ones. SPILLWAY_REPLAYS=kept replays all of them, and
// SPILLWAY_REPLAYS=fresh plays each scenario of the catalogue first, captures it and replays that; `make replays` does.
var replayed = []string{"connection-leak", "maxclients-too-low", "denied-auth"}

// An incident becomes a regression test: what was captured while a scenario of the catalogue ran is brought about again, and
// leads to the same finding.
func TestProcessReplays(t *testing.T) {
	t.Parallel()
	needServer(t)
	keep := os.Getenv("SPILLWAY_KEEP")
	if keep == "" {
		keep = t.TempDir()
	}
	which := os.Getenv("SPILLWAY_REPLAYS")
	for _, s := range catalogue(t) {
		if which == "" && !slices.Contains(replayed, s.Name) {
			continue
		}
		if s.Name == "incident-replay" {
			s = smallIncident(t)
		}
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			folder := filepath.Join("..", "replay", "testdata", s.Name)
			if which == "fresh" {
				folder = captured(t, s, keep)
			}
			snaps, err := observe.ReadFiles(observe.Files{Dir: folder})
			if err != nil {
				t.Fatal(err)
			}
			again := replayOf(t, s.Name, snaps)
			if again.Expect.Cause != s.Expect.Cause {
				t.Fatalf("captured during %s, the replay expects %s", s.Expect.Cause, again.Expect.Cause)
			}
			_, result := playOn(t, &Runner{Seed: 1, Version: "test"}, again)
			passes(t, result)
		})
	}
}

// Snapshots of other servers and fleets, without our canaries in them: those that the rules of diagnose are tested on.
func TestProcessReplayOthers(t *testing.T) {
	t.Parallel()
	needServer(t)
	files, err := filepath.Glob(filepath.Join("..", "diagnose", "testdata", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no snapshots: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		if os.Getenv("SPILLWAY_REPLAYS") == "" && name != "unnamed-leak-finished" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var snaps []outage.Snapshot
			if err := json.Unmarshal(text, &snaps); err != nil {
				t.Fatal(err)
			}
			_, result := playOn(t, &Runner{Seed: 1, Version: "test"}, replayOf(t, name, snaps))
			passes(t, result)
		})
	}
}

// replayOf is the scenario that snapshots become.
func replayOf(t *testing.T, name string, snaps []outage.Snapshot) scenarios.Scenario {
	t.Helper()
	text, err := replay.Catalogue(replay.Incident{Name: name, Snapshots: snaps, Diagnosis: diagnose.Diagnose(snaps...)})
	if err != nil {
		t.Fatal(err)
	}
	c, err := scenarios.Parse("replay", text)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s", text)
		}
	})
	return c.Scenarios[0]
}

// captured plays a scenario and saves what its judged diagnosis saw, as spillway capture would have at that moment. It
// returns the folder.
func captured(t *testing.T, s scenarios.Scenario, dir string) string {
	t.Helper()
	var mu sync.Mutex
	windows := map[outage.Duration][]outage.Snapshot{}
	r := &Runner{Seed: 1, Version: "test", Diagnose: func(window ...outage.Snapshot) outage.Diagnosis {
		d := diagnose.Diagnose(window...)
		mu.Lock()
		defer mu.Unlock()
		windows[d.At] = slices.Clone(window)
		return d
	}}
	h, _ := playOn(t, r, s)
	d := assert.Judged(s, h)
	if d == nil {
		t.Fatalf("%s: nobody looked", s.Name)
	}
	mu.Lock()
	defer mu.Unlock()
	return saved(t, s, filepath.Join(dir, s.Name), windows[d.At])
}

// saved captures the latest snapshots of a window, 2 s apart as spillway capture takes them, and no more of them than lead to
// the same finding when they are read back.
func saved(t *testing.T, s scenarios.Scenario, folder string, window []outage.Snapshot) string {
	t.Helper()
	for _, n := range []int{2, 3, len(window)} {
		step := 2
		if n == len(window) {
			step = 1
		}
		var some []outage.Snapshot
		for i := len(window) - 1; i >= 0 && len(some) < n; i -= step {
			some = append(some, window[i])
			some[len(some)-1].Config = nil
		}
		slices.Reverse(some)
		some[0].Config = window[0].Config // once will do
		if err := observe.Capture(folder, some...); err != nil {
			t.Fatal(err)
		}
		read, err := observe.ReadFiles(observe.Files{Dir: folder})
		if err != nil {
			t.Fatal(err)
		}
		top, found := diagnose.Diagnose(read...).Top()
		if found && top.Cause == s.Expect.Cause && top.Confidence >= 0.5 || !found && s.Expect.Cause == scenarios.Nothing {
			return folder
		}
		if err := os.RemoveAll(folder); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatalf("%s: what was captured leads to %+v", s.Name, diagnose.Diagnose(window...).Findings)
	return ""
}
