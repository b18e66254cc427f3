package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/viper"

	"spillway/outage"
	"spillway/remedy"
	"spillway/report"
	"spillway/topology"
)

// sureOfNode is how sure the first finding has to be before one of many nodes is touched: nobody looks at each plan of many for long.
const sureOfNode = 0.5

// treatment is what is done about one node of many.
type treatment struct {
	Address string           `json:"address"`
	Role    string           `json:"role,omitempty"`
	Well    bool             `json:"well"`
	Plan    *outage.Plan     `json:"plan,omitempty"`
	Alone   string           `json:"left_alone,omitempty"` // why nothing is done about a node that is not well
	Actions []outage.Action  `json:"actions,omitempty"`    // what became of the plan where it was applied
	Error   string           `json:"error,omitempty"`      // what broke over it
	Finding []outage.Finding `json:"-"`

	node   *node
	self   int64 // the id of our connection; 0 where the node does not tell
	advice bool  // nothing of the plan can be done from here, since the node or a profile does not allow it
}

// acts reports whether there is something to carry out.
func (t *treatment) acts() bool { return t.Plan != nil && !t.advice }

// untouched is what it means for the exit code that nothing is carried out.
func (t *treatment) untouched() int {
	switch {
	case t.advice, t.Alone != "" && len(t.Finding) > 0:
		return exitFail
	case t.Alone != "":
		return exitInconclusive
	}
	return exitPass
}

// remedyNodes plans for each node, and prints the plans or carries them out, one after the other.
func remedyNodes(cmd *cobra.Command, v *viper.Viper, d *deployment, mode string) error {
	if mode == "undo" {
		return undoNodes(cmd, v, d)
	}
	if err := d.read(cmd.Context()); err != nil {
		return err
	}
	var all []*treatment
	code := exitPass
	for _, n := range d.nodes {
		t := n.prescribe(cmd, v)
		all = append(all, t)
		if t.Plan != nil {
			code = exitFail
		}
		code = worse(code, t.untouched())
	}
	if err := checkSelection(cmd, v, all); err != nil {
		return err
	}
	out, json := cmd.OutOrStdout(), v.GetString("format") == "json"
	tellUnreadOfMany(lastOf(all, func(t *treatment) bool { return t.Plan == nil && len(t.Finding) == 0 && !t.Well }))
	switch {
	case mode == "apply":
		tellUnreadOfMany(lastOf(all, (*treatment).acts))
		return applyNodes(cmd, v, all)
	case mode == "print":
		tellUnreadOfMany(lastOf(all, func(t *treatment) bool { return t.Plan != nil }), "CONFIG", "CLIENT")
		return printNodes(cmd, all, code)
	case json:
		if err := writeTreatments(out, all); err != nil {
			return err
		}
	default:
		if err := showNodes(out, all); err != nil {
			return err
		}
		if code == exitFail {
			fmt.Fprintln(os.Stderr, "\n"+dryRun(service(v)))
		}
	}
	return exitWith(code)
}

// prescribe plans for a node, or says why it is left alone.
func (n *node) prescribe(cmd *cobra.Command, v *viper.Viper) *treatment {
	told := n.judge()
	t := &treatment{Address: n.Name, Role: string(n.Role), Well: told.Well, Alone: spared(told, toType(n.options)), node: n}
	if told.Diagnosis == nil {
		return t
	}
	t.Finding = told.Diagnosis.Findings
	if t.Alone != "" || len(t.Finding) == 0 {
		return t
	}
	last := &n.snaps[len(n.snaps)-1]
	plan, options, err := planned(cmd, v, n.conn, *told.Diagnosis, last)
	if err != nil {
		t.Alone = oneLine(err)
		return t
	}
	t.Plan, t.self, t.advice = &plan, options.Self, adviceOnly(plan, service(v), *last)
	return t
}

