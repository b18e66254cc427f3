//go:build e2e && linux

package rig

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// runRig starts Redis, an instance and a runbook that heeds nothing in containers, says its run, and waits to be killed.
func runRig() {
	ctx := context.Background()
	d, err := ConnectDocker(ctx, nil)
	check(err)
	lease, err := NewLease()
	check(err)
	c, err := d.NewContainers(ctx, lease.Run, testImage)
	check(err)
	_, err = c.StartRedis(ctx, Server{Redis: server(20, 0, 1).Redis, Lines: 1})
	check(err)
	_, err = c.StartInstance(ctx, Instance{Name: "api-1"})
	check(err)
	path := filepath.Join(os.TempDir(), "runbook")
	check(os.WriteFile(path, []byte("#!/bin/sh\nexec sleep 300\n"), 0o755))
	_, err = c.StartRunbook(ctx, Runbook{Path: path})
	check(err)
	fmt.Println(lease.Run)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
