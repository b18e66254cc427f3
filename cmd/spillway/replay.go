package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/viper"

	"spillway/diagnose"
	"spillway/observe"
	"spillway/replay"
	"spillway/scenarios"
)

// chosen are the scenarios to run: those of a catalogue, or what a captured incident becomes, whose text is then returned
// as well.
func chosen(cmd *cobra.Command, v *viper.Viper, args []string) ([]scenarios.Scenario, []byte, error) {
	show, _ := cmd.Flags().GetBool("show")
	dir := v.GetString("replay")
	switch {
	case dir == "" && cmd.Flags().Changed("replay"):
		return nil, nil, usage("--replay names no folder", "spillway capture URL --out DIR makes one")
	case dir == "" && show:
		return nil, nil, usage("--show prints what --replay DIR would run", "spillway show NAME prints a scenario of the catalogue")
	case dir == "":
		picked, err := selection(v, args)
		return picked, nil, err
	case len(args) > 0 || len(v.GetStringSlice("only")) > 0 || v.GetString("file") != "":
		return nil, nil, usage("--replay runs what was captured, and a scenario of a catalogue is named too", "leave one of them out")
	}
	text, err := replayed(dir)
	if err != nil {
		return nil, nil, err
	}
	c, err := scenarios.Parse("replay of "+dir, text)
	if err != nil {
		return nil, nil, err
	}
	return c.Scenarios, text, nil
}

// replayed turns what was captured in a folder into a catalogue of one scenario, or of one for each node in trouble.
func replayed(dir string) ([]byte, error) {
	captured, err := incidents(dir)
	if err != nil {
		return nil, err
	}
	text, err := replay.Catalogue(captured...)
	if unclear := new(replay.Unclear); errors.As(err, &unclear) {
		return nil, &exit{exitInconclusive, "--replay " + dir + ": " + err.Error(), "spillway diagnose --from " + dir + " shows what the capture tells"}
	}
	return text, err
}

// incidents reads a folder of one server or of many nodes.
func incidents(dir string) ([]replay.Incident, error) {
	name := "stdin"
	if dir != "-" {
		name = filepath.Base(filepath.Clean(dir))
		nodes, many, err := observe.ReadNodes(dir)
		if many && err == nil {
			return inTrouble(dir, name, nodes)
		}
		if many {
			return nil, noCapture(err)
		}
	}
	snaps, err := observe.ReadFiles(observe.Files{Dir: dir})
	if err != nil {
		return nil, noCapture(err)
	}
	d := diagnose.Diagnose(snaps...)
	if len(d.Findings) == 0 && !healthy(d, snaps) {
		return nil, &exit{exitInconclusive, "--replay " + dir + ": cannot tell what is wrong, if anything: " + strings.Join(d.Unsure, "; "),
			"save what is missing, or write the scenario yourself: spillway show NAME prints one to begin with"}
	}
	return []replay.Incident{{Name: name, Snapshots: snaps, Diagnosis: d}}, nil
}

// inTrouble returns the incidents of the nodes with which something is wrong. They are called by their place in the list
// that diagnose shows: addresses are kept out of scenarios.
func inTrouble(dir, name string, nodes []observe.NodeCapture) ([]replay.Incident, error) {
	var found []replay.Incident
	well, one := 0, ""
	for i, n := range nodes {
		d := diagnose.Diagnose(n.Snapshots...)
		switch {
		case len(d.Findings) > 0:
			found = append(found, replay.Incident{Name: fmt.Sprintf("node-%d-of-%s", i+1, name), Snapshots: n.Snapshots, Diagnosis: d})
		case healthy(d, n.Snapshots):
			well++
			one = cmp.Or(one, filepath.Join(dir, n.Folder))
		}
	}
	switch {
	case len(found) > 0:
		return found, nil
	case well == len(nodes):
		return nil, usage(fmt.Sprintf("--replay %s: nothing is wrong with any of its %d nodes", dir, len(nodes)), "replay one of them: --replay "+one)
	}
	return nil, &exit{exitInconclusive, fmt.Sprintf("--replay %s: cannot tell what is wrong, if anything, with %d of its %d nodes", dir, len(nodes)-well, len(nodes)),
		"spillway diagnose --from " + dir + " shows what the capture tells of each"}
}

func noCapture(err error) error {
	hint := "it takes what spillway capture saves, or INFO, CLIENT LIST and CONFIG GET '*' as spillway diagnose --help names them"
	if errors.Is(err, os.ErrPermission) {
		hint = "make it readable"
	}
	return usage("--replay: "+err.Error(), hint)
}

// tellReplay says what was scaled and what is assumed: the comments of the scenario, but for the first, which is for editors.
func tellReplay(text []byte, show *display) {
	for line := range strings.Lines(string(text)) {
		said, comment := strings.CutPrefix(strings.TrimRight(line, "\n"), "#")
		if said = strings.TrimPrefix(said, " "); comment && said != "" && !strings.HasPrefix(said, "yaml-language-server") {
			show.note(said)
		}
	}
}
