package outage

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestDurationText(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "250ms": 250 * time.Millisecond, "30s": 30 * time.Second, "1h30m": 90 * time.Minute,
	} {
		var d Duration
		if err := d.UnmarshalText([]byte(text)); err != nil || d.Std() != want {
			t.Errorf("%q is %s, %v; want %s", text, d, err, want)
		}
	}
	for text, want := range map[string]string{
		"30":   `"30" has no unit: write 30s for seconds`,
		"soon": `"soon" is no duration: write a number and a unit, as in 250ms, 30s or 10m`,
		"":     `"" is no duration: write a number and a unit, as in 250ms, 30s or 10m`,
	} {
		var d Duration
		if err := d.UnmarshalText([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%q: %v; want %s", text, err, want)
		}
	}
	for d, want := range map[time.Duration]string{
		0: "0s", 90 * time.Second: "1m30s", 5 * time.Minute: "5m", time.Hour: "1h", 90 * time.Minute: "1h30m",
	} {
		if got := Duration(d).String(); got != want {
			t.Errorf("%s is written %q, want %q", d, got, want)
		}
	}
}

func TestDurationRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := Duration(rapid.Int64Range(-1e15, 1e15).Draw(t, "ns")).Std().Truncate(time.Microsecond)
		var again Duration
		text, err := json.Marshal(Duration(d))
		if err != nil || json.Unmarshal(text, &again) != nil || again.Std() != d {
			t.Fatalf("%s is written %s, %v, and read as %s", d, text, err, again)
		}
		text, _ = Duration(d).MarshalText()
		if err := again.UnmarshalText(text); err != nil || again.Std() != d {
			t.Fatalf("%s is written %s, %v, and read as %s", d, text, err, again)
		}
	})
	var d Duration
	if err := json.Unmarshal([]byte(`"30s"`), &d); err != nil || d.Std() != 30*time.Second {
		t.Errorf(`"30s" in JSON is %s, %v`, d, err)
	}
	if err := json.Unmarshal([]byte(`[]`), &d); err == nil {
		t.Error("a list is no duration")
	}
}

func TestHost(t *testing.T) {
	for addr, want := range map[string]string{
		"10.0.0.5:41234": "10.0.0.5", "[::1]:41234": "::1", "/run/redis.sock:0": "/run/redis.sock", "": "", "odd": "odd",
	} {
		if got := Host(addr); got != want {
			t.Errorf("the host of %q is %q, want %q", addr, got, want)
		}
	}
}

func TestSnapshotCounts(t *testing.T) {
	s := Snapshot{Info: map[string]string{
		"connected_clients": "29", "connected_slaves": "1", "cluster_connections": "6", "maxclients": "40",
		"redis_version": "7.2.4", "valkey_version": "8.1.1", "server_name": "valkey", "rejected_connections": "7",
	}}
	if s.Slots() != 36 || s.MaxClients() != 40 || s.Rejected() != 7 {
		t.Errorf("slots %d of %d, rejected %d: replicas and cluster links count", s.Slots(), s.MaxClients(), s.Rejected())
	}
	if s.Product() != "valkey" || s.Version() != "8.1.1" {
		t.Errorf("%s %s: valkey reports a redis_version beside its own", s.Product(), s.Version())
	}
	s.Config = map[string]string{"maxclients": "50"}
	if s.MaxClients() != 50 {
		t.Errorf("limit %d: CONFIG is newer than INFO", s.MaxClients())
	}
	if (&Snapshot{}).Version() != "" || (&Snapshot{}).MaxClients() != 0 {
		t.Error("an empty snapshot knows nothing")
	}
}

func TestSlimCountsWhatItDrops(t *testing.T) {
	s := Snapshot{Clients: []Client{
		{ID: 1, Addr: "10.0.0.5:1", Name: "api"}, {ID: 2, Addr: "10.0.0.5:2", Name: "api"}, {ID: 3, Addr: "10.0.0.6:1", Name: "api"},
	}, Log: []string{"line"}, Peeks: []Peek{{Time: 1}}}
	want := []Census{{"api", "10.0.0.5", 2}, {"api", "10.0.0.6", 1}}
	slim := s.Slim()
	if diff := cmp.Diff(want, slim.Census); diff != "" || slim.Clients != nil || slim.Log != nil || slim.Peeks != nil {
		t.Errorf("-want +got\n%s%+v", diff, slim)
	}
	if len(s.Clients) != 3 {
		t.Error("the snapshot itself must not change")
	}
}

func TestHistoryRoundTrips(t *testing.T) {
	steady := Steady
	h := History{
		Header: Header{Version: HistoryVersion, Scenario: "s", Started: time.Unix(1, 0).UTC(), Definition: json.RawMessage(`{"name":"s"}`)},
		Events: []Event{
			{At: Duration(2 * time.Second), Actor: "api-1", Attempt: &Attempt{Service: "api", Op: OpConnect, Outcome: Refused, Said: "-ERR <x>"}},
			{At: Duration(time.Second), Actor: "rig", Phase: &steady},
		},
	}
	var out bytes.Buffer
	if err := h.Write(&out); err != nil {
		t.Fatal(err)
	}
	got, err := ReadHistory(&out)
	if err != nil {
		t.Fatal(err)
	}
	h.Events[0], h.Events[1] = h.Events[1], h.Events[0] // written in the order of time
	if diff := cmp.Diff(h, got); diff != "" {
		t.Errorf("-written +read\n%s", diff)
	}
}

func TestReadHistoryNamesTheLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "empty history",
		"{":                             "line 1: history header",
		`{"version":99}`:                "line 1: history version 99: this Spillway reads 1 to 1",
		`{}`:                            "line 1: history version 0",
		"{\"version\":1}\n{}\n{\"at\":": "line 3: ",
	} {
		if _, err := ReadHistory(strings.NewReader(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v; want %s", text, err, want)
		}
	}
}

func TestEveryWordIsDescribed(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Causes() {
		seen[string(c.Word)] = c.Meaning != ""
	}
	for _, k := range ActionKinds() {
		seen[string(k.Word)] = k.Meaning != ""
	}
	for _, word := range []string{string(ConnectionLeak), string(NotAtLimit), string(KillClients), string(Advise)} {
		if !seen[word] {
			t.Errorf("%s is not described", word)
		}
	}
}
