// Package topology says which servers belong together: the nodes of a Cluster, or a master with its replicas and Sentinels.
//
// It stands before the snapshots of a Redis that is more than one server: one connection -> the nodes -> a connection and
// snapshots of each. It refuses to leave a node out: one that is gone, or that tells no address, is listed with what the others
// say against it. It changes nothing, opens no connection, and believes no address that could not be one.
package topology

import (
	"cmp"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Role is what a node is for; empty where nobody says.
type Role string

// The roles that a node may have.
const (
	Master   Role = "master"
	Replica  Role = "replica"
	Sentinel Role = "sentinel"
)

// Node is one server, as the one that was asked knows it.
type Node struct {
	// Name is what to call it: its address, or the beginning of its id where nobody knows one.
	Name string
	// Addr is host:port, to connect to; empty where there is nothing to connect to, and then Against says why.
	Addr string
	Role Role
	// Self says that this is the server that was asked.
	Self bool
	// Against is what the others say against it, such as fail; empty when they say nothing.
	Against string

	id string
}

// View is what one server tells of all of them. Two servers may disagree.
type View struct {
	Nodes []Node
	// Doubts are the parts of the answer that made no sense; empty when all of it did.
	Doubts []string
}

// maxNodes bounds what is believed: a Cluster of more than 1000 nodes is advised against by its own specification.
const maxNodes = 2000

// sane is what a host can be made of: nothing that has a meaning to a terminal, a shell or a file system.
var sane = regexp.MustCompile(`^[0-9A-Za-z_:%][0-9A-Za-z._:%-]{0,252}$`)

const noPort = "it announces no port"

// address joins what a server announces; against says why it is none.
func address(host, port string) (addr, against string) {
	n, err := strconv.Atoi(port)
	switch {
	case !sane.MatchString(host):
		return "", "it announces no address that makes sense"
	case err != nil || n < 0 || n > 65535:
		return "", "it announces no port that makes sense"
	case n == 0:
		return "", noPort
	}
	return net.JoinHostPort(host, strconv.Itoa(n)), ""
}

// against joins what is said, without what is empty.
func against(said ...string) string {
	return strings.Join(slices.DeleteFunc(said, func(s string) bool { return s == "" }), ", ")
}

// unite sorts nodes by role and address, those without one last, and keeps one of each address: of the role that comes first.
func unite(nodes []Node) []Node {
	slices.SortStableFunc(nodes, func(a, b Node) int {
		return cmp.Or(rank(a)-rank(b), natural(a.Addr, b.Addr))
	})
	seen := map[string]int{}
	var kept []Node
	for _, n := range nodes {
		i, twice := seen[n.Addr]
		if n.Addr == "" || !twice {
			seen[n.Addr] = len(kept)
			kept = append(kept, n)
			continue
		}
		kept[i].Self = kept[i].Self || n.Self
	}
	return kept
}

func rank(n Node) int {
	if n.Addr == "" {
		return 4
	}
	i := slices.Index([]Role{Master, Replica, Sentinel}, n.Role)
	if i < 0 {
		return 3
	}
	return i
}

// natural orders ports as numbers: 127.0.0.1:999 before 127.0.0.1:7001.
func natural(a, b string) int {
	hostA, portA, _ := net.SplitHostPort(a)
	hostB, portB, _ := net.SplitHostPort(b)
	x, _ := strconv.Atoi(portA)
	y, _ := strconv.Atoi(portB)
	return cmp.Or(strings.Compare(hostA, hostB), x-y, strings.Compare(a, b))
}
