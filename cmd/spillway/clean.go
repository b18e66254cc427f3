package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"spillway/rig"
)

func cleanCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "clean",
		Short: "Remove what a killed run left behind",
		Long: `Clean removes the containers and networks of runs that are over, recognised by
their labels. What a run that still lives uses is left alone, and so is what runs
of other machines or users made on the same daemon. A run that ends by itself,
also by Ctrl-C, leaves nothing.`,
		Example: "  spillway clean\n  spillway clean --images   # the images that Spillway made, too",
		RunE: func(cmd *cobra.Command, _ []string) error {
			d, err := rig.ConnectDocker(cmd.Context(), nil)
			if err != nil {
				return err
			}
			defer d.Close()
			removed, kept, err := d.Clean(cmd.Context())
			out := cmd.OutOrStdout()
			for _, l := range removed {
				fmt.Fprintln(out, "removed", l)
			}
			for _, l := range kept {
				fmt.Fprintln(out, "kept   ", l, "(in use, or of another machine or user)")
			}
			if err != nil {
				return err
			}
			if images, _ := cmd.Flags().GetBool("images"); images {
				gone, err := d.CleanImages(cmd.Context())
				for _, name := range gone {
					fmt.Fprintln(out, "removed image", name)
				}
				if err != nil {
					return err
				}
			}
			if len(removed)+len(kept) == 0 {
				fmt.Fprintln(out, "nothing was left")
			}
			return nil
		},
	}
	cmd.Flags().Bool("images", false, "remove the images that Spillway made, too")
	return cmd
}
