package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"spillway/rig"
)

func cleanCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "clean",
		Short: "Remove what a killed run left behind",
		Long: `Clean removes the containers, networks and processes of runs that are over,
recognised by their labels. What a run that still lives uses is left alone, and so
is what runs of other machines or users made on the same daemon. A run that ends by
itself, also by Ctrl-C, leaves nothing.`,
		Example: "  spillway clean\n  spillway clean --images   # the images that Spillway made, too",
		Args:    exactArgs(0, "no argument"),
		RunE:    runClean,

		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().String("target", "", "container or process (default: both, if a Docker daemon answers)")
	cmd.Flags().Bool("images", false, "remove the images that Spillway made, too")
	oneOf(cmd, "target", "container", "process")
	return cmd
}

func runClean(cmd *cobra.Command, _ []string) error {
	v, err := settings(cmd)
	if err != nil {
		return err
	}
	target, images := v.GetString("target"), v.GetBool("images")
	if target == "process" && images {
		return usage("--images needs a Docker daemon", "leave --target process out")
	}
	out, found := cmd.OutOrStdout(), 0
	if target != "container" {
		ended, err := rig.CleanProcesses(cmd.Context())
		found += tell(out, "removed", ended, "")
		if err != nil {
			return err
		}
	}
	if target != "process" {
		n, err := cleanDocker(cmd.Context(), out, images)
		switch found += n; {
		case errors.Is(err, rig.ErrNoDocker) && target == "" && !images:
			fmt.Fprintln(os.Stderr, "no Docker daemon answers: containers were not looked for")
		case errors.Is(err, rig.ErrNoDocker):
			return &exit{exitInconclusive, err.Error(), "start Docker, or set DOCKER_HOST"}
		case err != nil:
			return err
		}
	}
	if found == 0 {
		fmt.Fprintln(out, "nothing was left")
	}
	return nil
}

func cleanDocker(ctx context.Context, out io.Writer, images bool) (found int, err error) {
	d, err := rig.ConnectDocker(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer closeQuietly(d)
	removed, kept, err := d.Clean(ctx)
	found = tell(out, "removed", removed, "") + tell(out, "kept", kept, " (in use, or of another machine or user)")
	if err != nil || !images {
		return found, err
	}
	gone, err := d.CleanImages(ctx)
	for _, name := range gone {
		fmt.Fprintln(out, "removed image", name)
	}
	return found + len(gone), err
}

func tell(out io.Writer, what string, list []rig.Leftover, why string) int {
	for _, l := range list {
		if l.Why != "" {
			why = " (" + l.Why + ")"
		}
		fmt.Fprintf(out, "%-7s %s%s\n", what, l, why)
	}
	return len(list)
}
