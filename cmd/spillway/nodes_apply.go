package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/viper"

	"spillway/outage"
	"spillway/remedy"
)

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
	tellJournals(cmd, dir)
	code, json := exitPass, v.GetString("format") == "json"
	for i, t := range all {
		switch {
		case t.advice:
			if err := t.advise(cmd.OutOrStdout(), json); err != nil {
				return err
			}
			fallthrough
		case journals[i] == nil:
			code = worse(code, t.untouched())
		case cmd.Context().Err() != nil:
			complain("", t.Address+": not begun")
		default:
			code = worse(code, t.apply(cmd, v, journals[i]))
		}
	}
	if json {
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

// tellJournals says where they are before the first change, since whoever is killed says nothing at the end.
func tellJournals(cmd *cobra.Command, dir string) {
	if dir == "" {
		fmt.Fprintln(os.Stderr, "there is no plan to carry out")
		return
	}
	again := ""
	if cmd.Flags().Changed("cluster") {
		again = " --cluster"
	}
	fmt.Fprintf(os.Stderr, "journals: %s (spillway remedy URL%s --undo %s restores the settings, also if this is cut off)\n", dir, again, dir)
}

// advise shows a plan of which nothing can be done from here.
func (t *treatment) advise(out io.Writer, json bool) error {
	complain("", t.Address+": nothing of this can be done from here, and nothing was changed: the plan says who can")
	if json {
		return nil // it is there with the others
	}
	return t.show(out)
}

// apply carries one plan out. That a node goes away meanwhile does not keep the others from relief.
func (t *treatment) apply(cmd *cobra.Command, v *viper.Viper, journal io.Writer) int {
	tellOthers(t.Address+": ", t.node.snaps[len(t.node.snaps)-1].Clients, t.self)
	a := remedy.Applier{
		Redis: t.node.conn, Journal: journal, Node: t.node.Addr,
		Report: func(done outage.Action) { sayOf(cmd, v, t.Address, done) },
	}
	var err error
	t.Actions, err = a.Apply(cmd.Context(), *t.Plan)
	if err != nil {
		t.Error = oneLine(err)
		complain("", t.Address+": "+t.Error+"; its journal says how far it came")
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
