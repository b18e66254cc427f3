//go:build !linux

package rig

import "context"

// endStrays has nothing to do: only Linux runs processes as a rig.
func endStrays(context.Context, home, func(string) bool) []Leftover { return nil }
