package observe

import (
	"context"
	"errors"

	"spillway/outage"
)

// Host is a view of the machine that the server runs on.
type Host interface {
	Look(ctx context.Context) (HostFacts, error)
}

// HostFacts is what only the server's host shows. It travels as JSON where the observer runs beside the server.
type HostFacts struct {
	Process *outage.Process  `json:"process,omitempty"`
	Listen  *outage.Listen   `json:"listen,omitempty"`
	Sockets []outage.Socket  `json:"sockets,omitempty"`
	Log     []string         `json:"log,omitempty"`
	Peers   []outage.Peer    `json:"peers,omitempty"`
	Missing []outage.Missing `json:"missing,omitempty"` // what could not be read
}

// ErrNoPort is of a process that listens on no TCP port.
var ErrNoPort = errors.New("listens on no TCP port")

// LocalHost looks at a server of this machine, through /proc. It works on Linux only.
// Its Listen.Backlog is the kernel's bound, net.core.somaxconn; Reader lowers it to the server's tcp-backlog.
type LocalHost struct {
	PID  int // of the server, as this process sees it; 1 in a container that shares the server's namespace
	Port int // that it listens on; 0 is the lowest of those that the process listens on, but for the bus of a cluster
	// Root is where proc is mounted; empty is /proc.
	Root string
	// Log is the server's log file as this process sees it; empty when it writes to stdout.
	Log string
}
