package observe

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spillway/outage"
)

// folderOf writes files, by path, into a new folder.
func folderOf(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func whyMissing(snap outage.Snapshot) map[string]string {
	why := map[string]string{}
	for _, m := range snap.Missing {
		why[m.What] = m.Why
	}
	return why
}

func TestReadFilesSaved(t *testing.T) {
	snaps, err := ReadFiles(Files{Dir: "testdata/saved"})
	if err != nil || len(snaps) != 2 {
		t.Fatalf("%d snapshots, %v; want 2", len(snaps), err)
	}
	first, second := snaps[0], snaps[1]
	if first.At != 0 || second.At.Std() < 2900*time.Millisecond || second.At.Std() > 4*time.Second {
		t.Errorf("at %v and %v, want 0 and a little over 3s", first.At, second.At)
	}
	for i, snap := range snaps {
		if snap.MaxClients() != 20 || snap.Connected() != 5 || len(snap.Clients) != 5 || snap.Version() != "7.0.15" || snap.Process.NofileHard != 20000 {
			t.Errorf("snapshot %d: %d of %d, %d listed, version %s, %+v", i, snap.Connected(), snap.MaxClients(), len(snap.Clients), snap.Version(), snap.Process)
		}
	}
	if len(first.Log) != 11 {
		t.Errorf("%d log lines", len(first.Log))
	}
	if diff := cmp.Diff(map[string]string{
		"listen queue": "not part of saved output", "sockets": "not part of saved output", "SLOWLOG": "not saved", "ACL LOG": "not saved",
	}, whyMissing(first)); diff != "" {
		t.Error(diff)
	}
	if why := whyMissing(second)["log"]; why != "not saved" {
		t.Errorf("log of the second snapshot: %q", why)
	}
}

func TestReadFilesTimes(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		want  []time.Duration
	}{
		"server time, out of order": {map[string]string{"info.txt": "server_time_usec:5000000", "info.2.txt": "server_time_usec:2500000"}, []time.Duration{0, 2500 * time.Millisecond}},
		"uptime":                    {map[string]string{"1/info.txt": "uptime_in_seconds:10", "2/info.txt": "uptime_in_seconds:70", "10/info.txt": "uptime_in_seconds:100"}, []time.Duration{0, time.Minute, 90 * time.Second}},
		"from 0":                    {map[string]string{"0/info.txt": "uptime_in_seconds:10", "1/info.txt": "uptime_in_seconds:11"}, []time.Duration{0, time.Second}},
		"ages": {map[string]string{
			"clients.txt":   "id=1 addr=a:1 age=5\nid=2 addr=b:1 age=9\nid=3 addr=c:1 age=1\nid=5 addr=e:1 age=5\n",
			"clients.2.txt": "id=3 addr=c:1 age=31\nid=2 addr=b:1 age=39\nid=4 addr=d:1 age=1\nid=5 addr=e:1 age=34\n",
		}, []time.Duration{0, 30 * time.Second}},
		"another server, ages": {map[string]string{
			"info.txt": "run_id:a\nuptime_in_seconds:10", "info.2.txt": "run_id:b\nuptime_in_seconds:5",
			"clients.txt": "id=1 addr=a:1 age=5\n", "clients.2.txt": "id=1 addr=a:1 age=15\n",
		}, []time.Duration{0, 10 * time.Second}},
	} {
		snaps, err := ReadFiles(Files{Dir: folderOf(t, test.files)})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var got []time.Duration
		for _, snap := range snaps {
			got = append(got, snap.At.Std())
			if why, ok := whyMissing(snap)["time"]; ok {
				t.Errorf("%s: time is missing: %s", name, why)
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
	snaps, err := ReadFiles(Files{Dir: folderOf(t, map[string]string{"clients.txt": "id=1 addr=a:1\n", "clients.2.txt": "id=2 addr=b:1\n"})})
	if err != nil || len(snaps) != 2 || whyMissing(snaps[1])["time"] == "" {
		t.Errorf("nothing tells the time: %+v, %v", snaps, err)
	}
}

func TestReadFilesWithErrorsInThem(t *testing.T) {
	dir := folderOf(t, map[string]string{
		"info.txt": "ERR max number of clients reached\n\n", "clients.txt": "NOPERM User mon has no permissions to run the 'client|list' command\n",
		"config.txt": "(error) ERR unknown command 'CONFIG', with args beginning with: 'GET' '*' \n", "limits.txt": "cat: /proc/1/limits: Permission denied\n",
	})
	snaps, err := ReadFiles(Files{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	why := whyMissing(snaps[0])
	for what, want := range map[string]string{
		"INFO": "ERR max number of clients reached", "CLIENT LIST": "NOPERM User mon has no permissions to run the 'client|list' command",
		"CONFIG GET": "ERR unknown command 'CONFIG', with args beginning with: 'GET' '*'", "limits": `limits: no line "Max open files"`, "log": "not saved",
	} {
		if why[what] != want {
			t.Errorf("%s: %q, want %q", what, why[what], want)
		}
	}
}

func TestReadFilesSingle(t *testing.T) {
	snaps, err := ReadFiles(Files{Clients: "testdata/saved/clients.txt", Config: "testdata/config-numbered.txt", Log: "testdata/saved/log.txt"})
	if err != nil || len(snaps) != 1 || len(snaps[0].Clients) != 5 || snaps[0].MaxClients() != 20 || len(snaps[0].Log) != 11 || whyMissing(snaps[0])["INFO"] != "not saved" {
		t.Errorf("got %d snapshots, %v", len(snaps), err)
	}
}

func TestReadFilesRefuses(t *testing.T) {
	for name, f := range map[string]Files{
		"nothing":       {},
		"no folder":     {Dir: "testdata/none"},
		"no file":       {Info: "testdata/none.txt"},
		"no log":        {Log: "testdata/none.txt"},
		"empty folder":  {Dir: t.TempDir()},
		"both":          {Dir: "testdata/saved", Info: "testdata/saved/info.txt"},
		"twice":         {Dir: folderOf(t, map[string]string{"info.2.txt": "a:1", "2/info.txt": "a:1"})},
		"first twice":   {Dir: folderOf(t, map[string]string{"info.txt": "a:1", "info.1.txt": "a:1"})},
		"empty stream":  {Dir: "-", Stdin: strings.NewReader("\n")},
		"stream of ...": {Dir: "-", Stdin: strings.NewReader("?? what\n")},
	} {
		if snaps, err := ReadFiles(f); err == nil {
			t.Errorf("%s: %+v, want an error", name, snaps)
		}
	}
}

// The stream of `redis-cli INFO all; redis-cli CLIENT LIST; …` must read the same as the folder.
func TestReadStream(t *testing.T) {
	for _, config := range []string{"saved/config.txt", "config-numbered.txt", "config-resp3.txt", "config-resp3-numbered.txt"} {
		var all strings.Builder
		for _, file := range []string{"saved/info.txt", "saved/clients.txt", config, "saved/limits.txt", "saved/log.txt", "saved/2/info.txt", "saved/2/clients.txt"} {
			text, err := os.ReadFile("testdata/" + file)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(text)
		}
		want, err := ReadFiles(Files{Dir: "testdata/saved"})
		if err != nil {
			t.Fatal(err)
		}
		got, err := ReadFiles(Files{Dir: "-", Stdin: strings.NewReader(all.String())})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", config, diff)
		}
	}
}

func TestReadStreamKeepsErrors(t *testing.T) {
	snaps, err := ReadFiles(Files{Dir: "-", Stdin: strings.NewReader("# Server\r\nredis_version:7.0.15\r\nNOPERM User mon has no permissions\n\nid=1 addr=a:1 age=1\n")})
	if err != nil || len(snaps) != 1 || len(snaps[0].Clients) != 1 {
		t.Fatalf("got %+v, %v", snaps, err)
	}
	if why := whyMissing(snaps[0]); why["saved output"] != "NOPERM User mon has no permissions" || why["CONFIG GET"] != "not saved" {
		t.Errorf("missing: %v", why)
	}
}
