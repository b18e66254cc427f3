package replay_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"spillway/diagnose"
	"spillway/observe"
	"spillway/outage"
	"spillway/replay"
	"spillway/scenarios"
)

// captures are the kept ones: made while the scenarios of the catalogue ran, by OUT=replay/testdata SPILLWAY_REPLAYS=fresh
// .ci/in-redis harness -test.run TestProcessReplays.
func captures(t *testing.T) []string {
	t.Helper()
	folders, err := filepath.Glob("testdata/*")
	if err != nil || len(folders) == 0 {
		t.Fatalf("no captures: %v", err)
	}
	return folders
}

func read(t *testing.T, dir string) []outage.Snapshot {
	t.Helper()
	snaps, err := observe.ReadFiles(observe.Files{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return snaps
}

func scenarioOf(t *testing.T, name string, snaps []outage.Snapshot) (scenarios.Scenario, string) {
	t.Helper()
	text, err := replay.Catalogue(replay.Incident{Name: name, Snapshots: snaps, Diagnosis: diagnose.Diagnose(snaps...)})
	if err != nil {
		t.Fatal(err)
	}
	c, err := scenarios.Parse(name, text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if err := validate(t, text); err != nil {
		t.Errorf("the published schema refuses it: %v\n%s", err, text)
	}
	return c.Scenarios[0], string(text)
}

func TestEachCaptureExpectsItsFinding(t *testing.T) {
	catalogue, err := scenarios.Load("../scenarios.yaml")
	if err != nil {
		t.Fatal(err)
	}
	folders := captures(t)
	for _, original := range catalogue.Scenarios {
		folder := filepath.Join("testdata", original.Name)
		if !slices.Contains(folders, folder) {
			t.Errorf("there is no capture of %s", original.Name)
			continue
		}
		t.Run(original.Name, func(t *testing.T) {
			snaps := read(t, folder)
			s, text := scenarioOf(t, original.Name, snaps)
			if s.Expect.Cause != original.Expect.Cause {
				t.Errorf("expects %s, want %s", s.Expect.Cause, original.Expect.Cause)
			}
			if diff := cmp.Diff(original.Expect.Also, s.Expect.Also); diff != "" {
				t.Errorf("also (-catalogue +replay):\n%s", diff)
			}
			if (len(s.Expect.Culprits) == 0) != (len(original.Expect.Culprits) == 0) {
				t.Errorf("culprits %v, those of the catalogue are %v", s.Expect.Culprits, original.Expect.Culprits)
			}
			if near := float64(s.Redis.Effective()) / float64(snaps[0].MaxClients()); near < 0.5 || near > 2 {
				t.Errorf("maxclients %d, captured was %d", s.Redis.Effective(), snaps[0].MaxClients())
			}
			for _, c := range snaps[len(snaps)-1].Clients {
				if host := c.Host(); !c.Ours() && strings.Contains(text, host) {
					t.Fatalf("address %s of the incident is in the scenario:\n%s", host, text)
				}
			}
		})
	}
}

// The same from what redis-cli shows, as somebody saves it by hand: whatever diagnose names then is expected.
func TestSavedByHand(t *testing.T) {
	for _, folder := range captures(t) {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			dir := t.TempDir()
			if err := observe.WriteFiles(dir, read(t, folder)...); err != nil {
				t.Fatal(err)
			}
			snaps := read(t, dir)
			want := scenarios.Nothing
			if top, found := diagnose.Diagnose(snaps...).Top(); found {
				want = top.Cause
			}
			if s, _ := scenarioOf(t, "by-hand", snaps); s.Expect.Cause != want {
				t.Errorf("expects %s, want %s", s.Expect.Cause, want)
			}
		})
	}
}

// Snapshots of other servers and fleets, such as the rules of diagnose are tested on: each becomes a scenario that expects what is
// found in them.
func TestOtherSnapshots(t *testing.T) {
	files, err := filepath.Glob("../diagnose/testdata/*.json")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var snaps []outage.Snapshot
			if err := json.Unmarshal(text, &snaps); err != nil {
				t.Fatal(err)
			}
			want := scenarios.Nothing
			if top, found := diagnose.Diagnose(snaps...).Top(); found {
				want = top.Cause
			}
			if s, _ := scenarioOf(t, "other", snaps); s.Expect.Cause != want {
				t.Errorf("expects %s, want %s", s.Expect.Cause, want)
			}
		})
	}
}

