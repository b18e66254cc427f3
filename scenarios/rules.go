package scenarios

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"spillway/outage"
)

// longest is the longest duration that a catalogue may name: a rehearsal is not a matter of days.
const longest = 24 * time.Hour

// rules are what a field's jsonschema tag demands, so that the schema and the validation cannot disagree.
type rules struct {
	required bool
	min, max *float64
	minItems int
	enum     []string
	pattern  string
}

func rulesOf(f reflect.StructField) rules {
	var r rules
	for _, item := range strings.Split(f.Tag.Get("jsonschema"), ",") {
		name, value, _ := strings.Cut(item, "=")
		switch name {
		case "required":
			r.required = true
		case "minimum":
			r.min = number(value)
		case "maximum":
			r.max = number(value)
		case "minItems":
			r.minItems = int(*number(value))
		case "enum":
			r.enum = append(r.enum, value)
		case "pattern":
			r.pattern = value
		}
	}
	return r
}

func number(s string) *float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		panic("scenarios: jsonschema tag: " + err.Error())
	}
	return &v
}

// obey notes where a decoded value breaks its field's rules.
func (d *decoder) obey(p place, v reflect.Value, r rules) {
	if x, ok := v.Interface().(outage.Duration); ok {
		d.duration(p, x)
	}
	switch v.Kind() {
	case reflect.String:
		switch x := v.String(); {
		case r.required && strings.TrimSpace(x) == "":
			d.add(p, "", "%s is empty", p)
		case r.pattern != "" && !regexp.MustCompile(r.pattern).MatchString(x):
			d.add(p, "", "%s: want lower-case letters, digits and dashes, got %q", p, x)
		}
	case reflect.Int:
		d.bounds(p, float64(v.Int()), r)
	case reflect.Float64:
		d.bounds(p, v.Float(), r)
	case reflect.Slice:
		if v.Len() < r.minItems {
			d.add(p, "", "%s is empty: want at least %d", p, r.minItems)
		}
	}
	if r.enum != nil && !slices.Contains(r.enum, fmt.Sprint(v.Interface())) {
		d.add(p, "", "%s: want %s, got %v", p, strings.Join(r.enum, " or "), v.Interface())
	}
}

func (d *decoder) bounds(p place, v float64, r rules) {
	shown := strconv.FormatFloat(v, 'f', -1, 64)
	switch {
	case r.min != nil && v < *r.min:
		d.add(p, "", "%s: want at least %v, got %s", p, *r.min, shown)
	case r.max != nil && v > *r.max:
		d.add(p, "", "%s: want at most %s, got %s", p, strconv.FormatFloat(*r.max, 'f', -1, 64), shown)
	}
}

func (d *decoder) duration(p place, v outage.Duration) {
	switch std := v.Std(); {
	case std < 0:
		d.add(p, "", "%s: want no less than 0, got %s", p, v)
	case std > longest:
		d.add(p, "", "%s: want at most %s, got %s", p, outage.Duration(longest), v)
	case std%time.Millisecond != 0:
		d.add(p, "", "%s: want whole milliseconds, got %s", p, v)
	}
}
