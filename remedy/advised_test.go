package remedy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"spillway/outage"
	"spillway/remedy"
)

// slow is an entry of SLOWLOG.
func slow(command string, ms int, addr string) outage.SlowCommand {
	return outage.SlowCommand{Command: command, Took: outage.Duration(ms) * outage.Duration(time.Millisecond), Addr: addr}
}

// TestAdvised holds every word of the plans that mostly advise a person, as TestPlanned does for the others.
func TestAdvised(t *testing.T) {
	var b strings.Builder
	plan := func(name string, d outage.Diagnosis, s outage.Snapshot) {
		writePlan(&b, name, 20, remedy.Plan(d, s, remedy.Options{}))
	}
	advisedStalled(plan)
	advisedDenied(plan)
	advisedFiles(plan)
	advisedLinks(plan)
	golden(t, "advised", b.String())
}

func advisedStalled(plan func(string, outage.Diagnosis, outage.Snapshot)) {
	for _, command := range []string{
		"KEYS *", "eval x 0", "FCALL f 0", "SMEMBERS k", "SORT k", "DEL k", "FLUSHALL", "FLUSHDB", "SAVE", "DEBUG SLEEP 1",
		"LLEN k", "AZ", "JSON.GET k", "A_B", "A-B", "A@B", "A[B", "",
	} {
		d, s := small(outage.ServerStalled, outage.Finding{})
		s.Slow = []outage.SlowCommand{slow(command, 20, "10.0.0.9:1")}
		plan("stalled by "+command, d, s)
	}
	ours, lost := slow("DEL k", 90, "10.0.0.9:9"), slow("DEL k", 90, "?:0")
	ours.Name = "spillway:x:observer"
	for _, log := range []struct {
		name string
		slow []outage.SlowCommand
	}{
		{"two that took as long", []outage.SlowCommand{slow("KEYS *", 10, "10.0.0.9:1"), slow("SORT k", 10, "10.0.0.9:2")}},
		{"a second that took longer", []outage.SlowCommand{slow("KEYS *", 10, "10.0.0.9:1"), slow("SORT k", 11, "10.0.0.9:2")}},
		{"a second that took less", []outage.SlowCommand{slow("KEYS *", 10, "10.0.0.9:1"), slow("SORT k", 9, "10.0.0.9:2")}},
		{"a second that took longer in all", []outage.SlowCommand{slow("KEYS *", 10, "10.0.0.9:1"), slow("SORT k", 6, "10.0.0.9:2"), slow("SORT k", 6, "10.0.0.9:2")}},
		{"four clients", []outage.SlowCommand{slow("KEYS *", 10, "10.0.0.9:1"), slow("KEYS *", 10, "10.0.0.9:2"), slow("KEYS *", 10, "10.0.0.9:3"), slow("KEYS *", 10, "10.0.0.9:4")}},
		{"others beside it", []outage.SlowCommand{ours, lost, slow("DEL k", 90, "10.0.0.8:1"), slow("KEYS *", 10, "10.0.0.9:1")}},
	} {
		d, s := small(outage.ServerStalled, outage.Finding{})
		s.Slow, s.Info["redis_version"] = log.slow, "6.2.16"
		plan("stalled, "+log.name, d, s)
	}
	d, s := small(outage.ServerStalled, outage.Finding{})
	plan("stalled by nobody knows what", d, s)
	s.Slow, s.Info["redis_version"] = []outage.SlowCommand{slow("EVAL x 0", 10, "10.0.0.9:1")}, "6.2.16"
	plan("stalled by a script before 7.0", d, s)
}

