package main

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"spillway/observe"
)

func captureCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "capture URL",
		Short: "Save what a Redis in trouble looks like, for later",
		Long: `Capture saves some snapshots of a Redis in a new folder, which diagnose --from
reads: INFO, CONFIG, CLIENT LIST, and what else diagnose looks at. It changes
nothing. Passwords are never read, and the arguments of slow commands, the keys
and the channels of ACL LOG are left out; client names and addresses are there.
Exit codes: 0 saved, 2 wrong usage, 3 no slot or no answer: then there is no
folder.`,
		Example: `  spillway capture redis://10.0.0.5:6379
  spillway capture redis://10.0.0.5:6379 --out incident --samples 10 --interval 1s
  spillway diagnose --from incident`,
		RunE:              runCapture,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	readFlags(cmd)
	cmd.Flags().String("out", "", "the folder to make (default incident-DATE-TIME)")
	complete(cmd, "out", folders)
	return cmd
}

func runCapture(cmd *cobra.Command, args []string) error {
	v, err := settings(cmd)
	if err != nil {
		return err
	}
	if len(args) != 1 {
		return usage("capture takes one redis:// URL", "spillway capture --help has examples")
	}
	out := v.GetString("out")
	if out == "" {
		out = time.Now().Format("incident-20060102-150405")
	}
	if _, err := os.Lstat(out); err == nil {
		return usage("--out: "+out+" is there already", "name a folder that is not, nothing is ever replaced")
	}
	conn, err := hold(cmd, v, args[0])
	if err != nil {
		return err
	}
	defer closeQuietly(conn)
	snaps, err := sample(cmd.Context(), v, conn)
	if err != nil {
		return err
	}
	if err := observe.Capture(out, snaps...); err != nil {
		return err
	}
	last := snaps[len(snaps)-1]
	tellUnread(last)
	fmt.Fprintf(cmd.OutOrStdout(), "saved in %s: %s, %s in the last\nnext: spillway diagnose --from %[1]s\n",
		out, count(len(snaps), "snapshot"), count(len(last.Clients), "connection"))
	return nil
}
