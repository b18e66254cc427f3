package diagnose_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"spillway/diagnose"
	"spillway/outage"
)

// Parties are told apart as findings do it, and hold every connection of the latest look but our own.
func TestParties(t *testing.T) {
	client := func(id int64, addr, name, lib string) outage.Client {
		return outage.Client{ID: id, Addr: addr, Name: name, LibName: lib, Age: 60, Cmd: "get", Multi: -1}
	}
	early := outage.Snapshot{Clients: []outage.Client{client(1, "10.0.0.1:4000", "gone-1", "")}}
	late := outage.Snapshot{At: 1, Clients: []outage.Client{
		client(2, "10.0.0.1:4001", "api-1", ""), client(3, "10.0.0.2:4001", "api-2", ""), client(4, "10.0.0.2:4002", "api-2", ""),
		client(5, "10.0.0.3:4001", "", "jedis"), client(6, "10.0.0.9:4001", "spillway:1:capture", ""),
	}}
	type summary struct {
		service string
		named   bool
		hosts   map[string]int
	}
	var got []summary
	for _, p := range diagnose.Parties(early, late) {
		s := summary{p.Service, p.Named, map[string]int{}}
		for _, h := range p.Hosts {
			s.hosts[h.Addr] = len(h.Clients)
		}
		got = append(got, s)
	}
	want := []summary{{"api", true, map[string]int{"10.0.0.1": 1, "10.0.0.2": 2}}, {"jedis", false, map[string]int{"10.0.0.3": 1}}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(summary{})); diff != "" {
		t.Errorf("parties (-want +got):\n%s", diff)
	}
	if p := diagnose.Parties(outage.Snapshot{Info: map[string]string{"connected_clients": "9"}}); len(p) != 0 {
		t.Errorf("%v of a snapshot without clients", p)
	}
}
