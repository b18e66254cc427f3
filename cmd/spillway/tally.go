package main

import (
	"os"

	"github.com/spf13/cobra"

	"spillway/report"
	"spillway/trials"
)

func tallyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tally DIR...",
		Short: "Add up trials that were kept, without Redis",
		Long: `Tally adds up what 'spillway trials --out DIR' kept, of one campaign or of several, and
prints the same tables. The scores are those of the day: nothing is played or
diagnosed again. Exit codes are those of trials.`,
		Example: `  spillway trials -n 500 --healthy 200 --seed 39 --out out/39
  spillway trials -n 500 --healthy 200 --seed 40 --out out/40
  spillway trials tally out/39 out/40 -o md`,
		Args: folderArgs,
		RunE: runTally,
	}
	f := cmd.Flags()
	f.Bool("sample", false, "too few for shares: at most one may be wrong")
	f.StringP("format", "o", "text", "text, json or md")
	oneOf(cmd, "format", "text", "json", "md")
	return cmd
}

func folderArgs(_ *cobra.Command, args []string) error {
	const hint = "spillway trials --out DIR keeps them"
	if len(args) == 0 {
		return usage("tally takes the folders that --out named", hint)
	}
	for _, dir := range args {
		if info, err := os.Stat(dir); err != nil {
			return usage(err.Error(), hint)
		} else if !info.IsDir() {
			return usage(dir+" is no folder", hint)
		}
	}
	return nil
}

func runTally(cmd *cobra.Command, args []string) error {
	v, err := settings(cmd)
	if err != nil {
		return err
	}
	scores, err := trials.Kept(args...)
	if err != nil {
		return usage(err.Error(), "spillway trials --out DIR keeps a score of each trial")
	}
	result := tallied(scores, v.GetBool("sample"))
	if err := writeTrials(cmd.OutOrStdout(), v.GetString("format"), result); err != nil {
		return err
	}
	return trialsOutcome(result, nil)
}

// tallied adds up scores and holds them against the targets.
func tallied(scores []trials.Score, sample bool) report.Trials {
	tally := trials.Count(scores)
	return report.Trials{Tally: tally, Targets: tally.Targets(sample), Sample: sample}
}
