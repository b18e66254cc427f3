package remedy_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spillway/outage"
	"spillway/remedy"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// client is an ordinary connection of a service's instance.
func client(id int64, name, host string, age, idle int64) outage.Client {
	return outage.Client{ID: id, Addr: fmt.Sprintf("%s:%d", host, 40000+id), Name: name, Age: age, Idle: idle, Flags: "N", Multi: -1, Cmd: "get"}
}

func sec(n int) outage.Duration { return outage.Duration(n) * outage.Duration(time.Second) }

// leak is a full server of 100 slots on which api leaks: 60 idle connections of two instances, 3 busy ones, and
// 37 of a healthy service.
func leak() (outage.Diagnosis, outage.Snapshot) {
	s := outage.Snapshot{
		Info:    map[string]string{"connected_clients": "100", "redis_version": "7.2.6", "config_file": "/etc/redis/redis.conf", "rejected_connections": "12", "listener0": "name=tcp,bind=*,port=6379"},
		Config:  map[string]string{"maxclients": "100", "timeout": "0", "tcp-keepalive": "300"},
		Process: &outage.Process{NofileSoft: 164, NofileHard: 164},
	}
	f := outage.Finding{Cause: outage.ConnectionLeak, Confidence: 0.95, Growth: 0.5, Culprits: []outage.Culprit{
		{Service: "api", Name: "api-1", Addr: "10.0.0.2", Connections: 42},
		{Service: "api", Name: "api-2", Addr: "10.0.0.3", Connections: 21},
	}}
	for i := range int64(63) {
		k := i / 42
		idle := 100 - i
		if i >= 60 {
			idle = 1
		}
		c := client(10+i, f.Culprits[k].Name, f.Culprits[k].Addr, 101-i, idle)
		s.Clients = append(s.Clients, c)
		f.Culprits[k].IDs = append(f.Culprits[k].IDs, c.ID)
	}
	for i := range int64(37) {
		s.Clients = append(s.Clients, client(100+i, "web", "10.0.0.9", 500, i))
	}
	return outage.Diagnosis{Slots: 100, MaxClients: 100, Rejecting: true, Findings: []outage.Finding{f}}, s
}

// small is a server of 100 slots on which cause was found by one culprit without connections.
func small(cause outage.Cause, f outage.Finding) (outage.Diagnosis, outage.Snapshot) {
	_, s := leak()
	f.Cause, f.Confidence = cause, 0.9
	if f.Culprits == nil {
		f.Culprits = []outage.Culprit{{Service: "web", Name: "web", Addr: "10.0.0.9", Connections: 37}}
	}
	return outage.Diagnosis{Slots: 100, MaxClients: 100, Findings: []outage.Finding{f}}, s
}

// steps writes each action as its kind and what it sets.
func steps(p outage.Plan) []string {
	list := []string{}
	for _, a := range p.Actions {
		s := string(a.Kind)
		if a.Param != "" {
			s += " " + a.Param + " " + a.From + ">" + a.To
		}
		if a.Kind == outage.KillClients {
			s += fmt.Sprintf(" %d", len(a.Victims))
		}
		if a.After > 0 {
			s += fmt.Sprintf(" after %s", a.After.Std())
		}
		list = append(list, s)
	}
	return list
}

