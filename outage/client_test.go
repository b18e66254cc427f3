package outage_test

import (
	"fmt"
	"strings"
	"testing"

	"spillway/outage"
)

// TestParseClientHostile has what a client, or whoever names users and sockets, may put into a line.
func TestParseClientHostile(t *testing.T) {
	const tail = " name=api age=9 idle=7 flags=N multi=-1 cmd=get user=default lib-name= lib-ver="
	for line, want := range map[string]outage.Client{
		// A value may hold the equals sign, and look like a field.
		"id=7 addr=10.0.0.9:1 fd=8 name=id=1 age=9 idle=7": {ID: 7, Addr: "10.0.0.9:1", FD: 8, Name: "id=1", Age: 9, Idle: 7},
		// A field that comes again later is what somebody chose.
		"id=7 addr=10.0.0.9:1 fd=8 name=a age=9 idle=7 user=u id=1 addr=10.0.0.1:1 name=b age=99 idle=99 flags=S": {
			ID: 7, Addr: "10.0.0.9:1", FD: 8, Name: "a", Age: 9, Idle: 7, User: "u", Flags: "S"},
		// What Unicode calls a space ends no value: users may be called so.
		"id=7 addr=10.0.0.9:1 age=9 idle=7 user=u\u2003id=1\u00a0addr=10.0.0.1:1\u0085name=b lib-name=x": {
			ID: 7, Addr: "10.0.0.9:1", Age: 9, Idle: 7, User: "u\u2003id=1\u00a0addr=10.0.0.1:1\u0085name=b", LibName: "x"},
		"id=7 addr=10.0.0.9:1 user=\x1b[2J\"'`$(id)|<b>\xff lib-name=::error::x": {
			ID: 7, Addr: "10.0.0.9:1", User: "\x1b[2J\"'`$(id)|<b>\xff", LibName: "::error::x"},
		// The path of a socket may hold anything.
		"id=7 addr=/run/my redis.sock:0 laddr=/run/my redis.sock:0 fd=8" + tail: {
			ID: 7, Addr: "/run/my redis.sock:0", Laddr: "/run/my redis.sock:0", FD: 8, Name: "api", Age: 9, Idle: 7, Flags: "N", Multi: -1, Cmd: "get", User: "default"},
		"id=7 addr=/run/a name=x idle=999:0 laddr=/run/a name=x idle=999:0 fd=8" + tail: {
			ID: 7, Addr: "/run/a name=x idle=999:0", Laddr: "/run/a name=x idle=999:0", FD: 8, Name: "api", Age: 9, Idle: 7, Flags: "N", Multi: -1, Cmd: "get", User: "default"},
		"id=7 addr=/run/a id=1 :0 fd=8" + tail: { // before 6.2
			ID: 7, Addr: "/run/a id=1 :0", FD: 8, Name: "api", Age: 9, Idle: 7, Flags: "N", Multi: -1, Cmd: "get", User: "default"},
		"id=7 addr=/run/a=b:0 laddr= fd=8" + tail: { // as we save that
			ID: 7, Addr: "/run/a=b:0", FD: 8, Name: "api", Age: 9, Idle: 7, Flags: "N", Multi: -1, Cmd: "get", User: "default"},
	} {
		got, err := outage.ParseClient(line)
		if !strings.Contains(line, "multi=") {
			want.Multi = -1
		}
		if err != nil || got != want {
			t.Errorf("%q:\ngot  %+v, %v\nwant %+v", line, got, err, want)
		}
	}
	long := strings.Repeat("x", 64<<10)
	if got, err := outage.ParseClient(fmt.Sprintf("id=7 addr=a:1 name=%s age=3", long)); err != nil || got.Name != long || got.Age != 3 {
		t.Errorf("a name of 64 KB: %d bytes, age %d, %v", len(got.Name), got.Age, err)
	}
}

