// Package fleet is the load: simulated services whose clients suffer what real ones would.
//
// One process runs one instance of one service. The harness tells it what to be on its standard input and reads on its
// standard output what its clients met:
//
//	Spec, then Orders, as JSON Lines -> instance -> outage.Events as JSON Lines
//
// What clients suffer is data, an outage.Attempt, and never an error. The package judges nothing, sees nothing of
// Redis but what its own connections show, and does not retry on behalf of go-redis.
package fleet

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"spillway/outage"
	"spillway/scenarios"
)

// Spec is the first line on stdin: which instance to be.
type Spec struct {
	Service  scenarios.Service `json:"service"`
	Instance string            `json:"instance"`
	// Redis is host:port. A host name is resolved at the first dial and again after a failed one, at most once a second.
	Redis string `json:"redis"`
	// Local is the source address of every connection; empty leaves it to the system.
	Local string `json:"local,omitempty"`
	// Canary asks for a PING on a new connection every half second, beside the one on a held connection that every instance has.
	Canary bool  `json:"canary,omitempty"`
	Seed   int64 `json:"seed"`
	// Now is the run's clock when this line was sent; events are dated from it.
	Now outage.Duration `json:"now"`
}

// Order is a further line on stdin.
type Order struct {
	Do string `json:"do"`
}

// Stop is the only order: finish, close every connection cleanly and end.
const Stop = "stop"

const (
	grace    = 500 * time.Millisecond // for requests under way to end by themselves once an instance must stop
	lastWait = 5 * time.Second        // for everything to end after its connections were closed; longer means a bug
)

// Run is one instance from its spec to its end. It returns nil after Stop, and also when in ends or ctx does, which
// both mean that nobody listens any more: then it closes everything at once and writes nothing. It returns an error
// only when the rig broke: a bad spec or order, a source address that this host does not have, an out that takes no more.
//
// The goroutine that reads in ends with in; after an end by ctx it may outlive Run until then.
func Run(ctx context.Context, in io.Reader, out io.Writer) error {
	silenceRedis()
	lines := bufio.NewReader(in)
	spec, err := readSpec(lines)
	if err != nil {
		return fmt.Errorf("spec: %w", err)
	}
	log := newRecorder(spec, out, time.Now())
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	h := newHost(ctx, spec, log)
	if err := h.dialer.limitPorts(spec.Service.SourcePorts); err != nil {
		return fmt.Errorf("spec: %w", err)
	}
	if err := log.instance(outage.Started, h.address(ctx)); err != nil {
		return err
	}

	stopped, err := live(ctx, cancel, h, lines)
	if err != nil || !stopped {
		return err
	}
	if err := log.flush(); err != nil {
		return err
	}
	return log.instance(outage.Stopped, h.addr)
}

// live runs the instance until it is told to stop, or until nobody listens any more, and ends all of it.
func live(ctx context.Context, cancel context.CancelFunc, h *host, lines *bufio.Reader) (stopped bool, err error) {
	orders := make(chan error, 1)
	go func() { orders <- readOrders(lines) }()
	group, ctx := errgroup.WithContext(ctx)
	h.start(ctx, group)
	select {
	case err = <-orders:
		stopped = err == nil
	case <-ctx.Done(): // from outside, or because a part of the instance broke, which end returns
	}
	cancel()
	if broke := h.end(group, stopped); broke != nil {
		return false, broke
	}
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	return stopped, err
}

// readSpec reads the first line and checks what the workload could not run with.
func readSpec(lines *bufio.Reader) (Spec, error) {
	var spec Spec
	line, err := lines.ReadBytes('\n')
	if err != nil {
		return spec, fmt.Errorf("read: %w", err)
	}
	if err := strict(line, &spec); err != nil {
		return spec, err
	}
	return spec, spec.check()
}

func strict(line []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	return dec.Decode(v)
}

// check reports every mistake at once. Package scenarios fills in defaults; here nothing is guessed.
func (s Spec) check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	svc := s.Service
	if svc.Service == "" || s.Instance == "" {
		bad("no service or no instance name")
	}
	if _, port, err := net.SplitHostPort(s.Redis); err != nil || port == "" {
		bad("redis %q: want host:port", s.Redis)
	}
	if svc.ClientName == "" != svc.Unnamed || strings.ContainsFunc(svc.ClientName, func(r rune) bool { return r <= ' ' || r > '~' }) {
		bad("client name %q: want printable characters without spaces, as Redis does", svc.ClientName)
	}
	if svc.Connections < 0 || svc.Ramp < 0 || svc.Hold < 0 {
		bad("a negative number of connections, ramp or hold")
	}
	if err := checkWorkload(svc); err != nil {
		errs = append(errs, err)
	}
	if s.Local != "" {
		if err := checkLocal(s.Local); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// checkWorkload makes sure that the workload is known and told what it needs.
func checkWorkload(svc scenarios.Service) error {
	i := slices.IndexFunc(workloads, func(w namedWorkload) bool { return w.name == svc.Workload })
	if i < 0 {
		return fmt.Errorf("workload %q: not known", svc.Workload)
	}
	switch needs := workloads[i].needs; {
	case needs.connections && svc.Connections == 0:
		return fmt.Errorf("workload %s: no number of connections", svc.Workload)
	case needs.rate && svc.Rate <= 0:
		return fmt.Errorf("workload %s: no rate", svc.Workload)
	case needs.pool && svc.Pool.Size <= 0:
		return fmt.Errorf("workload %s: no pool size", svc.Workload)
	}
	return nil
}

// checkLocal makes sure that a source address is this host's: otherwise every dial would end as if ports had run out.
func checkLocal(local string) error {
	if _, err := netip.ParseAddr(local); err != nil {
		return fmt.Errorf("local address %q: %w", local, err)
	}
	c, err := net.ListenPacket("udp", net.JoinHostPort(local, "0"))
	if err != nil {
		return fmt.Errorf("local address: %w", err)
	}
	return c.Close()
}

// readOrders returns nil when told to stop, io.EOF when in ended, and an error for what it does not understand.
func readOrders(lines *bufio.Reader) error {
	line, err := lines.ReadBytes('\n')
	if err != nil {
		// Any failure to read means what EOF means: the parent is gone.
		return io.EOF
	}
	var order Order
	if err := strict(line, &order); err != nil {
		return fmt.Errorf("order: %w", err)
	}
	if order.Do != Stop {
		return fmt.Errorf("order %q: want %q", order.Do, Stop)
	}
	return nil
}

// silenceRedis is done once: go-redis has one logger for the whole process, which may host many instances.
var silenceRedis = sync.OnceFunc(func() { redis.SetLogger(silence{}) })

// silence is go-redis's logger: in an outage it would print from many goroutines, and attempts tell all of it.
type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}
