package main

import (
	"context"
	"errors"

	"github.com/spf13/viper"

	"spillway/harness"
	"spillway/rig"
)

// newRunner connects to Docker, or settles for processes of this machine, and removes what killed runs left.
func newRunner(ctx context.Context, v *viper.Viper, show *display) (*harness.Runner, func(), error) {
	runner := &harness.Runner{
		Seed: v.GetInt64("seed"), Version: version, Patience: v.GetDuration("patience"),
		Progress: show.update, Say: show.say,
	}
	target := v.GetString("target")
	if target == "process" {
		return runner, func() {}, nil
	}
	docker, err := rig.ConnectDocker(ctx, show.note)
	switch {
	case ctx.Err() != nil:
		return nil, nil, ctx.Err()
	case errors.Is(err, rig.ErrNoDocker) && target == "":
		if _, none := rig.NewProcesses(""); none != nil { //nolint:contextcheck // it has a deadline of its own
			return nil, nil, &exit{exitInconclusive, "no Docker daemon answers, and " + none.Error(),
				"start Docker, or install redis-server (apt-get install redis-server) and use --target process"}
		}
		show.say("no Docker daemon answers: running redis-server of this machine (--target process)")
		return runner, func() {}, nil
	case err != nil:
		return nil, nil, &exit{exitInconclusive, err.Error(), "start Docker, or use --target process with a redis-server on PATH"}
	}
	runner.Docker = docker
	removed, kept, err := docker.Clean(ctx)
	for _, l := range removed {
		show.note("removed what a killed run left: " + l.String())
	}
	for _, l := range kept {
		if l.Why != "" {
			show.note("kept " + l.String() + ": " + l.Why)
		}
	}
	if err != nil {
		closeQuietly(docker)
		return nil, nil, &exit{exitInconclusive, "remove what killed runs left: " + err.Error(), "docker ps -a shows it"}
	}
	return runner, func() { closeQuietly(docker) }, nil
}
