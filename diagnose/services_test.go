package diagnose_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spillway/diagnose"
	"spillway/outage"
)

func TestServices(t *testing.T) {
	var s outage.Snapshot
	add := func(n int, c outage.Client) {
		for range n {
			c.ID = int64(len(s.Clients) + 1)
			c.Addr = fmt.Sprintf("%s:%d", c.Addr, 40000+len(s.Clients))
			s.Clients = append(s.Clients, c)
			c.Addr = c.Host()
		}
	}
	add(3, outage.Client{Name: "api-1", Addr: "10.0.0.1"})
	add(2, outage.Client{Name: "api-2", Addr: "10.0.0.2"})
	add(1, outage.Client{Name: "api-3", Addr: "10.0.0.2"})
	add(2, outage.Client{LibName: "jedis", Addr: "10.0.0.3"})
	add(1, outage.Client{Addr: "10.0.0.4"})
	add(1, outage.Client{Addr: "10.0.0.4", DB: 3})
	add(5, outage.Client{Name: "spillway:1:watch", Addr: "10.0.0.9"})
	want := []diagnose.Service{{Name: "api", Connections: 6, Hosts: 2}, {Name: "10.0.0.4", Connections: 2, Hosts: 1}, {Name: "jedis", Connections: 2, Hosts: 1}}
	if diff := cmp.Diff(want, diagnose.Services(s)); diff != "" {
		t.Error(diff)
	}
	if got := diagnose.Services(outage.Snapshot{Info: map[string]string{"connected_clients": "7"}}); got != nil {
		t.Errorf("services of clients that are not listed: %v", got)
	}
}

// Where each connection has a name of its own, a library that two of them share is still that of a service.
func TestServicesOfManyNames(t *testing.T) {
	s := &sim{}
	for i := range 24 {
		c := &s.add(word(i), "10.0.1.1", 80, busy).c
		c.LibName = map[bool]string{true: "jedis"}[i < 2] + map[bool]string{true: "alone"}[i == 2]
	}
	s.pool("web", "10.0.1.1", 80, 5)
	want := []diagnose.Service{{Name: "10.0.1.1", Connections: 22, Hosts: 1}, {Name: "web", Connections: 5, Hosts: 1}, {Name: "jedis", Connections: 2, Hosts: 1}}
	if diff := cmp.Diff(want, diagnose.Services(s.at(now))); diff != "" {
		t.Error(diff)
	}
}

// Before 7.0 the list shows CLIENT without its subcommand. Whoever only gave a name has not begun to work yet, so that another
// user at another host does not make two services of it.
func TestNamesThatWereOnlyGiven(t *testing.T) {
	for cmd, one := range map[string]bool{"client": true, "client|setname": true, "get": false} {
		s := &sim{}
		for i := range 14 {
			name := strings.Repeat(string(rune('a'+i)), 3)
			s.add(name, "10.0.5.1", 85, once(85)).c.Cmd = cmd
			other := s.add(name, "10.0.5.2", 85, once(85))
			other.c.Cmd, other.c.User = cmd, "second"
		}
		fill(s)
		f, _ := s.diagnose(2, 1).Top()
		if (f.Cause == outage.IdleNotReaped) != one {
			t.Errorf("14 names, two hosts, %s last: %q", cmd, f.Cause)
		}
	}
}
