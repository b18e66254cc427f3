package rig

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/network"

	"spillway/images"
	"spillway/outage"
)

// Containers is the rig of one run on Docker.
type Containers struct {
	docker *Docker
	run    string
	image  images.Image
	own    images.Image
	net    *testcontainers.DockerNetwork

	mu    sync.Mutex
	redis *Process // the server now; a restart replaces it
}

// NewContainers makes the run's private network. Close must be called, also after an error.
func (d *Docker) NewContainers(ctx context.Context, run, image string) (*Containers, error) {
	c := &Containers{docker: d, run: run}
	var err error
	if c.image, err = d.images.Redis(ctx, image); err != nil {
		return c, err
	}
	if c.own, err = d.ownImage(ctx); err != nil {
		return c, err
	}
	// A request that is given up may still be carried out: creation is not cancelled, what it made is removed by label.
	ctx, cancel := detached(ctx)
	defer cancel()
	c.net, err = network.New(ctx, network.WithInternal(), network.WithLabels(c.labels()))
	if err != nil {
		return c, fmt.Errorf("create network: %w", err)
	}
	return c, nil
}

func (c *Containers) labels() map[string]string {
	return map[string]string{Label: c.run, hostLabel: thisHost()}
}

// redisPort is where Redis listens in its container.
const redisPort = 6379

// StartRedis starts the server and the observer beside it, and returns when the server answers.
func (c *Containers) StartRedis(ctx context.Context, s Server) (*Redis, error) {
	p, err := c.create(ctx, spec{
		name:    "redis",
		image:   c.image.Ref,
		cmd:     redisCommand(c.image.Ref, s, redisPort),
		aliases: []string{"redis"},
		nofile:  s.limit(),
	})
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.redis = p
	c.mu.Unlock()
	if err := c.start(ctx, p); err != nil {
		return nil, err
	}
	log := &serverLog{}
	go log.follow(p.Out)
	obs, err := c.startObserver(ctx, p, log, s)
	if err != nil {
		return nil, errors.Join(err, c.explainDeath(ctx, p))
	}
	r := &Redis{
		Addr:     fmt.Sprintf("redis:%d", redisPort),
		observer: obs,
		Target: outage.Target{
			Kind: "container", Image: c.image.Ref, Asked: c.image.Asked, Digest: c.image.Digest, Note: c.image.Note,
		},
	}
	if s.Lines > 0 {
		r.LineAddr = fmt.Sprintf("redis:%d", linePort)
	}
	return r, nil
}

// StopRedis ends the server, as the first half of a restart with another limit.
func (c *Containers) StopRedis(ctx context.Context, r *Redis) error {
	c.mu.Lock()
	p := c.redis
	c.mu.Unlock()
	r.observer.close()
	return p.End(ctx)
}

// startObserver starts the sidecar that shares the server's network and process namespaces. Where the server was
// clamped by its file descriptor limit it asks for CAP_SYS_RESOURCE, which could raise that limit live, and does
// without where the daemon cannot grant it.
func (c *Containers) startObserver(ctx context.Context, redis *Process, log *serverLog, s Server) (*observer, error) {
	caps := []string{"NET_ADMIN", "SYS_PTRACE"}
	if s.clamped() {
		if obs, err := c.observerWith(ctx, redis, log, s, append(caps, "SYS_RESOURCE")); err == nil {
			return obs, nil
		}
	}
	return c.observerWith(ctx, redis, log, s, caps)
}

func (c *Containers) observerWith(ctx context.Context, redis *Process, log *serverLog, s Server, caps []string) (*observer, error) {
	p, err := c.create(ctx, spec{
		name: "observer", image: c.own.Ref,
		cmd:    observerArgs(redisPort, 1, s.Lines),
		beside: redis.id,
		caps:   caps,
	})
	if err != nil {
		return nil, err
	}
	if err := c.start(ctx, p); err != nil {
		return nil, err
	}
	return newObserver(ctx, p, log)
}

// StartInstance starts an instance of the fleet: our own binary, waiting for its spec on stdin.
func (c *Containers) StartInstance(ctx context.Context, i Instance) (*Process, error) {
	p, err := c.create(ctx, spec{name: i.Name, image: c.own.Ref, cmd: []string{"role", "worker"}, nofile: i.Nofile})
	if err != nil {
		return nil, err
	}
	if err := c.start(ctx, p); err != nil {
		return nil, err
	}
	p.Addr, err = c.addr(ctx, p.id)
	return p, err
}

// Cut takes an instance's network away: no FIN, no RST, and nothing that its peer sends is ever answered.
func (c *Containers) Cut(ctx context.Context, p *Process) error {
	_, err := c.docker.client.NetworkDisconnect(ctx, c.net.ID, client.NetworkDisconnectOptions{Container: p.id, Force: true})
	if err != nil {
		return fmt.Errorf("cut %s off its network: %w", p.Name, err)
	}
	return nil
}

