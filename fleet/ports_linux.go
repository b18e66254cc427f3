package fleet

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// ownPorts makes every connection take its source port from a range of n, as a host with a small ip_local_port_range does:
// the kernel itself then answers EADDRNOTAVAIL. It needs Linux 6.3.
func ownPorts(n int) (control, error) {
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return nil, err
	}
	var system portRange
	if _, err := fmt.Sscan(string(text), &system.first, &system.last); err != nil {
		return nil, fmt.Errorf("ip_local_port_range: %w", err)
	}
	own, err := portsOf(n, system)
	if err != nil {
		return nil, err
	}
	return func(_, _ string, c syscall.RawConn) error {
		var err error
		if broke := c.Control(func(fd uintptr) { err = limitPorts(int(fd), own) }); broke != nil {
			return broke
		}
		return err
	}, probePorts(own)
}

// limitPorts sets a socket's range. With a chosen source address bind would take a port for every destination at once;
// left to connect, a port is taken for this destination only, as without a chosen address.
func limitPorts(fd int, r portRange) error {
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
		return os.NewSyscallError("setsockopt IP_BIND_ADDRESS_NO_PORT", err)
	}
	err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_LOCAL_PORT_RANGE, r.last<<16|r.first)
	return os.NewSyscallError("setsockopt IP_LOCAL_PORT_RANGE", err)
}

// probePorts tells at the start what would else look like a client that fails.
func probePorts(r portRange) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	err = limitPorts(fd, r)
	if errors.Is(err, unix.ENOPROTOOPT) {
		return errors.New("this kernel cannot give a socket a port range of its own: it takes Linux 6.3")
	}
	if err != nil {
		return err
	}
	return nil
}
