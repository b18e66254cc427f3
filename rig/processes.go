package rig

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"spillway/observe"
	"spillway/outage"
)

// ErrNoServer means that no redis-server is on PATH.
var ErrNoServer = errors.New("no redis-server on PATH")

// Processes is the rig of one run without Docker: Redis, observer and fleet are child processes, and each instance
// has a source address of its own in 127.0.0.0/8. In a network namespace of our own (see OwnNetwork) it is an address
// that Cut can take away. Linux only.
type Processes struct {
	// Worker, when set, runs the instances of the fleet inside this process, which is much cheaper than a process for
	// each. File descriptors are then bounded for all of them together, by this process's limit.
	Worker func(ctx context.Context, in io.Reader, out io.Writer) error

	run    string
	home   home
	mark   string // what every process of the run has in its environment
	server string // the redis-server that runs
	port   int
	binary string
	group  sync.WaitGroup // owns the goroutine that follows the server's log

	mu        sync.Mutex
	children  []*Process
	instances int               // addresses handed out
	gateways  map[string]string // their addresses, by name
	redis     *Process
	own       bool        // a network namespace of our own
	net       *privateNet // once Redis was started there
}

// serverNames are what the server is called on PATH, in the order of preference.
var serverNames = []string{"redis-server", "valkey-server", "redict-server"}

// NewProcesses finds a server and a free port for it, and ends what killed runs left behind. The error is ErrNoServer
// when there is no server.
func NewProcesses(run string) (*Processes, error) {
	binary, err := linuxBinary()
	if err != nil {
		return nil, err
	}
	server, err := findServer()
	if err != nil {
		return nil, err
	}
	home, err := ownHome()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	dead := func(run string) bool { return !lives(run) }
	endStrays(ctx, home, dead)
	own := OwnNetwork()
	if own {
		strayAddresses(home, dead)
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	return &Processes{run: run, home: home, mark: home.id + "/" + run, server: server, port: port, binary: binary, own: own}, nil
}

// CleanProcesses ends the processes that killed runs of this machine and user left behind, recognised by their
// environment and their free lease. The run's own end with it; what may be left is what a runbook started in turn.
func CleanProcesses(ctx context.Context) ([]Leftover, error) {
	home, err := ownHome()
	if err != nil {
		return nil, err
	}
	dead := func(run string) bool { return !lives(run) }
	ended := endStrays(ctx, home, dead)
	if OwnNetwork() {
		ended = append(ended, strayAddresses(home, dead)...)
	}
	return ended, ctx.Err()
}

func findServer() (string, error) {
	for _, name := range serverNames {
		if server, err := exec.LookPath(name); err == nil {
			return filepath.Abs(server)
		}
	}
	return "", ErrNoServer
}

// StartRedis starts the server under its file descriptor limit, and the observer beside it.
func (p *Processes) StartRedis(ctx context.Context, s Server) (*Redis, error) {
	p.mu.Lock()
	first := p.redis == nil
	p.mu.Unlock()
	r, err := p.startRedis(ctx, s)
	for range portTries {
		// Later on the fleet knows the port already.
		if !first || !errors.Is(err, errPortTaken) {
			break
		}
		if p.port, err = freePort(); err != nil {
			return nil, err
		}
		r, err = p.startRedis(ctx, s)
	}
	return r, err
}

func (p *Processes) startRedis(ctx context.Context, s Server) (*Redis, error) {
	host, err := p.serverHost()
	if err != nil {
		return nil, err
	}
	cmd := redisCommand(p.server, s, p.port)
	cmd[0] = p.server
	cmd = append(cmd, "--bind", host)
	if host != loopback { // where the observer connects
		cmd = append(cmd, loopback)
	}
	// A dump that lies about is not ours to load.
	cmd = append(cmd, "--dir", os.TempDir(), "--dbfilename", "spillway-"+p.run+".rdb")
	if s.Directives["cluster-enabled"] == "yes" {
		cmd = append(cmd, "--cluster-config-file", "spillway-"+p.run+".nodes")
	}
	limit := strconv.Itoa(s.limit())
	redis, err := p.spawn(ctx, "redis", append([]string{p.binary, "role", "limit", "--nofile", limit, "--"}, cmd...))
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.redis = redis
	p.mu.Unlock()
	log := newServerLog()
	p.group.Go(func() { log.follow(redis.Out) })
	o, err := p.startObserver(ctx, redis, log, s)
	if err != nil {
		_ = p.endAll(ctx, redis)
		if strings.Contains(err.Error(), "ddress already in use") {
			err = fmt.Errorf("%w: %w", errPortTaken, err)
		}
		return nil, err
	}
	r := &Redis{
		Addr:     net.JoinHostPort(host, strconv.Itoa(p.port)),
		observer: o,
		Target:   outage.Target{Kind: "process", Image: p.server, Asked: s.Image, Note: "a redis-server of this machine, not the image " + s.Image},
	}
	if s.Lines > 0 {
		r.LineAddr = "127.0.0.1:" + linePortOf(strconv.Itoa(p.port))
	}
	return r, nil
}

func (p *Processes) startObserver(ctx context.Context, redis *Process, log *serverLog, s Server) (*observer, error) {
	pid, _ := strconv.Atoi(redis.id)
	beside, err := p.spawn(ctx, "observer", append([]string{p.binary}, observerArgs(p.port, pid, s.Lines)...))
	if err != nil {
		return nil, err
	}
	o, err := newObserver(ctx, beside, redis, log)
	if err == nil {
		err = o.checkServer(ctx, redis.id)
	}
	if err != nil {
		return nil, errors.Join(err, p.endAll(ctx, beside))
	}
	return o, nil
}

// checkServer refuses a server that is not ours: it took the port between our look and our server's start.
func (o *observer) checkServer(ctx context.Context, pid string) error {
	nc, err := o.dialRedis(ctx)
	if err != nil {
		return err
	}
	c := observe.NewConn(nc)
	defer func() { _ = c.Close() }()
	reply, err := c.Do(ctx, "INFO", "server")
	if err != nil {
		return fmt.Errorf("ask Redis who it is: %w", err)
	}
	text, _ := reply.(string)
	if got := observe.ParseInfo(text)["process_id"]; got != pid {
		return fmt.Errorf("%w: process %s answers instead of %s", errPortTaken, got, pid)
	}
	return nil
}

// StopRedis ends the server, as the first half of a restart with another limit.
func (p *Processes) StopRedis(ctx context.Context, r *Redis) error {
	r.observer.close()
	p.mu.Lock()
	redis := p.redis
	p.mu.Unlock()
	// The observer too must be gone: its successor needs its port.
	return p.endAll(ctx, redis, r.observer.process)
}

// StartInstance starts an instance of the fleet with the next free source address, or that of what it is behind.
// Its errors name the instance.
func (p *Processes) StartInstance(ctx context.Context, i Instance) (*Process, error) {
	addr, err := p.address(i.Behind)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", i.Name, err)
	}
	child, err := p.startWorker(ctx, i)
	if err != nil {
		return nil, err
	}
	child.Addr = addr
	return child, nil
}

