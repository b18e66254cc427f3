package outage_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"spillway/outage"
)

// FuzzReadHistory: a history that is read and written reads the same.
func FuzzReadHistory(f *testing.F) {
	for _, name := range []string{"leak", "published"} {
		files, err := filepath.Glob("../examples/histories/" + name + "/*.jsonl")
		if err != nil || len(files) == 0 {
			f.Fatal(files, err)
		}
		data, err := os.ReadFile(files[0])
		if err != nil {
			f.Fatal(err)
		}
		lines := bytes.SplitAfterN(data, []byte("\n"), 40)
		f.Add(bytes.Join(lines[:min(len(lines), 39)], nil)) // the whole is too long to fuzz
	}
	f.Add([]byte(`{"version":1}` + "\n" + `{"at":1e300}`))
	f.Add([]byte(`{"version":1,"started":"2026-01-01T00:00:00Z"}` + "\n" + `{"at":1,"note":{"text":"\ud800"}}` + "\n{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := outage.ReadHistory(bytes.NewReader(data))
		if err != nil {
			return
		}
		if len(h.Events) > bytes.Count(data, []byte("\n")) {
			t.Fatalf("%d events", len(h.Events))
		}
		var once, twice bytes.Buffer
		if err := h.Write(&once); err != nil {
			t.Fatal(err)
		}
		again, err := outage.ReadHistory(bytes.NewReader(once.Bytes()))
		if err != nil {
			t.Fatalf("%v in %s", err, once.Bytes())
		}
		if err := again.Write(&twice); err != nil || !bytes.Equal(once.Bytes(), twice.Bytes()) {
			t.Fatalf("%s was written again as %s, %v", once.Bytes(), twice.Bytes(), err)
		}
	})
}