// checkSelection refuses an expression that matches nothing on any of the nodes that there is a plan for.
func checkSelection(cmd *cobra.Command, v *viper.Viper, all []*treatment) error {
	var servers []remedy.Server
	planned := false
	for _, t := range all {
		if len(t.node.snaps) == 0 {
			continue
		}
		s := remedy.Server{Clients: t.node.snaps[len(t.node.snaps)-1].Clients}
		if t.Plan != nil {
			planned = true
			s.Diagnosis.Findings = t.Finding
		}
		servers = append(servers, s)
	}
	if !planned {
		return nil
	}
	if err := narrowed(cmd, v).Select.Check(servers...); err != nil {
		return matchless(err)
	}
	return nil
}

// lastOf are the latest snapshots of those nodes of which there is one.
func lastOf(all []*treatment, which func(*treatment) bool) (snaps []outage.Snapshot) {
	for _, t := range all {
		if n := len(t.node.snaps); n > 0 && which(t) {
			snaps = append(snaps, t.node.snaps[n-1])
		}
	}
	return snaps
}

// spared says why nothing is done about the node at url; empty where there is a plan to be made, or nothing to be done.
func spared(n report.Node, url string) string {
	d := n.Diagnosis
	switch {
	case d == nil:
		return "not read: " + n.Unread
	case len(d.Findings) == 0 && !n.Well:
		return "cannot tell what is wrong: " + strings.Join(d.Unsure, "; ")
	case len(d.Findings) == 0:
		return ""
	case n.Role == string(topology.Sentinel):
		return fmt.Sprintf("%s, and a Sentinel is never changed: spillway diagnose %s says more", d.Findings[0].Cause, url)
	case d.Findings[0].Confidence < sureOfNode:
		return fmt.Sprintf("%s is only %.2f sure: spillway remedy %s plans for it alone", d.Findings[0].Cause, d.Findings[0].Confidence, url)
	}
	return ""
}

func writeTreatments(out io.Writer, all []*treatment) error {
	return report.Encode(out, struct {
		Nodes []*treatment `json:"nodes"`
	}{all})
}

// showNodes writes each plan under the name of its node, then who is left alone.
func showNodes(out io.Writer, all []*treatment) error {
	var well, alone int
	for _, t := range all {
		switch {
		case t.Plan != nil:
			if err := t.show(out); err != nil {
				return err
			}
		case t.Alone != "":
			alone++
		default:
			well++
		}
	}
	fmt.Fprintf(out, "%s: %d with a plan, %d well, %d left alone\n", count(len(all), "node"), len(all)-well-alone, well, alone)
	tellAlone(out, all)
	return nil
}

// show writes the plan under the name of its node.
func (t *treatment) show(out io.Writer) error {
	fmt.Fprintf(out, "== %s\n", t.heading())
	if err := remedy.Print(out, *t.Plan); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out)
	return err
}

func tellAlone(out io.Writer, all []*treatment) {
	for _, t := range all {
		if t.Alone != "" {
			fmt.Fprintf(out, "  %s  left alone: %s\n", t.heading(), report.Clean(t.Alone, 0))
		}
	}
}

func (t *treatment) heading() string {
	if t.Role == "" {
		return report.Clean(t.Address, 0)
	}
	return report.Clean(t.Address, 0) + ", " + t.Role
}

// printNodes prints bare commands under the node that they are for, as a comment: on another one they would be wrong.
func printNodes(cmd *cobra.Command, all []*treatment, code int) error {
	out, printed, later := cmd.OutOrStdout(), 0, 0
	for _, t := range all {
		if t.Plan == nil {
			continue
		}
		for _, a := range t.Plan.Actions {
			if a.After > 0 {
				later += len(a.Victims)
			}
		}
		commands := remedy.Commands(*t.Plan)
		if len(commands) == 0 {
			complain("", fmt.Sprintf("%s: %s: there is no command for Redis in this plan", t.Address, t.Plan.Cause))
			continue
		}
		printed++
		fmt.Fprintf(out, "# %s: %s\n%s\n", t.heading(), t.Plan.Cause, strings.Join(commands, "\n"))
	}
	if later > 0 {
		fmt.Fprintf(os.Stderr, "%d more are too young to be closed now: look again in some seconds\n", later)
	}
	if printed > 0 {
		fmt.Fprintln(os.Stderr, "each command is for the node that is named above it, and for no other")
	}
	tellAlone(os.Stderr, all)
	return exitWith(code)
}
