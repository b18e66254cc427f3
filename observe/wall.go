package observe

import (
	"errors"
	"strings"
)

// The walls that a client of a Redis in trouble runs into, told apart by what comes back.
var (
	// ErrFull: Redis said that its limit of clients is reached.
	ErrFull = errors.New("max number of clients reached")
	// ErrClosed: the peer closed the connection where an answer was due. At the limit the refusal can get lost
	// that way, and over TLS it always does, so a close right after connecting means "possibly full".
	ErrClosed = errors.New("connection closed without an answer")
	// ErrSilent: connected, but no answer in time. The server is stalled, or has no file descriptor left to accept with.
	ErrSilent = errors.New("connected, but no answer in time")
	// ErrUnanswered: not even the connect was answered in time: an overflown listen queue, a firewall, a dead host.
	ErrUnanswered = errors.New("no answer to the connect in time")
	// ErrDenied: a password, an ACL or protected mode stands in the way.
	ErrDenied = errors.New("access denied")
)

// Error is the text of an error reply, without its leading minus: "ERR max number of clients reached".
type Error string

// Error returns the text as Redis sent it.
func (e Error) Error() string { return string(e) }

// Code returns the first word, such as ERR, NOPERM or BUSY.
func (e Error) Code() string {
	code, _, _ := strings.Cut(string(e), " ")
	return code
}

// Is makes errors.Is tell ErrFull and ErrDenied.
func (e Error) Is(target error) bool {
	switch target {
	case ErrFull:
		return e.full()
	case ErrDenied:
		return e.denied()
	}
	return false
}

// full knows both texts: the second one comes from servers with cluster-enabled, even where no cluster link exists.
func (e Error) full() bool {
	return strings.HasPrefix(string(e), "ERR max number of clients reached") ||
		strings.HasPrefix(string(e), "ERR max number of clients + cluster connections reached")
}

func (e Error) denied() bool {
	switch e.Code() {
	case "NOAUTH", "WRONGPASS", "NOPERM", "DENIED":
		return true
	}
	// What 5.0 answers to a wrong password, and every version to one that it does not want.
	for _, text := range []string{"ERR invalid password", "ERR Client sent AUTH, but no password is set", "ERR AUTH <password> called without any password"} {
		if strings.HasPrefix(string(e), text) {
			return true
		}
	}
	return false
}

// unsolicited reports whether Redis says e to a connection it does not let in, before it reads a command, and then closes.
func (e Error) unsolicited() bool { return e.full() || e.Code() == "DENIED" }
