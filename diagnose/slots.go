package diagnose

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"spillway/outage"
)

const (
	largePart   = 0.2 // of the limit: fewer replicas and links are what a limit is made for
	fewReplicas = 3   // that a primary usually has, one of them for the moment of a failover
	shownNodes  = 5
)

// replicaOrClusterSlots recognises that what is no client takes what clients need: replicas, and the links of a cluster,
// two for each node it knows, whether or not that node still exists. connected_clients counts neither.
func replicaOrClusterSlots(v *view) *outage.Finding {
	if !v.atLimit || v.limit == 0 {
		v.doubtLinks()
		return nil
	}
	connected, _ := v.now.Number("connected_slaves")
	replicas, links := int(connected), v.now.ClusterLinks()
	taken := replicas + links
	part := float64(taken) / float64(v.limit)
	if part < largePart {
		v.doubtLinks()
		return nil
	}
	wanted := v.demands()
	clients := v.peak(wanted) - taken
	var w weighing
	w.note(0.35+0.2*min(1, (part-largePart)/0.3), replicationCommand, "%s and %s take %d of %d slots, and connected_clients counts none of them",
		count(replicas, "replica"), count(links, "cluster link"), taken, v.limit)
	if clients <= v.limit {
		w.note(0.15, byNameCommand, "the clients as seen need %d: without those they fit", clients)
	} else {
		w.note(-0.2, byNameCommand, "the clients as seen need %d, more than the limit also without those", clients)
	}
	v.noteReplicas(&w, replicas)
	stale := v.noteNodes(&w, links)
	v.noteLimit(&w, 0.1, 0.1)
	if other := v.share(v.claimed()); other >= 0.3 {
		w.note(-other, "", "%s of the slots taken have another explanation", percent(other))
	}
	f := w.finding(v, outage.ReplicaOrClusterSlots)
	if f == nil {
		return nil
	}
	if v.rejected == 0 && len(v.all) > 1 {
		f.Confidence = min(f.Confidence, notYet)
	}
	f.Culprits = v.replicaCulprits()
	f.Effective, f.Needed = v.limit, v.need(wanted)
	f.Commands = []string{v.limitCommand(), replicationCommand}
	what := count(replicas, "replica")
	if links > 0 {
		f.Commands = append(f.Commands, nodesCommand)
		what = fmt.Sprintf("%s to %s", count(links, "cluster link"), count(links/2, "node"))
		if stale > 0 {
			what += fmt.Sprintf(", %d of them gone,", stale)
		}
		if replicas > 0 {
			what += " and " + count(replicas, "replica")
		}
	}
	f.Summary = fmt.Sprintf("%s hold %d of %d slots, which no list of clients shows in full", what, taken, v.limit)
	return f
}

// doubtLinks says what Redis 6.0 keeps to itself: it counts cluster links and shows them nowhere in INFO.
func (v *view) doubtLinks() {
	_, told := v.now.Number("cluster_connections")
	if v.rejected > 0 && v.now.Info["cluster_enabled"] == "1" && !told && len(v.now.Nodes) == 0 {
		v.doubts = append(v.doubts, "how many slots cluster links take: this version counts them and does not tell; CLUSTER NODES would, two for each other node")
	}
}

// replicaField is a replica in INFO replication.
var replicaField = regexp.MustCompile(`^slave\d+$`)

// noteReplicas names the replicas as INFO has them.
func (v *view) noteReplicas(w *weighing, n int) {
	if n == 0 {
		return
	}
	weight := 0.0
	if n > fewReplicas {
		weight = 0.1
	}
	var named []string
	for field, value := range v.now.Info {
		if replicaField.MatchString(field) {
			part := pairs(value)
			named = append(named, fmt.Sprintf("%s:%s (%s)", part["ip"], part["port"], part["state"]))
		}
	}
	slices.Sort(named)
	for i, name := range named {
		named[i] = clean(name)
	}
	if extra := len(named) - shownNodes; extra > 0 {
		named = append(named[:shownNodes], fmt.Sprintf("%d more", extra))
	}
	w.note(weight, replicationCommand, "replicas: %s", cmp.Or(strings.Join(named, ", "), "INFO names none"))
}

// pairs reads name=value,name=value.
func pairs(s string) map[string]string {
	found := map[string]string{}
	for _, field := range strings.Split(s, ",") {
		if name, value, ok := strings.Cut(field, "="); ok {
			found[name] = value
		}
	}
	return found
}

// noteNodes tells which nodes of the cluster are gone, and how many.
func (v *view) noteNodes(w *weighing, links int) (stale int) {
	if links == 0 {
		return 0
	}
	if len(v.now.Nodes) == 0 {
		w.note(0.05, nodesCommand, "which nodes they lead to was not read: two links count for each that is known, also where no socket exists")
		return 0
	}
	var shown []string
	for _, n := range v.now.Nodes {
		if !n.Stale() {
			continue
		}
		if stale++; stale <= shownNodes {
			shown = append(shown, clean(fmt.Sprintf("%s (%s, %s)", n.Addr, n.Flags, n.Link)))
		}
	}
	if stale == 0 {
		w.note(0, nodesCommand, "all of its %d other nodes are well", len(v.now.Nodes)-1)
		return 0
	}
	if stale > shownNodes {
		shown = append(shown, fmt.Sprintf("%d more", stale-shownNodes))
	}
	w.note(0.2*share(stale, len(v.now.Nodes)-1), nodesCommand, "%d of its %d other nodes are gone or were never there: %s", stale, len(v.now.Nodes)-1, strings.Join(shown, ", "))
	return stale
}

// replicaCulprits names the replicas by their address: they have no name.
func (v *view) replicaCulprits() []outage.Culprit {
	n, examples := map[string]int{}, map[string][]string{}
	for _, c := range v.conns {
		if isReplica(c) {
			n[c.host]++
			if len(examples[c.host]) < 3 {
				examples[c.host] = append(examples[c.host], c.Addr)
			}
		}
	}
	culprits := []outage.Culprit{}
	for host, conns := range n {
		culprits = append(culprits, outage.Culprit{Service: clean(host), Addr: host, Connections: conns, Examples: examples[host]})
	}
	sortCulprits(culprits)
	return culprits
}

const (
	replicationCommand = `redis-cli INFO | grep -E '^(connected_clients|connected_slaves|cluster_connections|slave[0-9]+):'`
	nodesCommand       = `redis-cli CLUSTER NODES`
)
