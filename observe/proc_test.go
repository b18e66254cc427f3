package observe

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spillway/outage"
)

func TestParseLimits(t *testing.T) {
	head := "Limit                     Soft Limit           Hard Limit           Units     \n"
	for line, want := range map[string]outage.Process{
		"Max open files            1024                 524288               files     \n":   {NofileSoft: 1024, NofileHard: 524288},
		"Max open files            1024                 unlimited            files     \r\n": {NofileSoft: 1024, NofileHard: math.MaxInt64},
	} {
		if got, err := ParseLimits(head + line); err != nil || !cmp.Equal(got, want) {
			t.Errorf("%q: %+v, %v", line, got, err)
		}
	}
	for _, text := range []string{"", head, "Max open files\n", "Max open files x y files\n"} {
		if got, err := ParseLimits(text); err == nil {
			t.Errorf("%q: %+v, want an error", text, got)
		}
	}
}

func TestParseArgs(t *testing.T) {
	for cmdline, want := range map[string][]string{
		"redis-server *:6379\x00\x00\x00": {"redis-server *:6379"},
		"redis-server\x00/etc/r.conf\x00--requirepass\x00hunter2\x00--maxclients\x00100\x00": {"redis-server", "/etc/r.conf", "--requirepass", "***", "--maxclients", "100"},
		"redis-server\x00--masterauth hunter2\x00--user\x00a\x00>hunter2\x00--port\x001\x00": {"redis-server", "--masterauth ***", "--user", "***", "***", "--port", "1"},
	} {
		if diff := cmp.Diff(want, parseArgs(cmdline)); diff != "" {
			t.Errorf("%q:\n%s", cmdline, diff)
		}
	}
}

func TestSocketsIgnoreWhatIsCut(t *testing.T) {
	var s sockets
	s.add([]byte("  sl  local_address\n   0:\n  1: 0100007F:18EB\n 2: zz:18EB zz:1 01 1:1 0:0 1 0 0\n\n 3: 0100007F:18EB 0100007F:1 01"), 6379)
	if s.listening || s.queue != 0 || s.troubled != nil {
		t.Errorf("got %+v", s)
	}
}

// A table that changes while it is read has a row twice. Another address of the server, or another port of the client, is no such row.
func TestSocketsListedTwice(t *testing.T) {
	row := func(local, remote string) string {
		return "1: " + local + ":18EB " + remote + " 01 00000010:00000000 02:000AFC80 00000000 999 0 40001\n"
	}
	var s sockets
	s.add([]byte(row("0100007F", "0200007F:1000")+row("0100007F", "0200007F:1001")+row("0100007F", "0200007F:1000")+row("0300007F", "0200007F:1000")), 6379)
	if s.peers["0200007F"] != 3 || len(s.troubled) != 3 {
		t.Errorf("%d connections, %d troubled, want 3 of the 4 rows", s.peers["0200007F"], len(s.troubled))
	}
}

// Twenty thousand rows: both ends of 10,000 connections over loopback.
func BenchmarkSockets(b *testing.B) {
	var table strings.Builder
	for i := range 10000 {
		fmt.Fprintf(&table, "%4d: 0100007F:18EB 0100007F:%04X 01 00000010:00000000 02:000AFC80 00000000   999        0 40001 2 0000000091ad5884 20 4 30 10 -1\n", 2*i, 10000+i)
		fmt.Fprintf(&table, "%4d: 0100007F:%04X 0100007F:18EB 01 00000000:00000000 02:000AFC80 00000000   999        0 40001 2 0000000091ad5884 20 4 30 10 -1\n", 2*i+1, 10000+i)
	}
	rows := []byte(table.String())
	b.SetBytes(int64(len(rows)))
	for b.Loop() {
		var s sockets
		if s.add(rows, 6379); len(s.troubled) != 10000 {
			b.Fatal(len(s.troubled))
		}
	}
}
