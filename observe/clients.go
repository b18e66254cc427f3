package observe

import (
	"fmt"
	"strconv"
	"strings"

	"spillway/outage"
)

// mostClients bounds what is kept of a list: real lines have 300 bytes, so that no list within maxReply has as many, and one of short
// lines takes twenty times its length in memory.
const mostClients = 250_000

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
		if total++; total > mostClients {
			continue
		}
		c, err := outage.ParseClient(line)
		if err == nil {
			if clients == nil {
				clients = make([]outage.Client, 0, min(strings.Count(text, "\n")+1, mostClients))
			}
			clients = append(clients, c)
			continue
		}
		if bad++; bad == 1 {
			first, firstErr, badLine = line, err, n
		}
	}
	if total > mostClients {
		return clients, fmt.Errorf("of %d lines those after %d are not read", total, mostClients)
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
