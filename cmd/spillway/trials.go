package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/agext/levenshtein"
	"github.com/spf13/cobra"
	"github.com/spf13/viper"

	"spillway/report"
	"spillway/trials"
)

func trialsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "trials",
		Short: "Measure on random outages how often the diagnosis is right",
		Long: `Trials draws random outages, and fleets that are well, runs each on a real Redis
and scores what was said and done: confusion matrix, culprits, false alarms, delay,
collateral, whether the outage was cleared and stayed so, and how far confidence can
be believed. What was seen is also saved as redis-cli would have, and diagnosed
again from one such dump and from two.

A trial is its seed and its number: drawn again it is the same. Exit codes: 0 every
target met, 1 one was missed, 2 wrong usage, 3 too many trials whose outage did not
happen, or the rig broke.`,
		Example: `  spillway trials -n 500 --healthy 200 --seed 7 --out out
  spillway trials --seed 7 --number 17 --show      # what trial 17 is
  spillway trials --seed 7 --number 17             # play it again
  spillway trials --seed 7 --only connection-leak -n 20
  spillway trials -n 30 --healthy 12 --sample --responder exec:runbook.sh
  spillway trials tally out                        # the tables of kept trials again`,
		Args: exactArgs(0, "no arguments"),
		RunE: runTrials,
	}
	f := cmd.Flags()
	f.IntP("trials", "n", 30, "outages to draw")
	f.Int("healthy", 12, "healthy fleets to draw")
	f.Int64("seed", 1, "seed of everything random")
	f.Int("parallel", 4, "trials that run at the same time")
	f.String("number", "", "play this one trial: 17, or h17 of the healthy ones")
	f.StringSlice("only", nil, "keep to these kinds")
	f.Bool("show", false, "print the scenarios that are drawn, and run nothing")
	f.Bool("kinds", false, "list the kinds, and run nothing")
	f.Bool("sample", false, "too few for shares: at most one may be wrong")
	f.String("responder", "spillway", "who answers the outages: spillway, none or exec:PATH")
	f.String("target", "process", "process (a redis-server on PATH) or container")
	f.String("image", "", "Redis image, of --target container")
	f.String("out", "", "keep scenario, history, snapshots, dumps and score of each trial in this folder")
	f.StringP("format", "o", "text", "text, json or md")
	f.BoolP("quiet", "q", false, "no progress on stderr")
	between(cmd, "trials", 0, 100_000)
	between(cmd, "healthy", 0, 100_000)
	between(cmd, "parallel", 1, 64)
	oneOf(cmd, "format", "text", "json", "md")
	oneOf(cmd, "target", "process", "container")
	notEmpty(cmd, "only", "a kind; --kinds lists them")
	complete(cmd, "only", trialKinds)
	complete(cmd, "responder", responders)
	complete(cmd, "out", folders)
	cmd.AddCommand(tallyCommand())
	return cmd
}

func trialKinds(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var words []string
	for _, k := range trials.Kinds() {
		words = append(words, cobra.CompletionWithDesc(k.Name, k.Meaning))
	}
	return words, cobra.ShellCompDirectiveNoFileComp
}

func runTrials(cmd *cobra.Command, _ []string) error {
	v, err := settings(cmd)
	if err != nil {
		return err
	}
	if v.GetBool("kinds") {
		return showKinds(cmd.OutOrStdout())
	}
	who, err := trialResponder(v)
	if err != nil {
		return err
	}
	drawn, err := drawTrials(v)
	if err != nil {
		return err
	}
	if v.GetBool("show") {
		for _, t := range drawn {
			fmt.Fprintf(cmd.OutOrStdout(), "# trial %s of seed %d: %s, names %s\n%s", t.ID(), t.Seed, t.Kind, t.Disguise, t.YAML)
		}
		return nil
	}
	if err := checkOutput(v); err != nil {
		return err
	}
	return playTrials(cmd, v, drawn, who)
}

// trialResponder is who answers: a person cannot play hundreds of trials.
func trialResponder(v *viper.Viper) (string, error) {
	if v.GetString("responder") == "human" {
		return "", usage("--responder human has no place in trials", "spillway run --responder human is a game day")
	}
	return responder(v)
}

