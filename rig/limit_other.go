//go:build !linux

package rig

import "errors"

// ExecLimited needs Linux.
func ExecLimited(int, []string) error { return errors.New("file descriptor limits need Linux") }
