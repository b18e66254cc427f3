// Command spillway rehearses one outage of Redis, `ERR max number of clients reached`: it brings it about on a real
// server, asserts that the diagnosis names cause and culprit, and that the remedy clears it, keeps it cleared and
// harms nobody.
//
// This package holds verbs, flags, signals and exit codes, and nothing else.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"spillway/scenarios"
)

// version is set by the Makefile from the latest tag.
var version = "dev"

// Exit codes, the same for every verb.
const (
	exitPass         = 0
	exitFail         = 1 // a check failed, or diagnose found something
	exitUsage        = 2 // wrong usage, or a catalogue that makes no sense
	exitInconclusive = 3 // nothing can be concluded, or the rig broke
	exitInterrupted  = 130
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() { // a second signal ends at once; what is left then is removed by `spillway clean`
		<-ctx.Done()
		stop()
	}()
	err := rootCommand().ExecuteContext(ctx)
	if ctx.Err() != nil {
		fmt.Fprintln(os.Stderr, "spillway: interrupted; everything the run made was removed")
		return exitInterrupted
	}
	return exitCode(err)
}

// exit is an error that carries an exit code; text may be empty when all has been said.
type exit struct {
	code int
	text string
	hint string
}

func (e *exit) Error() string { return e.text }

// exitCode says what went wrong, in the form `spillway: message` and `hint: what to try`.
func exitCode(err error) int {
	if err == nil {
		return exitPass
	}
	if e := new(exit); errors.As(err, &e) {
		if e.text != "" {
			fmt.Fprintln(os.Stderr, "spillway:", e.text)
		}
		if e.hint != "" {
			fmt.Fprintln(os.Stderr, "hint:", e.hint)
		}
		return e.code
	}
	var mistakes scenarios.Mistakes
	if errors.As(err, &mistakes) {
		fmt.Fprintln(os.Stderr, mistakes)
		return exitUsage
	}
	fmt.Fprintln(os.Stderr, "spillway:", err)
	return exitInconclusive
}

func usage(text, hint string) error { return &exit{exitUsage, text, hint} }
