package outage

import (
	"strconv"
	"strings"
)

// Snapshot is one reading of Redis: what an operator on its host could see, and nothing else.
// Anything that could not be read is nil or empty and named in Missing.
type Snapshot struct {
	At      Duration          `json:"at"`
	Info    map[string]string `json:"info,omitempty"`    // INFO, all sections, flattened
	Config  map[string]string `json:"config,omitempty"`  // CONFIG GET of what matters at the limit
	Clients []Client          `json:"clients,omitempty"` // CLIENT LIST, in the server's order (unsorted)
	Census  []Census          `json:"census,omitempty"`  // Clients counted by name and address; see Slim
	Process *Process          `json:"process,omitempty"` // /proc of the server
	Listen  *Listen           `json:"listen,omitempty"`  // its listen queue
	Sockets []Socket          `json:"sockets,omitempty"` // its established sockets that have something to tell
	Peers   []Peer            `json:"peers,omitempty"`   // whether the hosts of long-idle clients still answer
	Log     []string          `json:"log,omitempty"`     // its latest log lines, oldest first
	Slow    []SlowCommand     `json:"slow,omitempty"`    // SLOWLOG GET, newest first
	ACLLog  []ACLEntry        `json:"acl_log,omitempty"` // ACL LOG, newest first
	Nodes   []Node            `json:"nodes,omitempty"`   // CLUSTER NODES; nil outside cluster mode
	// Latency is how long Redis took to answer a PING on an open connection just before the reading; 0 when it was not measured.
	Latency Duration  `json:"latency,omitempty"`
	Peeks   []Peek    `json:"peeks,omitempty"` // between the reading before and this one, oldest first
	Missing []Missing `json:"missing,omitempty"`
}

// Peek is what CLIENT LIST says of idle times between two readings. Idle is in whole seconds of the server's clock, so that it tells
// different things at different moments of a second.
type Peek struct {
	At   Duration        `json:"at"`
	Took Duration        `json:"took"` // until Redis had answered
	Time int64           `json:"time"` // the server's clock, in µs since 1970
	Idle map[int64]int64 `json:"idle"` // by the client's id, in whole seconds
}

// Peek returns what a peek at the time of s would have shown.
func (s *Snapshot) Peek() Peek {
	p := Peek{At: s.At, Idle: make(map[int64]int64, len(s.Clients))}
	p.Time, _ = s.Number("server_time_usec")
	for i := range s.Clients {
		p.Idle[s.Clients[i].ID] = s.Clients[i].Idle
	}
	return p
}

// Missing names a source that could not be read, and why.
type Missing struct {
	What string `json:"what"` // "CONFIG GET", "CLIENT LIST", "log" …
	Why  string `json:"why"`
}

// Client is one line of CLIENT LIST. Fields that the server did not send are zero.
type Client struct {
	ID     int64  `json:"id"`
	Addr   string `json:"addr"` // ip:port, [ip6]:port or /path:0
	Laddr  string `json:"laddr,omitempty"`
	FD     int    `json:"fd,omitempty"`
	Name   string `json:"name,omitempty"`
	Age    int64  `json:"age"`  // whole seconds since it connected
	Idle   int64  `json:"idle"` // whole seconds since a byte was received from it or written to it
	Flags  string `json:"flags,omitempty"`
	DB     int    `json:"db,omitempty"`
	Sub    int    `json:"sub,omitempty"`
	PSub   int    `json:"psub,omitempty"`
	SSub   int    `json:"ssub,omitempty"`
	Multi  int    `json:"multi"` // -1 outside MULTI
	Watch  int    `json:"watch,omitempty"`
	Qbuf   int64  `json:"qbuf,omitempty"`
	Omem   int64  `json:"omem,omitempty"`
	TotMem int64  `json:"tot-mem,omitempty"`
	Cmd    string `json:"cmd,omitempty"` // the last command; NULL when none was ever read
	User   string `json:"user,omitempty"`

	LibName string `json:"lib-name,omitempty"`
	LibVer  string `json:"lib-ver,omitempty"`
}

