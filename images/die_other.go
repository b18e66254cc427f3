//go:build !linux

package images

import "os/exec"

// dieWithUs does nothing where there is no apt to run.
func dieWithUs(*exec.Cmd) {}
