//go:build e2e && linux

package rig

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// realProcesses is a rig with a real server. Once closed it must have left no process with its mark.
func realProcesses(t *testing.T) *Processes {
	t.Helper()
	ownLeases(t)
	p, err := NewProcesses(newLease(t).Run)
	if err != nil {
		t.Fatalf("these tests need redis-server on PATH: %v", err)
	}
	t.Cleanup(func() {
		if err := p.Close(context.Background()); err != nil {
			t.Error(err)
		}
		for _, s := range strays(p.home, func(run string) bool { return run == p.run }) {
			t.Errorf("left: %s", s.Leftover)
		}
		for _, a := range markedAddresses() {
			if run, ours := runOfHostLabel(p.home, a.label); ours && run == p.run {
				t.Errorf("left: address %s", a.addr)
			}
		}
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", p.port)); err != nil {
			t.Error(err)
		} else {
			_ = l.Close()
		}
	})
	return p
}

func TestProcessesClamp(t *testing.T)     { testClamp(t, realProcesses(t)) }
func TestProcessesFull(t *testing.T)      { testFull(t, realProcesses(t)) }
func TestProcessesRunbook(t *testing.T)   { testRunbook(t, realProcesses(t)) }
func TestProcessesInstance(t *testing.T)  { testInstance(t, realProcesses(t), true) }
func TestProcessesBadServer(t *testing.T) { testBadServer(t, realProcesses(t)) }
func TestProcessesUnread(t *testing.T)    { testUnread(t, realProcesses(t)) }

// A port that somebody took in between is given up for another; a Redis of somebody else is never taken for ours.
func TestProcessesPortTaken(t *testing.T) {
	for name, take := range map[string]func(t *testing.T, p *Processes){
		"by another Redis": func(t *testing.T, p *Processes) {
			other := realProcesses(t)
			startRedis(t, other, server(20, 0, 0))
			p.port = other.port
		},
		"the lines' by anybody": func(t *testing.T, p *Processes) {
			l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", p.port-1))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = l.Close() })
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := realProcesses(t)
			take(t, p)
			taken := p.port
			r := startRedis(t, p, server(30, 0, 1))
			if p.port == taken || !strings.HasSuffix(r.Addr, ":"+strconv.Itoa(p.port)) {
				t.Errorf("it runs on %s; %d was taken", r.Addr, taken)
			}
			if got := effective(t, admin(t, r)); got != 30 {
				t.Errorf("maxclients is %d: another's server", got)
			}
		})
	}
}

// A dump that somebody left in the temporary folder is not loaded.
func TestProcessesLoadNoDump(t *testing.T) {
	p := realProcesses(t)
	if err := os.WriteFile(filepath.Join(os.TempDir(), "dump.rdb"), []byte("no dump"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := startRedis(t, p, server(20, 0, 0))
	do(t, admin(t, r), "PING")
}

// No file descriptor stays behind, however often Redis is started.
func TestProcessesLeakNothing(t *testing.T) {
	before := openFiles(t)
	for i := range 3 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			p := realProcesses(t)
			r := startRedis(t, p, server(20, 0, 1))
			nc, err := r.Dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(nc, "PING\r\n")
			_ = nc.Close()
		})
	}
	if after := openFiles(t); after > before {
		t.Errorf("%d file descriptors before, %d after", before, after)
	}
}
