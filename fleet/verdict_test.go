package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"

	"spillway/outage"
)

func TestRequestVerdict(t *testing.T) {
	refused := meetings{refused: 2, said: full}
	silently := meetings{refused: 1}
	pipe := fmt.Errorf("failed to initialize connection options: %w", opError("write", syscall.EPIPE))
	const pipeSaw = "failed to initialize connection options: write: broken pipe"
	for _, tc := range []struct {
		name string
		err  error
		met  meetings
		want verdict
	}{
		{"ok", nil, meetings{}, verdict{outcome: outage.OK}},
		{"ok at the last retry", nil, refused, verdict{outcome: outage.OK}},
		{"refused", pipe, refused, verdict{outage.Refused, full, pipeSaw}},
		{"refused without a word", io.EOF, silently, verdict{outage.Refused, "", "EOF"}},
		{"refused, blamed on HELLO", errors.New("server does not support RESP3 (HELLO command failed)"), refused,
			verdict{outage.Refused, full, "server does not support RESP3 (HELLO command failed)"}},
		{"refused in so many words", errors.New("ERR max number of clients reached"), meetings{},
			verdict{outage.Refused, full, "ERR max number of clients reached"}},
		{"a served connection died", pipe, meetings{}, verdict{outage.Reset, "", pipeSaw}},
		{"protected mode", pipe, meetings{denied: 1, said: "-DENIED x"}, verdict{outage.Denied, "-DENIED x", pipeSaw}},
		{"the pool was empty, whoever else was refused", redis.ErrPoolTimeout, refused, verdict{outage.PoolTimeout, "", "redis: connection pool timeout"}},
		{"the pool was at its cap", redis.ErrPoolExhausted, meetings{}, verdict{outage.PoolTimeout, "", "redis: connection pool exhausted"}},
		{"no source port", opError("connect", syscall.EADDRNOTAVAIL), meetings{}, verdict{outage.NoPort, "", "connect: cannot assign requested address"}},
		{"no file", opError("socket", syscall.EMFILE), meetings{}, verdict{outage.NoFile, "", "socket: too many open files"}},
		{"nobody listens", opError("connect", syscall.ECONNREFUSED), meetings{}, verdict{outage.Down, "", "connect: connection refused"}},
		{"no route", opError("connect", syscall.EHOSTUNREACH), meetings{}, verdict{outage.Down, "", "connect: no route to host"}},
		{"no such name", &net.DNSError{Err: "no such host", Name: "redis", Server: "127.0.0.11:53"}, meetings{}, verdict{outage.Down, "", "lookup: no such host"}},
		{"no answer", context.DeadlineExceeded, refused, verdict{outage.TimedOut, "", "context deadline exceeded"}},
		{"anything else", errors.New("odd"), refused, verdict{outage.Failed, "", "odd"}},
	} {
		if got := requestVerdict(tc.err, tc.met); got != tc.want {
			t.Errorf("%s:\n got %+v\nwant %+v", tc.name, got, tc.want)
		}
	}
}

func TestBothTextsOfTheLimitAreRefusals(t *testing.T) {
	for _, line := range []string{full, "-ERR max number of clients + cluster connections reached"} {
		if got := outcomeOfLine(line); got != outage.Refused {
			t.Errorf("%q: %s", line, got)
		}
	}
}
