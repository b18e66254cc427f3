package observe

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spillway/outage"
)

const nodesText = `b190751e54f514ce8dad16c6f74b45bd3f9f5a85 :6379@16379 myself,master - 0 0 0 connected 0-16383
ef645fa4531d3d2b05cafebfbbcee895b840ad06 127.0.0.8:7000@17000 handshake - 0 0 0 disconnected
f371a1eb24281f15a1c4334d5eb34f7599fd354e 10.0.0.9:7000@17000,db-9 master,fail - 1700000000000 1700000000001 3 connected
192d9f3deb73794d44cc2402e2a1291bbf723be2 :0@0 slave,noaddr b190751e54f514ce8dad16c6f74b45bd3f9f5a85 0 0 3 disconnected
`

func TestParseNodes(t *testing.T) {
	want := []outage.Node{
		{ID: "b190751e54f514ce8dad16c6f74b45bd3f9f5a85", Addr: ":6379", Flags: "myself,master", Link: "connected"},
		{ID: "ef645fa4531d3d2b05cafebfbbcee895b840ad06", Addr: "127.0.0.8:7000", Flags: "handshake", Link: "disconnected"},
		{ID: "f371a1eb24281f15a1c4334d5eb34f7599fd354e", Addr: "10.0.0.9:7000", Flags: "master,fail", Link: "connected"},
		{ID: "192d9f3deb73794d44cc2402e2a1291bbf723be2", Addr: ":0", Flags: "slave,noaddr", Link: "disconnected"},
	}
	for name, text := range map[string]string{"plain": nodesText, "with CR": strings.ReplaceAll(nodesText, "\n", "\r\n"), "RESP3": "txt:" + nodesText} {
		got, err := ParseNodes(text)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
	stale := 0
	for _, n := range want {
		if n.Stale() {
			stale++
		}
	}
	if stale != 3 {
		t.Errorf("%d are gone, want 3", stale)
	}
	if got, err := ParseNodes(nodesText + "what is this\n"); len(got) != 4 || err == nil {
		t.Errorf("%d nodes, %v", len(got), err)
	}
}

func TestSavedNodes(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"info.txt": "# Server\nredis_version:6.0.16\nconnected_clients:52\n", "nodes.txt": nodesText} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	saved, err := ReadFiles(Files{Dir: dir})
	if err != nil || len(saved) != 1 || len(saved[0].Nodes) != 4 || saved[0].Slots() != 58 {
		t.Errorf("%v %+v", err, saved)
	}
	piped, err := ReadFiles(Files{Dir: "-", Stdin: strings.NewReader("# Server\nredis_version:6.0.16\nconnected_clients:52\n" + nodesText)})
	if err != nil || len(piped) != 1 || len(piped[0].Nodes) != 4 {
		t.Errorf("%v %+v", err, piped)
	}
	if err := os.WriteFile(filepath.Join(dir, "nodes.txt"), []byte("ERR This instance has cluster support disabled\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	saved, err = ReadFiles(Files{Dir: dir})
	if err != nil || saved[0].Nodes != nil {
		t.Errorf("an error in its place: %v %+v", err, saved)
	}
}
