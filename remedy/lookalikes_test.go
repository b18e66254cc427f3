package remedy_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spillway/outage"
	"spillway/remedy"
)

// starved is a server that runs out of files at 60 of its 100 clients.
func starved(soft, hard int64) (outage.Diagnosis, outage.Snapshot) {
	d, s := small(outage.FDExhausted, outage.Finding{})
	s.Info["process_id"] = "4711"
	if soft > 0 {
		s.Process = &outage.Process{NofileSoft: soft, NofileHard: hard, OpenFDs: len(s.Clients) + 12}
	}
	return d, s
}

func TestPlanForFDExhausted(t *testing.T) {
	for name, c := range map[string]struct {
		soft, hard int64
		o          remedy.Options
		want       []string
		command    string // of the first action
	}{
		"up to the hard limit":          {64, 4096, remedy.Options{CanRaiseNofile: true}, []string{"raise-nofile nofile 64>132", "advise"}, "prlimit --pid 4711 --nofile=132:"},
		"as far as the hard limit":      {64, 100, remedy.Options{CanRaiseNofile: true}, []string{"raise-nofile nofile 64>100", "advise"}, "prlimit --pid 4711 --nofile=100:"},
		"the hard limit is used up":     {64, 64, remedy.Options{CanRaiseNofile: true}, []string{"raise-nofile nofile 64>132", "advise"}, "prlimit --pid 4711 --nofile=132:132"},
		"nobody here can":               {64, 4096, remedy.Options{CanRestart: true}, []string{"advise", "advise"}, "prlimit --pid 4711 --nofile=132:"},
		"nobody here can, nor knows it": {0, 0, remedy.Options{}, []string{"advise", "advise"}, "prlimit --pid 4711 --nofile=132:132"},
	} {
		t.Run(name, func(t *testing.T) {
			d, s := starved(c.soft, c.hard)
			p := remedy.Plan(d, s, c.o)
			if diff := cmp.Diff(c.want, steps(p)); diff != "" {
				t.Errorf("actions (-want +got):\n%s", diff)
			}
			if got := p.Actions[0].Commands[0]; got != c.command {
				t.Errorf("got %q, want %q", got, c.command)
			}
			if len(remedy.Commands(p)) > 0 {
				t.Errorf("Redis itself can be told nothing that helps: %q", remedy.Commands(p))
			}
		})
	}
}

// What Redis cannot be told is only said, and said rightly.
func TestPlanForWallsOutsideRedis(t *testing.T) {
	for name, c := range map[string]struct {
		cause  outage.Cause
		change func(*outage.Snapshot)
		want   []string
		says   []string
	}{
		"a short queue": {outage.BacklogOverflow, func(s *outage.Snapshot) {
			s.Config["tcp-backlog"], s.Listen = "8", &outage.Listen{Backlog: 4096}
		}, []string{"advise", "advise"}, []string{"holds 8", "tcp-backlog 511", "somaxconn=511", "spread the dials of export"}},
		"a kernel that allows less": {outage.BacklogOverflow, func(s *outage.Snapshot) {
			s.Config["tcp-backlog"], s.Listen = "511", &outage.Listen{Backlog: 128}
		}, []string{"advise", "advise"}, []string{"holds 128", "somaxconn=512"}},
		"no ports": {outage.PortExhaustion, func(*outage.Snapshot) {}, []string{"advise"}, []string{"nothing is wrong with Redis", "on 10.0.0.9 let export reuse", "ip_local_port_range"}},
	} {
		t.Run(name, func(t *testing.T) {
			d, s := small(c.cause, outage.Finding{Culprits: []outage.Culprit{{Service: "export", Addr: "10.0.0.9", Connections: 40}}})
			c.change(&s)
			p := remedy.Plan(d, s, remedy.Options{CanRaiseNofile: true, CanRestart: true})
			if diff := cmp.Diff(c.want, steps(p)); diff != "" {
				t.Errorf("actions (-want +got):\n%s", diff)
			}
			var printed bytes.Buffer
			if err := remedy.Print(&printed, p); err != nil {
				t.Fatal(err)
			}
			for _, want := range c.says {
				if !strings.Contains(printed.String(), want) {
					t.Errorf("no %q in\n%s", want, printed.String())
				}
			}
			if p.Fix == "" || len(p.ConfLines) > 0 {
				t.Errorf("fix %q, redis.conf %q", p.Fix, p.ConfLines)
			}
		})
	}
}
