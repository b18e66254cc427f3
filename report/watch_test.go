package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"spillway/outage"
	"spillway/watch"
)

var ansi = regexp.MustCompile("\x1b\\[[0-9;]*m")

// seen is a watch of a leak, as it stands after 9 s.
func seen() watch.View {
	sec := outage.Duration(time.Second)
	leak := outage.Finding{
		Cause: outage.ConnectionLeak, Confidence: 0.95, Growth: 6.1, UntilFull: 8 * sec,
		Summary:  "41 connections at 2 hosts of api leaked, 6.1 more a second: full in 8s",
		Culprits: []outage.Culprit{{Service: "api", Name: "api-1", Addr: "10.0.0.11", Connections: 21}, {Service: "api", Name: "api-2", Addr: "10.0.0.12", Connections: 20}},
	}
	return watch.View{
		Version: watch.ViewVersion, Time: time.Date(2026, 11, 28, 12, 31, 9, 0, time.UTC), At: 9 * sec, LastSeen: 9 * sec,
		Target: "redis://10.0.0.5:6379", Server: "redis 8.0.2",
		Slots:    watch.Slots{Taken: 68, Limit: 120, Free: 52, Clients: 66, Replicas: 2},
		Forecast: watch.Forecast{Outlook: watch.Filling, Earliest: 7800 * sec / 1000, Latest: 9400 * sec / 1000, Rate: 6.1, Low: 5.7, High: 6.5, Over: 9 * sec},
		Services: []watch.Service{{Service: "api", Connections: 46, Hosts: 2, Growth: 6.1}, {Service: "worker", Connections: 12, Hosts: 4}, {Service: "web", Connections: 8, Hosts: 2, Growth: -0.013}},
		Verdict:  watch.Found, Findings: []watch.Finding{{Finding: leak, Sure: true, Since: 6 * sec}},
		Plan: []string{"kill-clients 41: CLIENT KILL ID 24 ADDR 10.0.0.11:56410 … 40 more", "set-timeout: CONFIG SET timeout 300", "for good: deploy api with a bounded pool"},
		Next: []string{"spillway remedy redis://10.0.0.5:6379", "spillway remedy redis://10.0.0.5:6379 --apply"},
		Cost: watch.Cost{Look: 412 * outage.Duration(time.Microsecond), Every: sec, Share: 0.00041, By: "commandstats"},
	}
}

func TestWatch(t *testing.T) {
	for _, columns := range []int{80, 200} {
		golden(t, fmt.Sprintf("watch_%d.txt", columns), write(t, func(b *bytes.Buffer) error { return Watch(b, seen(), Options{Width: columns}) }))
	}
	lost := seen()
	lost.At += outage.Duration(4 * time.Second)
	lost.Time = lost.Time.Add(4 * time.Second)
	lost.Trouble = "trying for a slot: connect to redis://10.0.0.5:6379: ERR max number of clients reached"
	lost.Next = []string{"ss -xp"}
	lost.Notes = []watch.Note{{At: lost.At, Text: "connection lost: EOF"}}
	golden(t, "watch_lost.txt", write(t, func(b *bytes.Buffer) error { return Watch(b, lost, Options{Width: 80}) }))
	first := watch.View{Time: lost.Time, Target: lost.Target, Trouble: lost.Trouble, Next: lost.Next, Outside: []string{"from outside: 120 connections of 2 hosts", "  10.0.0.11 holds 98"}}
	golden(t, "watch_first.txt", write(t, func(b *bytes.Buffer) error { return Watch(b, first, Options{Width: 80}) }))
}

