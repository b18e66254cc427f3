package observe

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"spillway/outage"
)

// TestWriteFiles reads back what it wrote: only what redis-cli does not show is lost.
func TestWriteFiles(t *testing.T) {
	snapshot := func(at string) outage.Snapshot {
		return outage.Snapshot{
			Info:   map[string]string{"redis_version": "8.0.2", "server_time_usec": at, "maxclients": "100", "executable": ""},
			Config: map[string]string{"maxclients": "100", "save": "", "timeout": "0"},
			Clients: []outage.Client{
				{ID: 3, Addr: "10.0.0.5:4123", Laddr: "10.0.0.1:6379", FD: 9, Name: "api-1", Age: 12, Idle: 3, Flags: "N", DB: 2,
					Multi: -1, Watch: 1, Qbuf: 26, Omem: 7, TotMem: 22426, Cmd: "get", User: "default", LibName: "go-redis", LibVer: "9.1"},
				{ID: 4, Addr: "[::1]:4123", Age: 2, Idle: 2, Flags: "P", Sub: 1, PSub: 2, SSub: 3, Multi: 0, Cmd: "subscribe"},
			},
			Process: &outage.Process{NofileSoft: 1024},
			Listen:  &outage.Listen{Backlog: 511},
			Log:     []string{"1:C 01 Jan 2026 00:00:00.000 * oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo", "1:M * Ready"},
		}
	}
	first, second := snapshot("1000000"), snapshot("3500000")
	dir := t.TempDir()
	if err := WriteFiles(dir, first, second); err != nil {
		t.Fatal(err)
	}
	got, err := ReadFiles(Files{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	want := []outage.Snapshot{first, second}
	want[1].At = outage.Duration(2_500_000_000)
	for i := range want {
		want[i].Process, want[i].Listen = nil, nil
	}
	for i := range got {
		got[i].Missing = nil
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
