package topology

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"spillway/observe"
	"spillway/outage"
)

// ErrNoCluster says that the server runs without cluster mode.
var ErrNoCluster = errors.New("it is no node of a cluster")

// Cluster asks the server at the other end of conn, which o reached, for all nodes of its Cluster.
//
// CLUSTER NODES knows all of them, and what is said against each; CLUSTER SHARDS, from 7.0 on, knows which address and port
// clients are to use. Either will do where the other is refused.
func Cluster(ctx context.Context, conn *observe.Conn, o observe.Options) (View, error) {
	replies, err := conn.Pipeline(ctx, [][]string{{"CLUSTER", "NODES"}, {"CLUSTER", "SHARDS"}, {"CLUSTER", "MYID"}})
	if err != nil {
		return View{}, fmt.Errorf("ask for the nodes of the cluster: %w", err)
	}
	known, doubt, err := listed(replies[0])
	members, shardsErr := shards(replies[1])
	if err != nil && shardsErr != nil {
		if strings.Contains(err.Error(), "cluster support disabled") {
			return View{}, ErrNoCluster
		}
		return View{}, err
	}
	var view View
	if doubt != "" {
		view.Doubts = append(view.Doubts, doubt)
	}
	if said := observe.Error(""); shardsErr != nil && !errors.As(shardsErr, &said) {
		view.Doubts = append(view.Doubts, shardsErr.Error())
	}
	me, _ := replies[2].(string)
	nodes := join(known, members, me, o)
	if len(nodes) == 0 {
		return View{}, errors.New("CLUSTER NODES: there is no node in the answer")
	}
	if len(nodes) > maxNodes {
		return View{}, fmt.Errorf("CLUSTER NODES: %d nodes, and no more than %d are believed", len(nodes), maxNodes)
	}
	view.Nodes = unite(nodes)
	return view, nil
}

// listed reads the answer to CLUSTER NODES. A line that is no node is a doubt: the others are nodes all the same.
func listed(reply any) (nodes []outage.Node, doubt string, err error) {
	switch reply := reply.(type) {
	case observe.Error:
		return nil, "", fmt.Errorf("CLUSTER NODES: %w", reply)
	case string:
		nodes, err := observe.ParseNodes(reply)
		if err != nil {
			doubt = "CLUSTER NODES: " + err.Error()
		}
		return nodes, doubt, nil
	}
	return nil, "", fmt.Errorf("CLUSTER NODES: an answer of an unexpected kind, %T", reply)
}

// join makes one list of both answers, by the ids of the nodes.
func join(known []outage.Node, members []member, me string, o observe.Options) []Node {
	var nodes []Node
	taken := map[string]bool{}
	for _, k := range known {
		n := Node{id: k.ID, Role: roleOf(k.Flags), Self: hasFlag(k.Flags, "myself"), Against: saidAgainst(k)}
		host, port := splitLast(k.Addr)
		if i := slices.IndexFunc(members, func(m member) bool { return m.id == k.ID }); i >= 0 {
			host, port = cmp.Or(members[i].host, host), members[i].portFor(o)
		}
		taken[k.ID] = true
		nodes = append(nodes, n.at(host, port, o))
	}
	for _, m := range members {
		if !taken[m.id] {
			taken[m.id] = true
			n := Node{id: m.id, Role: m.role, Self: m.id == me, Against: m.against}
			nodes = append(nodes, n.at(m.host, m.portFor(o), o))
		}
	}
	return nodes
}

// at gives n its address. A node that does not know its own host is where the one that was asked is, as the protocol has it.
func (n Node) at(host, port string, o observe.Options) Node {
	if hasFlag(n.Against, "noaddr") {
		return n.named()
	}
	if host == "" {
		if host, _, _ = net.SplitHostPort(o.Addr); host == "" && n.Self { // a unix socket
			n.Name, n.Addr = o.Addr, o.Addr
			return n
		}
	}
	addr, why := address(host, port)
	if why != "" && n.Self {
		addr, why = o.Addr, "" // it was reached, wherever it says it is
	}
	if why == noPort && o.TLS == nil {
		why += " without TLS: rediss:// reaches those that have one"
	} else if why == noPort {
		why += " with TLS"
	}
	n.Addr, n.Against = addr, against(n.Against, why)
	return n.named()
}

func (n Node) named() Node {
	n.Name = cmp.Or(n.Addr, "node "+n.id[:min(8, len(n.id))])
	return n
}

// splitLast splits host:port as CLUSTER NODES writes it, without brackets around an IPv6 address.
func splitLast(addr string) (host, port string) {
	i := strings.LastIndexByte(addr, ':')
	if i < 0 {
		return addr, ""
	}
	return strings.Trim(addr[:i], "[]"), addr[i+1:]
}

func hasFlag(flags, flag string) bool {
	return slices.Contains(strings.FieldsFunc(flags, func(r rune) bool { return r == ',' || r == ' ' }), flag)
}

func roleOf(flags string) Role {
	switch {
	case hasFlag(flags, "master"):
		return Master
	case hasFlag(flags, "slave"), hasFlag(flags, "replica"):
		return Replica
	}
	return ""
}

// saidAgainst is what CLUSTER NODES holds against a node.
func saidAgainst(k outage.Node) string {
	var said []string
	for _, flag := range []string{"fail", "fail?", "noaddr", "handshake"} {
		if hasFlag(k.Flags, flag) {
			said = append(said, flag)
		}
	}
	if len(said) == 0 && k.Link == "disconnected" && !hasFlag(k.Flags, "myself") {
		said = append(said, "disconnected")
	}
	return against(said...)
}
