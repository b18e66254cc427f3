package remedy_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"spillway/remedy"
)

// A journal says which of many servers it is of, whatever cut it.
func TestJournalNode(t *testing.T) {
	p, f := everything()
	var of, single bytes.Buffer
	apply(t, remedy.Applier{Redis: f, Journal: &of, Node: "10.0.0.5:6379"}, p)
	apply(t, remedy.Applier{Redis: f, Journal: &single}, p)
	if strings.Contains(single.String(), `"node"`) {
		t.Errorf("a single Redis is no node: %s", single.String())
	}
	undo(t, f, of.Bytes())
	head, _, _ := strings.Cut(of.String(), "\n")
	for name, test := range map[string]struct{ journal, want string }{
		"whole":               {of.String(), "10.0.0.5:6379"},
		"the header alone":    {head + "\n", "10.0.0.5:6379"},
		"cut in the second":   {head + "\n{\"sta", "10.0.0.5:6379"},
		"cut in the header":   {head[:40], ""},
		"cut at its very end": {head, ""},
		"nothing":             {"", ""},
		"of a single Redis":   {single.String(), ""},
	} {
		j, err := remedy.ReadJournal(strings.NewReader(test.journal))
		if j.Node != test.want || err != nil {
			t.Errorf("%s: %q, %v; want %q", name, j.Node, err, test.want)
		}
	}
	for name, text := range map[string]string{
		"another file":      "maxclients 100\n",
		"a later version":   strings.Replace(head, `"version":1`, `"version":99`, 1) + "\n",
		"a node of numbers": strings.Replace(head, `"10.0.0.5:6379"`, `7`, 1) + "\n",
	} {
		if j, err := remedy.ReadJournal(strings.NewReader(text)); err == nil {
			t.Errorf("%s: %q", name, j.Node)
		}
	}
	if _, err := remedy.ReadJournal(io.MultiReader(strings.NewReader(head), badDisk{})); err == nil {
		t.Error("a journal that cannot be read has a node")
	}
}