// Host returns the address of the client without its port; a unix socket keeps its path.
func (c Client) Host() string { return Host(c.Addr) }

// Subscribed reports whether the client listens to any channel or pattern.
func (c Client) Subscribed() bool {
	return c.Sub+c.PSub+c.SSub > 0 || strings.Contains(c.Flags, "P")
}

// Blocked reports whether the client waits in a blocking command.
func (c Client) Blocked() bool { return strings.Contains(c.Flags, "b") }

// InTransaction reports whether the client holds an open MULTI or watches keys.
func (c Client) InTransaction() bool {
	return c.Multi >= 0 || c.Watch > 0 || strings.Contains(c.Flags, "x")
}

// Replication reports whether the client is a replica, or a link to a master.
func (c Client) Replication() bool { return strings.ContainsAny(c.Flags, "SM") }

// Monitoring reports whether the client runs MONITOR.
func (c Client) Monitoring() bool { return strings.Contains(c.Flags, "O") }

// Ours reports whether Spillway itself opened the connection: they carry the name spillway:<run>:<service>.
func (c Client) Ours() bool { return strings.HasPrefix(c.Name, "spillway:") }

// Host returns addr without its port: 10.0.0.5 of 10.0.0.5:41234, ::1 of [::1]:41234, /run/redis.sock of /run/redis.sock:0.
func Host(addr string) string {
	i := strings.LastIndexByte(addr, ':')
	if i < 0 {
		return addr
	}
	return strings.Trim(addr[:i], "[]")
}

// Census counts the clients of one name at one address.
type Census struct {
	Name  string `json:"name,omitempty"`
	Host  string `json:"host"`
	Count int    `json:"count"`
}

// Process is what /proc says of the server process.
type Process struct {
	NofileSoft int64    `json:"nofile_soft"` // file descriptors it may have open
	NofileHard int64    `json:"nofile_hard"` // the most it may raise that to by itself
	OpenFDs    int      `json:"open_fds,omitempty"`
	Args       []string `json:"args,omitempty"` // its command line
}

// Listen is the queue of connections that the kernel has accepted and the server has not.
type Listen struct {
	Queue     int   `json:"queue"`               // waiting now
	Backlog   int   `json:"backlog"`             // the most that may wait
	Overflows int64 `json:"overflows,omitempty"` // ListenOverflows of the network namespace, since boot: of whoever listens there
	// Drops is what the kernel dropped at the server's own listening sockets since they were opened: the d of `ss -ltm`. Nil
	// where the kernel does not tell, or this process is in another network namespace.
	Drops *int64 `json:"drops,omitempty"`
}

// Socket is an established TCP socket of the server with unacknowledged bytes or an unanswered probe.
type Socket struct {
	Peer        string `json:"peer"`                  // ip:port
	SendQueue   int64  `json:"send_queue,omitempty"`  // bytes sent and not acknowledged
	Retransmits int    `json:"retransmits,omitempty"` // of the oldest unacknowledged segment
	Probes      int    `json:"probes,omitempty"`      // keepalive probes without an answer
}

// SlowCommand is an entry of SLOWLOG: a command that ran for longer than slowlog-log-slower-than.
type SlowCommand struct {
	ID      int64    `json:"id"`
	Started int64    `json:"started"` // unix seconds
	Took    Duration `json:"took"`
	Command string   `json:"command"` // its name and first arguments, cut short
	Addr    string   `json:"addr,omitempty"`
	Name    string   `json:"name,omitempty"` // the client's name
}

// ACLEntry is an entry of ACL LOG: how often somebody was turned away for the same reason.
type ACLEntry struct {
	Count  int64    `json:"count"`
	Reason string   `json:"reason"` // auth, command, key or channel
	Object string   `json:"object,omitempty"`
	User   string   `json:"user"`
	Addr   string   `json:"addr"` // ip:port of the latest client
	Age    Duration `json:"age"`  // since the latest
}

