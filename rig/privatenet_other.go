//go:build !linux

package rig

import (
	"errors"
	"net/netip"
)

var errNoOwnNetwork = errors.New("a network of our own needs Linux")

// OwnNetwork reports whether this process has a network namespace of its own; only Linux has those.
func OwnNetwork() bool { return false }

func newPrivateNet(home, string) (*privateNet, error) { return nil, errNoOwnNetwork }

func (n *privateNet) close() error { return nil }

func strayAddresses(home, func(string) bool) []Leftover { return nil }

func addAddress(netip.Addr, string) error { return errNoOwnNetwork }

func deleteAddress(netip.Addr) error { return errNoOwnNetwork }
