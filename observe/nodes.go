package observe

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"spillway/outage"
)

// nodes reads CLUSTER NODES of a server in cluster mode. Elsewhere nothing is asked, and nothing is missing.
func (r *Reader) nodes(ctx context.Context, snap *outage.Snapshot) error {
	if snap.Info["cluster_enabled"] != "1" {
		return nil
	}
	reply, err := r.Conn.Do(ctx, "CLUSTER", "NODES")
	if said := Error(""); errors.As(err, &said) {
		missing(snap, "CLUSTER NODES", strings.TrimSpace(string(said)))
		return nil
	}
	if err != nil {
		return err
	}
	text, ok := reply.(string)
	if !ok {
		missing(snap, "CLUSTER NODES", whyNot(reply))
		return nil
	}
	readNodes(snap, text)
	return nil
}

func readNodes(snap *outage.Snapshot, text string) {
	nodes, err := ParseNodes(text)
	snap.Nodes = nodes
	if err != nil {
		missing(snap, "CLUSTER NODES", err.Error())
	}
}

// nodeLine is a line of CLUSTER NODES as far as it is read: id, address, flags, master, ping, pong, epoch, link.
var nodeLine = regexp.MustCompile(`^(?:txt:)?([0-9a-f]{40}) (\S+) (\S+) \S+ \d+ \d+ \d+ (connected|disconnected)\b`)

// ParseNodes reads CLUSTER NODES, from Redis or as redis-cli saved it. A line that is no node is left out; the error then
// says how many: the nodes are valid all the same.
func ParseNodes(text string) ([]outage.Node, error) {
	var nodes []outage.Node
	bad, total := 0, 0
	for line := range strings.Lines(plain(text)) {
		line = strings.TrimSpace(line)
		if line == "" || isWarning(line) {
			continue
		}
		total++
		m := nodeLine.FindStringSubmatch(line)
		if m == nil {
			bad++
			continue
		}
		// ip:port@busport,hostname: the client's part is what people know.
		addr, _, _ := strings.Cut(m[2], "@")
		nodes = append(nodes, outage.Node{ID: m[1], Addr: addr, Flags: m[3], Link: m[4]})
	}
	if bad > 0 {
		return nodes, fmt.Errorf("%d of %d lines are no node", bad, total)
	}
	return nodes, nil
}
