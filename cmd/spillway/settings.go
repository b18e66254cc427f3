package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/viper"

	"spillway"
	"spillway/scenarios"
)

// settings reads flags, then SPILLWAY_* of the environment, then the `settings` of the catalogue, then defaults.
func settings(cmd *cobra.Command) (*viper.Viper, error) {
	v := viper.New()
	v.SetEnvPrefix("spillway")
	v.SetEnvKeyReplacer(strings.NewReplacer("-", "_"))
	v.AutomaticEnv()
	if err := v.BindPFlags(cmd.Flags()); err != nil {
		return nil, err
	}
	v.SetConfigName("scenarios")
	v.SetConfigType("yaml")
	v.AddConfigPath(".")
	if file := v.GetString("file"); file != "" {
		v.SetConfigFile(file)
	}
	return v, nil
}

// embedded is the file name in messages about the catalogue that the binary carries.
const embedded = "scenarios.yaml (built in)"

// catalogue finds and loads the catalogue: the file that --file or SPILLWAY_FILE names, else scenarios.yaml of this
// folder, else the one that the binary carries. Its settings become defaults.
func catalogue(v *viper.Viper) (*scenarios.Catalogue, error) {
	file := v.GetString("file")
	if file == "" {
		if _, err := os.Stat("scenarios.yaml"); err == nil {
			file = "scenarios.yaml"
		}
	}
	c, err := load(file)
	if err != nil {
		return nil, err
	}
	// viper reads the file only now that its mistakes, which it would report without a line, are known not to exist.
	if file != "" {
		v.SetConfigFile(file)
		err = v.ReadInConfig()
	} else {
		err = v.ReadConfig(strings.NewReader(string(spillway.Catalogue)))
	}
	if err != nil {
		return nil, fmt.Errorf("read settings of %s: %w", c.File, err)
	}
	if own := v.Sub("settings"); own != nil {
		err = v.MergeConfigMap(own.AllSettings())
	}
	return c, err
}

func load(file string) (*scenarios.Catalogue, error) {
	if file == "" {
		return scenarios.Parse(embedded, spillway.Catalogue)
	}
	c, err := scenarios.Load(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, usage(fmt.Sprintf("no catalogue at %s", file), "--file names one; without it scenarios.yaml of this folder, or the one built in, is read")
	}
	return c, err
}

// selection loads the catalogue and picks the scenarios that --only or the arguments name.
func selection(v *viper.Viper, args []string) (*scenarios.Catalogue, []scenarios.Scenario, error) {
	c, err := catalogue(v)
	if err != nil {
		return nil, nil, err
	}
	picked, err := c.Select(append(v.GetStringSlice("only"), args...)...)
	if err != nil {
		return nil, nil, &exit{exitUsage, err.Error(), "spillway list shows the names"}
	}
	return c, picked, nil
}

func fileFlag(cmd *cobra.Command) {
	cmd.Flags().StringP("file", "f", "", "catalogue to read (default: scenarios.yaml of this folder, else the one built in)")
}
