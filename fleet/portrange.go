package fleet

import (
	"fmt"
	"syscall"
)

// portRange is the source ports that an instance's host has, both ends included.
type portRange struct{ first, last int }

func (r portRange) String() string { return fmt.Sprintf("%d-%d", r.first, r.last) }

// portsOf is a range of n ports within the system's own, from its middle on as far as they fit.
func portsOf(n int, system portRange) (portRange, error) {
	have := system.last - system.first + 1
	if n > have {
		return portRange{}, fmt.Errorf("the system's range %s has only %d", system, have)
	}
	first := system.first + (have-n)/2
	return portRange{first, first + n - 1}, nil
}

// control prepares a socket before it is connected.
type control func(network, address string, c syscall.RawConn) error

// limitPorts leaves the dialer n source ports; 0 leaves it the system's.
func (d *dialer) limitPorts(n int) error {
	if n == 0 {
		return nil
	}
	own, err := ownPorts(n)
	if err != nil {
		return fmt.Errorf("%d source ports: %w", n, err)
	}
	d.net.Control = own
	return nil
}