// drawTrials draws what the flags ask for. An unknown kind is told the nearest one.
func drawTrials(v *viper.Viper) ([]trials.Trial, error) {
	c := trials.Campaign{
		N: v.GetInt("trials"), Healthy: v.GetInt("healthy"), Seed: v.GetInt64("seed"),
		Only: v.GetStringSlice("only"), Number: v.GetString("number"),
	}
	if _, _, err := trials.ParseID(c.Number); c.Number != "" && err != nil {
		return nil, usage("--number: "+err.Error(), "trials are numbered from 1")
	}
	if c.Number != "" && len(c.Only) > 0 {
		return nil, usage("--number and --only: a single trial is of one kind anyway", "leave --only out")
	}
	for _, word := range c.Only {
		if err := knownKind(word); err != nil {
			return nil, err
		}
	}
	drawn, err := c.Draw()
	if err == nil && len(drawn) == 0 {
		return nil, usage("no trials to play", "-n and --healthy say how many; --only keeps to kinds")
	}
	return drawn, err
}

func knownKind(word string) error {
	best, distance := "", 1+len(word)/3
	var known []string
	for _, k := range trials.Kinds() {
		if k.Name == word && k.Off != "" {
			return usage(fmt.Sprintf("kind %s is not drawn yet: %s", word, k.Off), "spillway trials --kinds lists the kinds")
		}
		known = append(known, k.Name)
		if d := levenshtein.Distance(word, k.Name, nil); d <= distance {
			best, distance = k.Name, d-1
		}
	}
	switch {
	case slices.Contains(known, word):
		return nil
	case best != "":
		return usage(fmt.Sprintf("unknown kind %q", word), "did you mean "+best+"?")
	}
	return usage(fmt.Sprintf("unknown kind %q", word), "known: "+strings.Join(known, ", "))
}

func showKinds(w io.Writer) error {
	for _, k := range trials.Kinds() {
		text := k.Meaning
		if k.Off != "" {
			text += " (not drawn yet: " + k.Off + ")"
		}
		if _, err := fmt.Fprintf(w, "%-22s %s\n", k.Name, text); err != nil {
			return err
		}
	}
	return nil
}

func playTrials(cmd *cobra.Command, v *viper.Viper, drawn []trials.Trial, who string) error {
	show := newDisplay(v.GetBool("quiet"))
	runner, closeRunner, err := newRunner(cmd.Context(), v, show)
	if err != nil {
		return err
	}
	defer closeRunner()
	runner.Progress, runner.Say = nil, nil
	runner.Hosted = runner.Docker == nil // a process for each instance would cost more than the outage
	player := trials.Rig{Runner: *runner, Responder: who, Image: v.GetString("image")}
	begin, done := time.Now(), 0
	scores, err := trials.Play(cmd.Context(), player, drawn, v.GetInt("parallel"), v.GetString("out"), func(s trials.Score) {
		done++
		show.note(trialLine(done, len(drawn), s))
	})
	show.note(fmt.Sprintf("%s in %s, %d at a time", count(len(scores), "trial"), time.Since(begin).Round(time.Second), v.GetInt("parallel")))
	cut := cmd.Context().Err() != nil
	if cut && len(scores) == 0 {
		return cutShort(err)
	}
	result := tallied(scores, v.GetBool("sample"))
	if written := writeTrials(cmd.OutOrStdout(), v.GetString("format"), result); written != nil {
		return written
	}
	if cut {
		return cutShort(err)
	}
	return trialsOutcome(result, err)
}

func writeTrials(w io.Writer, format string, result report.Trials) error {
	switch format {
	case "json":
		return report.TrialsJSON(w, result)
	case "md":
		return report.TrialsMarkdown(w, result)
	}
	return report.TrialsText(w, result)
}

// trialsOutcome turns a campaign into the exit code. What cannot be concluded from is not called a miss.
func trialsOutcome(r report.Trials, broke error) error {
	switch {
	case broke != nil:
		return &exit{exitInconclusive, broke.Error(), ""}
	case !r.Sound():
		return &exit{exitInconclusive, fmt.Sprintf("%d of %s inconclusive: their outage did not happen, or the rig broke", r.Inconclusive, count(r.Trials, "trial")),
			"fewer at a time may help: --parallel; --out keeps what happened"}
	case !trials.Met(r.Targets):
		return &exit{code: exitFail}
	}
	return nil
}

func trialLine(n, of int, s trials.Score) string {
	text := "right"
	if why := report.WhyWrong(s); why != "" {
		text = why
	}
	if s.Inconclusive != "" {
		text = "inconclusive: " + text
	}
	return fmt.Sprintf("%*d/%d  %-5s %-20s %s", len(fmt.Sprint(of)), n, of, s.Trial, s.Kind, text)
}
