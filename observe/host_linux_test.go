package observe

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spillway/outage"
)

func TestLook(t *testing.T) {
	log := filepath.Join(t.TempDir(), "redis.log")
	if err := os.WriteFile(log, []byte("one\ntwo\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := LocalHost{PID: 42, Port: 6379, Root: "testdata/proc", Log: log}.Look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := HostFacts{
		Process: &outage.Process{NofileSoft: 20000, NofileHard: 20000, OpenFDs: 6, Args: []string{"redis-server *:6379"}},
		Listen:  &outage.Listen{Queue: 5, Backlog: 4096, Overflows: 17},
		Sockets: []outage.Socket{
			{Peer: "10.0.0.6:41001", SendQueue: 560, Retransmits: 7},
			{Peer: "10.0.0.7:41002", Probes: 2},
			{Peer: "10.0.0.11:41004", SendQueue: 5},
			{Peer: "[2001:db8::1]:41005", SendQueue: 6, Retransmits: 2},
		},
		Log: []string{"one", "two"},
		// The recorded listener is not one of this kernel's.
		Missing: []outage.Missing{{What: "drops of the listen queue", Why: "the server's listening socket is in another network namespace"}},
	}
	// The addresses were recorded on a machine that is little-endian, as is every one that this is built for.
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLookSaysWhatIsMissing(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "7"), 0o700); err != nil {
		t.Fatal(err)
	}
	got, err := LocalHost{PID: 7, Port: 6379, Root: root}.Look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var what []string
	for _, m := range got.Missing {
		if m.Why == "" {
			t.Errorf("%s has no reason", m.What)
		}
		what = append(what, m.What)
	}
	if s := strings.Join(what, ", "); s != "limits, listen queue, sockets, log" {
		t.Errorf("missing: %s", s)
	}
	other, err := LocalHost{PID: 42, Port: 6380, Root: "testdata/proc"}.Look(t.Context())
	if err != nil || other.Listen != nil || len(other.Missing) == 0 || !strings.Contains(other.Missing[0].Why, "nothing listens on port 6380") {
		t.Errorf("a port that nobody listens on: %+v, %v", other, err)
	}
	for _, h := range []LocalHost{{}, {PID: 8, Port: 1, Root: root}} {
		if f, err := h.Look(t.Context()); err == nil {
			t.Errorf("%+v: %+v, want an error", h, f)
		}
	}
}

// TestLookFindsThePort has this process listen on two ports, one of them where a cluster's bus would be.
func TestLookFindsThePort(t *testing.T) {
	if _, err := (LocalHost{PID: os.Getpid()}).Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	var listener, bus net.Listener
	for bus == nil {
		var err error
		if listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = listener.Close() }()
		port := listener.Addr().(*net.TCPAddr).Port
		if bus, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port+busOffset)); err == nil {
			defer func() { _ = bus.Close() }()
		} else {
			_ = listener.Close()
		}
	}
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	f, err := LocalHost{PID: os.Getpid()}.Look(t.Context())
	if err != nil || f.Listen == nil || f.Listen.Queue != 1 {
		t.Errorf("%+v, %v: want the queue of %s with one that waits", f, err, listener.Addr())
	}
	deaf := exec.Command("sleep", "60")
	if err := deaf.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = deaf.Process.Kill(); _ = deaf.Wait() }()
	if f, err := (LocalHost{PID: deaf.Process.Pid}).Look(t.Context()); err != nil || f.Listen != nil || len(f.Missing) == 0 {
		t.Errorf("a process that listens on nothing: %+v, %v", f, err)
	}
	holders, err := LocalHost{PID: os.Getpid()}.Holders()
	if err != nil || len(holders) != 1 || holders[0] != (outage.Census{Host: "127.0.0.1", Count: 1}) {
		t.Errorf("%v, %v: want the one connection of 127.0.0.1", holders, err)
	}
}
