// Package observe reads: a live Redis, its host, or output saved with redis-cli becomes an outage.Snapshot.
//
// It stands before diagnose in the loop Snapshot -> Diagnosis -> Action -> Redis, and also carries the commands of
// remedy, since the connection that got in before the outage is the one to keep. It refuses to judge, and its own
// commands change nothing but the name of its own connection. What cannot be read is named in Snapshot.Missing with
// the server's own words; only a broken connection is an error.
//
// The words used in Missing are INFO, CONFIG GET, CLIENT LIST, CLUSTER NODES, host, limits, file descriptors, listen queue,
// overflows, sockets, log, SLOWLOG, ACL LOG, and time; of what a remedy may do CONFIG SET and CLIENT KILL.
package observe

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"spillway/outage"
)

// settings are what CONFIG GET is asked for: everything that matters at the limit, and no secret.
var settings = []string{
	"maxclients", "timeout", "tcp-keepalive", "tcp-backlog", "maxmemory", "maxmemory-policy", "maxmemory-clients",
	"protected-mode", "client-output-buffer-limit", "hz", "dynamic-hz", "tls-port", "save", "appendonly",
}

// Reader takes snapshots of one server.
type Reader struct {
	Conn *Conn
	// Host shows what only the server's machine can; nil where that is out of reach.
	Host Host
	// Knock asks hosts of clients whether they are alive, such as Knock with a port and a time; nil does not ask.
	Knock func(ctx context.Context, hosts []string) []outage.Peer
	// Now is the clock of the run; nil counts from the first snapshot.
	Now func() outage.Duration

	started time.Time
}

// Snapshot asks for a sign of life, reads INFO, CONFIG, CLIENT LIST and what Redis logs of slow commands and denials in one
// round trip, then the host. An error means that the connection
// broke; the snapshot then holds what came before. It is not for concurrent use.
func (r *Reader) Snapshot(ctx context.Context) (outage.Snapshot, error) {
	cmds := [][]string{{"INFO", "all"}, {"CLIENT", "LIST"}}
	for _, name := range settings {
		// One each: before 7.0 CONFIG GET takes only one.
		cmds = append(cmds, []string{"CONFIG", "GET", name})
	}
	cmds = append(cmds, []string{"SLOWLOG", "GET", strconv.Itoa(slowEntries)}, []string{"ACL", "LOG", strconv.Itoa(aclEntries)})
	latency := r.ping(ctx)
	replies, err := r.Conn.Pipeline(ctx, cmds)
	snap := outage.Snapshot{At: r.now(), Latency: latency}
	for len(replies) < len(cmds) {
		replies = append(replies, Error("the connection broke before its answer"))
	}
	readInfo(&snap, replies[0])
	readClients(&snap, replies[1])
	r.Conn.sign(&snap)
	logs := replies[2+len(settings):]
	readConfig(&snap, replies[2:2+len(settings)])
	readSlow(&snap, logs[0])
	readACL(&snap, logs[1])
	if err != nil {
		return snap, err
	}
	if err := r.time(ctx, &snap); err != nil {
		return snap, err
	}
	if err := r.nodes(ctx, &snap); err != nil {
		return snap, err
	}
	r.look(ctx, &snap)
	return snap, nil
}

// ping measures how long Redis takes to answer at all. A connection that breaks over it shows in what is read next.
func (r *Reader) ping(ctx context.Context) outage.Duration {
	began := time.Now()
	if _, err := r.Conn.Pipeline(ctx, [][]string{{"PING"}}); err != nil {
		return 0
	}
	return outage.Duration(max(time.Since(began), time.Microsecond))
}

func (r *Reader) now() outage.Duration {
	if r.Now != nil {
		return r.Now()
	}
	if r.started.IsZero() {
		r.started = time.Now()
	}
	return outage.Duration(time.Since(r.started))
}

func readInfo(snap *outage.Snapshot, reply any) {
	text, ok := reply.(string)
	if !ok {
		missing(snap, "INFO", whyNot(reply))
		return
	}
	snap.Info = ParseInfo(text)
}