func TestPlan(t *testing.T) {
	roomy := func(hard int64) func(*outage.Diagnosis, *outage.Snapshot) {
		return func(_ *outage.Diagnosis, s *outage.Snapshot) {
			s.Process = nil
			if hard != 0 {
				s.Process = &outage.Process{NofileSoft: 132, NofileHard: hard}
			}
		}
	}
	low := outage.Finding{Needed: 130}
	clamp := outage.Finding{Asked: 400, Effective: 100, Needed: 130}
	tests := []struct {
		name   string
		cause  outage.Cause // empty for the leak
		f      outage.Finding
		change func(*outage.Diagnosis, *outage.Snapshot)
		o      remedy.Options
		want   []string
		warn   string // a part of a warning
	}{
		{name: "leak in a container without room", want: []string{"kill-clients 60", "set-timeout timeout 0>300"}, warn: "3 of the named connections are spared: idle for less than 2s"},
		{name: "leak with room", change: roomy(5000), want: []string{"kill-clients 60", "raise-maxclients maxclients 100>200", "set-timeout timeout 0>300"}},
		{name: "leak with room for less than twice", change: roomy(100 + 32 + 100), want: []string{"kill-clients 60", "raise-maxclients maxclients 100>200", "set-timeout timeout 0>300"}},
		{name: "leak with room for 99", change: roomy(100 + 32 + 99), want: []string{"kill-clients 60", "set-timeout timeout 0>300"}},
		{name: "leak, limit unknown", change: roomy(0), want: []string{"kill-clients 60", "set-timeout timeout 0>300"}},
		{name: "leak, timeout larger", change: func(_ *outage.Diagnosis, s *outage.Snapshot) { s.Config["timeout"] = "3600" }, want: []string{"kill-clients 60", "set-timeout timeout 3600>300"}},
		{name: "leak, timeout small already", change: func(_ *outage.Diagnosis, s *outage.Snapshot) { s.Config["timeout"] = "60" }, want: []string{"kill-clients 60"}, warn: "timeout is 60s already"},
		{name: "leak, fast", change: func(d *outage.Diagnosis, _ *outage.Snapshot) { d.Findings[0].Growth = 10 }, want: []string{"kill-clients 60", "set-timeout timeout 0>300"}, warn: "does not hold this leak"},
		{name: "leak, options", o: remedy.Options{IdleOver: sec(60), MaxVictims: 7, Timeout: sec(90)}, want: []string{"kill-clients 7", "set-timeout timeout 0>90"}, warn: "41 connections could be closed"},
		{name: "leak, fraction of a second", o: remedy.Options{Timeout: outage.Duration(200 * time.Millisecond)}, want: []string{"kill-clients 60", "set-timeout timeout 0>1"}},
		{name: "leak, no list", change: func(_ *outage.Diagnosis, s *outage.Snapshot) { s.Clients = nil }, want: []string{"set-timeout timeout 0>300"}, warn: "no CLIENT LIST"},
		{name: "leak, all used since", o: remedy.Options{IdleOver: sec(900)}, want: []string{"set-timeout timeout 0>300"}, warn: "kill-clients is left out"},

		{name: "too low", cause: outage.MaxclientsTooLow, f: low, want: []string{"raise-maxclients maxclients 100>130"}},
		{name: "too low, asked for otherwise", cause: outage.MaxclientsTooLow, f: low, o: remedy.Options{MaxClients: 120}, want: []string{"raise-maxclients maxclients 100>120"}},
		{name: "too low, limit unknown", cause: outage.MaxclientsTooLow, f: low, change: roomy(0), want: []string{"raise-maxclients maxclients 100>130"}, warn: "file descriptor limit of the server is not known"},
		{name: "too low, unlimited", cause: outage.MaxclientsTooLow, f: outage.Finding{Needed: 1 << 22}, change: roomy(-1), want: []string{"raise-maxclients maxclients 100>1000000"}, warn: "at most 1000000"},
		{name: "too low, clamped", cause: outage.MaxclientsTooLow, f: low, change: roomy(132), want: []string{"advise"}, warn: "nothing that Redis can be told helps"},
		{name: "too low, half a way", cause: outage.MaxclientsTooLow, f: low, change: roomy(152), want: []string{"raise-maxclients maxclients 100>120", "advise"}, warn: "only part of it"},
		{name: "too low, number unknown", cause: outage.MaxclientsTooLow, want: []string{}, warn: "it is not raised"},

		{name: "clamp, nobody can", cause: outage.FDLimitClamp, f: clamp, change: roomy(132), want: []string{"advise"}},
		{name: "clamp, live", cause: outage.FDLimitClamp, f: clamp, change: roomy(132), o: remedy.Options{CanRaiseNofile: true},
			want: []string{"raise-nofile nofile 132>432", "raise-maxclients maxclients 100>400", "advise"}},
		{name: "clamp, live or else restart", cause: outage.FDLimitClamp, f: clamp, change: roomy(132), o: remedy.Options{CanRaiseNofile: true, CanRestart: true},
			want: []string{"raise-nofile nofile 132>432", "restart-redis nofile >432", "raise-maxclients maxclients 100>400", "advise"}},
		{name: "clamp, restart", cause: outage.FDLimitClamp, f: clamp, change: roomy(132), o: remedy.Options{CanRestart: true}, want: []string{"restart-redis nofile >432", "advise"}},
		{name: "clamp, restart and more than asked", cause: outage.FDLimitClamp, f: outage.Finding{Asked: 110, Needed: 130}, change: roomy(132), o: remedy.Options{CanRestart: true},
			want: []string{"restart-redis nofile >162", "raise-maxclients maxclients 100>130", "advise"}},
		{name: "clamp, somebody raised the limit", cause: outage.FDLimitClamp, f: clamp, change: roomy(1000), o: remedy.Options{CanRaiseNofile: true, CanRestart: true},
			want: []string{"raise-maxclients maxclients 100>400", "advise"}},
		{name: "clamp, numbers unknown", cause: outage.FDLimitClamp, want: []string{"advise"}, warn: "default of 10000"},

		{name: "idle", cause: outage.IdleNotReaped, f: outage.Finding{Culprits: []outage.Culprit{{Service: "web", Addr: "10.0.0.9", IDs: []int64{100, 102, 103, 136}}}},
			want: []string{"kill-clients 2", "set-timeout timeout 0>300"}, warn: "2 of the named connections are spared: idle for less than 3s"},
		{name: "half-open", cause: outage.HalfOpenPeers, f: outage.Finding{Culprits: []outage.Culprit{{Service: "web", Addr: "10.0.0.9", IDs: []int64{102, 136}}}},
			want: []string{"kill-clients 2", "set-keepalive tcp-keepalive 300>60"}},
		{name: "half-open, keepalive off", cause: outage.HalfOpenPeers, change: func(_ *outage.Diagnosis, s *outage.Snapshot) { s.Config["tcp-keepalive"] = "0" },
			want: []string{"set-keepalive tcp-keepalive 0>60"}, warn: "kill-clients is left out"},
		{name: "named, but elsewhere", cause: outage.HalfOpenPeers, f: outage.Finding{Culprits: []outage.Culprit{{Service: "web", Addr: "10.0.0.8", IDs: []int64{136}}, {Addr: "10.0.0.8", IDs: []int64{135}}, {IDs: []int64{999}}}},
			want: []string{"set-keepalive tcp-keepalive 300>60"}, warn: "2 of the named connections are spared: not at the address"},
		{name: "named by service, under several names", cause: outage.HalfOpenPeers, f: outage.Finding{Culprits: []outage.Culprit{{Service: "web", Name: "web-1", Addr: "10.0.0.9", IDs: []int64{135, 136}}}},
			want: []string{"kill-clients 2", "set-keepalive tcp-keepalive 300>60"}},
		{name: "not at limit", cause: outage.NotAtLimit, want: []string{"advise"}},
		{name: "unknown cause", cause: "gremlins", want: []string{}, warn: "no cause that has a remedy"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, s := leak()
			if tt.cause != "" {
				d, s = small(tt.cause, tt.f)
			}
			if tt.change != nil {
				tt.change(&d, &s)
			}
			p := remedy.Plan(d, s, tt.o)
			if diff := cmp.Diff(tt.want, steps(p)); diff != "" {
				t.Errorf("actions (-want +got):\n%s", diff)
			}
			if !slices.ContainsFunc(p.Warnings, func(w string) bool { return strings.Contains(w, tt.warn) }) && tt.warn != "" {
				t.Errorf("no warning with %q in %q", tt.warn, p.Warnings)
			}
		})
	}
}

