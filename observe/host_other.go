//go:build !linux

package observe

import (
	"context"
	"errors"
	"runtime"

	"spillway/outage"
)

// Look returns an error: /proc is Linux's.
func (LocalHost) Look(context.Context) (HostFacts, error) { return HostFacts{}, errNoProc }

// Holders returns an error: /proc is Linux's.
func (LocalHost) Holders() ([]outage.Census, error) { return nil, errNoProc }

var errNoProc = errors.New("the limits and sockets of a process are read from /proc, which " + runtime.GOOS + " does not have")
