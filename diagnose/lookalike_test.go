package diagnose_test

import (
	"testing"
	"time"

	"spillway/diagnose"
	"spillway/outage"
)

// lookalikes changes a copy of three readings of a small healthy fleet.
func lookalikes(change func(i int, s *outage.Snapshot)) outage.Diagnosis {
	s := &sim{limit: 200, config: map[string]string{"protected-mode": "yes"}}
	s.lifo("web-1", "10.0.0.1", 10, 5)
	shots := s.looks(3, 2)
	for i := range shots {
		change(i, &shots[i])
	}
	return diagnose.Diagnose(shots...)
}

// A healthy fleet has slow commands now and then, a login that fails, and logs of what is long over.
func TestLookalikesOfNothing(t *testing.T) {
	for name, change := range map[string]func(i int, s *outage.Snapshot){
		"slow but fine": func(i int, s *outage.Snapshot) {
			for n := range 10 * i {
				s.Slow = append(s.Slow, outage.SlowCommand{ID: int64(n), Started: 1, Took: outage.Duration(40 * time.Millisecond), Command: "zrange", Addr: "10.0.0.1:1"})
			}
		},
		"slow long ago": func(_ int, s *outage.Snapshot) {
			s.Slow = []outage.SlowCommand{{ID: 7, Started: 1, Took: outage.Duration(3 * time.Second), Command: "keys *", Addr: "10.0.0.1:1"}}
		},
		"one late answer": func(i int, s *outage.Snapshot) { s.Latency = outage.Duration(time.Duration(i/2) * time.Second) },
		"one failed login": func(i int, s *outage.Snapshot) {
			s.ACLLog = []outage.ACLEntry{{Count: int64(1 + i/2), Reason: "auth", User: "app", Addr: "10.0.0.1:1"}}
		},
		"denied long ago": func(_ int, s *outage.Snapshot) {
			s.ACLLog = []outage.ACLEntry{{Count: 500, Reason: "auth", User: "app", Addr: "10.0.0.1:1", Age: outage.Duration(time.Hour)}}
			s.Info["rejected_connections"] = "900"
		},
		"what libraries can do without": func(i int, s *outage.Snapshot) {
			s.ACLLog = []outage.ACLEntry{{Count: int64(100 * i), Reason: "command", Object: "client|setinfo", User: "app", Addr: "10.0.0.1:1"}}
		},
	} {
		if d := lookalikes(change); len(d.Findings) > 0 {
			t.Errorf("%s:\n%s", name, text(d))
		}
	}
}

// Refusals that grow far below the limit are no protected mode where foreign clients are connected.
func TestRefusalsBesideForeignClients(t *testing.T) {
	d := lookalikes(func(i int, s *outage.Snapshot) { s.Info["rejected_connections"] = []string{"0", "40", "80"}[i] })
	if len(d.Findings) > 0 {
		t.Errorf("want nothing:\n%s", text(d))
	}
}

// Whoever is being turned away may stand in the list for a moment.
func TestProtectedModeAtWork(t *testing.T) {
	d := lookalikes(func(i int, s *outage.Snapshot) {
		s.Clients = []outage.Client{{ID: 900, Addr: "10.0.0.7:40000", Cmd: "NULL", Flags: "N", Multi: -1}}
		s.Info["rejected_connections"], s.Info["connected_clients"] = []string{"0", "40", "80"}[i], "1"
	})
	if f, ok := d.Top(); !ok || f.Cause != outage.AccessDenied || f.Confidence < 0.8 {
		t.Errorf("want denied:\n%s", text(d))
	}
}

func TestBusyScript(t *testing.T) {
	busy := func(at int) outage.Snapshot {
		return outage.Snapshot{At: outage.Duration(time.Duration(at) * time.Second), Missing: []outage.Missing{{What: "INFO", Why: "BUSY Redis is busy running a script."}}}
	}
	if f, ok := diagnose.Diagnose(busy(1), busy(2)).Top(); !ok || f.Cause != outage.ServerStalled {
		t.Errorf("two looks: %+v", f)
	}
	if f, ok := diagnose.Diagnose(busy(1)).Top(); !ok || f.Cause != outage.ServerStalled || f.Confidence > 0.5 {
		t.Errorf("one look: %+v", f)
	}
}
