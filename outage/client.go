package outage

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// ParseClient reads one line of CLIENT LIST. Fields may be absent or unknown; the error says which one makes no sense, or that id or
// addr is missing, without which a line is no client.
//
// A client chooses its name, its user and what it says of its library. Redis takes no space in any of them, and nothing but a space
// ends a value here: not what Unicode calls one, which a user's name may hold. Where a field comes twice the first one counts.
func ParseClient(line string) (Client, error) {
	c := Client{Multi: -1} // a server that does not say multi= means "not in a transaction"
	var seen [len(fieldNames)]bool
	var firstErr error
	for key, value := range fields(line) {
		i, known := fieldIndexes[key]
		if !known || seen[i] {
			continue
		}
		seen[i] = true
		if err := setField(&c, key, value); err != nil && firstErr == nil {
			firstErr = fmt.Errorf("%s=%.40q: %w", key, value, err)
		}
	}
	switch {
	case firstErr != nil:
		return c, firstErr
	case !seen[fieldIndexes["id"]] || !seen[fieldIndexes["addr"]]:
		return c, errors.New("id= or addr= is missing")
	}
	return c, nil
}

// fields yields key and value of each word. A word without = belongs to the value before it: the path of a unix
// socket may contain spaces.
func fields(line string) func(yield func(key, value string) bool) {
	return func(yield func(key, value string) bool) {
		for len(line) > 0 {
			line = strings.TrimLeft(line, " ")
			key, rest, ok := strings.Cut(line, "=")
			if !ok {
				return
			}
			end := endOfPath(key, rest)
			if end < 0 {
				end = endOfValue(rest)
			}
			if !yield(key, strings.Trim(rest[:end], " ")) {
				return
			}
			line = rest[end:]
		}
	}
}

// socketPath is the address of a client at a unix socket: the path of the server's own socket, which may hold anything.
var socketPath = regexp.MustCompile(`^/.*?:0( laddr=[/ ]| fd=\d)`)

// endOfPath finds the end of a path, whatever is in it; -1 where the value is none.
func endOfPath(key, s string) int {
	if key != "addr" && key != "laddr" || !strings.HasPrefix(s, "/") {
		return -1
	}
	m := socketPath.FindStringSubmatchIndex(s)
	if m == nil {
		return -1
	}
	return m[2]
}

// endOfValue finds the space before the next word that has a =.
func endOfValue(s string) int {
	for from := 0; ; {
		equals := strings.IndexByte(s[from:], '=')
		if equals < 0 {
			return len(s)
		}
		if space := strings.LastIndexByte(s[from:from+equals], ' '); space >= 0 {
			return from + space
		}
		from += equals + 1 // part of the value
	}
}

var fieldNames = [...]string{"id", "addr", "laddr", "fd", "name", "age", "idle", "flags", "db", "sub", "psub", "ssub",
	"multi", "watch", "qbuf", "omem", "tot-mem", "cmd", "user", "lib-name", "lib-ver"}

var fieldIndexes = func() map[string]int {
	m := make(map[string]int, len(fieldNames))
	for i, name := range fieldNames {
		m[name] = i
	}
	return m
}()

func setField(c *Client, key, value string) (err error) {
	switch key {
	case "id":
		if c.ID, err = strconv.ParseInt(value, 10, 64); err == nil && c.ID <= 0 {
			err = errors.New("an id is above 0")
		}
	case "addr":
		c.Addr = value
	case "laddr":
		c.Laddr = value
	case "fd":
		c.FD, err = small(value)
	case "name":
		c.Name = value
	case "age":
		c.Age, err = large(value)
	case "idle":
		c.Idle, err = large(value)
	case "flags":
		c.Flags = value
	case "db":
		c.DB, err = small(value)
	case "sub":
		c.Sub, err = small(value)
	case "psub":
		c.PSub, err = small(value)
	case "ssub":
		c.SSub, err = small(value)
	case "multi":
		c.Multi, err = small(value)
	case "watch":
		c.Watch, err = small(value)
	case "qbuf":
		c.Qbuf, err = large(value)
	case "omem":
		c.Omem, err = large(value)
	case "tot-mem":
		c.TotMem, err = large(value)
	case "cmd":
		c.Cmd = value
	case "user":
		c.User = value
	case "lib-name":
		c.LibName = value
	case "lib-ver":
		c.LibVer = value
	}
	return err
}

// large clamps what does not fit: memory counters of some versions wrap below 0, and a client is worth more than its omem.
func large(value string) (int64, error) {
	n, err := strconv.ParseInt(value, 10, 64)
	if errors.Is(err, strconv.ErrRange) {
		err = nil
	}
	return n, err
}

func small(value string) (int, error) {
	n, err := large(value)
	return int(min(max(n, math.MinInt32), math.MaxInt32)), err
}
