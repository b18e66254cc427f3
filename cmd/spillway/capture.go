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
folder. Of a Cluster or of what Sentinels watch it saves each node in a folder of
its own, and lists those that it could not read: then the exit code is 3 as well.`,
		Example: `  spillway capture redis://10.0.0.5:6379
  spillway capture redis://10.0.0.5:6379 --out incident --samples 10 --interval 1s
  spillway diagnose --from incident
  spillway capture redis://10.0.0.5:6379 --cluster --out incident-of-all`,
		RunE:              runCapture,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	readFlags(cmd)
	clusterFlag(cmd)
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
	if d, err := deploymentOf(cmd, v, args[0]); err != nil {
		return err
	} else if d != nil {
		defer d.close()
		return captureNodes(cmd, d, out)
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
	oneOfMany(snaps)
	last := snaps[len(snaps)-1]
	tellUnread(last)
	fmt.Fprintf(cmd.OutOrStdout(), "saved in %s: %s, %s in the last\nnext: spillway diagnose --from %[1]s\n",
		out, count(len(snaps), "snapshot"), count(len(last.Clients), "connection"))
	return nil
}
