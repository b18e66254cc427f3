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

// WithPort returns an error: /proc is Linux's.
func (h LocalHost) WithPort() (LocalHost, error) { return h, errNoProc }

// Holders returns an error: /proc is Linux's.
func (LocalHost) Holders() ([]outage.Census, error) { return nil, errNoProc }

var errNoProc = errors.New("the limits and sockets of a process are read from /proc, which " + runtime.GOOS + " does not have")

// Outside returns an error: sock_diag is Linux's.
func (LocalHost) Outside(context.Context) (outage.Outside, error) { return outage.Outside{}, errNoProc }

// Prefix is empty: there is no such command.
func (LocalHost) Prefix() string { return "" }

// Held returns an error: sock_diag is Linux's.
func (LocalHost) Held(context.Context) ([]outage.Held, error) { return nil, errNoProc }

// Reset returns an error: sock_diag is Linux's.
func (LocalHost) Reset(context.Context, []outage.Held) ([]error, error) { return nil, errNoProc }
