package rig

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"spillway/outage"
)

// ErrNoServer means that no redis-server is on PATH.
var ErrNoServer = errors.New("no redis-server on PATH")

// Processes is the rig of one run without Docker: Redis, observer and fleet are child processes, and each instance
// has a source address of its own in 127.0.0.0/8. Linux only.
type Processes struct {
	run    string
	server string // the redis-server that runs
	port   int
	binary string

	mu        sync.Mutex
	children  []*Process
	instances int
	redis     *Process
}

// serverNames are what the server is called on PATH, in the order of preference.
var serverNames = []string{"redis-server", "valkey-server", "redict-server"}

// NewProcesses finds a server and a free port for it. The error is ErrNoServer when there is none.
func NewProcesses(run string) (*Processes, error) {
	binary, err := linuxBinary()
	if err != nil {
		return nil, err
	}
	for _, name := range serverNames {
		if server, err := exec.LookPath(name); err == nil {
			port, err := freePort()
			return &Processes{run: run, server: server, port: port, binary: binary}, err
		}
	}
	return nil, ErrNoServer
}

// freePort finds a port of loopback that is free, and so is the one below it, for the lines.
func freePort() (int, error) {
	for range 20 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return 0, fmt.Errorf("find a free port: %w", err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		below, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port-1))
		_ = l.Close()
		if err == nil {
			_ = below.Close()
			return port, nil
		}
	}
	return 0, errors.New("find a free port: no two neighbours are free")
}

// StartRedis starts the server under its file descriptor limit, and the observer beside it.
func (p *Processes) StartRedis(ctx context.Context, s Server) (*Redis, error) {
	cmd := redisCommand(p.server, s, p.port)
	cmd[0] = p.server
	cmd = append(cmd, "--bind", "127.0.0.1", "--dir", os.TempDir())
	limit := strconv.Itoa(s.limit())
	redis, err := p.spawn("redis", append([]string{p.binary, "role", "limit", "--nofile", limit, "--"}, cmd...), nil)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.redis = redis
	p.mu.Unlock()
	log := &serverLog{}
	go log.follow(redis.Out)
	pid, _ := strconv.Atoi(redis.id)
	obs, err := p.spawn("observer", append([]string{p.binary}, observerArgs(p.port, pid, s.Lines)...), nil)
	if err != nil {
		return nil, err
	}
	o, err := newObserver(ctx, obs, log)
	if err != nil {
		return nil, fmt.Errorf("%w; %s", err, redis.Errors())
	}
	r := &Redis{
		Addr:     net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port)),
		observer: o,
		Target:   outage.Target{Kind: "process", Image: p.server, Asked: s.Image, Note: "a redis-server of this machine, not the image " + s.Image},
	}
	if s.Lines > 0 {
		r.LineAddr = "127.0.0.1:" + linePortOf(strconv.Itoa(p.port))
	}
	return r, nil
}

// StopRedis ends the server, as the first half of a restart with another limit.
func (p *Processes) StopRedis(ctx context.Context, r *Redis) error {
	r.observer.close()
	p.mu.Lock()
	redis := p.redis
	p.mu.Unlock()
	return redis.End(ctx)
}

// StartInstance starts an instance of the fleet with the next free source address.
func (p *Processes) StartInstance(_ context.Context, i Instance) (*Process, error) {
	p.mu.Lock()
	p.instances++
	n := p.instances
	p.mu.Unlock()
	argv := []string{p.binary, "role", "limit", "--nofile", strconv.Itoa(i.Nofile), "--", p.binary, "role", "worker"}
	if i.Nofile == 0 {
		argv = argv[len(argv)-3:]
	}
	child, err := p.spawn(i.Name, argv, nil)
	if err != nil {
		return nil, err
	}
	child.Addr = fmt.Sprintf("127.0.%d.%d", 1+n/250, 2+n%250)
	return child, nil
}

// Cut cannot be done between processes that share loopback.
func (p *Processes) Cut(context.Context, *Process) error {
	return errors.New("cutting a network needs --target container: processes of one machine share its loopback")
}

// StartRunbook starts a user's executable as a child process; redis-cli is whatever is on PATH.
func (p *Processes) StartRunbook(_ context.Context, b Runbook) (*Process, error) {
	env := os.Environ()
	for name, value := range b.Env {
		env = append(env, name+"="+value)
	}
	return p.spawn("responder", []string{b.Path}, env)
}

// StartShell returns the command with which a person opens a redis-cli.
func (p *Processes) StartShell(_ context.Context, r *Redis) (string, error) {
	host, port, err := net.SplitHostPort(r.LineAddr)
	return fmt.Sprintf("redis-cli -h %s -p %s", host, port), err
}

// Close ends every child, the latest first. It works after ctx was cancelled.
func (p *Processes) Close(ctx context.Context) error {
	ctx, cancel := detached(ctx)
	defer cancel()
	p.mu.Lock()
	children := slices.Clone(p.children)
	p.mu.Unlock()
	var errs []error
	for _, child := range slices.Backward(children) {
		errs = append(errs, child.End(ctx))
	}
	return errors.Join(errs...)
}

// spawn starts a child that dies with this process, and follows its end.
func (p *Processes) spawn(name string, argv, env []string) (*Process, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = env
	child := &Process{Name: name, errors: &tail{}, done: make(chan struct{})}
	cmd.Stderr = child.errors
	out, childOut, err := os.Pipe() // not StdoutPipe: Wait would close it before the last line was read
	if err != nil {
		return nil, err
	}
	defer childOut.Close()
	child.Out, cmd.Stdout = out, childOut
	if child.In, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := startTied(cmd, func() {
		child.exit = cmd.ProcessState.ExitCode()
		close(child.done)
	}); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	child.id = strconv.Itoa(cmd.Process.Pid)
	child.end = func(ctx context.Context) error { return endChild(ctx, cmd, child) }
	p.mu.Lock()
	p.children = append(p.children, child)
	p.mu.Unlock()
	return child, nil
}

// endChild asks a child to end, and kills it when it does not within a second.
func endChild(ctx context.Context, cmd *exec.Cmd, child *Process) error {
	_ = child.In.Close()
	_ = cmd.Process.Signal(syscall.SIGTERM) // an error means that it has ended
	polite, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if _, err := child.Wait(polite); err == nil {
		return nil
	}
	_ = cmd.Process.Kill()
	if _, err := child.Wait(ctx); err != nil {
		return fmt.Errorf("end %s: %w", child.Name, err)
	}
	return nil
}
