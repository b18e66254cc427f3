package trials

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// save writes a score where Play does.
func save(t *testing.T, out, folder string, score any) {
	t.Helper()
	dir := filepath.Join(out, folder)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := writeJSON(filepath.Join(dir, scoreFile), score); err != nil {
		t.Fatal(err)
	}
}

func ofTrial(seed int64, id, kind, responder string) Score {
	s := score(kind, "connection-leak", "connection-leak", 0.95)
	s.Seed, s.Trial, s.Responder, s.Healthy = seed, id, responder, strings.HasPrefix(id, "h")
	return s
}

// TestKept reads back two campaigns as they were scored; a trial whose rig broke does not know who was to answer.
func TestKept(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	want := []Score{
		ofTrial(39, "2", "connection-leak", "spillway"), ofTrial(39, "11", "not-at-limit", ""),
		ofTrial(39, "h1", "healthy-busy", "spillway"), ofTrial(40, "2", "connection-leak", "spillway"),
	}
	save(t, a, "002", want[0])
	save(t, a, "011", want[1])
	save(t, a, "h001", want[2])
	save(t, b, "002", want[3])
	got, err := Kept(a, b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-kept +read)\n%s", diff)
	}
	tally := Count(got)
	if !slices.Equal(tally.Seeds, []int64{39, 40}) || tally.Responder != "spillway" || tally.Trials != 4 {
		t.Errorf("%d trials of seeds %v, responder %q", tally.Trials, tally.Seeds, tally.Responder)
	}
}

func TestKeptRefuses(t *testing.T) {
	const busy = "healthy-busy"
	for name, c := range map[string]struct {
		scores map[string]any
		want   string
	}{
		"nothing":               {nil, "no score.json in the folders of OUT"},
		"a trial twice":         {map[string]any{"002": ofTrial(1, "2", "connection-leak", ""), "2": ofTrial(1, "2", "connection-leak", "")}, "trial 2 of seed 1 is both in OUT/002/score.json and in OUT/2/score.json"},
		"two responders":        {map[string]any{"001": ofTrial(1, "1", "connection-leak", "none"), "002": ofTrial(1, "2", "connection-leak", "spillway")}, "OUT/001/score.json was answered by none, and OUT/002/score.json by spillway"},
		"an unknown kind":       {map[string]any{"001": ofTrial(1, "1", "a-leak", "")}, `OUT/001/score.json: no score of a trial: trial 1 of kind "a-leak"`},
		"a healthy leak":        {map[string]any{"h001": ofTrial(1, "h1", "connection-leak", "")}, "no score of a trial: trial h1"},
		"a healthy one at 1":    {map[string]any{"001": ofTrial(1, "1", busy, "")}, "no score of a trial: trial 1"},
		"no number":             {map[string]any{"001": ofTrial(1, "one", "connection-leak", "")}, `OUT/001/score.json: no score of a trial: "one" is no trial`},
		"another JSON":          {map[string]any{"001": map[string]int{"spillway": 1}}, "no score of a trial"},
		"another type":          {map[string]any{"001": []int{1}}, "no score of a trial: json: cannot unmarshal array"},
		"one of many is broken": {map[string]any{"001": ofTrial(1, "1", "connection-leak", ""), "002": 7}, "OUT/002/score.json: no score of a trial"},
	} {
		out := filepath.Join(t.TempDir(), "out")
		for folder, score := range c.scores {
			save(t, out, folder, score)
		}
		scores, err := Kept(out)
		if err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), out, "OUT"), c.want) || scores != nil {
			t.Errorf("%s: %d scores, %v; want %s", name, len(scores), err, c.want)
		}
	}
}

// TestKeptUnreadable names the file once.
func TestKeptUnreadable(t *testing.T) {
	out := t.TempDir()
	if err := os.MkdirAll(filepath.Join(out, "001", scoreFile), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := Kept(out)
	if err == nil || strings.Count(err.Error(), scoreFile) != 1 {
		t.Errorf("%v: want the file named once", err)
	}
}
