package remedy_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spillway/outage"
	"spillway/remedy"
)

// crowd is a server on which of n connections of reports, the first few are named as idle.
func crowd(n, named int, idle int64, change func(i int, c *outage.Client)) (outage.Diagnosis, outage.Snapshot) {
	s := outage.Snapshot{Info: map[string]string{"connected_clients": fmt.Sprint(n)}, Config: map[string]string{"maxclients": "1000", "timeout": "0"}}
	culprit := outage.Culprit{Service: "reports"}
	for i := range n {
		c := client(int64(10+i), "reports", "10.0.0.2", 5000, idle)
		if change != nil {
			change(i, &c)
		}
		s.Clients = append(s.Clients, c)
		if i < named {
			culprit.IDs = append(culprit.IDs, c.ID)
		}
	}
	return outage.Diagnosis{Findings: []outage.Finding{{Cause: outage.IdleNotReaped, Confidence: 1, Culprits: []outage.Culprit{culprit}}}}, s
}

// freesOf returns what the action of a plan frees.
func freesOf(t *testing.T, p outage.Plan, kind outage.ActionKind) (int, []string) {
	t.Helper()
	for _, a := range p.Actions {
		if a.Kind == kind {
			return a.Slots, a.Frees
		}
	}
	t.Fatalf("no %s in %q", kind, steps(p))
	return 0, nil
}

func TestWhatATimeoutFrees(t *testing.T) {
	const later = "from then on whatever comes to be idle for as long"
	none := []string{"no slot now: nothing that stays open has been idle for more than 300s", later}
	roles := []func(*outage.Client){
		func(c *outage.Client) { c.Flags = "S" }, func(c *outage.Client) { c.Flags = "O" },
		func(c *outage.Client) { c.Flags = "b" }, func(c *outage.Client) { c.PSub = 1 },
	}
	tests := []struct {
		name   string
		n      int
		idle   int64
		change func(int, *outage.Client)
		slots  int
		want   []string
	}{
		{"those that are closed are not counted again", 1, 4000, nil, 0, none},
		{"just not idle for long enough", 3, 300, nil, 0, none},
		{"just idle for long enough", 3, 301, nil, 2, []string{"2 slots now idle for more than 300s, within about 1s: 2 of reports at 10.0.0.2", later}},
		{"one", 2, 301, nil, 1, []string{"1 slot now idle for more than 300s, within about 1s: 1 of reports at 10.0.0.2", later}},
		{"what Redis never reaps", 5, 4000, func(i int, c *outage.Client) {
			if i > 0 {
				roles[i-1](c)
			}
		}, 0, none},
		{"a transaction is reaped", 2, 4000, func(_ int, c *outage.Client) { c.Multi = 0 }, 2, []string{"2 slots now idle for more than 300s, within about 1s: 2 of reports at 10.0.0.2", later}},
		{"of five sources", 16, 4000, bySource(5), 15, []string{"15 slots now idle for more than 300s, within about 1s: 5 of 10.1.0.5, 4 of 10.1.0.4, 3 of 10.1.0.3, 2 of 10.1.0.2, 1 of 10.1.0.1", later}},
		{"of seven sources", 29, 4000, bySource(7), 28, []string{"28 slots now idle for more than 300s, within about 1s: 7 of 10.1.0.7, 6 of 10.1.0.6, 5 of 10.1.0.5, 4 of 10.1.0.4, 6 of 3 more sources", later}},
	}
	for _, tt := range tests {
		d, s := crowd(tt.n, 1, tt.idle, tt.change)
		slots, lines := freesOf(t, remedy.Plan(d, s, remedy.Options{}), outage.SetTimeout)
		if diff := cmp.Diff(tt.want, lines); diff != "" || slots != tt.slots {
			t.Errorf("%s: %d slots, want %d\n%s", tt.name, slots, tt.slots, diff)
		}
	}
	d, s := crowd(3, 1, 4000, nil)
	s.Clients = nil
	if slots, lines := freesOf(t, remedy.Plan(d, s, remedy.Options{}), outage.SetTimeout); slots != 0 || lines[0] != "what is idle for more than 300s; how many that are is not known" {
		t.Errorf("no list: %d slots, %q", slots, lines)
	}
}