// The culprits bear the names that they had.
func TestNamesAreKept(t *testing.T) {
	s, _ := scenarioOf(t, "Incident 42!", read(t, "testdata/connection-leak"))
	if s.Name != "replay-incident-42" {
		t.Errorf("name %q", s.Name)
	}
	api, ok := s.Service("api")
	if !ok || api.Workload != "leaky" || api.Instances != 2 || api.ClientName != "api" {
		t.Errorf("api: %+v", api)
	}
	if !slices.Equal(s.Expect.Culprits, []string{"api"}) {
		t.Errorf("culprits %v", s.Expect.Culprits)
	}
}

// Who came last, and found no room, does so again.
func TestTheLastComesLast(t *testing.T) {
	for folder, late := range map[string]string{"idle-not-reaped": "batch", "oversized-pool": "batch"} {
		s, text := scenarioOf(t, folder, read(t, filepath.Join("testdata", folder)))
		if batch, ok := s.Service(late); !ok || batch.Start == 0 {
			t.Errorf("%s does not come last:\n%s", late, text)
		}
	}
}

// crowd is a full server of so many slots, most of them idle connections of reports.
func crowd(limit int, name string) []outage.Snapshot {
	var snaps []outage.Snapshot
	for i, at := range []int64{0, 4} {
		s := outage.Snapshot{
			At: outage.Duration(at * 1e9),
			Info: map[string]string{
				"connected_clients": fmt.Sprint(limit), "maxclients": fmt.Sprint(limit), "rejected_connections": fmt.Sprint(10 + 90*i),
				"redis_version": "8.0.2", "uptime_in_seconds": fmt.Sprint(5000 + at),
			},
			Config: map[string]string{"maxclients": fmt.Sprint(limit), "timeout": "0"},
		}
		for id := range limit - 1 {
			c := outage.Client{
				ID: int64(id + 1), Addr: fmt.Sprintf("10.0.%d.%d:%d", id%4, 1+id%2, 20000+id), Name: name,
				Age: 900 + at, Idle: 800 + at, Flags: "N", Multi: -1, Cmd: "get", User: "default",
			}
			if id%10 == 0 {
				c.Name, c.Addr, c.Idle, c.Age = "web-1", fmt.Sprintf("10.9.0.1:%d", 20000+id), 0, 5000
			}
			s.Clients = append(s.Clients, c)
		}
		snaps = append(snaps, s)
	}
	return snaps
}

// near allows for what the rig itself takes.
func near(got, want int) bool { return got >= want && got <= want+max(10, want/10) }

func TestCountsAreScaledByOneFactor(t *testing.T) {
	for _, c := range []struct{ captured, want int }{{30, 40}, {500, 500}, {12_000, 10_000}} {
		s, text := scenarioOf(t, "crowd", crowd(c.captured, "reports"))
		if s.Expect.Cause != outage.IdleNotReaped || !near(s.Redis.MaxClients, c.want) {
			t.Errorf("%d slots: %s with maxclients %d, want %d", c.captured, s.Expect.Cause, s.Redis.MaxClients, c.want)
		}
		if said := strings.Contains(text, "scaled: every count by"); said != (c.captured != c.want) {
			t.Errorf("%d slots to %d, and it is said: %t", c.captured, c.want, said)
		}
		if web, ok := s.Service("web"); !ok || web.Start > 0 {
			t.Errorf("web was there before the crowd, and starts after it: %+v", web)
		}
		reports, _ := s.Service("reports")
		if n, _ := reports.Peak(); n < c.want*8/10 || n > c.want*95/100 {
			t.Errorf("%d slots: reports has %d of %d", c.captured, n, c.want)
		}
	}
}

// Client names are hostile input: nothing of one may become a line, a key or an escape of the scenario.
func TestHostileNames(t *testing.T) {
	for _, name := range []string{"a\nversion:2", "\x1b[31mred", `x"}]`, strings.Repeat("n", 64<<10), "спам", "- !!binary", "spillway:x:y"} {
		t.Run(fmt.Sprintf("%.10q", name), func(t *testing.T) {
			snaps := crowd(100, name)
			text, err := replay.Catalogue(replay.Incident{Name: name, Snapshots: snaps, Diagnosis: diagnose.Diagnose(snaps...)})
			if err != nil {
				t.Fatal(err)
			}
			c, err := scenarios.Parse("hostile", text)
			if err != nil || len(c.Scenarios) != 1 {
				t.Fatalf("%v\n%s", err, text)
			}
			if bytes.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' || r > '~' }) || len(text) > 64<<10 {
				t.Errorf("not plain: %.2000q", text)
			}
		})
	}
}

