// Command spillway rehearses one outage of Redis, `ERR max number of clients reached`: it brings it about on a real
// server, asserts that the diagnosis names cause and culprit, and that the remedy clears it, keeps it cleared and
// harms nobody.
//
// This package holds verbs, flags, signals and exit codes, and nothing else.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// version is set by the Makefile from the latest tag.
var version = "dev"

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
		err = interrupted(err)
	}
	return exitCode(err)
}
