package scenarios

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v4"
)

// maxNodes bounds a catalogue after its aliases are followed, which a few lines can make multiply without end. It is
// enough for thousands of scenarios.
const maxNodes = 100_000

// document parses data as one YAML document. ok is false when there is nothing to decode.
func (l *ledger) document(data []byte) (root *yaml.Node, ok bool) {
	loader, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil {
		l.add("", "", "%v", err)
		return nil, false
	}
	var doc, next yaml.Node
	switch err := loader.Load(&doc); {
	case errors.Is(err, io.EOF) || err == nil && len(doc.Content) == 0:
		l.add("", "a catalogue begins with `version: 1` and has a list of `scenarios`", "empty catalogue")
		return nil, false
	case err != nil:
		l.syntax(err, data)
		return nil, false
	}
	switch err := loader.Load(&next); {
	case err == nil:
		l.addAt("", position{next.Line, next.Column}, "keep one", "a second YAML document: a catalogue is one")
		return nil, false
	case !errors.Is(err, io.EOF):
		l.syntax(err, data)
		return nil, false
	}
	return doc.Content[0], true
}

func (l *ledger) syntax(err error, data []byte) {
	at := position{1, 1}
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if load, ok := errors.AsType[*yaml.LoadError](err); ok {
		text = load.Message
		if load.ContextMsg != "" {
			text = load.ContextMsg + ": " + text
		}
		// What is missing at the end is reported after the last line, which no editor can show.
		last := 1 + bytes.Count(bytes.TrimRight(data, "\n"), []byte("\n"))
		at = position{min(max(1, load.Mark.Line), last), load.Mark.Column}
	}
	l.addAt("", at, "", "not YAML: %s", text)
}

// decoder turns YAML nodes into the types of this package. The library's own decoding stops at the first unknown
// key, takes numbers for text, and forgets where a value stood.
type decoder struct {
	*ledger
	budget int
}

// decode reads n into out, a pointer to a struct, and notes every mistake on the way.
func (d *decoder) decode(p place, n *yaml.Node, out any) {
	d.value(p, n, reflect.ValueOf(out).Elem(), rules{})
}

func (d *decoder) value(p place, n *yaml.Node, v reflect.Value, r rules) {
	at := position{n.Line, n.Column}
	if n = d.follow(p, n); n == nil {
		return
	}
	if !d.given(p) { // the line of the key says more than that of its value
		d.nodes[p] = at
	}
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		d.add(p, "", "%s has no value", p.orCatalogue())
		return
	}
	optional := v.Kind() == reflect.Pointer
	if optional {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	if d.fill(p, n, v) {
		d.obey(p, v, r)
	}
	// An empty list says the same as none, and must after JSON too; where it does not, the field is a pointer.
	if k := v.Kind(); !optional && (k == reflect.Slice || k == reflect.Map) && v.Len() == 0 {
		v.SetZero()
	}
}

func (p place) orCatalogue() string {
	if p == "" {
		return "the catalogue"
	}
	return p.String()
}

// follow returns what an alias stands for; nil when the catalogue is too large.
func (d *decoder) follow(p place, n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch d.budget--; {
	case d.budget == 0:
		d.flaws = nil // what is said of half a catalogue would be wrong
		d.add(p, "aliases inside aliases multiply", "more than %d values", maxNodes)
		d.closed = true
		return nil
	case d.budget < 0:
		return nil
	}
	return n
}

// fill sets v from n; false when they do not fit, which it notes.
func (d *decoder) fill(p place, n *yaml.Node, v reflect.Value) bool {
	if text, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return d.text(p, n, text)
	}
	switch v.Kind() {
	case reflect.Struct:
		return d.mapping(p, n, v)
	case reflect.Slice:
		return d.list(p, n, v)
	case reflect.Map:
		return d.directives(p, n, v)
	default:
		return d.scalar(p, n, v)
	}
}

func (d *decoder) wrong(p place, want string, n *yaml.Node) bool {
	d.add(p, "", "%s: want %s, got %s", p.orCatalogue(), want, shape(n))
	return false
}

func (d *decoder) text(p place, n *yaml.Node, v encoding.TextUnmarshaler) bool {
	if n.Kind != yaml.ScalarNode {
		return d.wrong(p, "one value", n)
	}
	if err := v.UnmarshalText([]byte(n.Value)); err != nil {
		d.add(p, "", "%s: %v", p, err)
		return false
	}
	return true
}

func (d *decoder) scalar(p place, n *yaml.Node, v reflect.Value) bool {
	tag := n.ShortTag()
	scalar := n.Kind == yaml.ScalarNode
	switch v.Kind() {
	case reflect.String:
		if !scalar || tag != "!!str" {
			return d.wrong(p, "text", n)
		}
		v.SetString(n.Value)
	case reflect.Bool:
		if !scalar || tag != "!!bool" || n.Decode(v.Addr().Interface()) != nil {
			return d.wrong(p, "true or false", n)
		}
	case reflect.Int, reflect.Int64:
		if !scalar || tag != "!!int" || n.Decode(v.Addr().Interface()) != nil {
			return d.wrong(p, "a whole number", n)
		}
	case reflect.Float64:
		number := scalar && (tag == "!!int" || tag == "!!float") && n.Decode(v.Addr().Interface()) == nil
		if !number || math.IsNaN(v.Float()) || math.IsInf(v.Float(), 0) {
			return d.wrong(p, "a number", n)
		}
	default:
		panic("scenarios: no way to read a " + v.Type().String())
	}
	return true
}

func (d *decoder) list(p place, n *yaml.Node, v reflect.Value) bool {
	if n.Kind != yaml.SequenceNode {
		return d.wrong(p, "a list", n)
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, item := range n.Content {
		d.value(p.item(i), item, v.Index(i), rules{})
	}
	return true
}

// directives reads the only map there is: text by text. Any scalar will do, since redis.conf knows no types.
func (d *decoder) directives(p place, n *yaml.Node, v reflect.Value) bool {
	if n.Kind != yaml.MappingNode {
		return d.wrong(p, "a mapping", n)
	}
	m := map[string]string{}
	for _, pair := range d.pairs(p, n) {
		at := p.key(pair.key.Value)
		value := d.follow(at, pair.value)
		if value == nil {
			break
		}
		d.nodes[at] = position{pair.key.Line, pair.key.Column}
		if value.Kind != yaml.ScalarNode || value.ShortTag() == "!!null" {
			d.wrong(at, "one value", value)
			continue
		}
		m[pair.key.Value] = value.Value
	}
	v.Set(reflect.ValueOf(m))
	return true
}

func shape(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.ShortTag() == "!!null":
		return "nothing"
	case n.ShortTag() == "!!str":
		return fmt.Sprintf("text %q", n.Value)
	default:
		return n.Value
	}
}
