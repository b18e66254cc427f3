package rig

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

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
	home   home
	image  images.Image
	own    images.Image
	net    *testcontainers.DockerNetwork

	group sync.WaitGroup // owns the goroutines that follow the containers

	// joining lets one container at a time enter or leave the network: Docker (20.10 at least) miscounts a network's
	// endpoints when several enter at once, and then refuses to remove it.
	joining sync.Mutex

	gateways gateways

	mu    sync.Mutex
	redis *Process // the server now; a restart replaces it
	ends  []func() // end whatever the goroutines may still wait for
}

// NewContainers makes the run's private network. Close must be called, also after an error.
func (d *Docker) NewContainers(ctx context.Context, run, image string) (*Containers, error) {
	c := &Containers{docker: d, run: run}
	var err error
	if c.home, err = ownHome(); err != nil {
		return c, err
	}
	if c.image, err = d.images.Redis(ctx, image); err != nil {
		return c, err
	}
	if c.own, err = d.ownImage(ctx); err != nil {
		return c, err
	}
	if err := ctx.Err(); err != nil {
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
	return map[string]string{Label: c.run, hostLabel: c.home.String()}
}

// redisPort is where Redis listens in its container.
const redisPort = 6379

// StartRedis starts the server and the observer beside it, and returns when the server answers.
func (c *Containers) StartRedis(ctx context.Context, s Server) (*Redis, error) {
	p, err := c.create(ctx, spec{
		name:    "redis",
		image:   c.image,
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
	log := newServerLog()
	c.group.Go(func() { log.follow(p.Out) })
	beside, err := c.startObserver(ctx, p, s)
	if err != nil {
		return nil, errors.Join(err, explainDeath(ctx, p, log))
	}
	obs, err := newObserver(ctx, beside, p, log)
	if err != nil {
		return nil, err
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
	// The observer shares the server's process namespace and ends with it.
	return p.End(ctx)
}

// startObserver starts the sidecar that shares the server's network and process namespaces. Where the server was
// clamped by its file descriptor limit it asks for CAP_SYS_RESOURCE, which could raise that limit live, and does
// without where the daemon cannot grant it.
func (c *Containers) startObserver(ctx context.Context, redis *Process, s Server) (*Process, error) {
	sidecar := spec{
		name: "observer", image: c.own,
		cmd:    observerArgs(redisPort, 1, s.Lines),
		beside: redis.id,
		caps:   []string{"NET_ADMIN", "SYS_PTRACE"},
	}
	if !s.clamped() {
		return c.launch(ctx, sidecar)
	}
	more := sidecar
	more.caps = []string{"NET_ADMIN", "SYS_PTRACE", "SYS_RESOURCE"}
	p, refused := c.launch(ctx, more)
	if refused == nil {
		return p, nil
	}
	p, err := c.launch(ctx, sidecar)
	if err != nil {
		return nil, errors.Join(refused, err)
	}
	return p, nil
}

// StartInstance starts an instance of the fleet: our own binary, waiting for its spec on stdin. Its errors name it.
func (c *Containers) StartInstance(ctx context.Context, i Instance) (*Process, error) {
	s := spec{name: i.Name, image: c.own, cmd: []string{"role", "worker"}, nofile: i.Nofile}
	if i.Behind != "" {
		return c.startBehind(ctx, s, i.Behind)
	}
	p, err := c.launch(ctx, s)
	if err != nil {
		return nil, err
	}
	if p.Addr, err = c.addr(ctx, p.id); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", i.Name, err), explainDeath(ctx, p, nil))
	}
	return p, nil
}

// Cut takes an instance's network away: no FIN, no RST, and nothing that its peer sends is ever answered.
func (c *Containers) Cut(ctx context.Context, p *Process) error {
	c.joining.Lock()
	defer c.joining.Unlock()
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	_, err := c.docker.client.NetworkDisconnect(ctx, c.net.ID, client.NetworkDisconnectOptions{Container: p.id, Force: true})
	if err != nil {
		return fmt.Errorf("cut %s off its network: %w", p.Name, err)
	}
	return nil
}

// StartRunbook starts a user's executable in a container of the Redis image, which has redis-cli.
func (c *Containers) StartRunbook(ctx context.Context, b Runbook) (*Process, error) {
	return c.launch(ctx, spec{
		name: "responder", image: c.image, entrypoint: []string{"/runbook"}, env: b.Env,
		files: []testcontainers.ContainerFile{{HostFilePath: b.Path, ContainerFilePath: "/runbook", FileMode: 0o755}},
	})
}

// StartShell starts a container that a person can open a redis-cli in, and returns the command that does.
func (c *Containers) StartShell(ctx context.Context, r *Redis) (command string, err error) {
	host, port, ok := strings.Cut(r.LineAddr, ":")
	if !ok {
		return "", errors.New("no lines were kept open for a person")
	}
	p, err := c.launch(ctx, spec{name: "responder", image: c.image, entrypoint: []string{"/bin/sh", "-c", "read line"}})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("docker exec -it %s redis-cli -h %s -p %s", p.id[:12], host, port), nil
}

// Close removes everything that carries the run's label, and waits for what followed it. It works after ctx was cancelled.
func (c *Containers) Close(ctx context.Context) error {
	ctx, cancel := detached(ctx)
	defer cancel()
	_, err := c.docker.remove(ctx, c.run, c.home.String())
	c.mu.Lock()
	for _, end := range c.ends {
		end()
	}
	c.mu.Unlock()
	c.group.Wait()
	return err
}

// atEnd calls end when the run is over.
func (c *Containers) atEnd(end func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ends = append(c.ends, end)
}

// explainDeath says why a server or an instance that should run does not, by its own last words; log may be nil.
func explainDeath(ctx context.Context, p *Process, log *serverLog) error {
	ctx, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	exit, err := p.Wait(ctx)
	if err != nil {
		return nil //nolint:nilerr // it runs: the reason is elsewhere
	}
	return fmt.Errorf("%s ended with exit code %d: %s", p.Name, exit, lastWords(ctx, p, log))
}
