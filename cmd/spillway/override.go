package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/viper"

	"spillway/assert"
	"spillway/scenarios"
)

// override changes in the scenarios what flags, environment and settings say otherwise.
func override(v *viper.Viper, picked []scenarios.Scenario) ([]scenarios.Scenario, error) {
	responder, err := responder(v)
	if err != nil {
		return nil, err
	}
	picked = slices.Clone(picked)
	if v.GetBool("control") {
		picked = slices.DeleteFunc(picked, func(s scenarios.Scenario) bool { return !assert.HasControl(s) })
		if len(picked) == 0 {
			return nil, usage("none of these scenarios expects an outage, so there is nothing to control", "spillway list shows which do")
		}
	}
	if responder == "human" && len(picked) > 1 {
		if picked, err = game(v, picked); err != nil {
			return nil, err
		}
	}
	for i := range picked {
		if responder != "" {
			picked[i].Responder = responder
		}
		if image := v.GetString("image"); image != "" {
			picked[i].Redis.Image = image
		}
	}
	return picked, nil
}

// game picks the one outage that a person gets, unnamed, when none was asked for by name.
func game(v *viper.Viper, picked []scenarios.Scenario) ([]scenarios.Scenario, error) {
	outages := slices.DeleteFunc(picked, func(s scenarios.Scenario) bool { return !assert.HasControl(s) })
	if len(outages) == 0 {
		return nil, usage("none of these scenarios expects an outage that a person could end", "spillway list shows which do")
	}
	random := rand.New(rand.NewPCG(uint64(v.GetInt64("seed")), 0))
	return []scenarios.Scenario{outages[random.IntN(len(outages))]}, nil
}

// responder is who answers every scenario; empty leaves that to each.
func responder(v *viper.Viper) (string, error) {
	responder := v.GetString("responder")
	if v.GetBool("control") {
		if responder != "" && responder != "none" {
			return "", usage("--control runs with responder none", "leave --responder out")
		}
		return "none", nil
	}
	name, path, _ := strings.Cut(responder, ":")
	switch {
	case slices.Contains([]string{"", "spillway", "none", "human"}, responder):
		return responder, nil
	case name == "exec":
		return executable(responder, path)
	}
	return "", usage(fmt.Sprintf("unknown responder %q", responder), "spillway, none, exec:PATH or human")
}

// executable refuses what no run could use before anything is started.
func executable(responder, path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", usage("--responder "+responder+": "+err.Error(), "exec: takes the path of an executable")
	}
	if info.IsDir() || info.Mode()&0o111 == 0 {
		return "", usage("--responder "+responder+": not an executable", "exec: takes the path of one; chmod +x makes a file one")
	}
	if !strings.ContainsRune(path, filepath.Separator) {
		path = "." + string(filepath.Separator) + path // not a program of PATH
	}
	return "exec:" + path, nil
}