func TestWatchLine(t *testing.T) {
	want := "12:31:09  68 of 120 taken (56%), 52 free  full in 7s to 10s  connection-leak (sure 0.95): api"
	if got := WatchLine(seen()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// No line is wider than the terminal and no screen higher, whatever a client calls itself, and nothing of it reaches the terminal.
func TestWatchScreenFits(t *testing.T) {
	hostile := "api\x1b[2J\nfake\u202e漢字漢字" + strings.Repeat("x", 3000)
	v := seen()
	v.Trouble, v.Notes, v.Unsure = hostile, nil, []string{hostile}
	v.Plan, v.Outside = append(v.Plan, hostile), []string{hostile}
	for i := range 40 {
		v.Services = append(v.Services, watch.Service{Service: hostile + fmt.Sprint(i), Connections: i, Growth: 1e6})
		v.Notes = append(v.Notes, watch.Note{Text: hostile})
	}
	f := v.Findings[0]
	f.Summary = hostile
	f.Culprits = append(f.Culprits, outage.Culprit{Service: hostile, Name: hostile, Addr: hostile})
	for range 20 {
		v.Findings = append(v.Findings, f)
	}
	for _, color := range []bool{false, true} {
		for _, size := range [][2]int{{80, 24}, {200, 60}, {40, 10}, {20, 5}, {1, 1}, {60, 0}, {500, 300}} {
			lines := WatchScreen(v, Options{Width: size[0], Color: color}, size[1])
			if len(lines) > max(size[1], 1) {
				t.Errorf("%v: %d lines", size, len(lines))
			}
			for _, l := range lines {
				bare := ansi.ReplaceAllString(l, "")
				if columns(bare) > size[0] {
					t.Errorf("%v: %d columns: %.100s", size, columns(bare), bare)
				}
				if Clean(bare, 0) != bare {
					t.Errorf("%v: not clean: %.200q", size, bare)
				}
			}
		}
	}
	if line := WatchLine(v); Clean(line, 0) != line || strings.Contains(WatchNote(v, v.Notes[0]), "\x1b") {
		t.Error("a line of the log is not clean")
	}
}

// What matters is on the smallest usual terminal, however much else there is.
func TestWatchScreenKeepsWhatMatters(t *testing.T) {
	v := seen()
	for i := range 50 {
		v.Services = append(v.Services, watch.Service{Service: fmt.Sprintf("svc%d", i), Connections: 1})
		v.Notes = append(v.Notes, watch.Note{Text: "something"})
	}
	lines := WatchScreen(v, Options{Width: 80}, 24)
	text := strings.Join(lines, "\n")
	for _, want := range []string{"68 of 120", "in 7s to 10s", "api  ", "1. connection-leak", "spillway remedy redis://10.0.0.5:6379 --apply", "of its time"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not among what is shown:\n%s", want, text)
		}
	}
}

func TestWatchJSON(t *testing.T) {
	out := write(t, func(b *bytes.Buffer) error { return WatchJSON(b, seen()) })
	if bytes.Count(out, []byte("\n")) != 1 {
		t.Errorf("more than a line: %s", out)
	}
	var got struct {
		Version  int
		Slots    map[string]int
		Forecast map[string]any
		Findings []map[string]any
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	if got.Version != 1 || got.Slots["free"] != 52 || got.Forecast["earliest"] != 7.8 || got.Findings[0]["cause"] != "connection-leak" || got.Findings[0]["sure"] != true {
		t.Errorf("%+v", got)
	}
}

func TestRoughly(t *testing.T) {
	for text, want := range map[string][2]string{
		"340ms": {"0.3s", "0.4s"}, "7.2s": {"7s", "8s"}, "99.5s": {"99s", "100s"}, "101s": {"1m40s", "1m50s"}, "17m10s": {"17m", "18m"}, "3h10m": {"3.1h", "3.2h"}, "100h": {"4d", "5d"},
	} {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]string{roughly(outage.Duration(d), false), roughly(outage.Duration(d), true)}; got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

func TestGrowthOf(t *testing.T) {
	for rate, want := range map[float64]string{0: "–", 4.14: "+4.1/s", 120.4: "+120/s", -2: "-2/s", 0.05: "+3/min", 0.001: "+3.6/h"} {
		if got := growthOf(rate); got != want {
			t.Errorf("%v: %s, want %s", rate, got, want)
		}
	}
}
