package scenarios

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
)

// FuzzParse holds any input against this: it is refused with a line for each mistake, or it is a catalogue that, written
// out again, reads the same.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range append(files, catalogueFile, "testdata/good/everything.yaml") {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("fuzz.yaml", data)
		if err != nil {
			var mistakes Mistakes
			if !errors.As(err, &mistakes) || len(mistakes) == 0 {
				t.Fatalf("no mistakes: %v", err)
			}
			for _, m := range mistakes {
				if m.Line < 1 || m.Text == "" {
					t.Fatalf("a mistake without line or text: %+v", m)
				}
			}
			return
		}
		out, err := yaml.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse("fuzz.yaml", out)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		for i := range c.Scenarios {
			again.Scenarios[i].Line = c.Scenarios[i].Line
		}
		if diff := cmp.Diff(c, again); diff != "" {
			t.Fatalf("(-read +read again):\n%s", diff)
		}
	})
}
