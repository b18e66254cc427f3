package scenarios

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strings"

	"github.com/invopop/jsonschema"

	"spillway/outage"
)

//go:generate go test . -run TestSchemaFile -update

// source has the comments that the schema shows in an editor.
//
//go:embed scenario.go
var source string

// Schema returns a JSON Schema of a catalogue, made from the types of this package and their comments. It knows the
// shape, the words and the ranges; names and combinations only Parse can judge.
func Schema() ([]byte, error) {
	comments, err := commentsOf(source)
	if err != nil {
		return nil, fmt.Errorf("schema comments: %w", err)
	}
	r := jsonschema.Reflector{
		Anonymous:                  true,
		ExpandedStruct:             true,
		RequiredFromJSONSchemaTags: true,
		FieldNameTag:               "yaml",
		Mapper:                     special,
		LookupComment:              func(t reflect.Type, field string) string { return comments[t.Name()+"."+field] },
	}
	schema := r.Reflect(Catalogue{})
	schema.Title = "Spillway catalogue"
	properties := schema.Definitions["Service"].Properties
	if workload, ok := properties.Get("workload"); ok {
		workload.Enum = anys(described(Workloads()))
	}
	if responder, ok := schema.Definitions["Scenario"].Properties.Get("responder"); ok {
		responder.Pattern = `^(spillway|none|human|exec:.+)$`
	}
	out, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write schema: %w", err)
	}
	return append(out, '\n'), nil
}

// special describes the types that YAML shows otherwise than Go has them.
func special(t reflect.Type) *jsonschema.Schema {
	switch t {
	case reflect.TypeFor[outage.Duration]():
		return &jsonschema.Schema{
			AnyOf: []*jsonschema.Schema{
				{Type: "string", Pattern: `^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`},
				{Type: "integer", Enum: []any{0}},
			},
			Examples: []any{"250ms", "30s", "10m"},
		}
	case reflect.TypeFor[Amount]():
		return &jsonschema.Schema{
			AnyOf: []*jsonschema.Schema{
				{Type: "integer", Minimum: "1"},
				{Type: "string", Pattern: `^([0-9]+|[0-9]+(\.[0-9]+)?%)$`},
			},
			Examples: []any{150, "80%"},
		}
	case reflect.TypeFor[map[string]string]():
		text := &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "string"}, {Type: "number"}, {Type: "boolean"}}}
		return &jsonschema.Schema{Type: "object", AdditionalProperties: text}
	case reflect.TypeFor[outage.Cause]():
		return &jsonschema.Schema{Type: "string", Enum: anys(causes())}
	case reflect.TypeFor[outage.ActionKind]():
		return &jsonschema.Schema{Type: "string", Enum: anys(deeds())}
	case reflect.TypeFor[outage.Outcome]():
		return &jsonschema.Schema{Type: "string", Enum: anys(sufferings())}
	}
	return nil
}

func anys(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

// commentsOf returns the comments of the types and fields of a Go file, by "Type." and "Type.Field".
func commentsOf(source string) (map[string]string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), "scenario.go", source, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	comments := map[string]string{}
	for _, decl := range file.Decls {
		types, ok := decl.(*ast.GenDecl)
		if !ok || types.Tok != token.TYPE {
			continue
		}
		for _, spec := range types.Specs {
			named := spec.(*ast.TypeSpec)
			comments[named.Name.Name+"."] = plain(types.Doc)
			fields, ok := named.Type.(*ast.StructType)
			if !ok {
				continue
			}
			for _, f := range fields.Fields.List {
				for _, name := range f.Names {
					comments[named.Name.Name+"."+name.Name] = strings.TrimSpace(plain(f.Doc) + " " + plain(f.Comment))
				}
			}
		}
	}
	return comments, nil
}

func plain(c *ast.CommentGroup) string { return strings.Join(strings.Fields(c.Text()), " ") }
