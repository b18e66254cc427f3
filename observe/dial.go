package observe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// Options say how to reach a Redis.
type Options struct {
	Network  string // tcp (default) or unix
	Addr     string // host:port, or the path of a unix socket
	Username string
	Password string
	TLS      *tls.Config // nil for none
	DB       int
	Name     string // set with CLIENT SETNAME, so that the connection is known for ours
	// Dialer opens the connection; nil dials directly.
	Dialer func(ctx context.Context, network, addr string) (net.Conn, error)
	// Timeout bounds Dial, and each later exchange whose context has no deadline. 0 is DefaultTimeout.
	Timeout time.Duration
}

// Dial connects, logs in and makes sure that Redis answers. Its errors tell the walls apart: ErrFull, ErrClosed,
// ErrSilent, ErrUnanswered and ErrDenied; anything else is what the operating system or TLS said.
// A Redis that answers LOADING or BUSY has let the connection in: that is no error.
func Dial(ctx context.Context, o Options) (*Conn, error) {
	timeout := o.Timeout
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	nc, err := o.connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", o, err)
	}
	c := NewConn(nc)
	c.timeout = timeout
	if err := c.hello(ctx, o); err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("connect to %s: %w", o, err)
	}
	return c, nil
}

func (o Options) connect(ctx context.Context) (net.Conn, error) {
	dial := o.Dialer
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	nc, err := dial(ctx, o.network(), o.Addr)
	if err != nil {
		return nil, wall(ctx, err, ErrUnanswered)
	}
	if o.TLS == nil {
		return nc, nil
	}
	conf := o.TLS
	if conf.ServerName == "" && !conf.InsecureSkipVerify {
		conf = conf.Clone()
		conf.ServerName, _, _ = net.SplitHostPort(o.Addr)
	}
	secure := tls.Client(nc, conf)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = nc.Close()
		err = fmt.Errorf("TLS: %w", err)
		if certificate := (*tls.CertificateVerificationError)(nil); errors.As(err, &certificate) {
			return nil, err
		}
		if header := (tls.RecordHeaderError{}); errors.As(err, &header) {
			return nil, err
		}
		if alert := tls.AlertError(0); errors.As(err, &alert) {
			return nil, err
		}
		// A full Redis closes before the handshake, without a byte.
		if isHangup(err) {
			return nil, fmt.Errorf("%w (%w)", ErrClosed, err)
		}
		return nil, wall(ctx, err, ErrSilent)
	}
	return secure, nil
}

// wall returns late when err is a timeout, and err itself otherwise.
func wall(ctx context.Context, err, late error) error {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return context.Cause(ctx)
	case ctx.Err() != nil, isTimeout(err):
		return fmt.Errorf("%w (%w)", late, context.DeadlineExceeded)
	}
	return err
}

// hello logs in. The PING at its end makes Redis answer even where nothing else is asked.
func (c *Conn) hello(ctx context.Context, o Options) error {
	cmds := o.hello()
	replies, err := c.Pipeline(ctx, cmds)
	for i, reply := range replies {
		if e, ok := reply.(Error); ok && !harmless(cmds[i][0], e) {
			return fmt.Errorf("%s: %w", cmds[i][0], redact(e, o.Password))
		}
	}
	return err
}

func (o Options) hello() (cmds [][]string) {
	switch {
	case o.Username != "":
		cmds = append(cmds, []string{"AUTH", o.Username, o.Password})
	case o.Password != "":
		cmds = append(cmds, []string{"AUTH", o.Password})
	}
	if o.DB != 0 {
		cmds = append(cmds, []string{"SELECT", strconv.Itoa(o.DB)})
	}
	if o.Name != "" {
		cmds = append(cmds, []string{"CLIENT", "SETNAME", o.Name})
	}
	return append(cmds, []string{"PING"})
}

// harmless reports whether the connection is of use although Redis answered e: it is in, and may lack a right
// that observing does not need.
func harmless(command string, e Error) bool {
	switch e.Code() {
	case "LOADING", "BUSY", "MASTERDOWN":
		return true
	case "NOPERM":
		return command == "CLIENT" || command == "PING"
	}
	return command != "AUTH" && strings.HasPrefix(string(e), "ERR unknown command")
}

// redact takes the password out of an answer: Redis repeats the arguments of a command that it does not know.
func redact(e Error, password string) Error {
	if password == "" {
		return e
	}
	return Error(strings.ReplaceAll(string(e), password, "***"))
}

func (o Options) network() string {
	if o.Network == "" {
		return "tcp"
	}
	return o.Network
}
