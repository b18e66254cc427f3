package remedy_test

import (
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"spillway/outage"
	"spillway/remedy"
)

var flags = rapid.SampledFrom([]string{"N", "N", "N", "N", "S", "M", "O", "P", "b", "x", "d", "e", "U", "I", "t", "A"})

// drawClient draws a connection of any sort; ids and addresses come from few values, so that they meet.
func drawClient(t *rapid.T, id int64) outage.Client {
	c := client(id, rapid.SampledFrom([]string{"api", "api", "api", "web", "", "spillway:x:observer"}).Draw(t, "name"),
		rapid.SampledFrom([]string{"10.0.0.2", "10.0.0.2", "10.0.0.3"}).Draw(t, "host"), 0, 0)
	c.Age = rapid.Int64Range(0, 40).Draw(t, "age")
	c.Idle = rapid.Int64Range(0, c.Age).Draw(t, "idle")
	c.Flags = flags.Draw(t, "flags")
	c.Cmd = rapid.SampledFrom([]string{"get", "get", "NULL"}).Draw(t, "cmd")
	c.Sub = max(rapid.IntRange(-9, 1).Draw(t, "sub"), 0)
	c.Multi = min(rapid.IntRange(-9, 0).Draw(t, "multi"), 0)
	if c.Multi < 0 {
		c.Multi = -1
	}
	return c
}

// later draws what becomes of a connection in the seconds between the snapshot and the kill.
func later(t *rapid.T, c outage.Client, elapsed int64) (now outage.Client, stays bool) {
	now = c
	now.Age += elapsed
	now.Idle += elapsed
	switch rapid.IntRange(0, 8).Draw(t, "later") {
	case 0:
		return now, false
	case 1:
		now.Idle = rapid.Int64Range(0, elapsed).Draw(t, "idle later")
	case 2:
		now.Flags = flags.Draw(t, "flags later")
	case 3:
		now.Sub = 1
	case 4:
		now = drawClient(t, c.ID) // a server that was restarted counts its ids anew
	case 5:
		now.Cmd = "set"
	}
	return now, true
}

func mayDie(c outage.Client) bool {
	return !c.Ours() && !c.Replication() && !c.Monitoring() && !c.Subscribed() && !c.Blocked() && !c.InTransaction() && c.Flags != "e" && c.Flags != "d" && c.Flags != "I"
}

// A plan that is applied never closes a connection that nobody named, that has a role, that was used since the
// diagnosis or too shortly before, or that is another one than the diagnosis saw.
func TestNeverKillsTheWrongOne(t *testing.T) {
	closed := 0
	rapid.Check(t, func(t *rapid.T) {
		var s outage.Snapshot
		named := outage.Culprit{Service: "api", Name: "api", Addr: "10.0.0.2"}
		server := newFake()
		elapsed := rapid.Int64Range(0, 10).Draw(t, "elapsed")
		seen := map[int64]outage.Client{}
		for id := range rapid.Int64Range(1, 30).Draw(t, "clients") {
			c := drawClient(t, id+1)
			seen[c.ID] = c
			s.Clients = append(s.Clients, c)
			if rapid.Bool().Draw(t, "named") {
				named.IDs = append(named.IDs, c.ID)
			}
			if now, stays := later(t, c, elapsed); stays {
				server.clients[c.ID] = now
			}
		}
		server.self = rapid.Int64Range(1, 30).Draw(t, "self")
		server.noListID = rapid.Bool().Draw(t, "old server")
		over := rapid.Int64Range(1, 5).Draw(t, "idle over")
		now := map[int64]outage.Client{}
		for id, c := range server.clients {
			now[id] = c
		}

		d := outage.Diagnosis{Findings: []outage.Finding{{Cause: outage.ConnectionLeak, Culprits: []outage.Culprit{named}}}}
		plan := remedy.Plan(d, s, remedy.Options{IdleOver: sec(int(over))})
		actions, err := (&remedy.Applier{Redis: server}).Apply(t.Context(), plan)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range server.killed {
			was, is := seen[id], now[id]
			switch {
			case !slices.Contains(named.IDs, id):
				t.Fatalf("killed %d, which nobody named", id)
			case id == server.self:
				t.Fatal("killed its own connection")
			case was.Host() != "10.0.0.2" || is.Name != was.Name || is.Addr != was.Addr:
				t.Fatalf("killed another one: %+v, seen as %+v", is, was)
			case !mayDie(is) || !mayDie(was):
				t.Fatalf("killed one with a role: %+v, seen as %+v", is, was)
			case is.Idle < over || was.Idle < over || is.Age-is.Idle > was.Age-was.Idle || is.Cmd != was.Cmd:
				t.Fatalf("killed one in use: %+v, seen as %+v", is, was)
			}
		}
		closed += len(server.killed)
		if a := actions[0]; a.Kind == outage.KillClients && len(a.Killed) != len(server.killed) {
			t.Fatalf("said that %d were killed, not %d", len(a.Killed), len(server.killed))
		}
		for _, args := range server.sent {
			if args[1] == "KILL" && !slices.Contains(args, "ID") {
				t.Fatalf("sent a kill without an id: %q", args)
			}
		}
	})
	if closed == 0 {
		t.Error("no connection was ever closed: the property says nothing")
	}
}

// Whatever the limits, what a plan sets stays within them and above what is in force.
func TestNeverRaisesTooFar(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := outage.Finding{
			Cause: rapid.SampledFrom([]outage.Cause{outage.ConnectionLeak, outage.MaxclientsTooLow, outage.FDLimitClamp}).Draw(t, "cause"),
			Asked: rapid.IntRange(0, 1<<33).Draw(t, "asked"), Needed: rapid.IntRange(0, 30000).Draw(t, "needed"),
		}
		d, s := small(f.Cause, f)
		hard := rapid.Int64Range(33, 40000).Draw(t, "hard")
		s.Process = &outage.Process{NofileSoft: hard, NofileHard: hard}
		o := remedy.Options{CanRaiseNofile: rapid.Bool().Draw(t, "live"), CanRestart: rapid.Bool().Draw(t, "restart"), MaxClients: rapid.IntRange(0, 30000).Draw(t, "option")}
		limit := hard
		for _, a := range remedy.Plan(d, s, o).Actions {
			to := int64(0)
			if a.To != "" {
				to = int64(atoi(t, a.To))
			}
			switch a.Kind {
			case outage.RaiseNofile, outage.RestartRedis:
				limit = max(limit, to)
				if to > 1_000_032 {
					t.Fatalf("%s to %d", a.Kind, to)
				}
			case outage.RaiseMaxclients:
				if to > limit-32 || to <= 100 || to > 1_000_000 {
					t.Fatalf("maxclients to %d with %d descriptors", to, limit)
				}
			}
		}
	})
}

func atoi(t *rapid.T, s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
