//go:build e2e

package main

import (
	"errors"
	"net"
	"strconv"
	"sync/atomic"
)

// lastPort is below the ports that the kernel gives to outgoing connections, of which tests that run side by side make many.
var lastPort atomic.Int32

// freePort returns a port of loopback at which nobody listens, another one each time.
func freePort() (port string, err error) {
	for range 100 {
		port = strconv.Itoa(20000 + int(lastPort.Add(1)))
		l, listenErr := net.Listen("tcp", "127.0.0.1:"+port)
		if listenErr == nil {
			return port, l.Close()
		}
		err = errors.Join(err, listenErr)
	}
	return "", err
}
