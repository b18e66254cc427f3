package observe

import (
	"strconv"
	"strings"
	"time"

	"spillway/outage"
)

// aclEntries is how many entries of ACL LOG are read: one for each user, reason and object within a minute.
const aclEntries = 32

// readACL takes the answer to ACL LOG.
func readACL(snap *outage.Snapshot, reply any) {
	list, ok := reply.([]any)
	if !ok {
		missing(snap, "ACL LOG", whyNot(reply))
		return
	}
	var flat []string
	for _, item := range list {
		fields, _ := item.([]any)
		for _, f := range fields {
			flat = append(flat, scalar(f))
		}
	}
	snap.ACLLog = aclLog(flat)
}

// ParseACLLog reads what redis-cli prints for ACL LOG, to a file or on a terminal.
func ParseACLLog(text string) []outage.ACLEntry { return aclLog(items(text)) }

// aclLog reads names and values; each entry begins with its count. What our own connections were denied is left out: a
// reading that is not allowed to see everything would be its own evidence.
func aclLog(flat []string) []outage.ACLEntry {
	var log []outage.ACLEntry
	var entry *outage.ACLEntry
	ours := false
	end := func() {
		if entry != nil && !ours && entry.Count > 0 && entry.Reason != "" {
			log = append(log, *entry)
		}
	}
	for i := 0; i+1 < len(flat); i += 2 {
		name, value := flat[i], flat[i+1]
		if name == "count" {
			end()
			entry, ours = new(outage.ACLEntry), false
			entry.Count, _ = strconv.ParseInt(value, 10, 64)
			continue
		}
		if entry == nil {
			continue
		}
		switch name {
		case "reason":
			entry.Reason = value
		case "object":
			entry.Object = value
		case "username":
			entry.User = value
		case "age-seconds":
			if seconds, err := strconv.ParseFloat(value, 64); err == nil && seconds >= 0 && seconds < 1e9 {
				entry.Age = outage.Duration(seconds * float64(time.Second))
			}
		case "client-info":
			if clients, err := ParseClients(strings.TrimSpace(value)); err == nil && len(clients) == 1 {
				entry.Addr, ours = clients[0].Addr, clients[0].Ours()
			}
		case "context", "entry-id", "timestamp-created", "timestamp-last-updated":
		default:
			i-- // a value of several lines: find the next name
		}
	}
	end()
	return log
}
