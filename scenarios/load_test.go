package scenarios

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spillway/outage"
)

func catalogue(t testing.TB) *Catalogue {
	t.Helper()
	c, err := Load(catalogueFile)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestCatalogue holds scenarios.yaml against what the project promises of it.
func TestCatalogue(t *testing.T) {
	c := catalogue(t)
	var causes []outage.Cause
	for _, s := range c.Scenarios {
		causes = append(causes, s.Expect.Cause)
		if len(s.Steady()) == 0 && s.Expect.Suffer != outage.Denied { // protected mode serves nobody
			t.Errorf("%s: no healthy service, so no steady state to check", s.Name)
		}
		if worst, bounded := s.MaxConnections(); !s.ExpectsRefusals() && (!bounded || worst > s.Redis.Effective()) {
			t.Errorf("%s: nobody is to be refused, and %d connections are possible of %d", s.Name, worst, s.Redis.Effective())
		}
		if s.Name != "incident-replay" && (s.LoadLimit() > 20*time.Second || s.Redis.Effective() > 300 && s.ExpectsRefusals()) {
			t.Errorf("%s is large: load up to %s, %d slots", s.Name, s.LoadLimit(), s.Redis.Effective())
		}
		if s.Line == 0 || s.File != catalogueFile {
			t.Errorf("%s: stands at %s:%d", s.Name, s.File, s.Line)
		}
	}
	if !slices.Contains(causes, Nothing) {
		t.Error("no scenario expects nothing")
	}
	for _, cause := range outage.Causes() {
		if !slices.Contains(causes, cause.Word) {
			t.Errorf("no scenario expects %s", cause.Word)
		}
	}
}

// TestRolloutIsTight proves the claim of pool-rollout: one connection more in each pool does not fit.
func TestRolloutIsTight(t *testing.T) {
	selected, err := catalogue(t).Select("pool-rollout")
	if err != nil {
		t.Fatal(err)
	}
	s := selected[0]
	fits, _ := s.MaxConnections()
	if spare := s.Redis.Effective() - fits; spare < 2 || spare > 4 {
		t.Errorf("%d to spare, want about 3", spare)
	}
	i := slices.IndexFunc(s.Fleet, func(svc Service) bool { return svc.Rollout != nil })
	s.Fleet[i].Rollout.Pool.Size++
	if tooMany, _ := s.MaxConnections(); tooMany <= s.Redis.Effective() {
		t.Errorf("a pool one larger fits as well: %d of %d", tooMany, s.Redis.Effective())
	}
	peak := s.Expect.Peak.AtMost.Of(s.Redis.Effective())
	if most, _ := s.Fleet[i].Peak(); most <= peak {
		t.Errorf("a pool one larger stays within the expected peak: %d of %d", most, peak)
	}
}

func TestJSONRoundTrip(t *testing.T) {
	everything, err := Load("testdata/good/everything.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range append(catalogue(t).Scenarios, everything.Scenarios...) {
		data, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var back Scenario
		if err := json.Unmarshal(data, &back); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s, back); diff != "" {
			t.Errorf("%s (-written +read):\n%s", s.Name, diff)
		}
	}
}
