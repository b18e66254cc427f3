package remedy

import (
	"cmp"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"spillway/outage"
)

// answered says what Redis refused with; it is empty when err is nil, or says that the connection broke.
func answered(err error) string {
	if marked, ok := errors.AsType[interface {
		error
		RedisError()
	}](err); ok {
		return marked.Error()
	}
	if err == nil || refusedAtTheDoor.MatchString(err.Error()) || !replyText.MatchString(err.Error()) {
		return ""
	}
	return err.Error()
}

// refusedAtTheDoor is what a server says to a connection that it closes, whatever was asked.
var refusedAtTheDoor = regexp.MustCompile(`^-?(ERR max number of clients |DENIED )`)

// replyText is how every error of Redis begins, and no error of net or io.
var replyText = regexp.MustCompile(`^-?[A-Z][A-Z0-9]+ `)

// tryWith is the number that Redis offers when it cannot have as many descriptors as maxclients asks for.
var tryWith = regexp.MustCompile(`try with (\d+)`)

// configValue reads the answer of CONFIG GET param, which RESP3 may send as a map flattened to a list.
func configValue(reply any, param string) (value string, ok bool) {
	list, _ := reply.([]any)
	for i := 0; i+1 < len(list); i += 2 {
		if name, _ := list[i].(string); name == param {
			value, ok = list[i+1].(string)
			return value, ok
		}
	}
	return "", false
}

// clientLines reads CLIENT LIST as far as a kill depends on it: unknown fields are passed over, and a line without
// an id is none.
func clientLines(text string) map[int64]outage.Client {
	lines := map[int64]outage.Client{}
	for l := range strings.Lines(text) {
		if c := clientLine(l); c.ID > 0 {
			lines[c.ID] = c
		}
	}
	return lines
}

func clientLine(l string) outage.Client {
	c := outage.Client{Multi: -1}
	for field := range strings.FieldsSeq(l) {
		key, value, _ := strings.Cut(field, "=")
		n, _ := strconv.ParseInt(value, 10, 64)
		switch key {
		case "id":
			c.ID = n
		case "addr":
			c.Addr = value
		case "name":
			c.Name = value
		case "age":
			c.Age = n
		case "idle":
			c.Idle = n
		case "flags":
			c.Flags = value
		case "cmd":
			c.Cmd = value
		case "sub":
			c.Sub = int(n)
		case "psub":
			c.PSub = int(n)
		case "ssub":
			c.SSub = int(n)
		case "multi":
			c.Multi = int(n)
		case "watch":
			c.Watch = int(n)
		}
	}
	return c
}

// line writes a command as redis-cli reads it.
func line(args ...string) string {
	quoted := make([]string, len(args))
	for i, a := range args {
		quoted[i] = a
		if a == "" || strings.ContainsAny(a, " \t\n\r\"'\\") {
			quoted[i] = strconv.Quote(a)
		}
	}
	return strings.Join(quoted, " ")
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
