package fleet

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/redis/go-redis/v9"

	"spillway/outage"
)

// verdict is how one try ended.
type verdict struct {
	outcome outage.Outcome
	said    string // the first line of Redis, when it was an error
	saw     string // the error as the caller got it, without addresses
}

// longest is how much of a line or an error is kept: they are keys of folds and of reports.
const longest = 200

// outcomeOf names an error by what it means for a connection that Redis had served.
func outcomeOf(err error) outage.Outcome {
	var (
		timeout net.Error
		dns     *net.DNSError
	)
	switch {
	case err == nil:
		return outage.OK
	case errors.Is(err, redis.ErrPoolTimeout), errors.Is(err, redis.ErrPoolExhausted):
		return outage.PoolTimeout
	case isAny(err, syscall.EMFILE, syscall.ENFILE):
		return outage.NoFile
	case isAny(err, syscall.EADDRNOTAVAIL, syscall.EADDRINUSE):
		// With a chosen source address the port is taken by bind, which says EADDRINUSE where connect says EADDRNOTAVAIL.
		return outage.NoPort
	case isAny(err, syscall.ECONNREFUSED, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ENETDOWN), errors.As(err, &dns):
		return outage.Down
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT), errors.As(err, &timeout) && timeout.Timeout():
		return outage.TimedOut
	case isAny(err, io.EOF, io.ErrUnexpectedEOF, syscall.EPIPE, syscall.ECONNRESET, syscall.ECONNABORTED):
		return outage.Reset
	}
	var reply redis.Error
	if errors.As(err, &reply) {
		if said := outcomeOfLine("-" + reply.Error()); said != outage.OK {
			return said
		}
	}
	return outage.Failed
}

func isAny(err error, targets ...error) bool {
	for _, t := range targets {
		if errors.Is(err, t) {
			return true
		}
	}
	return false
}

// outcomeOfLine names the first line that Redis sent on a connection. An error that refuses one command only, such as
// an unknown HELLO, comes from a server that serves: OK.
func outcomeOfLine(line string) outage.Outcome {
	// Both texts begin so: the one of clients, and the one that counts cluster connections in.
	if strings.HasPrefix(line, "-ERR max number of clients") {
		return outage.Refused
	}
	for _, p := range []string{"-DENIED", "-NOAUTH", "-WRONGPASS", "-NOPERM"} {
		if strings.HasPrefix(line, p) {
			return outage.Denied
		}
	}
	return outage.OK
}

// beforeServed names an error on a connection that had not been served: closed under the client, it was refused.
func beforeServed(err error) outage.Outcome {
	if o := outcomeOf(err); o != outage.Reset {
		return o
	}
	return outage.Refused
}

// requestVerdict names the result of a request, given what the connections of its client met while it ran. go-redis
// takes a refusal for an old server and reports the failure of its next write, so the error alone cannot tell.
func requestVerdict(err error, met meetings) verdict {
	v := verdict{outcome: outcomeOf(err), saw: sawOf(err)}
	if v.outcome == outage.OK {
		return verdict{outcome: outage.OK}
	}
	literal := strings.Contains(v.saw, "max number of clients")
	helloFailed := strings.Contains(v.saw, "HELLO command failed")
	switch {
	case literal:
		v.outcome, v.said = outage.Refused, met.said
		if v.said == "" {
			v.said = "-" + v.saw
		}
	case v.outcome != outage.Reset && !helloFailed:
	case met.refused > 0:
		v.outcome, v.said = outage.Refused, met.said
	case met.denied > 0:
		v.outcome, v.said = outage.Denied, met.said
	}
	return v
}

// sawOf is the text of err without the addresses in it, which would make every error unlike every other.
func sawOf(err error) string {
	if err == nil {
		return ""
	}
	text := err.Error()
	var op *net.OpError
	if errors.As(err, &op) {
		inner := op.Err.Error()
		if !strings.HasPrefix(inner, op.Op+":") && !strings.HasPrefix(inner, "connect:") {
			inner = op.Op + ": " + inner
		}
		text = strings.Replace(text, op.Error(), inner, 1)
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		text = strings.Replace(text, dns.Error(), "lookup: "+dns.Err, 1)
	}
	return cut(text)
}

// cut is the first line of s, shortened.
func cut(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	s = strings.TrimRight(s, "\r")
	return s[:min(len(s), longest)]
}
