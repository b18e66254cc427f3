package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/viper"
	"golang.org/x/sync/errgroup"

	"spillway/observe"
	"spillway/outage"
	"spillway/report"
	"spillway/topology"
)

func clusterFlag(cmd *cobra.Command) {
	cmd.Flags().Bool("cluster", false, "every node of the Cluster that the Redis is one of")
}

// deployment is a Redis of several servers: a Cluster, or what Sentinels watch. Each is read for itself.
type deployment struct {
	name  string // of the master that the Sentinels watch; empty for a Cluster
	nodes []*node
	flags *viper.Viper  // by which they are reached
	wait  time.Duration // for a slot, of each
	look  look
}

// node is one of its servers, and what was seen of it.
type node struct {
	topology.Node
	options observe.Options
	conn    *observe.Conn // nil while there is none
	snaps   []outage.Snapshot
	err     error // why it could not be read
}

// deploymentOf finds the servers of a Cluster or of a Sentinel; nil for a single Redis.
func deploymentOf(cmd *cobra.Command, v *viper.Viper, url string) (*deployment, error) {
	sentinels, watched, err := topology.ParseSentinels(url)
	cluster := v.GetBool("cluster")
	switch {
	case err != nil:
		return nil, usage(err.Error(), "for example redis+sentinel://10.0.0.5:26379,10.0.0.6:26379/mymaster")
	case watched && cluster:
		return nil, usage("--cluster and a Sentinel's URL exclude each other", "a Cluster has no Sentinels: name one of its nodes, as redis://host:port")
	case !watched && !cluster:
		return nil, nil
	case outOfBand(v):
		return nil, usage("--out-of-band frees a slot of one Redis, and these are many", "name that node alone: redis://host:port --pid PID --out-of-band")
	case v.GetInt("pid") > 0:
		return nil, usage("--pid is the process of one Redis, and these are many", "name that node alone: redis://host:port --pid PID")
	}
	d := &deployment{name: sentinels.Name, flags: v, wait: v.GetDuration("wait"), look: looking(v)}
	if watched {
		err = d.bySentinel(cmd, sentinels)
	} else {
		err = d.byNode(cmd, url)
	}
	if err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

// byNode asks the node that url names for the others.
func (d *deployment) byNode(cmd *cobra.Command, url string) error {
	o, err := address(cmd, d.flags, url)
	if err != nil {
		return err
	}
	conn, err := d.slot(cmd.Context(), o, o.Addr)
	if err != nil {
		return otherWay(err, "another node of the Cluster knows the others as well")
	}
	view, err := topology.Cluster(cmd.Context(), conn, o)
	if err != nil {
		closeQuietly(conn)
		if errors.Is(err, topology.ErrNoCluster) {
			return usage(fmt.Sprintf("--cluster: %s: %v", o, err), "leave out --cluster")
		}
		return &exit{exitInconclusive, fmt.Sprintf("%s: %v", o, err), "without --cluster this node alone is read"}
	}
	d.take(view, conn, func(topology.Node) observe.Options { return o })
	return nil
}

// take makes nodes of a view. conn leads to the one that was asked.
func (d *deployment) take(view topology.View, conn *observe.Conn, way func(topology.Node) observe.Options) {
	for _, doubt := range view.Doubts {
		fmt.Fprintln(os.Stderr, "not understood:", report.Clean(doubt, 300))
	}
	taken := false
	for _, found := range view.Nodes {
		n := &node{Node: found, options: way(found).At(found.Addr)}
		if found.Self && !taken {
			taken = true
			n.conn, n.options = conn, way(found)
		}
		d.nodes = append(d.nodes, n)
	}
	if !taken {
		closeQuietly(conn)
	}
}

// slot connects to one of many, and tells when that is full.
func (d *deployment) slot(ctx context.Context, o observe.Options, name string) (*observe.Conn, error) {
	return slot(ctx, d.flags, o, d.wait, func(err error, first bool) bool {
		if first {
			complain("", fmt.Sprintf("%s: %s; trying for a slot for %s", name, oneLine(errors.New(refused(err))), d.wait))
		}
		return true
	})
}

// atOnce is how many nodes are read at the same time.
const atOnce = 32

// read takes the snapshots of all nodes at once, so that a full one does not keep the others waiting. The connections stay open.
func (d *deployment) read(ctx context.Context) error {
	if isTerminal(os.Stderr) {
		fmt.Fprintf(os.Stderr, "reading %s, %s of each, %s apart\n", count(len(d.nodes), "node"), count(d.look.samples, "snapshot"), d.look.interval)
	}
	var group errgroup.Group
	group.SetLimit(atOnce)
	for _, n := range d.nodes {
		group.Go(func() error {
			n.err = n.read(ctx, d)
			return nil // that one cannot be read is no reason to stop
		})
	}
	_ = group.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	d.unite()
	return nil
}

func (n *node) read(ctx context.Context, d *deployment) (err error) {
	if err = n.hold(ctx, d); err != nil {
		return err
	}
	n.snaps, err = d.look.sample(ctx, n.conn, func(text string) { complain("", n.Name+": "+text) })
	if err == nil && n.Role == topology.Sentinel {
		n.compare(ctx, d)
	}
	return err
}

// hold connects, unless there is a connection already.
func (n *node) hold(ctx context.Context, d *deployment) (err error) {
	if n.Addr == "" {
		return errors.New("there is no address to connect to")
	}
	if n.conn == nil {
		n.conn, err = d.slot(ctx, n.options, n.Name)
	}
	return err
}

func (d *deployment) close() {
	for _, n := range d.nodes {
		if n.conn != nil {
			closeQuietly(n.conn)
		}
	}
}

// otherWay says before the hint of an error that there is another way in.
func otherWay(err error, way string) error {
	if e := new(exit); errors.As(err, &e) {
		return &exit{e.code, e.text, way + "; " + e.hint}
	}
	return err
}

// oneLine is an error without what it says of the address, which stands before it, and harmless to a terminal.
func oneLine(err error) string {
	text, _, _ := strings.Cut(err.Error(), "\n")
	if before, after, found := strings.Cut(text, "connect to "); found {
		if _, why, found := strings.Cut(after, ": "); found {
			text = before + why
		}
	}
	return report.Clean(text, 300)
}

// oneOfMany tells, after a single server was read, that it is not alone.
func oneOfMany(snaps []outage.Snapshot) {
	if len(snaps) == 0 {
		return
	}
	last := snaps[len(snaps)-1]
	switch {
	case last.Info["redis_mode"] == "sentinel", last.Info["server_mode"] == "sentinel": // valkey's word
		fmt.Fprintln(os.Stderr, "this is a Sentinel: redis+sentinel://HOST:PORT/NAME reads the servers that it watches as well")
	case len(last.Nodes) > 1:
		fmt.Fprintf(os.Stderr, "this is one node of %d of a Cluster: --cluster reads all of them\n", len(last.Nodes))
	}
}

// fileOf is what a file of a node is called: 10.0.0.5_6379.
func fileOf(addr string) string {
	host, port, _ := net.SplitHostPort(addr)
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(":%/ ", r) {
			return '_'
		}
		return r
	}, host+"_"+port)
}
