package topology

import (
	"errors"
	"fmt"
	"strconv"

	"spillway/observe"
)

// member is a node as CLUSTER SHARDS has it.
type member struct {
	id      string
	host    string // where clients are to go; empty: where they asked
	port    int64  // 0: none without TLS
	tlsPort int64  // 0: none with TLS
	role    Role
	against string
}

// portFor is the port for a connection like o. Where there is none of its kind, it is 0.
func (m member) portFor(o observe.Options) string {
	if o.TLS != nil {
		return strconv.FormatInt(m.tlsPort, 10)
	}
	return strconv.FormatInt(m.port, 10)
}

// shards reads the answer to CLUSTER SHARDS: an array of shards, each an array of names and values, as are its nodes.
func shards(reply any) ([]member, error) {
	if said, ok := reply.(observe.Error); ok {
		return nil, fmt.Errorf("CLUSTER SHARDS: %w", said)
	}
	list, ok := reply.([]any)
	if !ok {
		return nil, fmt.Errorf("CLUSTER SHARDS: an answer of an unexpected kind, %T", reply)
	}
	var members []member
	for i, shard := range list {
		fields, err := pairs(shard)
		if err != nil {
			return nil, fmt.Errorf("CLUSTER SHARDS: shard %d: %w", i+1, err)
		}
		nodes, ok := fields["nodes"].([]any)
		if !ok {
			return nil, fmt.Errorf("CLUSTER SHARDS: shard %d has no list of nodes", i+1)
		}
		for _, node := range nodes {
			m, err := readMember(node)
			if err != nil {
				return nil, fmt.Errorf("CLUSTER SHARDS: shard %d: %w", i+1, err)
			}
			members = append(members, m)
		}
	}
	return members, nil
}

func readMember(node any) (member, error) {
	fields, err := pairs(node)
	if err != nil {
		return member{}, err
	}
	var m member
	var ok bool
	if m.id, ok = fields["id"].(string); !ok || m.id == "" {
		return member{}, errors.New("a node without an id")
	}
	m.port, _ = fields["port"].(int64)
	m.tlsPort, _ = fields["tls-port"].(int64)
	// The endpoint is what the administrator wants clients to use: nil is where they asked, and "?" a name that is not known.
	endpoint, told := fields["endpoint"].(string)
	if m.host = endpoint; told && (endpoint == "?" || endpoint == "") {
		m.host, _ = fields["ip"].(string)
	}
	role, _ := fields["role"].(string)
	m.role = roleOf(role)
	if fields["health"] == "fail" {
		m.against = "fail"
	}
	return m, nil
}

// pairs reads names and values that follow each other. Names that are not known may come.
func pairs(reply any) (map[string]any, error) {
	list, ok := reply.([]any)
	if !ok || len(list)%2 != 0 {
		return nil, errors.New("names and values do not alternate")
	}
	fields := make(map[string]any, len(list)/2)
	for i := 0; i < len(list); i += 2 {
		name, ok := list[i].(string)
		if !ok {
			return nil, fmt.Errorf("a name of an unexpected kind, %T", list[i])
		}
		fields[name] = list[i+1]
	}
	return fields, nil
}
