package topology

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/agext/levenshtein"

	"spillway/observe"
)

// UnknownName says that a Sentinel watches no master of that name.
type UnknownName struct {
	Name  string
	Known []string // the names that it does know
}

// mostNames is how many names an error lists.
const mostNames = 10

// Error quotes the names: they come from a server.
func (e *UnknownName) Error() string {
	if len(e.Known) == 0 {
		return fmt.Sprintf("the Sentinel knows no master named %q, nor any other", e.Name)
	}
	var names []string
	for i, name := range e.Known {
		if i == mostNames {
			names = append(names, fmt.Sprintf("and %d more", len(e.Known)-i))
			break
		}
		names = append(names, fmt.Sprintf("%.60q", name))
	}
	return fmt.Sprintf("the Sentinel knows no master named %q; it knows %s", e.Name, strings.Join(names, ", "))
}

// Nearest is the name that was probably meant; empty when it knows none.
func (e *UnknownName) Nearest() string {
	best, distance := "", -1
	for _, name := range e.Known {
		if d := levenshtein.Distance(e.Name, name, nil); distance < 0 || d < distance {
			best, distance = name, d
		}
	}
	return best
}

// Watched asks the Sentinel at the other end of conn, which o reached, for the master that it knows by name, the replicas of it,
// and the other Sentinels that watch it. The error is an UnknownName where it knows none of that name.
func Watched(ctx context.Context, conn *observe.Conn, o observe.Options, name string) (View, error) {
	replies, err := conn.Pipeline(ctx, [][]string{
		{"SENTINEL", "GET-MASTER-ADDR-BY-NAME", name}, {"SENTINEL", "MASTER", name}, {"SENTINEL", "REPLICAS", name},
		{"SENTINEL", "SENTINELS", name}, {"SENTINEL", "MASTERS"},
	})
	if err != nil {
		return View{}, fmt.Errorf("ask the Sentinel: %w", err)
	}
	if replies[0] == nil {
		return View{}, unknown(name, replies[4])
	}
	master, err := masterAddr(replies[0])
	if err != nil {
		return View{}, err
	}
	nodes := []Node{
		{Name: master, Addr: master, Role: Master, Against: againstMaster(replies[1], master)},
		{Name: o.Addr, Addr: o.Addr, Role: Sentinel, Self: true},
	}
	view := View{}
	for _, part := range []struct {
		command string
		role    Role
		reply   any
	}{{"SENTINEL REPLICAS", Replica, replies[2]}, {"SENTINEL SENTINELS", Sentinel, replies[3]}} {
		more, err := instances(part.reply, part.role)
		if err != nil { // the master is known all the same
			view.Doubts = append(view.Doubts, fmt.Sprintf("%s: %v", part.command, err))
		}
		nodes = append(nodes, more...)
	}
	if len(nodes) > maxNodes {
		return View{}, fmt.Errorf("the Sentinel tells of %d servers, and no more than %d are believed", len(nodes), maxNodes)
	}
	view.Nodes = unite(nodes)
	return view, nil
}

// MasterOf asks a Sentinel which address the master has that it knows by name; empty where it knows none.
func MasterOf(ctx context.Context, conn *observe.Conn, name string) (string, error) {
	reply, err := conn.Do(ctx, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", name)
	if err != nil || reply == nil {
		return "", err
	}
	return masterAddr(reply)
}

func masterAddr(reply any) (string, error) {
	const command = "SENTINEL GET-MASTER-ADDR-BY-NAME"
	if said, ok := reply.(observe.Error); ok {
		return "", fmt.Errorf("%s: %w", command, said)
	}
	list, ok := reply.([]any)
	if !ok || len(list) != 2 {
		return "", fmt.Errorf("%s: the answer is no address and port", command)
	}
	host, isHost := list[0].(string)
	port, isPort := list[1].(string)
	if !isHost || !isPort {
		return "", fmt.Errorf("%s: the answer is no address and port", command)
	}
	addr, why := address(host, port)
	if why != "" {
		return "", fmt.Errorf("%s: %s", command, why)
	}
	return addr, nil
}

// againstMaster is what the Sentinel holds against its master. During a failover it speaks of the old one, and clients are sent elsewhere.
func againstMaster(reply any, addr string) string {
	nodes, err := instances([]any{reply}, Master)
	if err != nil || nodes[0].Addr != addr {
		return ""
	}
	return nodes[0].Against
}

// instances reads an array of servers, each names and values.
func instances(reply any, role Role) ([]Node, error) {
	if said, ok := reply.(observe.Error); ok {
		return nil, said
	}
	list, ok := reply.([]any)
	if !ok {
		return nil, fmt.Errorf("an answer of an unexpected kind, %T", reply)
	}
	var nodes []Node
	var broken error
	for i, one := range list {
		fields, err := pairs(one)
		if err != nil {
			broken = errors.Join(broken, fmt.Errorf("entry %d: %w", i+1, err))
			continue
		}
		host, _ := fields["ip"].(string)
		port, _ := fields["port"].(string)
		flags, _ := fields["flags"].(string)
		id, _ := fields["runid"].(string)
		n := Node{id: id, Role: role}
		addr, why := address(host, port)
		n.Addr, n.Against = addr, against(downFlags(flags), why)
		nodes = append(nodes, n.named())
	}
	return nodes, broken
}

// downFlags keeps those of a Sentinel's flags that speak against a server.
func downFlags(flags string) string {
	var said []string
	for _, flag := range []string{"s_down", "o_down", "disconnected"} {
		if hasFlag(flags, flag) {
			said = append(said, flag)
		}
	}
	return against(said...)
}

// unknown lists the names in the answer to SENTINEL MASTERS.
func unknown(name string, masters any) error {
	e := &UnknownName{Name: name}
	list, _ := masters.([]any)
	for _, one := range list {
		if fields, err := pairs(one); err == nil {
			if known, ok := fields["name"].(string); ok {
				e.Known = append(e.Known, known)
			}
		}
	}
	return e
}

// SameAddr reports whether two addresses name the same server as far as their text tells.
func SameAddr(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	return errA == nil && errB == nil && portA == portB && strings.EqualFold(hostA, hostB)
}
