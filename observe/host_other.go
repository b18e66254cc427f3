//go:build !linux

package observe

import (
	"context"
	"errors"
	"runtime"
)

// Look returns an error: /proc is Linux's.
func (LocalHost) Look(context.Context) (HostFacts, error) {
	return HostFacts{}, errors.New("the limits and sockets of a process are read from /proc, which " + runtime.GOOS + " does not have")
}
