package scenarios

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

var update = flag.Bool("update", false, "rewrite the golden files and scenarios.schema.json")

const (
	schemaFile    = "../scenarios.schema.json"
	catalogueFile = "../scenarios.yaml"
)

func TestSchemaFile(t *testing.T) {
	want, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(schemaFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what the Go types say: run `go generate ./scenarios`", schemaFile)
	}
}

func TestSchemaAcceptsTheCatalogue(t *testing.T) {
	data, err := os.ReadFile(catalogueFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := validateAgainstSchema(t, data); err != nil {
		t.Error(err)
	}
}

func TestSchemaRefuses(t *testing.T) {
	for name, change := range map[string][2]string{
		"unknown key":          {"instances: 2", "instanses: 2"},
		"unknown workload":     {"workload: leaky", "workload: leeky"},
		"unknown cause":        {"cause: connection-leak", "cause: connection-leek"},
		"number as a duration": {"within: 20s", "within: 20"},
		"text as a number":     {"maxclients: 120", "maxclients: many"},
		"out of range":         {"maxclients: 120", "maxclients: 0"},
		"missing required":     {"maxclients: 120", "image: redis:8"},
		"advice as an action":  {"actions: [kill-clients, set-timeout]", "actions: [advise]"},
		"version":              {"version: 1", "version: 2"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := validateAgainstSchema(t, changed(t, change[0], change[1])); err == nil {
				t.Errorf("schema accepts %s instead of %s", change[1], change[0])
			}
		})
	}
}

// changed returns the catalogue of the repository with the first old replaced.
func changed(t *testing.T, old, new string) []byte {
	t.Helper()
	data, err := os.ReadFile(catalogueFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(data, []byte(old)) {
		t.Fatalf("%s has no %q", catalogueFile, old)
	}
	return bytes.Replace(data, []byte(old), []byte(new), 1)
}

func validateAgainstSchema(t *testing.T, data []byte) error {
	t.Helper()
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("scenarios.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("scenarios.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(instance(t, data))
}

// instance turns YAML into what the validator takes: the types of encoding/json.
func instance(t *testing.T, data []byte) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return out
}
