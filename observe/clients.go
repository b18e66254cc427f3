package observe

import (
	"fmt"
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
		c, err := outage.ParseClient(line)
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

func number(value string) (int64, bool) {
	n, err := strconv.ParseInt(value, 10, 64)
	return n, err == nil
}
