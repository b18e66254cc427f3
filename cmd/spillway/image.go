package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"spillway/rig"
)

// imageCommand makes sure of an image and prints what it is called here, for scripts.
func imageCommand() *cobra.Command {
	return &cobra.Command{
		Use: "image REF", Short: "Make sure of a Redis image and print its name here",
		Args: exactArgs(1, "an image reference, such as redis:8"),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := rig.ConnectDocker(cmd.Context(), func(text string) { fmt.Fprintln(os.Stderr, text) })
			if err != nil {
				return err
			}
			defer closeQuietly(d)
			image, err := d.RedisImage(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), image.Ref)
			return nil
		},
	}
}
