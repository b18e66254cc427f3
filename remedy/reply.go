package remedy

import (
	"cmp"
	"errors"
	"maps"
	"regexp"
	"slices"
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

// clientLines reads CLIENT LIST as far as a kill depends on it: a line that is no client is passed over.
func clientLines(text string) map[int64]outage.Client {
	lines := map[int64]outage.Client{}
	for l := range strings.Lines(text) {
		if c, err := outage.ParseClient(strings.TrimRight(l, "\r\n")); err == nil {
			lines[c.ID] = c
		}
	}
	return lines
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
