package scenarios

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spillway/outage"
)

func TestDefaults(t *testing.T) {
	c, err := Parse("test.yaml", []byte(`
version: 1
scenarios:
  - name: bare
    description: As little as possible.
    redis: {maxclients: 20}
    fleet: [{service: api, workload: leaky}, {service: web, workload: pooled, rollout: {surge: 1, pool: {}}}, {service: reports, workload: idle, connections: 3}]
    until: {refusals: 5}
    expect: {cause: connection-leak, cleared: {below: 80%}}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := Scenario{
		Name: "bare", Description: "As little as possible.", File: "test.yaml", Line: 4,
		Redis: Redis{Image: "redis:8", MaxClients: 20},
		Fleet: []Service{
			{Service: "api", Instances: 1, Workload: "leaky", Rate: 10, Pool: Pool{Size: 10}, ClientName: "api"},
			{
				Service: "web", Instances: 1, Workload: "pooled", Rate: 10, Pool: Pool{Size: 10}, ClientName: "web",
				Rollout: &Rollout{Surge: 1, Pool: Pool{Size: 10}, Every: outage.Duration(time.Second)},
			},
			{Service: "reports", Instances: 1, Workload: "idle", Connections: 3, ClientName: "reports"},
		},
		Until:     Until{Refusals: 5, Within: outage.Duration(30 * time.Second)},
		Responder: "spillway",
		Expect: Expect{
			Cause: "connection-leak", Refusals: new(true),
			Cleared: &Cleared{Below: Amount{Percent: 80}, Hold: outage.Duration(3 * time.Second)},
		},
	}
	if diff := cmp.Diff(want, c.Scenarios[0]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestMerge proves that anchors and merge keys mean what YAML says: what a mapping says itself wins, then what it
// merges first.
func TestMerge(t *testing.T) {
	c, err := Parse("test.yaml", []byte(`
version: 1
scenarios:
  - &base
    name: base
    description: The base.
    redis: &redis {maxclients: 20}
    fleet: [&api {service: api, workload: leaky, rate: 20}]
    until: {refusals: 5}
    expect: {cause: connection-leak}
  - name: merged
    <<: [{description: First., until: {refusals: 6}}, *base]
    redis: {<<: *redis, timeout: 5s}
    fleet: [*api, {<<: *api, service: web}]
`))
	if err != nil {
		t.Fatal(err)
	}
	got := c.Scenarios[1]
	api := Service{Service: "api", Instances: 1, Workload: "leaky", Rate: 20, Pool: Pool{Size: 10}, ClientName: "api"}
	web := api
	web.Service, web.ClientName = "web", "web"
	want := c.Scenarios[0]
	want.Name, want.Description, want.Line = "merged", "First.", 11
	want.Redis.Timeout = outage.Duration(5 * time.Second)
	want.Fleet = []Service{api, web}
	want.Until.Refusals = 6
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestAliasesMultiply holds a few lines that stand for millions of values against the limit.
func TestAliasesMultiply(t *testing.T) {
	var text strings.Builder
	list := func(anchor, first string, n int, alias string) {
		fmt.Fprintf(&text, "&%s [%s%s]\n", anchor, first, strings.Repeat(", *"+alias, n))
	}
	text.WriteString("version: 1\nscenarios:\n  - name: many\n    description: Many.\n    redis: {maxclients: 10}\n")
	text.WriteString("    until: {refusals: 5}\n    fleet: ")
	list("f", "&s {service: a, workload: leaky}", 300, "s")
	text.WriteString("    expect: {cause: connection-leak}\n")
	for i := range 300 {
		fmt.Fprintf(&text, "  - {name: s%d, description: Again., fleet: *f}\n", i)
	}
	start := time.Now()
	_, err := Parse("test.yaml", []byte(text.String()))
	if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "aliases inside aliases multiply") {
		t.Errorf("want it refused in one line, got %.300v", err)
	}
	if d := time.Since(start); d > time.Minute { // 0.2s on one slow core
		t.Errorf("took %s", d)
	}
}

func TestLoadNoFile(t *testing.T) {
	_, err := Load("testdata/none.yaml")
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "testdata/none.yaml") {
		t.Errorf("want no such file, with its name, got %v", err)
	}
}
