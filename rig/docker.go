package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	tclog "github.com/testcontainers/testcontainers-go/log"

	"spillway/images"
)

// ErrNoDocker means that no Docker daemon answers.
var ErrNoDocker = errors.New("no Docker daemon answers")

// Docker is the daemon that the runs of this process share.
type Docker struct {
	provider *testcontainers.DockerProvider
	client   client.APIClient
	images   *images.Resolver
	binary   string

	mu  sync.Mutex
	own images.Image
}

// ConnectDocker reaches the daemon that DOCKER_HOST or the default socket names. The error is ErrNoDocker when none
// answers within five seconds. Progress is told what takes long, such as the making of an image.
func ConnectDocker(ctx context.Context, progress func(string)) (*Docker, error) {
	// The reaper would be one more image to pull, and would not know of our leases; its switch is an environment variable.
	if err := os.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true"); err != nil {
		return nil, err
	}
	tclog.SetDefault(tclog.NewNoopLogger())
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	provider, err := newProvider(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoDocker, err)
	}
	api := provider.Client()
	if _, err := api.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		_ = api.Close()
		return nil, fmt.Errorf("%w: %w", ErrNoDocker, err)
	}
	// testcontainers-go settles for another daemon; a run must not.
	if asked := os.Getenv(client.EnvOverrideHost); asked != "" && asked != api.DaemonHost() {
		_ = api.Close()
		return nil, fmt.Errorf("%w at %s, which DOCKER_HOST names; only %s does", ErrNoDocker, asked, api.DaemonHost())
	}
	binary, err := linuxBinary()
	if err != nil {
		_ = api.Close()
		return nil, err
	}
	return &Docker{
		provider: provider,
		client:   api,
		images:   &images.Resolver{Docker: api.(*testcontainers.DockerClient).Client, Progress: progress},
		binary:   binary,
	}, nil
}

// newProvider makes the provider, which asks the daemon who it is and takes no context: one that never answers would
// hold it forever, so it is left behind then.
func newProvider(ctx context.Context) (*testcontainers.DockerProvider, error) {
	type result struct {
		provider *testcontainers.DockerProvider
		err      error
	}
	made := make(chan result, 1)
	go func() {
		var r result
		defer func() {
			if p := recover(); p != nil { // how testcontainers-go reports an unusable DOCKER_HOST
				r.err = fmt.Errorf("%v", p)
			}
			made <- r
		}()
		r.provider, r.err = testcontainers.NewDockerProvider(testcontainers.WithLogger(tclog.NewNoopLogger()))
	}()
	select {
	case r := <-made:
		return r.provider, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Close closes the connection to the daemon.
func (d *Docker) Close() error { return d.client.Close() }

// BinaryEnv names a static Linux build of Spillway to run inside containers, where the running program cannot:
// in tests, and on other operating systems.
const BinaryEnv = "SPILLWAY_BINARY"

// linuxBinary finds the program that runs inside containers: this one on Linux, else the Linux build beside it.
func linuxBinary() (string, error) {
	if path := os.Getenv(BinaryEnv); path != "" {
		return path, nil
	}
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	if runtime.GOOS == "linux" {
		return self, nil
	}
	beside := fmt.Sprintf("%s-linux-%s", strings.TrimSuffix(self, ".exe"), runtime.GOARCH)
	if _, err := os.Stat(beside); err != nil {
		return "", fmt.Errorf("containers need a Linux build of Spillway at %s (make build makes it), or its path in %s", beside, BinaryEnv)
	}
	return beside, nil
}

// ownImage imports this program as an image, once.
func (d *Docker) ownImage(ctx context.Context) (images.Image, error) {
	d.mu.Lock()
	own := d.own
	d.mu.Unlock()
	if own.Ref != "" {
		return own, nil
	}
	own, err := d.images.Own(ctx, d.binary)
	if err == nil {
		d.mu.Lock()
		d.own = own
		d.mu.Unlock()
	}
	return own, err
}

// RedisImage makes sure of an image: present, pulled, or made from Debian's packages.
func (d *Docker) RedisImage(ctx context.Context, ref string) (images.Image, error) {
	return d.images.Redis(ctx, ref)
}