func TestPlanWithoutFindings(t *testing.T) {
	want := outage.Plan{Actions: []outage.Action{}, Warnings: []string{"the diagnosis found nothing wrong: there is nothing to do"}}
	if diff := cmp.Diff(want, remedy.Plan(outage.Diagnosis{}, outage.Snapshot{}, remedy.Options{})); diff != "" {
		t.Error(diff)
	}
	unsure := remedy.Plan(outage.Diagnosis{Unsure: []string{"a second snapshot"}}, outage.Snapshot{}, remedy.Options{})
	if len(unsure.Warnings) != 1 || !strings.Contains(unsure.Warnings[0], "a second snapshot") {
		t.Errorf("warnings %q do not say what is missing", unsure.Warnings)
	}
}

// The other findings add what does no harm, once.
func TestPlanOfSeveralFindings(t *testing.T) {
	d, s := leak()
	more := []outage.Finding{
		{Cause: outage.MaxclientsTooLow, Confidence: 0.49, Needed: 130},
		{Cause: outage.IdleNotReaped, Confidence: 0.6, Culprits: []outage.Culprit{{Service: "web", Addr: "10.0.0.9", IDs: []int64{136}}}},
		{Cause: outage.HalfOpenPeers, Confidence: 0.5, Culprits: []outage.Culprit{{Service: "web", Addr: "10.0.0.9", IDs: []int64{135}}}},
		{Cause: outage.FDLimitClamp, Confidence: 0.5, Asked: 400},
	}
	d.Findings = append(d.Findings, more...)
	got := steps(remedy.Plan(d, s, remedy.Options{CanRestart: true, CanRaiseNofile: true}))
	want := []string{"kill-clients 60", "set-timeout timeout 0>300", "set-keepalive tcp-keepalive 300>60", "raise-nofile nofile 164>432", "raise-maxclients maxclients 100>400", "advise"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPlanSparesRoles(t *testing.T) {
	roles := map[string]func(*outage.Client){
		"Spillway's own":                  func(c *outage.Client) { c.Name = "spillway:x:observer" },
		"a replica or a link to a master": func(c *outage.Client) { c.Flags = "S" },
		"a monitor":                       func(c *outage.Client) { c.Flags = "O" },
		"a subscriber":                    func(c *outage.Client) { c.SSub = 1 },
		"blocked in a command":            func(c *outage.Client) { c.Flags = "b" },
		"inside a transaction":            func(c *outage.Client) { c.Multi = 0 },
		"marked no-evict":                 func(c *outage.Client) { c.Flags = "e" },
		"internal to the server":          func(c *outage.Client) { c.Flags = "I" },
		"without an address":              func(c *outage.Client) { c.Addr = "" },
		"gone from CLIENT LIST":           func(c *outage.Client) { c.ID = 7 },
		"idle for less than 2s":           func(c *outage.Client) { c.Idle = 1 },
	}
	for why, make := range roles {
		c := client(5, "api", "10.0.0.2", 90, 90)
		make(&c)
		d := outage.Diagnosis{Findings: []outage.Finding{{Cause: outage.ConnectionLeak, Culprits: []outage.Culprit{{IDs: []int64{5, 6}}}}}}
		p := remedy.Plan(d, outage.Snapshot{Clients: []outage.Client{c, client(6, "api", "10.0.0.2", 90, 90)}}, remedy.Options{})
		if got, want := steps(p)[0], "kill-clients 1"; got != want || p.Actions[0].Victims[0].ID != 6 {
			t.Errorf("%s: planned %q", why, got)
		}
		if !slices.Contains(p.Warnings, "1 of the named connections are spared: "+why) {
			t.Errorf("%s: not said in %q", why, p.Warnings)
		}
	}
}

func TestPlanOrdersVictims(t *testing.T) {
	d, s := leak()
	victims := remedy.Plan(d, s, remedy.Options{}).Actions[0].Victims
	if !slices.IsSortedFunc(victims, func(a, b outage.Victim) int { return int(b.Age - a.Age) }) {
		t.Error("not the oldest first")
	}
	if want := (outage.Victim{ID: 10, Addr: "10.0.0.2:40010", Name: "api-1", Age: 101, Idle: 100, Cmd: "get"}); victims[0] != want {
		t.Errorf("first is %+v, want %+v", victims[0], want)
	}
}

func TestReliefFor(t *testing.T) {
	d, s := leak() // 60 of 100 slots are freed
	for growth, want := range map[float64]outage.Duration{0: 0, 0.5: sec(120), 60: sec(1)} {
		d.Findings[0].Growth = growth
		if got := remedy.Plan(d, s, remedy.Options{}).ReliefFor; got != want {
			t.Errorf("growth %v: relief for %v, want %v", growth, got, want)
		}
	}
	d.Findings[0].Growth = 1
	s.Process.NofileHard = 5000
	s.Info["connected_clients"] = "90"
	if got, want := remedy.Plan(d, s, remedy.Options{}).ReliefFor, sec(10+60+100); got != want {
		t.Errorf("with a raise and 10 slots left: relief for %v, want %v", got, want)
	}
	s.Clients, s.Process = nil, nil
	if got := remedy.Plan(d, s, remedy.Options{}).ReliefFor; got != 0 {
		t.Errorf("nothing is freed: relief for %v", got)
	}
}

func TestWarningsOfTheServer(t *testing.T) {
	const fork, starve, tls = "notice only when it ends", "visits its newest clients first", "CVE-2026-56684"
	tests := []struct {
		info, config map[string]string
		want, not    []string
	}{
		{info: map[string]string{"redis_version": "7.0.15", "rdb_bgsave_in_progress": "1"}, config: map[string]string{"tls-port": "0"}, want: []string{fork, starve}, not: []string{tls}},
		{info: map[string]string{"redis_version": "6.2.16", "aof_rewrite_in_progress": "1"}, want: []string{fork, starve, tls}},
		{info: map[string]string{"redis_version": "5.0.14"}, want: []string{starve}, not: []string{fork, tls}},
		{info: map[string]string{"redis_version": "7.2.6", "rdb_bgsave_in_progress": "1"}, config: map[string]string{"tls-port": "6390"}, want: []string{tls}, not: []string{fork, starve}},
		{info: map[string]string{"redis_version": "8.2.8", "listener0": "name=tls,bind=*"}, want: []string{tls}},
		{info: map[string]string{"redis_version": "8.2.9", "listener0": "name=tls,bind=*"}, not: []string{tls}},
		{info: map[string]string{"redis_version": "8.2.8", "listener0": "name=tcp,bind=*"}, not: []string{tls}},
		{info: map[string]string{"redis_version": "8.12.0"}, config: map[string]string{"tls-port": "6390"}, not: []string{tls}},
		{info: map[string]string{"redis_version": "7.2.4", "server_name": "valkey", "valkey_version": "8.1.8"}, config: map[string]string{"tls-port": "6390"}, want: []string{tls}},
		{info: map[string]string{"redis_version": "7.2.4", "server_name": "valkey", "valkey_version": "9.1.1"}, config: map[string]string{"tls-port": "6390"}, not: []string{tls}},
		{info: map[string]string{"redis_version": "nonsense"}, not: []string{fork, starve, tls}},
		{info: map[string]string{"connected_slaves": "2"}, want: []string{"2 replicas hold slots"}},
	}
	for _, tt := range tests {
		d, s := leak()
		s.Info = tt.info
		for k, v := range tt.config {
			s.Config[k] = v
		}
		got := strings.Join(remedy.Plan(d, s, remedy.Options{}).Warnings, "\n")
		for _, w := range tt.want {
			if !strings.Contains(got, w) {
				t.Errorf("%v: no warning %q in\n%s", tt.info, w, got)
			}
		}
		for _, w := range tt.not {
			if strings.Contains(got, w) {
				t.Errorf("%v: a warning %q in\n%s", tt.info, w, got)
			}
		}
	}
}

// A CONFIG that is renamed, or forbidden, is neither sent nor printed: the setting is named instead, and nothing is made up.
func TestAdvisesWhenConfigIsForbidden(t *testing.T) {
	for why, want := range map[string][]string{
		"NOPERM this user has no permissions":                        {"redis.conf: timeout 300"},
		"ERR unknown command 'CONFIG', with args beginning with: 'G": {"redis.conf: timeout 300", "or by the name that rename-command gave to CONFIG: NAME SET timeout 300"},
	} {
		d, s := leak()
		s.Config = nil
		s.Missing = []outage.Missing{{What: "CONFIG GET", Why: why}}
		p := remedy.Plan(d, s, remedy.Options{})
		a := p.Actions[1]
		if a.Kind != outage.Advise || !strings.Contains(a.Reason, "timeout has to become 300") || !strings.Contains(a.Reason, why) {
			t.Errorf("not said what to do instead: %+v", a)
		}
		if diff := cmp.Diff(want, a.Commands); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
		if got := strings.Join(remedy.Commands(p), "\n"); strings.Contains(got, "CONFIG") || !strings.Contains(got, "CLIENT KILL") {
			t.Errorf("commands to copy:\n%s", got)
		}
		if got := strings.Join(p.Warnings, "\n"); !strings.Contains(got, "CONFIG GET is not allowed here ("+why) || p.ConfLines != nil || p.Rewrite != "" {
			t.Errorf("warnings:\n%s\nconf %q, %s", got, p.ConfLines, p.Rewrite)
		}
	}
}

// The dry runs that a person reads, as golden files.
func TestPrint(t *testing.T) {
	type dryRun struct {
		d outage.Diagnosis
		s outage.Snapshot
		o remedy.Options
	}
	runs := map[string]dryRun{}
	d, s := leak()
	runs["connection-leak"] = dryRun{d: d, s: s}
	d, s = leak()
	s.Process, s.Info["redis_version"], s.Info["config_file"] = &outage.Process{NofileSoft: 1024, NofileHard: 20000}, "7.0.15", ""
	s.Info["rdb_bgsave_in_progress"], s.Config["tls-port"] = "1", "0"
	runs["connection-leak-with-room"] = dryRun{d: d, s: s}
	d, s = small(outage.MaxclientsTooLow, outage.Finding{Needed: 130})
	runs["maxclients-too-low"] = dryRun{d: d, s: s}
	d, s = small(outage.FDLimitClamp, outage.Finding{Asked: 10000, Effective: 100, Needed: 130})
	s.Info["process_id"] = "4711"
	runs["fd-limit-clamp"] = dryRun{d: d, s: s, o: remedy.Options{CanRaiseNofile: true, CanRestart: true}}
	d, s = small(outage.IdleNotReaped, outage.Finding{Culprits: []outage.Culprit{{Service: "web", Name: "web", Addr: "10.0.0.9", IDs: []int64{130, 131, 132}}}})
	runs["idle-not-reaped"] = dryRun{d: d, s: s}
	d, s = small(outage.HalfOpenPeers, outage.Finding{Culprits: []outage.Culprit{{Service: "web", Name: "web", Addr: "10.0.0.9", IDs: []int64{130, 131, 132}}}})
	runs["half-open-peers"] = dryRun{d: d, s: s}
	d, s = small(outage.NotAtLimit, outage.Finding{})
	s.Info["connected_clients"] = "12"
	runs["not-at-limit"] = dryRun{d: d, s: s}
	for cause, f := range capacity {
		d, s = small(cause, f)
		s.Process = &outage.Process{NofileSoft: 1024, NofileHard: 20000}
		runs[string(cause)] = dryRun{d: d, s: s}
	}
	d, s = small(outage.SilentConnections, outage.Finding{Culprits: []outage.Culprit{{Service: "10.0.0.9", Addr: "10.0.0.9", IDs: []int64{130, 131, 132}}}})
	runs["silent-connections"] = dryRun{d: d, s: s}
	runs["nothing"] = dryRun{}

	for name, r := range runs {
		t.Run(name, func(t *testing.T) {
			var got bytes.Buffer
			remedy.Print(&got, remedy.Plan(r.d, r.s, r.o))
			golden(t, name, got.String())
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func TestCommands(t *testing.T) {
	d, s := small(outage.FDLimitClamp, outage.Finding{Asked: 400})
	clamp := remedy.Commands(remedy.Plan(d, s, remedy.Options{CanRaiseNofile: true, CanRestart: true}))
	if diff := cmp.Diff([]string{"CONFIG SET maxclients 400"}, clamp); diff != "" {
		t.Errorf("clamp: only what Redis is told (-want +got):\n%s", diff)
	}
	d, s = leak()
	s.Clients[0].Addr = "/run/my redis.sock:0"
	d.Findings[0].Culprits[0].Addr, d.Findings[0].Culprits[1].IDs = "", nil
	got := remedy.Commands(remedy.Plan(d, s, remedy.Options{MaxVictims: 2}))
	want := []string{`CLIENT KILL ID 10 ADDR '/run/my redis.sock:0'`, "CLIENT KILL ID 11 ADDR 10.0.0.2:40011", "CONFIG SET timeout 300"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("leak (-want +got):\n%s", diff)
	}
}
