package observe

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spillway/outage"
)

// TestCapture reads back all that was seen, of the host too, but for what may be secret.
func TestCapture(t *testing.T) {
	drops := int64(7)
	shot := func(at int64, usec string) outage.Snapshot {
		return outage.Snapshot{
			At:      outage.Duration(at),
			Info:    map[string]string{"redis_version": "8.0.2", "server_time_usec": usec},
			Config:  map[string]string{"maxclients": "100"},
			Clients: []outage.Client{{ID: 3, Addr: "10.0.0.5:4123", Name: "api-1", Age: 12, Idle: 3, Flags: "N", Multi: -1, Cmd: "get", User: "default"}},
			Log:     []string{"1:M * Ready"},
			Process: &outage.Process{NofileSoft: 1024, NofileHard: 4096, OpenFDs: 12, Args: []string{"redis-server"}},
			Listen:  &outage.Listen{Queue: 1, Backlog: 511, Overflows: 9, Drops: &drops},
			Sockets: []outage.Socket{{Peer: "10.0.0.5:4123", Probes: 2}},
			Peers:   []outage.Peer{{Host: "10.0.0.5"}},
			Slow:    []outage.SlowCommand{{ID: 4, Started: 1700000000, Took: 5e9, Command: "eval secret() 0", Addr: "10.0.0.5:4123"}},
			ACLLog:  []outage.ACLEntry{{Count: 2, Reason: "key", Object: "card:4111", User: "web", Addr: "10.0.0.5:4123"}, {Count: 1, Reason: "command", Object: "config", User: "web", Addr: "10.0.0.5:1"}},
			Nodes:   []outage.Node{{ID: strings.Repeat("a", 40), Addr: "10.0.0.1:6379", Flags: "myself,master", Link: "connected"}},
			Latency: 1e6,
			Peeks:   []outage.Peek{{At: outage.Duration(at + 5e8), Took: 2e6, Time: 1_300_000, Idle: map[int64]int64{3: 0, 17: 12}}},
			Missing: []outage.Missing{{What: "CONFIG GET timeout", Why: "NOPERM"}},
		}
	}
	want := []outage.Snapshot{shot(0, "1000000"), shot(2_500_000_000, "3500000")}
	dir := filepath.Join(t.TempDir(), "incidents", "today")
	if err := Capture(dir, want...); err != nil {
		t.Fatal(err)
	}
	got, err := ReadFiles(Files{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		want[i].Slow[0].Command, want[i].ACLLog[0].Object = "eval", ""
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	err = filepath.WalkDir(filepath.Dir(dir), func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			if strings.HasPrefix(e.Name(), ".") {
				t.Errorf("%s is left over", path)
			}
			return err
		}
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), "secret") || strings.Contains(string(text), "4111") {
			t.Errorf("%s has a secret", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if err := Capture(dir, want...); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("a second time: %v", err)
	}
}

// TestCapturedIsHostile has a rest.json that somebody else wrote.
func TestCapturedIsHostile(t *testing.T) {
	for name, text := range map[string]string{"no JSON": "[", "another field": `{"at":0,"colour":"red"}`, "a number for a list": `{"slow":3}`} {
		dir := t.TempDir()
		for file, text := range map[string]string{restName: text, "info.txt": "redis_version:8.0.2\r\n"} {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := ReadFiles(Files{Dir: dir})
		if err != nil || got[0].Info["redis_version"] != "8.0.2" || !cmp.Equal(got[0].Missing[0].What, restName) {
			t.Errorf("%s: %+v, %v: want INFO all the same, and rest.json named as missing", name, got, err)
		}
	}
}
