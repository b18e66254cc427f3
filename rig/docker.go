package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
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
	own      images.Image
	binary   string
}

// ConnectDocker reaches the daemon that DOCKER_HOST or the default socket names. The error is ErrNoDocker when none
// answers within five seconds. Progress is told what takes long, such as the making of an image.
func ConnectDocker(ctx context.Context, progress func(string)) (*Docker, error) {
	// The reaper would be one more image to pull, and would not know of our leases; its switch is an environment variable.
	if err := os.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true"); err != nil {
		return nil, err
	}
	tclog.SetDefault(tclog.NewNoopLogger())
	provider, err := newProvider()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoDocker, err)
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	api := provider.Client()
	if _, err := api.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoDocker, err)
	}
	binary, err := linuxBinary()
	if err != nil {
		return nil, err
	}
	return &Docker{
		provider: provider,
		client:   api,
		images:   &images.Resolver{Docker: api.(*testcontainers.DockerClient).Client, Progress: progress},
		binary:   binary,
	}, nil
}

// newProvider turns the panics with which testcontainers-go reports an unusable DOCKER_HOST into errors.
func newProvider() (p *testcontainers.DockerProvider, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	return testcontainers.NewDockerProvider(testcontainers.WithLogger(tclog.NewNoopLogger()))
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
	if d.own.Ref != "" {
		return d.own, nil
	}
	own, err := d.images.Own(ctx, d.binary)
	if err == nil {
		d.own = own
	}
	return own, err
}
