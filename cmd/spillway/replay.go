package main

import (
	"errors"
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

// chosen are the scenarios to run: those of a catalogue, or the one that a captured incident becomes, whose text is then
// returned as well.
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

// replayed turns what was captured in a folder into a catalogue of one scenario.
func replayed(dir string) ([]byte, error) {
	snaps, err := observe.ReadFiles(observe.Files{Dir: dir})
	if err != nil {
		hint := "it takes what spillway capture saves, or INFO, CLIENT LIST and CONFIG GET '*' as spillway diagnose --help names them"
		if errors.Is(err, os.ErrPermission) {
			hint = "make it readable"
		} else if _, many, _ := observe.ReadNodes(dir); many {
			hint = "it was captured of many nodes: name the folder of one of them in it"
		}
		return nil, usage("--replay: "+err.Error(), hint)
	}
	d := diagnose.Diagnose(snaps...)
	if len(d.Findings) == 0 && !healthy(d, snaps) {
		return nil, &exit{exitInconclusive, "--replay " + dir + ": cannot tell what is wrong, if anything: " + strings.Join(d.Unsure, "; "),
			"save what is missing, or write the scenario yourself: spillway show NAME prints one to begin with"}
	}
	name := filepath.Base(filepath.Clean(dir))
	if dir == "-" {
		name = "stdin"
	}
	text, err := replay.Catalogue(name, snaps, d)
	if unclear := new(replay.Unclear); errors.As(err, &unclear) {
		return nil, &exit{exitInconclusive, "--replay " + dir + ": " + unclear.Error(), "spillway diagnose --from " + dir + " shows what the capture tells"}
	}
	return text, err
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
