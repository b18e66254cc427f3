package observe

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spillway/outage"
)

// One line of each version: 7.0 as a server sent it, the others in the order of fields of their sources.
var clientLines = map[string]struct {
	line string
	want outage.Client
}{
	"redis 5.0": {
		"id=3 addr=127.0.0.1:46266 fd=8 name= age=12 idle=4 flags=N db=0 sub=0 psub=0 multi=-1 qbuf=0 qbuf-free=0 obl=0 oll=0 omem=0 events=r cmd=client",
		outage.Client{ID: 3, Addr: "127.0.0.1:46266", FD: 8, Age: 12, Idle: 4, Flags: "N", Multi: -1, Cmd: "client"},
	},
	"redis 6.0": {
		"id=3 addr=127.0.0.1:46266 fd=8 name=api age=12 idle=4 flags=b db=2 sub=0 psub=0 multi=-1 qbuf=0 qbuf-free=0 argv-mem=0 obl=0 oll=0 omem=0 tot-mem=20504 events=r cmd=blpop user=default",
		outage.Client{ID: 3, Addr: "127.0.0.1:46266", FD: 8, Name: "api", Age: 12, Idle: 4, Flags: "b", DB: 2, Multi: -1, TotMem: 20504, Cmd: "blpop", User: "default"},
	},
	"redis 6.2": {
		"id=3 addr=10.0.0.5:46266 laddr=10.0.0.2:6379 fd=8 name= age=12 idle=4 flags=x db=0 sub=0 psub=0 multi=2 qbuf=26 qbuf-free=45024 argv-mem=10 obl=0 oll=0 omem=0 tot-mem=61466 events=r cmd=set user=default redir=-1",
		outage.Client{ID: 3, Addr: "10.0.0.5:46266", Laddr: "10.0.0.2:6379", FD: 8, Age: 12, Idle: 4, Flags: "x", Multi: 2, Qbuf: 26, TotMem: 61466, Cmd: "set", User: "default"},
	},
	"redis 7.0, unix socket": {
		"id=3 addr=/run/r.sock:0 laddr=/run/r.sock:0 fd=9 name= age=0 idle=0 flags=OU db=0 sub=0 psub=0 ssub=0 multi=-1 qbuf=0 qbuf-free=20474 argv-mem=0 multi-mem=0 rbs=1024 rbp=0 obl=0 oll=0 omem=0 tot-mem=22272 events=r cmd=monitor user=default redir=-1 resp=2",
		outage.Client{ID: 3, Addr: "/run/r.sock:0", Laddr: "/run/r.sock:0", FD: 9, Flags: "OU", Multi: -1, TotMem: 22272, Cmd: "monitor", User: "default"},
	},
	"redis 7.0, IPv6": {
		"id=4 addr=[::1]:54892 laddr=[::1]:27391 fd=11 name= age=0 idle=0 flags=P db=0 sub=1 psub=0 ssub=0 multi=-1 qbuf=0 qbuf-free=20474 argv-mem=0 multi-mem=0 rbs=1024 rbp=0 obl=0 oll=0 omem=0 tot-mem=22328 events=r cmd=subscribe user=default redir=-1 resp=2",
		outage.Client{ID: 4, Addr: "[::1]:54892", Laddr: "[::1]:27391", FD: 11, Flags: "P", Sub: 1, Multi: -1, TotMem: 22328, Cmd: "subscribe", User: "default"},
	},
	"redis 7.2": {
		"id=3 addr=127.0.0.1:46266 laddr=127.0.0.1:6379 fd=8 name=api age=12 idle=4 flags=N db=0 sub=0 psub=0 ssub=0 multi=-1 qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=1024 rbp=0 obl=0 oll=0 omem=0 tot-mem=1928 events=r cmd=get user=app redir=-1 resp=3 lib-name=go-redis(,go1.26) lib-ver=9.23.0",
		outage.Client{ID: 3, Addr: "127.0.0.1:46266", Laddr: "127.0.0.1:6379", FD: 8, Name: "api", Age: 12, Idle: 4, Flags: "N", Multi: -1, TotMem: 1928, Cmd: "get", User: "app", LibName: "go-redis(,go1.26)", LibVer: "9.23.0"},
	},
	"redis 8.0": {
		"id=3 addr=127.0.0.1:46266 laddr=127.0.0.1:6379 fd=8 name= age=12 idle=4 flags=N db=0 sub=0 psub=0 ssub=3 multi=-1 watch=2 qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=1024 rbp=0 obl=0 oll=0 omem=0 tot-mem=1928 events=r cmd=NULL user=default redir=-1 resp=2 lib-name= lib-ver= io-thread=0 tot-net-in=10 tot-net-out=5 tot-cmds=1",
		outage.Client{ID: 3, Addr: "127.0.0.1:46266", Laddr: "127.0.0.1:6379", FD: 8, Age: 12, Idle: 4, Flags: "N", SSub: 3, Multi: -1, Watch: 2, TotMem: 1928, Cmd: "NULL", User: "default"},
	},
	"valkey 9.0": {
		"id=3 addr=127.0.0.1:46266 laddr=127.0.0.1:6379 fd=8 name= age=12 idle=4 flags=N capa= db=0 sub=0 psub=1 ssub=0 multi=-1 watch=0 qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=1024 rbp=0 obl=0 oll=0 omem=7 tot-mem=1928 events=r cmd=client|list user=default redir=-1 resp=2 lib-name= lib-ver= tot-net-in=0 tot-net-out=0 tot-cmds=0",
		outage.Client{ID: 3, Addr: "127.0.0.1:46266", Laddr: "127.0.0.1:6379", FD: 8, Age: 12, Idle: 4, Flags: "N", PSub: 1, Multi: -1, Omem: 7, TotMem: 1928, Cmd: "client|list", User: "default"},
	},
	"no multi": {
		"id=1 addr=a:1", outage.Client{ID: 1, Addr: "a:1", Multi: -1},
	},
	"a path with spaces": {
		"id=1 addr=/my dir/r.sock:0 laddr=/my dir/r.sock:0 fd=3 name=x age=1",
		outage.Client{ID: 1, Addr: "/my dir/r.sock:0", Laddr: "/my dir/r.sock:0", FD: 3, Name: "x", Age: 1, Multi: -1},
	},
	"a hostile name": {
		`id=9 addr=10.0.0.9:1 name=id=1;addr=10.0.0.1:1,"flags=S%s\n age=5 idle=5 flags=N id=1 addr=10.0.0.1:1`,
		outage.Client{ID: 9, Addr: "10.0.0.9:1", Name: `id=1;addr=10.0.0.1:1,"flags=S%s\n`, Age: 5, Idle: 5, Flags: "N", Multi: -1},
	},
	"a wrapped counter": {
		"id=9 addr=10.0.0.9:1 omem=18446744073709551615", outage.Client{ID: 9, Addr: "10.0.0.9:1", Omem: 1<<63 - 1, Multi: -1},
	},
}

