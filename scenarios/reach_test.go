package scenarios

import (
	"testing"
	"time"

	"spillway/outage"
)

func TestServiceConnections(t *testing.T) {
	for name, test := range map[string]struct {
		service        Service
		each, peak     int
		bounded        bool
		reachedAfter5s int
	}{
		"pooled":         {Service{Workload: "pooled", Instances: 3, Pool: Pool{Size: 10}}, 11, 33, true, 33},
		"idle":           {Service{Workload: "idle", Instances: 2, Connections: 7}, 8, 16, true, 16},
		"subscribers":    {Service{Workload: "subscriber", Instances: 2, Connections: 7}, 8, 16, true, 16},
		"blocked":        {Service{Workload: "blocked", Instances: 2, Connections: 7}, 8, 16, true, 16},
		"silent":         {Service{Workload: "silent", Instances: 2, Connections: 7}, 8, 16, true, 16},
		"replicas":       {Service{Workload: "replica", Instances: 2, Connections: 7}, 8, 16, true, 16},
		"reconnecting":   {Service{Workload: "reconnecting", Instances: 2, Rate: 10, Connections: 7}, 8, 16, true, 16},
		"slow reconnect": {Service{Workload: "reconnecting", Instances: 2, Rate: 2, Connections: 40}, 41, 82, true, 22},
		"bounded leak":   {Service{Workload: "leaky", Instances: 2, Rate: 10, Connections: 40}, 41, 82, true, 82},
		"slow leak":      {Service{Workload: "leaky", Instances: 2, Rate: 2, Connections: 40}, 41, 82, true, 22},
		"late leak":      {Service{Workload: "leaky", Instances: 1, Rate: 10, Start: outage.Duration(4 * time.Second)}, 1, 1, false, 11},
		"unbounded leak": {Service{Workload: "leaky", Instances: 2, Rate: 10}, 1, 2, false, 102},
		"rollout, one more at a time": {
			Service{Workload: "pooled", Instances: 6, Pool: Pool{Size: 4}, Rollout: &Rollout{Surge: 1, Pool: Pool{Size: 10}}},
			5, 6*11 + 5, true, 6*11 + 5,
		},
		"rollout, all at once": {
			Service{Workload: "pooled", Instances: 3, Pool: Pool{Size: 4}, Rollout: &Rollout{Surge: 3, Pool: Pool{Size: 2}}},
			5, 3*5 + 3*3, true, 3*5 + 3*3,
		},
		"rollout, all at once, and they drain": {
			Service{Workload: "pooled", Instances: 3, Pool: Pool{Size: 4}, Rollout: &Rollout{Surge: 3, Pool: Pool{Size: 2}, Drain: outage.Duration(time.Minute)}},
			5, 3*5 + 3*3, true, 3*5 + 3*3,
		},
		"rollout, and one drains": {
			Service{Workload: "pooled", Instances: 4, Pool: Pool{Size: 4}, Rollout: &Rollout{
				Surge: 1, Pool: Pool{Size: 4}, Every: outage.Duration(2 * time.Second), Drain: outage.Duration(time.Second),
			}},
			5, 6 * 5, true, 6 * 5,
		},
		"rollout, old ones first": {
			Service{Workload: "pooled", Instances: 3, Pool: Pool{Size: 4}, Rollout: &Rollout{Surge: 0, Pool: Pool{Size: 2}}},
			5, 15, true, 15,
		},
	} {
		t.Run(name, func(t *testing.T) {
			each, bounded := test.service.MaxConnections()
			if bounded != test.bounded || each != test.each {
				t.Errorf("an instance: want %d, %v, got %d, %v", test.each, test.bounded, each, bounded)
			}
			if peak, bounded := test.service.Peak(); bounded != test.bounded || peak != test.peak {
				t.Errorf("peak: want %d, %v, got %d, %v", test.peak, test.bounded, peak, bounded)
			}
			if n := test.service.reachedBy(5 * time.Second); n != test.reachedAfter5s {
				t.Errorf("after 5s: want %d, got %d", test.reachedAfter5s, n)
			}
		})
	}
}

func TestEffective(t *testing.T) {
	for _, test := range []struct{ maxclients, nofile, want int }{
		{500, 0, 500},
		{500, 532, 500},
		{500, 531, 499},
		{500, 160, 128},
		{10000, 1024, 992},
	} {
		if got := (Redis{MaxClients: test.maxclients, Nofile: test.nofile}).Effective(); got != test.want {
			t.Errorf("maxclients %d, nofile %d: want %d, got %d", test.maxclients, test.nofile, test.want, got)
		}
	}
}

func TestScenarioConnections(t *testing.T) {
	s := Scenario{
		Fleet: []Service{
			{Service: "worker", Workload: "pooled", Instances: 4, Pool: Pool{Size: 10}},
			{Service: "web", Workload: "pooled", Instances: 2, Pool: Pool{Size: 5}},
			{Service: "late", Workload: "pooled", Instances: 1, Pool: Pool{Size: 5}, Start: 1},
		},
		Faults: []Fault{{Cut: "worker", Replace: true}},
		Expect: Expect{Spare: []string{"web", "late"}},
	}
	want := 2*44 + 12 + 6 + 2*FreshCanaries + AdminConnections
	if n, bounded := s.MaxConnections(); n != want || !bounded {
		t.Errorf("want %d, bounded, got %d, %v", want, n, bounded)
	}
	s.Faults[0].Replace = false
	if n, _ := s.MaxConnections(); n != want-44 {
		t.Errorf("without replacement: want %d, got %d", want-44, n)
	}
	if steady := s.Steady(); len(steady) != 1 || steady[0].Service != "web" {
		t.Errorf("steady: want web, got %v", steady)
	}
	s.Fleet[1].Workload = "leaky"
	if _, bounded := s.MaxConnections(); bounded {
		t.Error("a leak without connections has a bound")
	}
}

func TestLongest(t *testing.T) {
	second := outage.Duration(time.Second)
	for name, test := range map[string]struct {
		s    Scenario
		want time.Duration
	}{
		"calm":     {Scenario{Until: Until{Duration: 8 * second}}, Margins + 8*time.Second},
		"recovers": {Scenario{Until: Until{Refusals: 1, Within: 20 * second}, Expect: Expect{Mitigate: 5 * second, Recover: 9 * second, Cleared: &Cleared{Hold: 3 * second}}}, Margins + 32*time.Second},
		"no limit": {Scenario{Until: Until{Refusals: 1, Within: 20 * second}, Expect: Expect{Cleared: &Cleared{Hold: 3 * second}}}, Margins + 23*time.Second + Patience},
	} {
		if got := test.s.Longest(); got != test.want {
			t.Errorf("%s: want %s, got %s", name, test.want, got)
		}
	}
}
