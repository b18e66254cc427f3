//go:build !linux

package fleet

import "errors"

// ownPorts cannot be done here: instances run on Linux, in containers or as processes.
func ownPorts(int) (control, error) {
	return nil, errors.New("only Linux can give a socket a port range of its own")
}