// bySource leaves the first connection, and gives the others to hosts without a name: one, two, three and so on each.
func bySource(hosts int) func(int, *outage.Client) {
	return func(i int, c *outage.Client) {
		for host := 1; host <= hosts && i > 0; host++ {
			if i -= host; i <= 0 {
				c.Name, c.Addr = "", fmt.Sprintf("10.1.0.%d:%d", host, c.ID)
			}
		}
	}
}

// Redis looks at five clients or more in each tick, and at all of them in a second: the figures of its source.
func TestHowLongASweepTakes(t *testing.T) {
	for _, tt := range []struct {
		n    int
		info map[string]string
		want string
	}{
		{50, nil, "about 1s:"},
		{51, nil, "about 2s:"},
		{1000, nil, "about 4s:"},
		{5000, nil, "about 6s:"},
		{5000, map[string]string{"hz": "100"}, "about 4s:"},
		{5000, map[string]string{"hz": "100", "configured_hz": "10"}, "about 6s:"},
		{5000, map[string]string{"hz": "0", "configured_hz": "x"}, "about 6s:"},
		{5000, map[string]string{"configured_hz": "-1"}, "about 8s:"},
	} {
		d, s := crowd(tt.n+1, 1, 4000, nil)
		s.Info = tt.info
		_, lines := freesOf(t, remedy.Plan(d, s, remedy.Options{}), outage.SetTimeout)
		if !strings.Contains(lines[0], tt.want) {
			t.Errorf("%d clients, %v: %q", tt.n, tt.info, lines)
		}
	}
}

func TestWhatOthersFree(t *testing.T) {
	d, s := leak()
	s.Process = nil
	p := remedy.Plan(d, s, remedy.Options{})
	slots, lines := freesOf(t, p, outage.KillClients)
	want := []string{"42 slots of api-1 at 10.0.0.2, at once: CLIENT KILL ID … ADDR … ×42", "18 slots of api-2 at 10.0.0.3, at once: CLIENT KILL ID … ADDR … ×18"}
	if diff := cmp.Diff(want, lines); diff != "" || slots != 60 {
		t.Errorf("%d slots\n%s", slots, diff)
	}
	text, err := json.Marshal(p.Actions[0])
	if err != nil || !strings.Contains(string(text), `"slots":60,"frees":["42 slots of api-1`) {
		t.Errorf("%v: %s", err, text)
	}
	// Without a limit in force that is known, nobody can say how much is added.
	d, s = small(outage.MaxclientsTooLow, outage.Finding{Needed: 130})
	d.MaxClients, s.Config, s.Process = 0, nil, nil
	if slots, lines = freesOf(t, remedy.Plan(d, s, remedy.Options{}), outage.RaiseMaxclients); slots != 0 || lines[0] != "as many slots as it adds, at once" {
		t.Errorf("%d slots, %q", slots, lines)
	}
	var young outage.Snapshot
	c := client(7, "", "10.0.0.2", 1, 1)
	c.Cmd = "NULL"
	young.Clients = []outage.Client{c}
	d = outage.Diagnosis{Findings: []outage.Finding{{Cause: outage.SilentConnections, Culprits: []outage.Culprit{{IDs: []int64{7}}}}}}
	if slots, lines = freesOf(t, remedy.Plan(d, young, remedy.Options{}), outage.KillClients); slots != 1 || lines[0] != "1 slot of 10.0.0.2, after 3s, if they say nothing until then: CLIENT KILL ID … ADDR … ×1" {
		t.Errorf("%d slots, %q", slots, lines)
	}
}
