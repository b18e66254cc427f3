package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/spf13/viper"

	"spillway/report"
)

// effective is a setting as it is in force, and where it comes from.
type effective struct {
	Setting string `json:"setting"`
	Value   any    `json:"value"`
	Origin  string `json:"origin"`
}

// showSettings prints each setting of a verb that has loaded its catalogue.
func showSettings(cmd *cobra.Command, v *viper.Viper, file string) error {
	var list []effective
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" || f.Name == "settings" {
			return
		}
		e := effective{f.Name, v.Get(f.Name), "default"}
		switch {
		case f.Changed:
			e.Origin = "flag"
		case environment(f) != "":
			e.Origin = variable(f)
		case v.InConfig(f.Name):
			e.Origin = file
		}
		list = append(list, e)
	})
	if v.GetString("format") == "json" {
		return report.Encode(cmd.OutOrStdout(), list)
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SETTING\tVALUE\tORIGIN")
	for _, e := range list {
		text := fmt.Sprint(e.Value)
		if text == "" || text == "[]" {
			text = "-"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", e.Setting, text, e.Origin)
	}
	return w.Flush()
}