func TestParseClientLines(t *testing.T) {
	for name, test := range clientLines {
		for form, text := range map[string]string{"LF": test.line + "\n", "CRLF": test.line + "\r\n", "bare": test.line, "verbatim": "txt:" + test.line + "\n"} {
			got, err := ParseClients(text)
			if err != nil {
				t.Errorf("%s, %s: %v", name, form, err)
			}
			if diff := cmp.Diff([]outage.Client{test.want}, got); diff != "" {
				t.Errorf("%s, %s:\n%s", name, form, diff)
			}
		}
	}
}

func TestParseClientsQuoted(t *testing.T) {
	got, err := ParseClients(`"id=1 addr=a:1 name=\"q\" age=2\nid=2 addr=b:2 name=\x41\\\n"` + "\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []outage.Client{{ID: 1, Addr: "a:1", Name: `"q"`, Age: 2, Multi: -1}, {ID: 2, Addr: "b:2", Name: `A\`, Multi: -1}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseClientsSkipsAndCounts(t *testing.T) {
	text := "Warning: Using a password with '-a' may not be safe.\nid=1 addr=a:1\n127.0.0.1:6379> client list\nid=x addr=b:2\nid=0 addr=b:2\nid=3\nid=4 addr=d:4 age=old\n\nid=5 addr=e:5\n"
	got, err := ParseClients(text)
	if len(got) != 2 || got[0].ID != 1 || got[1].ID != 5 {
		t.Errorf("got %+v, want clients 1 and 5", got)
	}
	if err == nil || !strings.Contains(err.Error(), `5 of 7 lines are no client; line 3, "127.0.0.1:6379> client list"`) {
		t.Errorf("error %v", err)
	}
	if got, err := ParseClients("\r\n"); got != nil || err != nil {
		t.Errorf("an empty list: %v, %v", got, err)
	}
}

func TestParseClientsSaved(t *testing.T) {
	text, err := os.ReadFile("testdata/saved/clients.txt")
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseClients(string(text))
	if err != nil || len(got) != 5 {
		t.Fatalf("%d clients, %v; want 5", len(got), err)
	}
	if c := got[1]; c.Name != "api-2" || c.Cmd != "client|setname" || c.Multi != -1 || c.Host() != "127.0.0.1" {
		t.Errorf("got %+v", c)
	}
}

func FuzzParseClients(f *testing.F) {
	for _, test := range clientLines {
		f.Add(test.line + "\n")
	}
	f.Add(`"id=1 addr=a:1\nid=2 addr=b:\x4"`)
	f.Add("id==1 addr= addr=x\n= = =\nid=1 addr=a b=c d\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		clients, err := ParseClients(text)
		bad := 0
		if err != nil {
			if _, scanErr := fmt.Sscanf(err.Error(), "%d of ", &bad); scanErr != nil || bad == 0 {
				t.Fatalf("an error without a count: %v", err)
			}
		}
		for _, c := range clients {
			if c.ID <= 0 {
				t.Fatalf("a client that could be any: %+v", c)
			}
			if strings.ContainsAny(c.Addr+c.Name+c.Cmd, "\n") {
				t.Fatalf("a client over two lines: %+v", c)
			}
		}
		if lines := strings.Count(plain(text), "\n") + 1; len(clients)+bad > lines {
			t.Fatalf("%d clients and %d bad lines of %d", len(clients), bad, lines)
		}
	})
}

func BenchmarkParseClients(b *testing.B) {
	text := strings.Repeat(clientLines["redis 7.2"].line+"\n", 10000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if clients, err := ParseClients(text); len(clients) != 10000 || err != nil {
			b.Fatal(len(clients), err)
		}
	}
}
