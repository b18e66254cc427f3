package remedy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"spillway/outage"
)

// besideClients is the remedy where replicas and cluster links take slots: room, and which of them nobody needs. None is
// closed: a replica that loses its link on a full server cannot come back, and a link need not be a socket at all.
func (p *planner) besideClients(f outage.Finding) []outage.Action {
	p.warn("no replica and no link of the cluster is closed: replicas come back at once, or cannot while the server is full")
	relief := p.room(f.Needed, "for replicas and cluster links beside the clients")
	if len(relief) == 0 {
		p.warn("maxclients is not raised: the file descriptor limit of the server leaves no room for it, or is not known")
	}
	if n, _ := p.s.Number("connected_slaves"); n > 0 {
		relief = append(relief, p.adviseReplicas(f, int(n)))
	}
	if p.s.ClusterLinks() > 0 {
		relief = append(relief, p.adviseNodes())
	}
	return relief
}

// adviseReplicas names the replicas, for a person to say which of them are needed.
func (p *planner) adviseReplicas(f outage.Finding, n int) outage.Action {
	who := ""
	if len(f.Culprits) > 0 {
		who = " from " + hosts(f)
	}
	return outage.Action{
		Kind: outage.Advise,
		Reason: fmt.Sprintf("%d replicas%s hold a slot each: detach those that nobody needs, on the replica itself, or let replicas follow another replica",
			n, who),
		Commands: []string{"redis-cli -h REPLICA REPLICAOF NO ONE"},
	}
}

// nodeID is what CLUSTER FORGET takes: it comes from the server, and is checked all the same.
var nodeID = regexp.MustCompile(`^[0-9a-f]{40}$`)

// adviseNodes says which nodes are to be forgotten, with the lines to do it.
func (p *planner) adviseNodes() outage.Action {
	a := outage.Action{Kind: outage.Advise}
	known := len(p.s.Nodes) > 0
	n := 0
	for _, node := range p.s.Nodes {
		if node.Stale() && nodeID.MatchString(node.ID) {
			n++
			a.Commands = append(a.Commands, line("CLUSTER", "FORGET", node.ID))
		}
	}
	slices.Sort(a.Commands)
	switch {
	case !known:
		a.Reason = "each node that this one knows counts twice, also one that is gone: look for fail, noaddr and handshake in CLUSTER NODES, and forget those that are gone for good"
		a.Commands = []string{line("CLUSTER", "NODES")}
	case n == 0:
		a.Reason = fmt.Sprintf("the %d other nodes of the cluster are well and count twice each: a maxclients for this node has to hold them as well", len(p.s.Nodes)-1)
	default:
		a.Reason = strings.Join([]string{
			fmt.Sprintf("%d nodes that are gone count twice each: forget those that will not come back,", n),
			"on every node of the cluster within 60s, or the others bring them back",
		}, " ")
	}
	return a
}
