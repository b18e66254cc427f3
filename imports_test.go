package spillway_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// allowed is the import table: which packages of ours, and which modules of others, each package may import.
// The files are parsed here, since a cached run of `go list` would miss changes.
var allowed = map[string]struct{ ours, others []string }{
	".":        {},
	"outage":   {},
	"diagnose": {ours: []string{"outage"}},
	"remedy":   {ours: []string{"outage"}},
	"observe":  {ours: []string{"outage"}, others: []string{"golang.org/x/sys", "github.com/vishvananda"}},
	"topology": {ours: []string{"outage", "observe"}, others: []string{"github.com/agext/levenshtein"}},
	"scenarios": {ours: []string{"outage"}, others: []string{
		"go.yaml.in/yaml", "github.com/invopop/jsonschema", "github.com/agext/levenshtein"}},
	"replay": {ours: []string{"outage", "scenarios", "diagnose"}, others: []string{"go.yaml.in/yaml"}},
	"fleet":  {ours: []string{"outage", "scenarios"}, others: []string{"github.com/redis/go-redis", "golang.org/x/sync", "golang.org/x/sys"}},
	"assert": {ours: []string{"outage", "scenarios"}},
	"trials": {ours: []string{"outage", "scenarios", "harness", "assert", "observe", "diagnose"}, others: []string{"golang.org/x/sync", "go.yaml.in/yaml"}},
	"watch":  {ours: []string{"outage", "diagnose", "remedy"}},
	"report": {ours: []string{"outage", "assert", "scenarios", "trials", "watch"}, others: []string{"golang.org/x/term"}},
	"images": {others: []string{"github.com/moby/moby", "github.com/distribution/reference", "github.com/containerd/errdefs", "golang.org/x/sync", "golang.org/x/sys"}},
	"rig": {ours: []string{"outage", "scenarios", "observe", "images"}, others: []string{
		"github.com/testcontainers/testcontainers-go", "github.com/moby/moby", "github.com/containerd/errdefs",
		"github.com/hashicorp/yamux", "github.com/gofrs/flock", "golang.org/x/sync", "golang.org/x/sys"}},
	"harness": {ours: []string{"outage", "scenarios", "diagnose", "remedy", "observe", "fleet", "rig"}, others: []string{"golang.org/x/sync"}},
	"profile": {},
	"quality": {others: []string{"golang.org/x/sync"}},
	"cmd/spillway": {ours: []string{".", "outage", "scenarios", "diagnose", "remedy", "observe", "topology", "fleet", "harness", "rig", "assert", "report", "trials", "profile", "watch", "replay"},
		others: []string{"charm.land/bubbletea/v2", "github.com/spf13", "github.com/agext/levenshtein", "golang.org/x/sync", "golang.org/x/term", "go.yaml.in/yaml"}},
}

func TestImports(t *testing.T) {
	seen := map[string]bool{}
	for _, file := range sources(t) {
		pkg := path.Dir(file)
		seen[pkg] = true
		rule, ok := allowed[pkg]
		if !ok {
			t.Errorf("%s: package %s is not in the import table; give it a line there, in the README and in the tree", file, pkg)
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range parsed.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			if !permitted(imported, rule.ours, rule.others) {
				t.Errorf("%s imports %s, which the import table does not allow", file, imported)
			}
		}
	}
	for pkg := range allowed {
		if !seen[pkg] {
			t.Errorf("the import table names package %s, which has no files", pkg)
		}
	}
}

// sources lists the Go files that are not tests.
func sources(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || name != "." && strings.HasPrefix(d.Name(), ".")):
			return filepath.SkipDir
		case strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go"):
			files = append(files, filepath.ToSlash(name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("no Go files found")
	}
	return files
}

func permitted(imported string, ours, others []string) bool {
	if imported == "spillway" {
		return slices.Contains(ours, ".")
	}
	if own, ok := strings.CutPrefix(imported, "spillway/"); ok {
		return slices.Contains(ours, own)
	}
	first, _, _ := strings.Cut(imported, "/")
	if !strings.Contains(first, ".") {
		return true // the standard library
	}
	return slices.ContainsFunc(others, func(o string) bool { return imported == o || strings.HasPrefix(imported, o+"/") })
}
