package scenarios

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMistakes holds bad catalogues against what must be said of them.
func TestMistakes(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no bad catalogues: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			_, err := Load(file)
			var mistakes Mistakes
			if !errors.As(err, &mistakes) {
				t.Fatalf("want mistakes, got %v", err)
			}
			got := strings.ReplaceAll(err.Error(), "testdata/", "") + "\n"
			golden := strings.TrimSuffix(file, ".yaml") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("mistakes of %s (-want +got):\n%s", file, diff)
			}
			byLine := func(a, b Mistake) int { return a.Line - b.Line }
			if !slices.IsSortedFunc(mistakes, byLine) {
				t.Errorf("not in the order of lines: %v", mistakes)
			}
		})
	}
}
