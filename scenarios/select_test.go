package scenarios

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSelect(t *testing.T) {
	c := &Catalogue{Scenarios: []Scenario{{Name: "leak"}, {Name: "pool-rollout"}, {Name: "pool-exhausted"}}}
	for name, test := range map[string]struct {
		globs []string
		want  []string
		err   string // what the error must contain; none when empty
	}{
		"no glob is all":             {nil, []string{"leak", "pool-rollout", "pool-exhausted"}, ""},
		"a star":                     {[]string{"pool-*"}, []string{"pool-rollout", "pool-exhausted"}, ""},
		"catalogue order, each once": {[]string{"pool-exhausted", "*"}, []string{"leak", "pool-rollout", "pool-exhausted"}, ""},
		"nearest name":               {[]string{"leek"}, nil, `no scenario matches "leek" (did you mean leak?)`},
		"nearest name of a glob":     {[]string{"pol-rollout*"}, nil, "did you mean pool-rollout?"},
		"nothing like it":            {[]string{"xyz"}, nil, "known: leak, pool-rollout, pool-exhausted"},
		"one of two matches":         {[]string{"leak", "nope-nope"}, nil, `no scenario matches "nope-nope"`},
		"both are reported":          {[]string{"laek", "xyz"}, nil, "did you mean leak?)\nno scenario matches \"xyz\""},
		"empty":                      {[]string{""}, nil, `no scenario matches ""`},
		"bad pattern":                {[]string{"[a"}, nil, "syntax error in pattern"},
	} {
		t.Run(name, func(t *testing.T) {
			selected, err := c.Select(test.globs...)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Fatalf("want an error with %q, got %v", test.err, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range selected {
				got = append(got, s.Name)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