// FuzzParseClient: whatever a line says, it is one client, with an id and an address, and a line written of it reads the same.
func FuzzParseClient(f *testing.F) {
	for _, line := range []string{
		// Redis 6.0, 7.0, 8.0, Valkey 8.1 and 9.1, Redict 7.3, as they were.
		"id=3 addr=127.0.0.1:40412 fd=8 name=api-1 age=2 idle=1 flags=N db=0 sub=0 psub=0 multi=-1 qbuf=0 qbuf-free=0 argv-mem=0 obl=0 oll=0 omem=0 tot-mem=20504 events=r cmd=ping user=default",
		"id=4 addr=127.0.0.1:40413 laddr=127.0.0.1:6379 fd=8 name=api-1 age=2 idle=1 flags=N db=0 sub=0 psub=0 ssub=0 multi=-1 qbuf=0 qbuf-free=20474 argv-mem=10 multi-mem=0 rbs=16384 rbp=16384 obl=0 oll=0 omem=0 tot-mem=37786 events=r cmd=client|list user=default redir=-1 resp=2",
		"id=5 addr=127.0.0.1:40414 laddr=127.0.0.1:6379 fd=8 name= age=2 idle=0 flags=N db=0 sub=0 psub=0 ssub=0 multi=-1 watch=0 qbuf=0 qbuf-free=20474 argv-mem=10 multi-mem=0 rbs=16384 rbp=16384 obl=0 oll=0 omem=0 tot-mem=37786 events=r cmd=client|list user=default redir=-1 resp=2 lib-name=go-redis(,go1.26) lib-ver=9.23.0 io-thread=0 tot-net-in=26 tot-net-out=0 tot-cmds=0",
		"id=6 addr=[::1]:40415 laddr=[::1]:6379 fd=10 name=x age=0 idle=0 flags=N capa= db=0 sub=0 psub=0 ssub=0 multi=-1 watch=0 qbuf=26 qbuf-free=20448 argv-mem=10 multi-mem=0 rbs=1024 rbp=0 obl=0 oll=0 omem=0 tot-mem=22298 events=r cmd=client|list user=default redir=-1 resp=2 lib-name= lib-ver= tot-net-in=26 tot-net-out=0 tot-cmds=0",
		"id=7 addr=/run/my redis.sock:0 laddr=/run/my redis.sock:0 fd=9 name= age=1 idle=1 flags=U db=0 multi=-1 cmd=NULL user=(superuser)",
		"id=7 addr=a:1 name=x\u2003id=9 user=\xff\x1b[2J",
		"id=9223372036854775808 addr=a:1", "id=1 addr=a:1 omem=99999999999999999999", "id==1 addr= addr=x", "= = =", "id=1 addr=a b=c d", "id=1 addr=a:1 lib-name= li",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		c, err := outage.ParseClient(line)
		if err != nil {
			return
		}
		if c.ID <= 0 || len(c.Addr)+len(c.Name)+len(c.User)+len(c.Cmd)+len(c.LibName)+len(c.Flags) > len(line) {
			t.Fatalf("%q became %+v", line, c)
		}
		for _, value := range []string{c.Name, c.User, c.Cmd, c.LibName, c.Flags} {
			if strings.HasPrefix(value, " ") || strings.HasSuffix(value, " ") {
				t.Fatalf("%q has a value of %q", line, value)
			}
		}
		again, err := outage.ParseClient(fmt.Sprintf("id=%d addr=%s name=%s flags=%s cmd=%s user=%s lib-name=%s", c.ID, c.Addr, c.Name, c.Flags, c.Cmd, c.User, c.LibName))
		if strings.HasPrefix(c.Addr, "/") {
			return // its end depends on what follows
		}
		if err != nil || again.Addr != c.Addr || again.Name != c.Name || again.User != c.User || again.LibName != c.LibName {
			t.Fatalf("%q became %+v, then %+v, %v", line, c, again, err)
		}
	})
}
