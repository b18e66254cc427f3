package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/viper"

	"spillway/diagnose"
	"spillway/observe"
	"spillway/outage"
	"spillway/report"
)

func diagnoseCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "diagnose [URL]",
		Short: "Say what eats the connections of a Redis, and who",
		Long: `Diagnose reads a live Redis, or output saved with redis-cli, and names the cause,
the culprit and the commands that show it. It changes nothing. A full Redis
refuses diagnose like anybody else: then it keeps trying for --wait.
Exit codes: 0 nothing is wrong, 1 findings, 2 wrong usage, 3 cannot tell.

--from DIR expects info.txt, clients.txt, config.txt, log.txt and limits.txt, any
of which may be absent, with further snapshots as info.2.txt, clients.2.txt …`,
		Example: `  spillway diagnose redis://10.0.0.5:6379
  SPILLWAY_PASSWORD=… spillway diagnose redis://ops:@10.0.0.5:6379 -o json
  redis-cli INFO > dump/info.txt; redis-cli CLIENT LIST > dump/clients.txt
  spillway diagnose --from dump`,
		RunE:              runDiagnose,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	liveFlags(cmd)
	f := cmd.Flags()
	f.String("from", "", "read saved output from this folder, or - for standard input")
	f.String("clients", "", "saved CLIENT LIST")
	f.String("info", "", "saved INFO")
	f.String("config", "", "saved CONFIG GET '*'")
	f.String("log", "", "the server's log")
	f.String("limits", "", "saved /proc/PID/limits")
	complete(cmd, "from", folders)
	return cmd
}

func runDiagnose(cmd *cobra.Command, args []string) error {
	v, err := settings(cmd)
	if err != nil {
		return err
	}
	snaps, err := snapshots(cmd, v, args)
	if err != nil {
		return err
	}
	d := diagnose.Diagnose(snaps...)
	clear := healthy(d, snaps)
	if v.GetString("format") == "json" {
		err = report.DiagnosisJSON(cmd.OutOrStdout(), d)
	} else {
		shown := d
		if clear {
			shown.Unsure = nil // the report takes any of it for "cannot tell"
		}
		err = report.Diagnosis(cmd.OutOrStdout(), shown, report.Options{Color: color(), Width: width(os.Stdout)})
		if clear && len(d.Unsure) > 0 {
			fmt.Fprintln(os.Stderr, "not seen, and not needed to say so:", report.Clean(strings.Join(d.Unsure, "; "), 0))
		}
	}
	switch {
	case err != nil:
		return err
	case clear:
		return nil
	case len(d.Findings) > 0:
		return &exit{code: exitFail}
	}
	return &exit{code: exitInconclusive}
}

// snapshots reads the live Redis or the files, whichever is named; both or neither is an error.
func snapshots(cmd *cobra.Command, v *viper.Viper, args []string) ([]outage.Snapshot, error) {
	files := observe.Files{
		Dir: v.GetString("from"), Clients: v.GetString("clients"), Info: v.GetString("info"),
		Config: v.GetString("config"), Log: v.GetString("log"), Limits: v.GetString("limits"),
	}
	saved := files != observe.Files{}
	switch {
	case len(args) > 1, len(args) == 1 && saved, len(args) == 0 && !saved:
		return nil, usage("diagnose takes one redis:// URL, or saved output with --from", "spillway diagnose --help has examples")
	case saved:
		return readSaved(cmd, files)
	}
	conn, err := hold(cmd, v, args[0])
	if err != nil {
		return nil, err
	}
	defer closeQuietly(conn)
	return sample(cmd.Context(), v, conn)
}

func readSaved(cmd *cobra.Command, files observe.Files) ([]outage.Snapshot, error) {
	for _, name := range []string{"wait", "samples", "interval", "pid"} {
		if cmd.Flags().Changed(name) {
			return nil, usage("--"+name+" is for a live Redis, and this is saved output", "leave it out")
		}
	}
	snaps, err := observe.ReadFiles(files)
	if err != nil {
		hint := "spillway diagnose --help says which files are read"
		if errors.Is(err, os.ErrPermission) {
			hint = "make it readable"
		}
		return nil, usage(err.Error(), hint)
	}
	return snaps, nil
}

// healthy reports whether nothing is wrong, or nothing that matters is unsure.
func healthy(d outage.Diagnosis, snaps []outage.Snapshot) bool {
	return len(snaps) > 0 && diagnose.Healthy(d, snaps[len(snaps)-1])
}
