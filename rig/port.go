package rig

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
)

// errPortTaken means that somebody else listens where the server or its lines should.
var errPortTaken = errors.New("the port was taken by somebody else")

// portTries is how often another port is tried when one was taken between our look and the server's start.
const portTries = 3

// Where ports are looked for: below those that the kernel gives to outgoing connections, of which the fleet makes
// thousands.
const (
	lowestPort  = 16384
	highestPort = 32767
)

// freePort finds a port of loopback that is free, and so is the one below it, for the lines.
func freePort() (int, error) {
	var last error
	for range 50 {
		port := lowestPort + 1 + rand.IntN(highestPort-lowestPort-1)
		if last = errors.Join(tryPort(port), tryPort(port-1)); last == nil {
			return port, nil
		}
	}
	return 0, fmt.Errorf("find a free port: no two neighbours are free: %w", last)
}

func tryPort(port int) error {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	return l.Close()
}
