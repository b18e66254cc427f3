package observe

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"spillway/outage"
)

// ParseClients reads CLIENT LIST, from Redis or as redis-cli saved it. Fields may be absent or unknown.
// A line that is no client is left out; the error then says how many, and shows the first one: the clients are valid
// all the same.
func ParseClients(text string) ([]outage.Client, error) {
	var clients []outage.Client
	var bad, total, badLine int
	var first string
	var firstErr error
	n := 0
	for line := range strings.Lines(plain(text)) {
		n++
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" || isWarning(line) {
			continue
		}
		total++
		c, err := parseClient(line)
		if err == nil {
			clients = append(clients, c)
			continue
		}
		if bad++; bad == 1 {
			first, firstErr, badLine = line, err, n
		}
	}
	if bad > 0 {
		return clients, fmt.Errorf("%d of %d lines are no client; line %d, %.60q: %w", bad, total, badLine, first, firstErr)
	}
	return clients, nil
}

func parseClient(line string) (outage.Client, error) {
	c := outage.Client{Multi: -1} // a server that does not say multi= means "not in a transaction"
	var seen [len(fieldNames)]bool
	var firstErr error
	for key, value := range fields(line) {
		// The first one counts: nothing that a client can choose comes before id and addr.
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
			end := endOfValue(rest)
			if !yield(key, strings.TrimRight(rest[:end], " ")) {
				return
			}
			line = rest[end:]
		}
	}
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

func setField(c *outage.Client, key, value string) (err error) {
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

func number(value string) (int64, bool) {
	n, err := strconv.ParseInt(value, 10, 64)
	return n, err == nil
}