// time adds the server's clock where INFO does not have it, as before 6.2. Whoever may not ask does without.
func (r *Reader) time(ctx context.Context, snap *outage.Snapshot) error {
	if snap.Info == nil || snap.Info[serverClock] != "" {
		return nil
	}
	replies, err := r.Conn.Pipeline(ctx, [][]string{{"TIME"}})
	if err != nil {
		return err
	}
	parts, ok := replies[0].([]any)
	if !ok || len(parts) != 2 {
		return nil
	}
	seconds, isText := parts[0].(string)
	micro, too := parts[1].(string)
	if n, err := strconv.Atoi(micro); isText && too && err == nil {
		snap.Info[serverClock] = fmt.Sprintf("%s%06d", seconds, n)
	}
	return nil
}

func readClients(snap *outage.Snapshot, reply any) {
	text, ok := reply.(string)
	if !ok {
		missing(snap, "CLIENT LIST", whyNot(reply))
		return
	}
	clients, err := ParseClients(text)
	snap.Clients = clients
	if err != nil {
		missing(snap, "CLIENT LIST", err.Error())
	}
}

// sign names our own connection in the list where the server does not.
func (c *Conn) sign(snap *outage.Snapshot) {
	for i := range snap.Clients {
		if c.id > 0 && snap.Clients[i].ID == c.id {
			snap.Clients[i].Name = c.name
		}
	}
}

// readConfig names every setting that was refused, or CONFIG GET as a whole. A setting that this version
// does not have is an empty answer, and nothing is missing.
func readConfig(snap *outage.Snapshot, replies []any) {
	var refused []outage.Missing
	config := map[string]string{}
	for i, reply := range replies {
		pairs, ok := reply.([]any)
		if !ok {
			refused = append(refused, outage.Missing{What: "CONFIG GET " + settings[i], Why: whyNot(reply)})
			continue
		}
		for pair := range slices.Chunk(pairs, 2) {
			name, isName := pair[0].(string)
			value, isValue := pair[len(pair)-1].(string)
			// No more than what was asked for: a password is not.
			if isName && isValue && len(pair) == 2 && strings.EqualFold(name, settings[i]) {
				config[name] = value
			}
		}
	}
	if len(refused) == len(replies) {
		missing(snap, "CONFIG GET", refused[0].Why)
		return
	}
	snap.Config, snap.Missing = config, append(snap.Missing, refused...)
}

func (r *Reader) look(ctx context.Context, snap *outage.Snapshot) {
	if r.Host == nil {
		missing(snap, "host", "not looked at: limits, sockets and listen queue show on the server's own machine only")
	} else if facts, err := r.Host.Look(ctx); err != nil {
		missing(snap, "host", err.Error())
	} else {
		snap.Process, snap.Listen, snap.Sockets = facts.Process, facts.Listen, facts.Sockets
		snap.Log, snap.Peers = facts.Log, facts.Peers
		for _, m := range facts.Missing {
			// A host that has the log from elsewhere, such as Docker, wraps one that has no file to read.
			if m.What != "log" || len(facts.Log) == 0 {
				snap.Missing = append(snap.Missing, m)
			}
		}
		lowerBacklog(snap)
	}
	if r.Knock != nil && snap.Peers == nil {
		if hosts := knockable(snap.Clients); len(hosts) > 0 {
			snap.Peers = r.Knock(ctx, hosts)
		}
	}
}

// lowerBacklog applies tcp-backlog: the host knows only the kernel's bound, and the smaller one counts.
func lowerBacklog(snap *outage.Snapshot) {
	if snap.Listen == nil {
		return
	}
	if n, ok := number(snap.Config["tcp-backlog"]); ok && n > 0 && (snap.Listen.Backlog == 0 || int(n) < snap.Listen.Backlog) {
		snap.Listen.Backlog = int(n)
	}
}

func missing(snap *outage.Snapshot, what, why string) {
	snap.Missing = append(snap.Missing, outage.Missing{What: what, Why: why})
}

func whyNot(reply any) string {
	if e, ok := reply.(error); ok {
		return strings.TrimSpace(e.Error())
	}
	return "an answer of an unexpected kind"
}
