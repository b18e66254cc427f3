//go:build e2e && linux

package rig

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	roles["rig"] = runRig
	if role, ok := roles[os.Getenv(roleEnv)]; ok {
		role()
		return
	}
	dir, err := os.MkdirTemp("", "rig-e2e")
	if err == nil {
		err = provideBinary(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if daemon != nil {
		_ = daemon.Close()
	}
	_ = os.RemoveAll(dir)
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// provideBinary builds what runs inside the containers, unless the environment names it.
func provideBinary(dir string) error {
	if os.Getenv(BinaryEnv) != "" {
		return nil
	}
	binary := filepath.Join(dir, "spillway")
	build := exec.Command("go", "build", "-o", binary, "../cmd/spillway")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build Spillway: %w\n%s", err, text)
	}
	return os.Setenv(BinaryEnv, binary)
}
