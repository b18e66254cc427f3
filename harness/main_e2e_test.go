//go:build e2e

package harness

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"spillway/rig"
)

// docker is the daemon that all tests share.
var docker *rig.Docker

// atOnce and processesAtOnce are how many runs share two cores before they wait for each other more than for Redis: those of
// processes cost less.
const atOnce, processesAtOnce = "3", "5"

func TestMain(m *testing.M) {
	code, err := runTests(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "harness tests:", err)
		code = 1
	}
	os.Exit(code)
}

// runTests gives the tests a daemon, a binary and a lock folder of their own, and looks at what they leave.
func runTests(m *testing.M) (code int, err error) {
	flag.Parse()
	parallel := atOnce
	if os.Getenv("IN_REDIS") != "" {
		parallel = processesAtOnce
	}
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue { // nobody asked for another number
		if err := f.Value.Set(parallel); err != nil {
			return 1, err
		}
	}
	dir, err := os.MkdirTemp("", "spillway-harness-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	if err := buildBinary(dir); err != nil {
		return 1, err
	}
	artifacts = os.TempDir()
	// Leases are kept in a folder of this process, so that its runs are told from those of others on the same daemon.
	if err := os.Setenv("TMPDIR", dir); err != nil {
		return 1, err
	}
	if os.Getenv("IN_REDIS") != "" { // inside a container of the Redis image, where the process target is tested
		if code = m.Run(); code == 0 {
			err = goleak.Find()
		}
		return code, err
	}
	docker, err = rig.ConnectDocker(context.Background(), func(string) {})
	if err != nil {
		return 1, fmt.Errorf("%w: these tests run Redis in containers, start Docker", err)
	}
	code = m.Run()
	left, err := leftovers(context.Background())
	if err != nil {
		return 1, err
	}
	if err := docker.Close(); err != nil {
		return 1, err
	}
	if len(left) > 0 {
		return 1, fmt.Errorf("left behind: %q", left)
	}
	if code == 0 {
		return 0, goleak.Find()
	}
	return code, nil
}

// buildBinary builds the program that runs inside containers, unless the environment names one.
func buildBinary(dir string) error {
	if os.Getenv(rig.BinaryEnv) != "" {
		return nil
	}
	path := filepath.Join(dir, "spillway")
	build := exec.Command("go", "build", "-o", path, "../cmd/spillway")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build spillway: %w\n%s", err, out)
	}
	return os.Setenv(rig.BinaryEnv, path)
}
