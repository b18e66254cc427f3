package main

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"spillway": main})
}

// commands are what the scripts can do beside testscript's own.
var commands = map[string]func(*testscript.TestScript, bool, []string){
	"exits": exits,
	"redis": startFake,
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: filepath.Join("testdata", "script"), Setup: setup, Cmds: commands})
}

func setup(env *testscript.Env) error {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	env.Setenv("ROOT", root)
	env.Setenv("HISTORIES", filepath.Join(root, "assert", "testdata"))
	env.Setenv("GORACE", "atexit_sleep_ms=0") // each command would end a second late
	return err
}

// exits runs spillway and wants that exit code: `exits 2 run --parallel 0`.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	if neg || err != nil {
		ts.Fatalf("usage: exits CODE ARG...")
	}
	got := 0
	if err := ts.Exec("spillway", args[1:]...); err != nil {
		ended := new(exec.ExitError)
		if !errors.As(err, &ended) {
			ts.Fatalf("%v", err)
		}
		got = ended.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
