package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
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
refuses diagnose like anybody else: then it keeps trying for --wait. With --pid,
on the machine of Redis, it names the hosts that hold the slots meanwhile.
Exit codes: 0 nothing is wrong, 1 findings, 2 wrong usage, 3 cannot tell.

--cluster reads every node of a Cluster, from any one of them, and
redis+sentinel://HOST:26379[,HOST2:26379]/NAME every server that Sentinels know by
that name, and the Sentinels. A line a node is followed by the findings of those
in trouble; a node that cannot be read is listed. A finding on any node is 1.

--from DIR expects info.txt, clients.txt, config.txt, log.txt and limits.txt, any
of which may be absent, with further snapshots as info.2.txt, clients.2.txt …`,
		Example: `  spillway diagnose redis://10.0.0.5:6379
  spillway diagnose rediss://10.0.0.5:6380 --user ops --password-file ops.txt \
    --tls-ca ca.pem --tls-cert us.pem --tls-key us.key
  spillway diagnose unix:///run/redis/redis.sock -o json
  spillway diagnose rediss://cache.example.com:6379 --profile elasticache
  redis-cli INFO > dump/info.txt; redis-cli CLIENT LIST > dump/clients.txt
  spillway diagnose --from dump
  spillway diagnose redis://10.0.0.5:6379 --cluster
  spillway diagnose redis+sentinel://10.0.0.5,10.0.0.6,10.0.0.7/mymaster`,
		RunE:              runDiagnose,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	liveFlags(cmd)
	clusterFlag(cmd)
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
	nodes, many, err := nodesOf(cmd, v, args)
	if err != nil {
		return err
	}
	if many {
		return tellNodes(cmd, v, nodes)
	}
	snaps, err := snapshots(cmd, v, args)
	if shut := (*locked)(nil); errors.As(err, &shut) && shut.outside != nil && (maybeFull(shut.why) || errors.Is(shut.why, observe.ErrSilent)) {
		return diagnoseOutside(cmd, v, shut)
	}
	if err != nil {
		return err
	}
	d := permit(diagnose.Diagnose(snaps...), service(v), snaps)
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

// diagnoseOutside tells what can be known of a Redis that lets nobody in.
func diagnoseOutside(cmd *cobra.Command, v *viper.Viper, shut *locked) error {
	if err := shut.outside.complete(cmd.Context()); err != nil {
		return &exit{shut.code, shut.text, "from outside: " + err.Error()}
	}
	d := shut.outside.diagnosis()
	if !maybeFull(shut.why) { // who holds connections of a server that is not full does not matter
		d.Rejecting = false
		d.Findings = slices.DeleteFunc(d.Findings, func(f outage.Finding) bool { return f.Cause != outage.FDExhausted })
	}
	if len(d.Findings) == 0 {
		return shut
	}
	complain("", shut.text)
	complain("", "from outside:")
	if v.GetString("format") == "json" {
		if err := report.DiagnosisJSON(cmd.OutOrStdout(), d); err != nil {
			return err
		}
	} else if err := report.Diagnosis(cmd.OutOrStdout(), d, report.Options{Color: color(), Width: width(os.Stdout)}); err != nil {
		return err
	}
	return &exit{code: exitFail}
}

// snapshots reads the live Redis or the files, whichever is named; both or neither is an error.
func snapshots(cmd *cobra.Command, v *viper.Viper, args []string) ([]outage.Snapshot, error) {
	files, err := savedFiles(v, args)
	switch {
	case err != nil:
		return nil, err
	case files != observe.Files{}:
		return readSaved(cmd, files)
	}
	conn, err := hold(cmd, v, args[0])
	if err != nil {
		return nil, err
	}
	defer closeQuietly(conn)
	snaps, err := sample(cmd.Context(), v, conn)
	oneOfMany(snaps)
	return snaps, err
}

// savedFiles are those that are named; it is an error when both are named, they and a live Redis, or neither.
func savedFiles(v *viper.Viper, args []string) (observe.Files, error) {
	files := observe.Files{
		Dir: v.GetString("from"), Clients: v.GetString("clients"), Info: v.GetString("info"),
		Config: v.GetString("config"), Log: v.GetString("log"), Limits: v.GetString("limits"),
	}
	saved := files != observe.Files{}
	if len(args) > 1 || (len(args) == 1) == saved {
		return files, usage("diagnose takes one redis:// URL, or saved output with --from", "spillway diagnose --help has examples")
	}
	return files, nil
}

func readSaved(cmd *cobra.Command, files observe.Files) ([]outage.Snapshot, error) {
	if err := refuseLive(cmd); err != nil {
		return nil, err
	}
	snaps, err := observe.ReadFiles(files)
	if err != nil {
		return nil, unreadable(err)
	}
	return snaps, nil
}

// refuseLive refuses what makes no sense for saved output.
func refuseLive(cmd *cobra.Command) error {
	for _, name := range append([]string{"wait", "samples", "interval", "pid", "cluster"}, wayFlags...) {
		if cmd.Flags().Changed(name) {
			return usage("--"+name+" is for a live Redis, and this is saved output", "leave it out")
		}
	}
	return nil
}

func unreadable(err error) error {
	hint := "spillway diagnose --help says which files are read"
	if errors.Is(err, os.ErrPermission) {
		hint = "make it readable"
	}
	return usage(err.Error(), hint)
}

// healthy reports whether nothing is wrong, or nothing that matters is unsure.
func healthy(d outage.Diagnosis, snaps []outage.Snapshot) bool {
	return len(snaps) > 0 && diagnose.Healthy(d, snaps[len(snaps)-1])
}
