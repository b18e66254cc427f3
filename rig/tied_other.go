//go:build !linux

package rig

import (
	"errors"
	"os/exec"
)

// startTied needs Linux: elsewhere nothing would end the children when this process is killed.
func startTied(*exec.Cmd, func(int)) error {
	return errors.New("--target process needs Linux; install Docker for the container target")
}
