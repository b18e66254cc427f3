package main

import (
	"io"
	"os"

	"github.com/spf13/cobra"

	"spillway/fleet"
	"spillway/rig"
)

// roleCommand is what this program is inside a run's containers. Users never type it.
func roleCommand() *cobra.Command {
	role := &cobra.Command{Use: "role", Hidden: true, Short: "What this program does inside a run"}
	role.AddCommand(
		&cobra.Command{
			Use: "worker", Short: "An instance of a service",
			RunE: func(cmd *cobra.Command, _ []string) error {
				return fleet.Run(cmd.Context(), os.Stdin, os.Stdout)
			},
		},
		observerCommand(), limitCommand(), imageCommand(),
	)
	return role
}

func observerCommand() *cobra.Command {
	var w rig.Watchman
	cmd := &cobra.Command{
		Use: "observer", Short: "The watchman beside Redis",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return w.Serve(cmd.Context(), pipe{os.Stdin, os.Stdout})
		},
	}
	cmd.Flags().IntVar(&w.Port, "port", 6379, "where Redis listens on loopback")
	cmd.Flags().IntVar(&w.PID, "pid", 0, "the server's process id")
	cmd.Flags().IntVar(&w.Lines, "lines", 0, "connections to keep open for a responder")
	return cmd
}

// pipe is our own stdio as one pipe.
type pipe struct {
	io.ReadCloser
	io.Writer
}

func limitCommand() *cobra.Command {
	var nofile int
	cmd := &cobra.Command{
		Use: "limit -- PROGRAM [ARG...]", Short: "Run a program under a file descriptor limit",
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return rig.ExecLimited(nofile, args) },
	}
	cmd.Flags().IntVar(&nofile, "nofile", 1024, "soft and hard limit")
	return cmd
}
