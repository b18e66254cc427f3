package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/viper"

	"spillway/diagnose"
	"spillway/observe"
	"spillway/outage"
	"spillway/report"
	"spillway/topology"
)

// nodesOf reads the nodes of a live Cluster, of what Sentinels watch, or of what capture saved of them; many is false for a single Redis.
func nodesOf(cmd *cobra.Command, v *viper.Viper, args []string) (nodes []report.Node, many bool, err error) {
	files, err := savedFiles(v, args)
	if err != nil {
		return nil, false, err
	}
	if files != (observe.Files{}) {
		return savedNodes(cmd, v, files)
	}
	d, err := deploymentOf(cmd, v, args[0])
	if err != nil || d == nil {
		return nil, false, err
	}
	defer d.close()
	if err := d.read(cmd.Context()); err != nil {
		return nil, true, err
	}
	var wells []outage.Snapshot
	for _, n := range d.nodes {
		told := permitted(v, n.judge(), n.snaps)
		nodes = append(nodes, told)
		if told.Well {
			wells = append(wells, n.snaps[len(n.snaps)-1])
		}
	}
	if v.GetString("format") == "text" { // it has no more than a line of those that are well
		tellUnreadOfMany(wells)
	}
	return nodes, true, nil
}

func savedNodes(cmd *cobra.Command, v *viper.Viper, files observe.Files) (nodes []report.Node, many bool, err error) {
	if files.Dir == "" || files.Dir == "-" {
		return nil, false, nil
	}
	saved, many, err := observe.ReadNodes(files.Dir)
	if err != nil {
		return nil, many, unreadable(err)
	}
	if !many {
		return nil, false, nil
	}
	if err := refuseLive(cmd); err != nil {
		return nil, true, err
	}
	for _, s := range saved {
		n := judged(report.Node{Address: s.Address, Role: s.Role, Against: s.Against, Unread: s.Unread}, s.Snapshots)
		nodes = append(nodes, permitted(v, n, s.Snapshots))
	}
	return nodes, true, nil
}

// judge says what is found on a node that was read.
func (n *node) judge() report.Node {
	told := report.Node{Address: n.Name, Role: string(n.Role), Against: n.Against}
	if n.err != nil {
		told.Unread = oneLine(n.err)
	}
	return judged(told, n.snaps)
}

func judged(n report.Node, snaps []outage.Snapshot) report.Node {
	if len(snaps) == 0 {
		return n
	}
	d := diagnose.Diagnose(snaps...)
	n.Diagnosis, n.Unread = &d, ""
	n.Well = healthy(d, snaps) || n.Role == string(topology.Sentinel) && calm(d, snaps)
	return n
}

// permitted leaves out what cannot be sent to the node, and lists what could not be read of it.
func permitted(v *viper.Viper, n report.Node, snaps []outage.Snapshot) report.Node {
	if n.Diagnosis != nil {
		d := permit(*n.Diagnosis, service(v), snaps)
		n.Diagnosis = &d
	}
	return n
}

// calm reports whether nothing speaks against a Sentinel that does not tell its limit, as those before 6.2: it let us in, and
// turned nobody away meanwhile.
func calm(d outage.Diagnosis, snaps []outage.Snapshot) bool {
	_, told := snaps[len(snaps)-1].Number("connected_clients")
	return told && len(snaps) > 1 && len(d.Findings) == 0 && d.MaxClients == 0 && !d.Rejecting
}

// tellNodes writes what was found, and turns the worst of it into the exit code: a finding, then a node of which nothing can be told.
func tellNodes(cmd *cobra.Command, v *viper.Viper, nodes []report.Node) error {
	var err error
	if v.GetString("format") == "json" {
		err = report.NodesJSON(cmd.OutOrStdout(), nodes)
	} else {
		err = report.Nodes(cmd.OutOrStdout(), nodes, report.Options{Color: color(), Width: width(os.Stdout)})
	}
	if err != nil {
		return err
	}
	code := exitPass
	for _, n := range nodes {
		switch {
		case n.Diagnosis != nil && len(n.Diagnosis.Findings) > 0:
			code = worse(code, exitFail)
		case !n.Well:
			code = worse(code, exitInconclusive)
		}
	}
	return exitWith(code)
}

// worse is the worse of two exit codes: that something is wrong, then that nothing can be told, then that all is well.
func worse(a, b int) int {
	if a == exitFail || b == exitFail {
		return exitFail
	}
	return max(a, b)
}

func exitWith(code int) error {
	if code == exitPass {
		return nil
	}
	return &exit{code: code}
}

// captureNodes saves what all nodes look like.
func captureNodes(cmd *cobra.Command, d *deployment, out string) error {
	if err := d.read(cmd.Context()); err != nil {
		return err
	}
	var nodes []observe.NodeCapture
	var last []outage.Snapshot
	for _, n := range d.nodes {
		c := observe.NodeCapture{Address: n.Name, Role: string(n.Role), Against: n.Against, Snapshots: n.snaps}
		if len(n.snaps) == 0 {
			c.Unread = oneLine(n.err)
			complain("", n.Name+": not read: "+c.Unread)
		} else {
			last = append(last, n.snaps[len(n.snaps)-1])
		}
		nodes = append(nodes, c)
	}
	saved := len(last)
	if saved == 0 {
		return &exit{exitInconclusive, "none of " + count(len(nodes), "node") + " could be read: nothing was saved", ""}
	}
	if err := observe.CaptureNodes(out, nodes); err != nil {
		return err
	}
	tellUnreadOfMany(last)
	fmt.Fprintf(cmd.OutOrStdout(), "saved in %s: %s of %d\nnext: spillway diagnose --from %[1]s\n", out, count(saved, "node"), len(nodes))
	if saved < len(nodes) {
		return exitWith(exitInconclusive)
	}
	return nil
}
