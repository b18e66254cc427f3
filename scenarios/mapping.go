package scenarios

import (
	"reflect"
	"strings"

	"go.yaml.in/yaml/v4"
)

type pair struct{ key, value *yaml.Node }

// mapping sets the fields of v by their yaml tags. A key that is no field, a key twice, and a required field
// without a key are mistakes.
func (d *decoder) mapping(p place, n *yaml.Node, v reflect.Value) bool {
	if n.Kind != yaml.MappingNode {
		return d.wrong(p, "a mapping", n)
	}
	index, names := fieldsOf(v.Type())
	for _, pair := range d.pairs(p, n) {
		name := pair.key.Value
		i, known := index[name]
		if !known {
			d.addAt(p, position{pair.key.Line, pair.key.Column}, suggest(name, names), "unknown key %q%s", name, in(p))
			continue
		}
		d.nodes[p.key(name)] = position{pair.key.Line, pair.key.Column}
		d.value(p.key(name), pair.value, v.Field(i), rulesOf(v.Type().Field(i)))
	}
	for _, name := range names {
		if r := rulesOf(v.Type().Field(index[name])); r.required && !d.given(p.key(name)) {
			d.add(p.key(name), "", "%s is missing", p.key(name))
		}
	}
	return true
}

func in(p place) string {
	if p == "" {
		return ""
	}
	return " in " + p.String()
}

// pairs returns the entries of a mapping, merge keys resolved: what the mapping itself says comes before what it
// merges, and what it merges first before what it merges later.
func (d *decoder) pairs(p place, n *yaml.Node) []pair {
	var own, merged []pair
	taken := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case key.ShortTag() == "!!merge":
			merged = append(merged, d.merged(p, value)...)
		case key.Kind != yaml.ScalarNode:
			d.addAt(p, position{key.Line, key.Column}, "", "a key%s must be a word, got %s", in(p), shape(key))
		case taken[key.Value]:
			d.addAt(p, position{key.Line, key.Column}, "keep one", "key %q%s for the second time", key.Value, in(p))
		default:
			taken[key.Value] = true
			own = append(own, pair{key, value})
		}
	}
	for _, m := range merged {
		if !taken[m.key.Value] {
			taken[m.key.Value] = true
			own = append(own, m)
		}
	}
	return own
}

func (d *decoder) merged(p place, n *yaml.Node) []pair {
	target := d.follow(p, n)
	switch {
	case target == nil:
		return nil
	case target.Kind == yaml.MappingNode:
		return d.pairs(p, target)
	case target.Kind == yaml.SequenceNode:
		var all []pair
		for _, item := range target.Content {
			if item = d.follow(p, item); item != nil && item.Kind == yaml.MappingNode {
				all = append(all, d.pairs(p, item)...)
			} else if item != nil {
				d.addAt(p, position{n.Line, n.Column}, "", "<<%s merges mappings, got %s", in(p), shape(item))
			}
		}
		return all
	default:
		d.addAt(p, position{n.Line, n.Column}, "", "<<%s merges a mapping, got %s", in(p), shape(target))
		return nil
	}
}

// fieldsOf returns the fields of a struct by yaml key, and the keys in the order of the struct.
func fieldsOf(t reflect.Type) (index map[string]int, names []string) {
	index = map[string]int{}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		if name != "" && name != "-" {
			index[name] = i
			names = append(names, name)
		}
	}
	return index, names
}
