package spillway_test

import (
	"os"
	"strings"
	"testing"

	"spillway/outage"
)

// TestEveryCauseIsDocumented finds each cause that a diagnosis may name in docs/causes.md and in the README.
func TestEveryCauseIsDocumented(t *testing.T) {
	for _, file := range []struct{ path, form string }{{"docs/causes.md", "\n## %\n"}, {"README.md", "`%`"}} {
		text, err := os.ReadFile(file.path)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range outage.Causes() {
			if want := strings.ReplaceAll(file.form, "%", string(c.Word)); !strings.Contains(string(text), want) {
				t.Errorf("%s does not explain %s: no %q", file.path, c.Word, want)
			}
		}
	}
}