func (p *Processes) startWorker(ctx context.Context, i Instance) (*Process, error) {
	if p.Worker != nil {
		return p.host(ctx, i.Name)
	}
	argv := []string{p.binary, "role", "limit", "--nofile", strconv.Itoa(i.Nofile), "--", p.binary, "role", "worker"}
	if i.Nofile == 0 {
		argv = argv[len(argv)-3:]
	}
	return p.spawn(ctx, i.Name, argv)
}

const loopback = "127.0.0.1"

// serverHost is where Redis listens for the fleet. In a namespace of our own it makes the run's network first.
func (p *Processes) serverHost() (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.own {
		return loopback, nil
	}
	if p.net == nil {
		var err error
		if p.net, err = newPrivateNet(p.home, p.run); err != nil {
			return "", err
		}
	}
	return p.net.server(), nil
}

// address is the source address of a new instance.
func (p *Processes) address(behind string) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if shared, ok := p.gateways[behind]; ok {
		return shared, nil
	}
	p.instances++
	addr := fmt.Sprintf("127.0.%d.%d", 1+p.instances/250, 2+p.instances%250)
	if p.net != nil {
		var err error
		if addr, err = p.net.add(); err != nil {
			return "", err
		}
	}
	if behind != "" {
		if p.gateways == nil {
			p.gateways = map[string]string{}
		}
		p.gateways[behind] = addr
	}
	return addr, nil
}

// Cut takes an instance's address away, and with it that of all behind the same gateway: what they send and what is sent
// to them is dropped, without FIN or RST. Where processes share a loopback with others that cannot be done.
func (p *Processes) Cut(_ context.Context, i *Process) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.net == nil {
		return errors.New("cutting a network needs --target container: processes of one machine share its loopback")
	}
	maps.DeleteFunc(p.gateways, func(_, addr string) bool { return addr == i.Addr }) // who comes later gets another
	return p.net.remove(i.Addr)
}

// StartRunbook starts a user's executable as a child process; redis-cli is whatever is on PATH.
func (p *Processes) StartRunbook(ctx context.Context, b Runbook) (*Process, error) {
	path, err := filepath.Abs(b.Path)
	if err != nil {
		return nil, fmt.Errorf("start responder: %w", err)
	}
	var env []string
	for name, value := range b.Env {
		env = append(env, name+"="+value)
	}
	return p.spawn(ctx, "responder", []string{path}, env...)
}

// StartShell returns the command with which a person opens a redis-cli.
func (p *Processes) StartShell(_ context.Context, r *Redis) (string, error) {
	host, port, err := net.SplitHostPort(r.LineAddr)
	if err != nil {
		return "", fmt.Errorf("no lines were kept open for a person: %w", err)
	}
	return fmt.Sprintf("redis-cli -h %s -p %s", host, port), nil
}

// Close ends every child, and whatever else carries the run's mark. It works after ctx was cancelled.
func (p *Processes) Close(ctx context.Context) error {
	ctx, cancel := detached(ctx)
	defer cancel()
	p.mu.Lock()
	children := slices.Clone(p.children)
	p.mu.Unlock()
	err := p.endAll(ctx, children...)
	endStrays(ctx, p.home, func(run string) bool { return run == p.run })
	for _, child := range children {
		if out, ok := child.Out.(io.Closer); ok {
			_ = out.Close()
		}
	}
	p.group.Wait()
	if p.net != nil {
		err = errors.Join(err, p.net.close())
	}
	// Written only where a scenario has `save` or replicas, and in cluster mode.
	_ = os.Remove(filepath.Join(os.TempDir(), "spillway-"+p.run+".rdb"))
	_ = os.Remove(filepath.Join(os.TempDir(), "spillway-"+p.run+".nodes"))
	return err
}

// endAll ends children side by side.
func (p *Processes) endAll(ctx context.Context, children ...*Process) error {
	ctx, cancel := detached(ctx)
	defer cancel()
	errs := make([]error, len(children))
	var ending sync.WaitGroup
	for i, child := range children {
		ending.Go(func() { errs[i] = child.End(ctx) })
	}
	ending.Wait()
	return errors.Join(errs...)
}
