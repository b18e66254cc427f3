package outage

// Outside is one look at a server from its own machine, which needs no slot: what the kernel knows of its TCP connections.
// Connections through a unix socket are not among them.
type Outside struct {
	At      Duration  `json:"at"`
	Process *Process  `json:"process,omitempty"`
	Listen  *Listen   `json:"listen,omitempty"`
	Held    []Held    `json:"held"`
	Missing []Missing `json:"missing,omitempty"` // what could not be read
}

// Held is an established TCP connection of the server as the kernel of its machine sees it.
type Held struct {
	// Cookie is the kernel's number of the socket; no two have the same until the next boot.
	Cookie int64  `json:"cookie"`
	Peer   string `json:"peer"`  // ip:port
	Local  string `json:"local"` // ip:port, the server's end
	// Quiet is the time since data came in last, and Told since data went out last; where none ever did, since the connect.
	Quiet Duration `json:"quiet"`
	Told  Duration `json:"told"`
	// Received counts bytes from the peer, and Requests the segments that they came in: a request is mostly one.
	Received int64 `json:"received"`
	Requests int64 `json:"requests"`
	Replies  int64 `json:"replies"` // segments with data that the server sent
	// SendQueue counts bytes sent and not acknowledged, Retransmits those of the oldest segment among them, and Probes
	// keepalive probes without an answer.
	SendQueue   int64 `json:"send_queue,omitempty"`
	Retransmits int   `json:"retransmits,omitempty"`
	Probes      int   `json:"probes,omitempty"`
}

// Answered reports whether the server has sent as much as it was asked, as far as segments tell: false for one that waits in a
// blocking command.
func (h Held) Answered() bool { return h.Replies >= h.Requests && h.Told <= h.Quiet }
