package observe

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spillway/outage"
)

func TestCaptureNodes(t *testing.T) {
	shot := func(version string) []outage.Snapshot {
		return []outage.Snapshot{{Info: map[string]string{"redis_version": version}, Clients: []outage.Client{}, Slow: []outage.SlowCommand{}, ACLLog: []outage.ACLEntry{}}}
	}
	want := []NodeCapture{
		{Address: "10.0.0.1:6379", Role: "master", Folder: "10.0.0.1_6379", Snapshots: shot("1")},
		{Address: "[fd00::1]:6379", Role: "replica", Folder: "_fd00_1_6379", Snapshots: shot("2")},
		{Address: "[fd00:1]:6379", Role: "replica", Folder: "_fd00_1_6379_2", Snapshots: shot("3")},
		{Address: "../../etc", Folder: "_.._etc", Snapshots: shot("4")},
		{Address: "17", Folder: "17_2", Snapshots: shot("5")},
		{Address: "10.0.0.6:6379", Role: "replica", Against: "fail", Unread: "connection refused"},
	}
	dir := filepath.Join(t.TempDir(), "incident")
	if err := CaptureNodes(dir, want); err != nil {
		t.Fatal(err)
	}
	got, is, err := ReadNodes(dir)
	if err != nil || !is {
		t.Fatal(is, err)
	}
	for i := range got {
		for j := range got[i].Snapshots {
			got[i].Snapshots[j] = outage.Snapshot{Info: got[i].Snapshots[j].Info, Clients: []outage.Client{}, Slow: []outage.SlowCommand{}, ACLLog: []outage.ACLEntry{}}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if err := CaptureNodes(dir, want); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("a second time: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(dir), ".*")); len(left) > 0 {
		t.Errorf("left over: %q", left)
	}
}

// A list that somebody else wrote leads nowhere else.
func TestReadNodesIsHostile(t *testing.T) {
	for name, text := range map[string]string{
		"no JSON":            "[",
		"nobody":             "[]",
		"another folder":     `[{"address":"10.0.0.1:6379","folder":"../secret"}]`,
		"a root":             `[{"address":"10.0.0.1:6379","folder":"/etc"}]`,
		"a folder deeper":    `[{"address":"10.0.0.1:6379","folder":"a/b"}]`,
		"a folder of none":   `[{"address":"10.0.0.1:6379","folder":"gone"}]`,
		"another kind":       `{"address":"10.0.0.1:6379"}`,
		"itself":             `[{"address":"10.0.0.1:6379","folder":"."}]`,
		"what is above it":   `[{"address":"10.0.0.1:6379","folder":".."}]`,
		"a number for words": `[{"address":7}]`,
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, nodesName), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if nodes, is, err := ReadNodes(dir); err == nil || !is {
			t.Errorf("%s: %v %+v", name, is, nodes)
		}
	}
	if _, is, err := ReadNodes(t.TempDir()); is || err != nil {
		t.Errorf("a folder without a list: %v %v", is, err)
	}
}