// StartRunbook starts a user's executable in a container of the Redis image, which has redis-cli.
func (c *Containers) StartRunbook(ctx context.Context, b Runbook) (*Process, error) {
	p, err := c.create(ctx, spec{
		name: "responder", image: c.image.Ref, entrypoint: []string{"/runbook"}, env: b.Env,
		files: []testcontainers.ContainerFile{{HostFilePath: b.Path, ContainerFilePath: "/runbook", FileMode: 0o755}},
	})
	if err != nil {
		return nil, err
	}
	return p, c.start(ctx, p)
}

// StartShell starts a container that a person can open a redis-cli in, and returns the command that does.
func (c *Containers) StartShell(ctx context.Context, r *Redis) (command string, err error) {
	p, err := c.create(ctx, spec{name: "responder", image: c.image.Ref, entrypoint: []string{"/bin/sh", "-c", "read line"}})
	if err != nil {
		return "", err
	}
	if err := c.start(ctx, p); err != nil {
		return "", err
	}
	host, port, _ := strings.Cut(r.LineAddr, ":")
	return fmt.Sprintf("docker exec -it %s redis-cli -h %s -p %s", p.id[:12], host, port), nil
}

// Close removes everything that carries the run's label. It works after ctx was cancelled.
func (c *Containers) Close(ctx context.Context) error {
	ctx, cancel := detached(ctx)
	defer cancel()
	_, err := c.docker.remove(ctx, c.run)
	return err
}

// spec is one container of the run.
type spec struct {
	name       string
	image      string
	entrypoint []string
	cmd        []string
	env        map[string]string
	files      []testcontainers.ContainerFile
	aliases    []string
	nofile     int      // 0: the daemon's default
	beside     string   // the container whose network and process namespaces it shares; empty: its own, in the run's network
	caps       []string // capabilities to add
}

// create makes a container and attaches to its stdio; it does not start it.
func (c *Containers) create(ctx context.Context, s spec) (*Process, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ctx, cancel := detached(ctx)
	defer cancel()
	req := testcontainers.ContainerRequest{
		Image: s.image, Entrypoint: s.entrypoint, Cmd: s.cmd, Env: s.env, Files: s.files,
		Labels: c.labels(),
		Name:   fmt.Sprintf("spillway-%s-%s-%s", c.run, s.name, suffix()),
		ConfigModifier: func(cfg *container.Config) {
			cfg.OpenStdin, cfg.StdinOnce, cfg.AttachStdin = true, true, true
			cfg.AttachStdout, cfg.AttachStderr = true, true
		},
		HostConfigModifier: func(h *container.HostConfig) {
			h.AutoRemove = true
			h.CapAdd = s.caps
			if s.nofile > 0 {
				h.Ulimits = []*container.Ulimit{{Name: "nofile", Soft: int64(s.nofile), Hard: int64(s.nofile)}}
			}
			if s.beside != "" {
				h.NetworkMode = container.NetworkMode("container:" + s.beside)
				h.PidMode = container.PidMode("container:" + s.beside)
			}
		},
	}
	if s.beside == "" {
		req.Networks = []string{c.net.Name}
		req.NetworkAliases = map[string][]string{c.net.Name: append(s.aliases, s.name)}
	}
	ctr, err := c.docker.provider.CreateContainer(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", s.name, err)
	}
	p, err := c.docker.attach(context.WithoutCancel(ctx), ctr.GetContainerID(), s.name)
	if err != nil {
		return nil, err
	}
	p.end = func(ctx context.Context) error { return c.docker.removeContainer(ctx, p.id) }
	return p, nil
}

// start starts a created container.
func (c *Containers) start(ctx context.Context, p *Process) error {
	c.docker.watch(context.WithoutCancel(ctx), p)
	ctx, cancel := detached(ctx)
	defer cancel()
	if _, err := c.docker.client.ContainerStart(ctx, p.id, client.ContainerStartOptions{}); err != nil {
		return fmt.Errorf("start %s: %w", p.Name, err)
	}
	return nil
}

// addr returns a container's address in the run's network.
func (c *Containers) addr(ctx context.Context, id string) (string, error) {
	info, err := c.docker.client.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	if err != nil {
		return "", fmt.Errorf("inspect: %w", err)
	}
	for _, n := range info.Container.NetworkSettings.Networks {
		if n.IPAddress != (netip.Addr{}) {
			return n.IPAddress.String(), nil
		}
	}
	return "", fmt.Errorf("container %.12s has no address", id)
}

// explainDeath says why a server that should run does not, by its own last words.
func (c *Containers) explainDeath(ctx context.Context, p *Process) error {
	ctx, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	exit, err := p.Wait(ctx)
	if err != nil {
		return nil // it runs: the reason is elsewhere
	}
	return fmt.Errorf("%s exited with %d: %s", p.Name, exit, p.Errors())
}
