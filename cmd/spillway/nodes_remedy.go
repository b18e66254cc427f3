package main

import (
	"context"
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

	node *node
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
		t := n.prescribe(v)
		all = append(all, t)
		switch {
		case t.Plan != nil, len(t.Finding) > 0:
			code = worse(code, exitFail)
		case t.Alone != "":
			code = worse(code, exitInconclusive)
		}
	}
	out, json := cmd.OutOrStdout(), v.GetString("format") == "json"
	switch {
	case mode == "apply":
		return applyNodes(cmd, v, all)
	case mode == "print":
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
			fmt.Fprintln(os.Stderr, "\nThis was a dry run: nothing was changed. --apply carries it out, node by node.")
		}
	}
	return exitWith(code)
}

// prescribe plans for a node, or says why it is left alone.
func (n *node) prescribe(v *viper.Viper) *treatment {
	told := n.judge()
	t := &treatment{Address: n.Name, Role: string(n.Role), Well: told.Well, Alone: spared(told), node: n}
	if told.Diagnosis == nil {
		return t
	}
	t.Finding = told.Diagnosis.Findings
	if t.Alone == "" && len(t.Finding) > 0 {
		plan := planned(v, *told.Diagnosis, n.snaps)
		t.Plan = &plan
	}
	return t
}

// spared says why nothing is done about a node; empty where there is a plan to be made, or nothing to be done.
func spared(n report.Node) string {
	d := n.Diagnosis
	switch {
	case d == nil:
		return "not read: " + n.Unread
	case len(d.Findings) == 0 && !n.Well:
		return "cannot tell what is wrong: " + strings.Join(d.Unsure, "; ")
	case len(d.Findings) == 0:
		return ""
	case n.Role == string(topology.Sentinel):
		return fmt.Sprintf("%s, and a Sentinel is never changed: spillway diagnose redis://%s says more", d.Findings[0].Cause, n.Address)
	case d.Findings[0].Confidence < sureOfNode:
		return fmt.Sprintf("%s is only %.2f sure: spillway remedy redis://%s plans for it alone", d.Findings[0].Cause, d.Findings[0].Confidence, n.Address)
	}
	return ""
}

func writeTreatments(out io.Writer, all []*treatment) error {
	return writeJSON(out, struct {
		Nodes []*treatment `json:"nodes"`
	}{all})
}

// showNodes writes each plan under the name of its node, then who is left alone.
func showNodes(out io.Writer, all []*treatment) error {
	var well, alone int
	for _, t := range all {
		switch {
		case t.Plan != nil:
			fmt.Fprintf(out, "== %s\n", t.heading())
			if err := remedy.Print(out, *t.Plan); err != nil {
				return err
			}
			fmt.Fprintln(out)
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
			fmt.Fprintf(os.Stderr, "%s: %s: there is no command for Redis in this plan\n", t.Address, t.Plan.Cause)
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

// applyNodes carries the plans out, one node after the other. All journals are there before the first change.
func applyNodes(cmd *cobra.Command, v *viper.Viper, all []*treatment) error {
	dir, journals, err := openJournals(v, all)
	if err != nil {
		return err
	}
	defer func() {
		for _, f := range journals {
			closeQuietly(f)
		}
	}()
	code, begun := exitPass, 0
	for i, t := range all {
		if journals[i] == nil {
			if t.Alone != "" && len(t.Finding) > 0 {
				code = worse(code, exitFail)
			} else if t.Alone != "" {
				code = worse(code, exitInconclusive)
			}
			continue
		}
		if cmd.Context().Err() != nil {
			fmt.Fprintf(os.Stderr, "%s: not begun\n", t.Address)
			continue
		}
		begun++
		code = worse(code, t.apply(cmd, v, journals[i]))
	}
	if begun > 0 {
		again := ""
		if cmd.Flags().Changed("cluster") {
			again = " --cluster"
		}
		fmt.Fprintf(os.Stderr, "journals: %s (spillway remedy URL%s --undo %s restores the settings)\n", dir, again, dir)
	} else {
		fmt.Fprintln(os.Stderr, "there is no plan to carry out")
	}
	if v.GetString("format") == "json" {
		if err := writeTreatments(cmd.OutOrStdout(), all); err != nil {
			return err
		}
	}
	tellAlone(os.Stderr, all)
	if cmd.Context().Err() != nil {
		return context.Cause(cmd.Context())
	}
	return exitWith(code)
}

// apply carries one plan out. That a node goes away meanwhile does not keep the others from relief.
func (t *treatment) apply(cmd *cobra.Command, v *viper.Viper, journal io.Writer) int {
	a := remedy.Applier{
		Redis: t.node.conn, Journal: journal, Node: t.node.Addr,
		Report: func(done outage.Action) { sayOf(cmd, v, t.Address, done) },
	}
	var err error
	t.Actions, err = a.Apply(cmd.Context(), *t.Plan)
	if err != nil {
		t.Error = err.Error()
		fmt.Fprintf(os.Stderr, "%s: %v; its journal says how far it came\n", t.Address, err)
	}
	return outcome(t.Actions, err)
}

// outcome is 1 where Redis refused, 3 where the connection broke.
func outcome(actions []outage.Action, err error) int {
	if err != nil {
		return exitInconclusive
	}
	for _, a := range actions {
		if a.State == outage.Errored {
			return exitFail
		}
	}
	return exitPass
}

// sayOf prints an action of one node of many as it ends.
func sayOf(cmd *cobra.Command, v *viper.Viper, node string, a outage.Action) {
	if v.GetString("format") == "text" {
		fmt.Fprintf(cmd.OutOrStdout(), "%s  %-8s %-18s %s\n", node, a.State, a.Kind, a.Result)
	}
}
