package observe

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const startLine = "1:C 24 Nov 2026 06:00:00.000 # oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo"

func numbered(name string, n int) (lines []string) {
	for i := range n {
		lines = append(lines, fmt.Sprintf("%s %d", name, i))
	}
	return lines
}

func TestReadLog(t *testing.T) {
	old, fresh, long := numbered("old", 500), numbered("new", 1000), strings.Repeat("x", 200<<10)
	for name, test := range map[string]struct{ in, want []string }{
		"short":        {[]string{"a", "", "b\r"}, []string{"a", "b"}},
		"no start":     {old, old[300:]},
		"one start":    {append(append(old[:len(old):len(old)], startLine), fresh...), append(append([]string{startLine}, fresh[:logHead-1]...), fresh[800:]...)},
		"short start":  {append([]string{"older", startLine}, fresh[:100]...), append([]string{startLine}, fresh[:100]...)},
		"a long line":  {[]string{"a", long, "b"}, []string{"a", long[:logLine], "b"}},
		"exactly full": {old[:logLast], old[:logLast]},
	} {
		got, err := ReadLog(strings.NewReader(strings.Join(test.in, "\n")))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

func TestReadTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte("first\nsecond\nthird\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for n, want := range map[int64]string{100: "first\nsecond\nthird\n", 19: "first\nsecond\nthird\n", 9: "third\n"} {
		if got, err := readTail(path, n); got != want || err != nil {
			t.Errorf("%d bytes: %q, %v; want %q", n, got, err, want)
		}
	}
}