func advisedDenied(plan func(string, outage.Diagnosis, outage.Snapshot)) {
	for _, version := range []string{"5.0.14", "6.0.16", "6.2.16", "7.2.6"} {
		for _, rejecting := range []bool{false, true} {
			for _, culprits := range [][]outage.Culprit{{}, {{Service: "web", Addr: "10.0.0.9"}}} {
				d, s := small(outage.AccessDenied, outage.Finding{Culprits: culprits})
				d.Rejecting, s.Info["redis_version"] = rejecting, version
				s.ACLLog = []outage.ACLEntry{{Reason: "auth", User: "app"}}
				plan(fmt.Sprintf("denied by %s, rejecting %v, %d culprits", version, rejecting, len(culprits)), d, s)
			}
		}
	}
	for n := 4; n <= 6; n++ {
		d, s := small(outage.AccessDenied, outage.Finding{})
		for i := range n {
			reason := []string{"auth", "command", "key", "channel", "new"}[i%5]
			s.ACLLog = append(s.ACLLog, outage.ACLEntry{Reason: reason, Object: fmt.Sprintf("o%d", i), User: fmt.Sprintf("u%d", i)})
		}
		plan(fmt.Sprintf("denied %d times", n), d, s)
	}
	d, s := small(outage.AccessDenied, outage.Finding{})
	for age := 59; age <= 61; age++ {
		s.ACLLog = append(s.ACLLog, outage.ACLEntry{Reason: "auth", User: fmt.Sprintf("%ds ago", age), Age: sec(age)})
	}
	plan("denied a minute ago", d, s)
}

func advisedFiles(plan func(string, outage.Diagnosis, outage.Snapshot)) {
	for _, process := range []*outage.Process{
		nil, {NofileHard: 500}, {NofileSoft: 64, NofileHard: 64}, {NofileSoft: 64, NofileHard: 65}, {NofileSoft: 64, NofileHard: 4096, OpenFDs: 131},
		{NofileSoft: 64, NofileHard: 4096, OpenFDs: 132}, {NofileSoft: 64, NofileHard: 4096, OpenFDs: 133}, {NofileSoft: 64, NofileHard: 4096, OpenFDs: 150},
	} {
		d, s := small(outage.FDExhausted, outage.Finding{})
		s.Process = process
		if process == nil {
			process = &outage.Process{}
		}
		plan(fmt.Sprintf("no files, %d to %d and %d open", process.NofileSoft, process.NofileHard, process.OpenFDs), d, s)
		s.Clients = nil
		plan("the same without clients", d, s)
	}
	for _, backlog := range []string{"", "127", "128", "129", "16383", "16384"} {
		for _, listen := range []*outage.Listen{nil, {}, {Backlog: 128}} {
			for _, culprits := range [][]outage.Culprit{{}, {{Service: "web", Addr: "10.0.0.9"}}} {
				d, s := small(outage.BacklogOverflow, outage.Finding{Culprits: culprits})
				s.Config["tcp-backlog"], s.Listen = backlog, listen
				plan(fmt.Sprintf("backlog %q, listening %+v, %d culprits", backlog, listen, len(culprits)), d, s)
			}
		}
	}
	d, s := small(outage.PortExhaustion, outage.Finding{})
	s.Info["connected_clients"] = "60"
	plan("no ports", d, s)
}

func advisedLinks(plan func(string, outage.Diagnosis, outage.Snapshot)) {
	well := outage.Node{ID: strings.Repeat("a", 40), Flags: "master", Link: "connected"}
	stale := outage.Node{ID: strings.Repeat("b", 40), Flags: "master,fail", Link: "disconnected"}
	odd := outage.Node{ID: "x", Flags: "master,fail", Link: "disconnected"}
	for _, nodes := range [][]outage.Node{nil, {well}, {well, well, well}, {well, stale}, {stale, stale, well}, {well, odd}} {
		for _, links := range []string{"", "0", "4"} {
			d, s := small(outage.ReplicaOrClusterSlots, outage.Finding{Needed: 130})
			s.Info["cluster_connections"], s.Info["connected_slaves"], s.Nodes = links, links, nodes
			plan(fmt.Sprintf("%q links and replicas, %d nodes", links, len(nodes)), d, s)
		}
	}
}
