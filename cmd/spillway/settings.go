package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/spf13/viper"

	"spillway"
	"spillway/scenarios"
)

// settings reads flags, then SPILLWAY_* of the environment, then the `settings` of the catalogue, then defaults.
// The catalogue comes later, with catalogue.
func settings(cmd *cobra.Command) (*viper.Viper, error) {
	v := viper.New()
	var err error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		err = errors.Join(err, v.BindFlagValue(f.Name, source{f}), fromEnvironment(f))
	})
	return v, err
}

// source is a flag as viper sees it: one that the environment sets counts as set, and has been checked as a flag is.
type source struct{ *pflag.Flag }

func (s source) HasChanged() bool    { return s.Changed || environment(s.Flag) != "" }
func (s source) Name() string        { return s.Flag.Name }
func (s source) ValueString() string { return s.Value.String() }
func (s source) ValueType() string   { return s.Value.Type() }

// fromEnvironment gives a flag that the command line leaves out the value that the environment has for it.
func fromEnvironment(f *pflag.Flag) error {
	text := environment(f)
	if text == "" || f.Changed {
		return nil
	}
	if err := f.Value.Set(text); err != nil {
		return wrongValue(variable(f), text, f, err)
	}
	return nil
}

func environment(f *pflag.Flag) string {
	if slices.Contains(onlyFlags, f.Name) {
		return ""
	}
	return os.Getenv(variable(f))
}

// onlyFlags say what to do rather than how: a forgotten variable must not turn a dry run into an intervention.
var onlyFlags = []string{
	"help", "apply", "out-of-band", "print", "undo", "settings", "images", "show", "kinds", "number", "once", "exec", "replay", "cluster",
}

func variable(f *pflag.Flag) string {
	return "SPILLWAY_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
}

// embedded is the file name in messages about the catalogue that the binary carries.
const embedded = "scenarios.yaml (built in)"

// catalogue finds and loads the catalogue: the file that --file or SPILLWAY_FILE names, else scenarios.yaml of this
// folder, else the one that the binary carries. Its settings become defaults.
func catalogue(v *viper.Viper) (*scenarios.Catalogue, error) {
	name, data, err := read(v.GetString("file"))
	if err != nil {
		return nil, err
	}
	c, err := scenarios.Parse(name, data)
	if err != nil {
		return nil, err
	}
	// viper reads it only now that its mistakes, which it would report without a line, are known not to exist; and
	// apart from the flags, whose names must not meet the other keys of a catalogue.
	own := viper.New()
	own.SetConfigType("yaml")
	if err := own.ReadConfig(bytes.NewReader(data)); err != nil {
		return nil, fmt.Errorf("read settings of %s: %w", name, err)
	}
	if own = own.Sub("settings"); own != nil {
		err = v.MergeConfigMap(own.AllSettings())
	}
	return c, err
}

func read(file string) (name string, data []byte, err error) {
	named := file != ""
	if !named {
		file = "scenarios.yaml"
	}
	data, err = os.ReadFile(file)
	switch {
	case err == nil:
		return file, data, nil
	case !named && errors.Is(err, os.ErrNotExist):
		return embedded, spillway.Catalogue, nil
	case errors.Is(err, os.ErrNotExist):
		return "", nil, usage("no catalogue at "+file, "--file names one; without it scenarios.yaml of this folder, or the one built in, is read")
	}
	return "", nil, usage("read catalogue: "+err.Error(), "--file names a YAML file; spillway show prints one to begin with")
}

// selection loads the catalogue and picks the scenarios that --only or the arguments name.
func selection(v *viper.Viper, args []string) ([]scenarios.Scenario, error) {
	c, err := catalogue(v)
	if err != nil {
		return nil, err
	}
	picked, err := c.Select(append(v.GetStringSlice("only"), args...)...)
	if err != nil {
		return nil, usage(err.Error(), "spillway list shows the names")
	}
	return picked, nil
}

func fileFlag(cmd *cobra.Command) {
	cmd.Flags().StringP("file", "f", "", "catalogue to read (default: scenarios.yaml of this folder, else the one built in)")
	complete(cmd, "file", cobra.FixedCompletions([]string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt))
}
