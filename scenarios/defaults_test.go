package scenarios

import "testing"

// A workload that has no use for a rate or a pool gets none: what a catalogue shows is what runs.
func TestDefaultsOfEveryWorkload(t *testing.T) {
	want := map[string]Service{
		"leaky":        {Rate: DefaultRate, Pool: Pool{Size: DefaultPoolSize}},
		"pooled":       {Rate: DefaultRate, Pool: Pool{Size: DefaultPoolSize}},
		"idle":         {},
		"subscriber":   {},
		"blocked":      {},
		"silent":       {},
		"reconnecting": {Rate: DefaultRate},
		"transaction":  {Rate: DefaultRate},
		"bursting":     {Rate: DefaultBursts},
	}
	for _, w := range Workloads() {
		svc := Service{Service: "api", Workload: w.Word}
		svc.applyDefaults()
		expected, ok := want[w.Word]
		if !ok || svc.Rate != expected.Rate || svc.Pool != expected.Pool || svc.Instances != 1 || svc.ClientName != "api" {
			t.Errorf("%s: %+v, want a rate of %v and a pool of %d", w.Word, svc, expected.Rate, expected.Pool.Size)
		}
	}
}