// Node is a line of CLUSTER NODES.
type Node struct {
	ID    string `json:"id,omitempty"` // 40 hex digits, which CLUSTER FORGET takes
	Addr  string `json:"addr"`
	Flags string `json:"flags"` // myself,master,fail …
	Link  string `json:"link"`  // connected or disconnected
}

// Stale reports whether the node is gone, or was never there, as far as this server can tell.
func (n Node) Stale() bool {
	for _, flag := range strings.Split(n.Flags, ",") {
		switch flag {
		case "myself":
			return false
		case "fail", "fail?", "noaddr", "handshake":
			return true
		}
	}
	return n.Link == "disconnected"
}

// Peer is the answer of a client's host to a knock on a closed port: a live host resets it.
type Peer struct {
	Host    string `json:"host"`
	Answers bool   `json:"answers"`
}

// Number returns an INFO field as an integer; ok is false when it is absent or not a number.
func (s *Snapshot) Number(field string) (n int64, ok bool) {
	n, err := strconv.ParseInt(s.Info[field], 10, 64)
	return n, err == nil
}

// Connected returns connected_clients, which leaves out replicas and cluster links.
func (s *Snapshot) Connected() int {
	n, _ := s.Number("connected_clients")
	return int(n)
}

// Slots returns the connections that count towards maxclients: clients, replicas and cluster links.
func (s *Snapshot) Slots() int {
	replicas, _ := s.Number("connected_slaves")
	return s.Connected() + int(replicas) + s.ClusterLinks()
}

// ClusterLinks returns cluster_connections: two for each other node that Redis knows, whether or not a socket exists.
// Redis 6.0 counts them as well, and tells them only by way of CLUSTER NODES.
func (s *Snapshot) ClusterLinks() int {
	if n, ok := s.Number("cluster_connections"); ok {
		return int(n)
	}
	return 2 * max(0, len(s.Nodes)-1)
}

// MaxClients returns the limit in force, from CONFIG or else INFO (which has it from 6.2 on); 0 when neither could be read.
func (s *Snapshot) MaxClients() int {
	if n, err := strconv.Atoi(s.Config["maxclients"]); err == nil {
		return n
	}
	n, _ := s.Number("maxclients")
	return int(n)
}

// Rejected returns rejected_connections, which also counts what protected mode turned away. Only its growth says anything about now.
func (s *Snapshot) Rejected() int64 {
	n, _ := s.Number("rejected_connections")
	return n
}

// Product returns redis, valkey or redict. The last two report a redis_version of 7.2.4 beside their own.
func (s *Snapshot) Product() string {
	switch {
	case s.Info["server_name"] == "valkey" || s.Info["valkey_version"] != "":
		return "valkey"
	case s.Info["server_name"] == "redict" || s.Info["redict_version"] != "":
		return "redict"
	}
	return "redis"
}

// Version returns the product's own version, such as 8.0.2; empty when INFO could not be read.
func (s *Snapshot) Version() string {
	if v := s.Info[s.Product()+"_version"]; v != "" {
		return v
	}
	return s.Info["redis_version"]
}

// Slim returns a copy that counts the clients instead of listing them: what a history keeps of most snapshots.
func (s *Snapshot) Slim() Snapshot {
	slim := *s
	slim.Clients, slim.Peeks, slim.Sockets, slim.Log = nil, nil, nil, nil
	type key struct{ name, host string }
	index := map[key]int{}
	slim.Census = nil
	for _, c := range s.Clients {
		k := key{c.Name, c.Host()}
		i, seen := index[k]
		if !seen {
			i = len(slim.Census)
			index[k] = i
			slim.Census = append(slim.Census, Census{Name: k.name, Host: k.host})
		}
		slim.Census[i].Count++
	}
	return slim
}
