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
	// Allow says of each command why it must not be sent, or nothing where it may: see Guard. nil allows all.
	Allow Guard
	// Timeout bounds Dial, and each later exchange whose context has no deadline. 0 is DefaultTimeout.
	Timeout time.Duration
}

// Dial connects, logs in and makes sure that Redis answers. Its errors tell the walls apart: ErrFull, ErrClosed,
// ErrSilent, ErrUnanswered and ErrDenied, and what stands in the way of TLS: ErrSpeaksTLS, ErrSpeaksPlain, ErrCertificate and those of
// crypto/x509; anything else is what the operating system or TLS said.
// A Redis that answers LOADING or BUSY has let the connection in: that is no error.
func Dial(ctx context.Context, o Options) (*Conn, error) {
	timeout := o.Timeout
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	c, err := o.open(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", o, err)
	}
	c.timeout = timeout
	return c, nil
}

// open connects and logs in.
func (o Options) open(ctx context.Context) (*Conn, error) {
	nc, err := o.dialer()(ctx, o.network(), o.Addr)
	if err != nil {
		return nil, wall(ctx, err, ErrUnanswered)
	}
	if o.TLS == nil {
		c, err := o.login(ctx, nc)
		if errors.Is(err, ErrClosed) && o.greetsTLS(ctx) {
			err = ErrSpeaksTLS
		}
		return c, err
	}
	secure, asked, err := o.shake(ctx, nc)
	if err != nil {
		return nil, err
	}
	c, err := o.login(ctx, secure)
	if err != nil {
		return nil, o.afterShake(err, *asked)
	}
	return c, nil
}

func (o Options) login(ctx context.Context, nc net.Conn) (*Conn, error) {
	c := NewConn(nc)
	c.allow = o.Allow
	if err := c.hello(ctx, o); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

func (o Options) dialer() func(ctx context.Context, network, addr string) (net.Conn, error) {
	if o.Dialer != nil {
		return o.Dialer
	}
	return (&net.Dialer{}).DialContext
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
	nameless := false
	for i, reply := range replies {
		e, refused := reply.(Error)
		if refused && !harmless(cmds[i][0], e) {
			return fmt.Errorf("%s: %w", cmds[i][0], redact(e, o.Password))
		}
		nameless = nameless || refused && cmds[i][0] == "CLIENT"
	}
	if err != nil || !nameless {
		return err
	}
	return c.findOut(ctx, o.Name)
}

// findOut asks which line of CLIENT LIST is ours where its name does not tell. Whoever may not ask that either does without.
func (c *Conn) findOut(ctx context.Context, name string) error {
	replies, err := c.Pipeline(ctx, [][]string{{"CLIENT", "ID"}})
	if err == nil {
		c.id, _ = replies[0].(int64)
		c.name = name
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
	case "LOADING", "BUSY", "MASTERDOWN", notSent:
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
