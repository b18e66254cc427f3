package remedy_test

import (
	"fmt"
	"strings"
	"testing"

	"spillway/outage"
	"spillway/remedy"
)

// TestPlanned holds every word of plans at the edges of what a server may be and have, against what was planned before. After a
// change that is meant, look at the difference that `go test ./remedy -run TestPlanned -update` makes, and commit it.
func TestPlanned(t *testing.T) {
	var b strings.Builder
	plan := func(name string, d outage.Diagnosis, s outage.Snapshot, o remedy.Options) {
		writePlan(&b, name, 2, remedy.Plan(d, s, o))
	}
	// The need and the file descriptor limit, at and beside each other.
	for _, needed := range []int{0, 99, 100, 101, 130, 999_999, 1_000_000, 1_000_001} {
		for _, nofile := range []int64{0, -1, 132, 133, 141, 142, 161, 162, 163} {
			if needed > 101 && nofile > 0 && nofile < 161 && needed != 130 {
				continue
			}
			d, s := small(outage.MaxclientsTooLow, outage.Finding{Needed: needed})
			hard(&s, nofile)
			plan(fmt.Sprintf("%d needed of 100, %d files", needed, nofile), d, s, remedy.Options{})
		}
	}
	for _, asked := range []int{0, 129, 130, 131} {
		for _, o := range []remedy.Options{{}, {CanRestart: true}, {CanRaiseNofile: true}, {CanRaiseNofile: true, CanRestart: true, MaxClients: 120}} {
			d, s := small(outage.FDLimitClamp, outage.Finding{Asked: asked, Effective: 100, Needed: min(asked, 130)})
			hard(&s, 132)
			plan(fmt.Sprintf("clamp of %d asked for, maxclients %d, live %v, restart %v", asked, o.MaxClients, o.CanRaiseNofile, o.CanRestart), d, s, o)
		}
	}
	// What is known of the server.
	servers := []struct {
		name   string
		change func(*outage.Snapshot)
	}{
		{"redis 6.0 that saves", func(s *outage.Snapshot) { s.Info["redis_version"], s.Info["rdb_bgsave_in_progress"] = "6.0.16", "1" }},
		{"redis 7.2 that saves", func(s *outage.Snapshot) { s.Info["redis_version"], s.Info["rdb_bgsave_in_progress"] = "7.2.0", "1" }},
		{"valkey 8.1 that rewrites", func(s *outage.Snapshot) {
			s.Info["server_name"], s.Info["valkey_version"], s.Info["aof_rewrite_in_progress"] = "valkey", "8.1.1", "1"
		}},
		{"one replica", func(s *outage.Snapshot) { s.Info["connected_slaves"] = "1" }},
		{"no replica", func(s *outage.Snapshot) { s.Info["connected_slaves"] = "0" }},
		{"full memory that evicts", func(s *outage.Snapshot) { s.Info["maxmemory"], s.Info["maxmemory_policy"] = "1", "allkeys-lru" }},
		{"no bound of memory", func(s *outage.Snapshot) { s.Info["maxmemory"], s.Info["maxmemory_policy"] = "0", "allkeys-lru" }},
		{"memory that does not evict", func(s *outage.Snapshot) { s.Info["maxmemory"], s.Info["maxmemory_policy"] = "1000", "noeviction" }},
		{"soft limit that is enough", func(s *outage.Snapshot) { s.Process = &outage.Process{NofileSoft: 232, NofileHard: 5000} }},
		{"soft limit one short", func(s *outage.Snapshot) { s.Process = &outage.Process{NofileSoft: 231, NofileHard: 5000} }},
		{"hard limit just enough", func(s *outage.Snapshot) { s.Process = &outage.Process{NofileSoft: 100, NofileHard: 232} }},
		{"hard limit one more", func(s *outage.Snapshot) { s.Process = &outage.Process{NofileSoft: 100, NofileHard: 233} }},
		{"forbidden CONFIG", func(s *outage.Snapshot) {
			s.Config, s.Missing = nil, []outage.Missing{{What: "CONFIG GET", Why: "NOPERM"}, {What: "CLIENT LIST", Why: "NOPERM"}}
		}},
		{"no config file", func(s *outage.Snapshot) { s.Info["config_file"] = "" }},
		{"no process, TLS", func(s *outage.Snapshot) { s.Process, s.Info["listener0"] = nil, "name=tls,bind=*,port=6380" }},
	}
	for _, server := range servers {
		d, s := leak()
		hard(&s, 5000)
		server.change(&s)
		plan("leak, "+server.name, d, s, remedy.Options{})
		d.Findings[0].Growth = 10
		plan("fast leak, "+server.name, d, s, remedy.Options{})
		d, s = small(outage.FDLimitClamp, outage.Finding{Asked: 200, Effective: 100, Needed: 130})
		hard(&s, 132)
		server.change(&s)
		plan("clamp, "+server.name, d, s, remedy.Options{CanRestart: true})
	}
	golden(t, "planned", b.String())
}

// writePlan writes the words of a plan, with up to so many commands of each action.
func writePlan(b *strings.Builder, name string, commands int, p outage.Plan) {
	fmt.Fprintf(b, "== %s\n", name)
	for i, a := range p.Actions {
		fmt.Fprintf(b, "%s: %s\n", steps(p)[i], a.Reason)
		for _, line := range [][]string{{a.Precondition}, a.Frees, a.Commands[:min(commands, len(a.Commands))], a.Undo} {
			for _, text := range line {
				if text != "" {
					fmt.Fprintf(b, "    %s\n", text)
				}
			}
		}
	}
	fmt.Fprintf(b, "  fix: %s; relief for %s; conf %q\n", p.Fix, p.ReliefFor, p.ConfLines)
	for _, w := range p.Warnings {
		fmt.Fprintf(b, "  ! %s\n", w)
	}
}
