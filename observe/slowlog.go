package observe

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"spillway/outage"
)

const (
	slowEntries = 32 // read of SLOWLOG: at a tenth of a second each, three seconds of a server that does nothing else
	slowText    = 60 // bytes kept of a command
	slowArgs    = 3  // arguments kept of a command, its name included
)

// readSlow takes the answer to SLOWLOG GET.
func readSlow(snap *outage.Snapshot, reply any) {
	list, ok := reply.([]any)
	if !ok {
		missing(snap, "SLOWLOG", whyNot(reply))
		return
	}
	for _, item := range list {
		fields, _ := item.([]any)
		if len(fields) < 4 {
			continue
		}
		var flat []string
		args, _ := fields[3].([]any)
		for _, f := range append(append(append([]any{}, fields[:3]...), args...), fields[4:]...) {
			flat = append(flat, scalar(f))
		}
		if len(fields) < 6 { // before 4.0 nobody was named
			flat = append(flat, "", "")
		}
		if c, ok := slowCommand(flat); ok {
			snap.Slow = append(snap.Slow, c)
		}
	}
}

// ParseSlow reads what redis-cli prints for SLOWLOG GET, to a file or on a terminal. Plain output has a value on each line
// and does not say where an entry ends: but ids go down by one from each to the next.
func ParseSlow(text string) []outage.SlowCommand {
	values := items(text)
	var slow []outage.SlowCommand
	for from := 0; from < len(values); {
		to, id := from+1, values[from]
		for ; to < len(values) && (to < from+5 || !follows(id, values[to:])); to++ {
		}
		entry := values[from:to]
		if n := len(entry); n > 3 && address.MatchString(entry[n-1]) && !address.MatchString(entry[n-2]) {
			entry = append(entry[:n:n], "") // an empty name at the end of a file is easily lost
		}
		if c, ok := slowCommand(entry); ok {
			slow = append(slow, c)
		}
		from = to
	}
	return slow
}

var address = regexp.MustCompile(`^(?:[^ ]*:\d+)$`)

// follows reports whether an entry begins that comes after that of id.
func follows(id string, values []string) bool {
	if len(values) < 3 {
		return false
	}
	last, err := strconv.ParseInt(id, 10, 64)
	if err != nil || values[0] != strconv.FormatInt(last-1, 10) {
		return false
	}
	_, started := number(values[1])
	_, took := number(values[2])
	return started && took
}

// slowCommand reads id, start, microseconds, the command's words, address and name.
func slowCommand(flat []string) (c outage.SlowCommand, ok bool) {
	n := len(flat)
	if n < 6 {
		return c, false
	}
	id, okID := number(flat[0])
	started, okStarted := number(flat[1])
	took, okTook := number(flat[2])
	if !okID || !okStarted || !okTook || took < 0 || took > int64(1<<62/time.Microsecond) {
		return c, false
	}
	words := flat[3 : n-2]
	command := strings.Join(words[:min(len(words), slowArgs)], " ")
	if len(command) > slowText {
		command = strings.ToValidUTF8(command[:slowText], "") + "..."
	}
	return outage.SlowCommand{
		ID: id, Started: started, Took: outage.Duration(time.Duration(took) * time.Microsecond),
		Command: command, Addr: flat[n-2], Name: flat[n-1],
	}, true
}

// scalar is a value of a reply as redis-cli writes it to a file.
func scalar(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	}
	return ""
}

var (
	numberedLine = regexp.MustCompile(`^ *(?:\d+[)#~] +)+(.*)$`)
	mapPair      = regexp.MustCompile(`^("(?:[^"\\]|\\.)*") => (.*)$`)
)

// items returns the values of nested arrays as redis-cli prints them, one after the other: a value a line in a file;
// numbered, typed and quoted on a terminal; and both with pairs under RESP3.
func items(text string) []string {
	var list []string
	numbered := false
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		line = strings.TrimRight(line, "\r\n")
		if len(list) == 0 && (isWarning(line) || strings.TrimSpace(line) == "") {
			continue
		}
		if len(list) == 0 {
			numbered = numberedLine.MatchString(line)
		}
		if !numbered {
			list = append(list, line)
			continue
		}
		m := numberedLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if pair := mapPair.FindStringSubmatch(m[1]); pair != nil {
			list = append(list, untyped(pair[1]), untyped(pair[2]))
			continue
		}
		list = append(list, untyped(m[1]))
	}
	return list
}

// untyped takes the type or the quotes off a value.
func untyped(s string) string {
	for _, kind := range []string{"(integer) ", "(double) "} {
		if rest, ok := strings.CutPrefix(s, kind); ok {
			return rest
		}
	}
	if s == "(nil)" {
		return ""
	}
	return unquote(s)
}

// isEmptyList reports whether redis-cli saved an empty array, of which plain output shows nothing at all.
func isEmptyList(text string) bool {
	text = strings.TrimSpace(strings.TrimPrefix(text, "\ufeff"))
	return text == "" || strings.HasPrefix(text, "(empty ")
}