func TestWhatCannotBeToldIsRefused(t *testing.T) {
	full := crowd(100, "reports")
	noList, noLimit := crowd(100, "reports"), crowd(100, "reports")
	for i := range noList {
		noList[i].Clients = nil
		delete(noLimit[i].Info, "maxclients")
		noLimit[i].Config = nil
	}
	for name, c := range map[string]struct {
		snaps []outage.Snapshot
		d     outage.Diagnosis
		why   string
	}{
		"nothing":  {nil, outage.Diagnosis{}, "no snapshot"},
		"no list":  {noList, diagnose.Diagnose(noList...), "CLIENT LIST"},
		"no limit": {noLimit, diagnose.Diagnose(noLimit...), "maxclients"},
		"nobody": {full, outage.Diagnosis{MaxClients: 100, Findings: []outage.Finding{
			{Cause: outage.ConnectionLeak, Confidence: 0.9}}}, "nobody in CLIENT LIST"},
		"no replica": {full, outage.Diagnosis{MaxClients: 100, Findings: []outage.Finding{
			{Cause: outage.ReplicaOrClusterSlots, Confidence: 0.9}}}, "neither replicas nor cluster links"},
	} {
		text, err := replay.Catalogue(replay.Incident{Name: name, Snapshots: c.snaps, Diagnosis: c.d})
		unclear := new(replay.Unclear)
		if !errors.As(err, &unclear) || !strings.Contains(err.Error(), c.why) || text != nil {
			t.Errorf("%s: %v, want one that says %q", name, err, c.why)
		}
	}
}

// Hosts without a name are not a container each.
func TestManyStrangers(t *testing.T) {
	snaps := crowd(600, "")
	for _, s := range snaps {
		for i := range s.Clients {
			if c := &s.Clients[i]; c.Name == "" {
				c.Addr = fmt.Sprintf("10.7.0.%d:%d", i%30, 20000+i)
			}
		}
	}
	s, _ := scenarioOf(t, "strangers", snaps)
	instances := 0
	for _, svc := range s.Fleet {
		instances += svc.Instances
	}
	if len(s.Expect.Culprits) != 1 || instances > 30 {
		t.Errorf("%d instances, culprits %v", instances, s.Expect.Culprits)
	}
}

// Of a service of which some hosts vanished, those that took their place are not there before, and the others are spared.
func TestHostsThatCameBack(t *testing.T) {
	var snaps []outage.Snapshot
	for i, at := range []int64{0, 4} {
		s := outage.Snapshot{
			At:     outage.Duration(at * 1e9),
			Info:   map[string]string{"connected_clients": "100", "rejected_connections": fmt.Sprint(10 + 90*i), "redis_version": "7.0.15"},
			Config: map[string]string{"maxclients": "100"},
		}
		for id := range 100 {
			c := outage.Client{ID: int64(id + 1), Name: "worker", Addr: fmt.Sprintf("10.0.0.%d:%d", id/10, 20000+id), Age: 900 + at, Multi: -1, Cmd: "get"}
			switch {
			case id < 40: // vanished 60 s ago
				c.Idle = 60 + at
			case id < 70: // came since
				c.Age = 40 + at
			}
			s.Clients = append(s.Clients, c)
		}
		s.Peers = []outage.Peer{{Host: "10.0.0.0"}, {Host: "10.0.0.1"}, {Host: "10.0.0.2"}, {Host: "10.0.0.3"}, {Host: "10.0.0.9", Answers: true}}
		snaps = append(snaps, s)
	}
	s, text := scenarioOf(t, "came-back", snaps)
	if s.Expect.Cause != outage.HalfOpenPeers || s.Redis.Image != "redis:7" {
		t.Fatalf("%s on %s\n%s", s.Expect.Cause, s.Redis.Image, text)
	}
	gone, _ := s.Service(s.Faults[0].Cut)
	left, ok := s.Service("worker-2")
	if gone.Instances != 4 || !ok || left.Instances != 3 || left.ClientName != "worker" || !slices.Equal(s.Expect.Spare, []string{"worker-2"}) {
		t.Errorf("4 hosts vanished and 3 did not:\n%s", text)
	}
}

// A hint is replayed, and called one.
func TestAHintIsCalledOne(t *testing.T) {
	snaps := crowd(100, "reports")[1:]
	if _, text := scenarioOf(t, "hint", snaps); !strings.Contains(text, "50 % sure of it") {
		t.Errorf("nothing says that one dump is never more than half sure:\n%s", text)
	}
}

func validate(t *testing.T, text []byte) error {
	t.Helper()
	schema, err := os.ReadFile("../scenarios.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("scenarios.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("scenarios.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := yaml.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatal(err)
	}
	return compiled.Validate(instance)
}
