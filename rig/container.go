package rig

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"

	"spillway/images"
)

// spec is one container of the run.
type spec struct {
	name       string
	image      images.Image
	entrypoint []string
	cmd        []string
	env        map[string]string
	files      []testcontainers.ContainerFile
	aliases    []string
	nofile     int      // 0: the daemon's default
	beside     string   // the container whose network and process namespaces it shares; empty: its own, in the run's network
	behind     string   // the container whose network alone it shares
	caps       []string // capabilities to add
}

// launch makes a container and starts it.
func (c *Containers) launch(ctx context.Context, s spec) (*Process, error) {
	p, err := c.create(ctx, s)
	if err != nil {
		return nil, err
	}
	return p, c.start(ctx, p)
}

// create makes a container and attaches to its stdio; it does not start it.
func (c *Containers) create(ctx context.Context, s spec) (*Process, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ctx, cancel := detached(ctx)
	defer cancel()
	ctr, err := c.docker.provider.CreateContainer(ctx, c.request(s))
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", s.name, unanswered(err))
	}
	p, err := c.attach(ctx, ctr.GetContainerID(), s.name)
	if err != nil {
		return nil, err
	}
	p.end = func(ctx context.Context) error { return c.docker.removeContainer(ctx, p.id) }
	return p, nil
}

func (c *Containers) request(s spec) testcontainers.ContainerRequest {
	req := testcontainers.ContainerRequest{
		// By its id: a name that is gone by now would be asked of a registry, where it may be somebody else's.
		Image: s.image.Digest, Entrypoint: s.entrypoint, Cmd: s.cmd, Env: s.env, Files: s.files,
		Labels: c.labels(),
		Name:   fmt.Sprintf("spillway-%s-%s-%s", c.run, s.name, randomID(3)), // a service may be deployed again
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
			if s.behind != "" {
				h.NetworkMode = container.NetworkMode("container:" + s.behind)
			}
			if s.beside != "" {
				h.NetworkMode = container.NetworkMode("container:" + s.beside)
				h.PidMode = container.PidMode("container:" + s.beside)
			}
		},
	}
	if s.beside == "" && s.behind == "" {
		req.Networks = []string{c.net.Name}
		req.NetworkAliases = map[string][]string{c.net.Name: append(s.aliases, s.name)}
	}
	return req
}

// attach connects to the stdio of a container that has not started yet, so that not a byte is missed.
// The container's stdin ends when this process does, however it ends: every program of a run takes that as its end.
func (c *Containers) attach(ctx context.Context, id, name string) (*Process, error) {
	att, err := c.docker.client.ContainerAttach(ctx, id, client.ContainerAttachOptions{
		Stream: true, Stdin: true, Stdout: true, Stderr: true,
	})
	if err != nil {
		return nil, fmt.Errorf("attach to %s: %w", name, err)
	}
	out, outWriter := io.Pipe()
	p := &Process{
		Name: name, id: id, In: stdin{att.HijackedResponse}, Out: out,
		errors: &tail{}, done: make(chan struct{}),
	}
	p.hangUp = func() {
		_ = out.Close() // nobody may have read it to its end, and its writer would wait
		att.Close()     // a container that is gone has closed it, if its daemon is well
	}
	c.atEnd(p.hangUp)
	c.group.Go(func() {
		_, err := stdcopy.StdCopy(outWriter, p.errors, att.Reader)
		att.Close()
		outWriter.CloseWithError(err) // nil reads as EOF
	})
	return p, nil
}

// start starts a created container.
func (c *Containers) start(ctx context.Context, p *Process) error {
	if err := c.watch(ctx, p); err != nil {
		return err
	}
	c.joining.Lock()
	defer c.joining.Unlock()
	if err := ctx.Err(); err != nil { // the run ended while others entered
		return err
	}
	ctx, cancel := detached(ctx) // from now on: the time of the others before it is not its own
	defer cancel()
	if _, err := c.docker.client.ContainerStart(ctx, p.id, client.ContainerStartOptions{}); err != nil {
		return fmt.Errorf("start %s: %w", p.Name, unanswered(err))
	}
	return nil
}

var errUnanswered = fmt.Errorf("the Docker daemon did not answer within %s", grace)

// unanswered says what a deadline means to a call that had all of grace.
func unanswered(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return errUnanswered
	}
	return err
}

// waitTries is how often the daemon is asked again for the end of a container when it broke off the answer.
const waitTries = 5

// watch closes p.done when its container has ended. It must be called before the container starts.
func (c *Containers) watch(ctx context.Context, p *Process) error {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c.atEnd(cancel)
	slow := time.AfterFunc(grace, cancel) // the call returns when the daemon has taken note
	wait := c.docker.client.ContainerWait(ctx, p.id, client.ContainerWaitOptions{Condition: "next-exit"})
	if !slow.Stop() {
		cancel()
		return fmt.Errorf("start %s: %w", p.Name, errUnanswered)
	}
	c.group.Go(func() {
		defer cancel()
		defer close(p.done)
		for range waitTries {
			select {
			case r := <-wait.Result:
				p.exit = int(r.StatusCode)
				return
			case err := <-wait.Error:
				p.exit = -1 // gone, and nobody saw how
				if errdefs.IsNotFound(err) || ctx.Err() != nil {
					return
				}
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(200 * time.Millisecond):
			}
			wait = c.docker.client.ContainerWait(ctx, p.id, client.ContainerWaitOptions{Condition: "not-running"})
		}
	})
	return nil
}

// addr returns a container's address in the run's network.
func (c *Containers) addr(ctx context.Context, id string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, grace) // a daemon that hangs must not hold the run
	defer cancel()
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
