//go:build e2e && linux

package rig

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// testImage is the Redis that the tests run; where it cannot be pulled, one is made from Debian's packages.
const testImage = "redis:8"

var (
	daemon     *Docker
	daemonOnce sync.Once
)

// docker connects once; without a daemon the tests fail.
func docker(t *testing.T) *Docker {
	t.Helper()
	var err error
	daemonOnce.Do(func() { daemon, err = ConnectDocker(t.Context(), func(text string) { fmt.Fprintln(os.Stderr, text) }) })
	if err != nil || daemon == nil {
		t.Fatalf("these tests need Docker: %v", err)
	}
	return daemon
}

// newContainers is a rig with a lock folder of its own: what other runs on this daemon do is nothing to it, nor it to them.
func newContainers(t *testing.T) *Containers {
	t.Helper()
	ownLeases(t)
	d := docker(t)
	c, err := d.NewContainers(t.Context(), newLease(t).Run, testImage)
	t.Cleanup(func() {
		if err := c.Close(context.Background()); err != nil {
			t.Error(err)
		}
		wantNothing(t, d, c.run)
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func labelledWith(t *testing.T, d *Docker, run string) []labelled {
	t.Helper()
	found, err := d.leftovers(context.Background(), client.Filters{}.Add("label", Label+"="+run))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func wantNothing(t *testing.T, d *Docker, run string) {
	t.Helper()
	for _, f := range labelledWith(t, d, run) {
		t.Errorf("left: %s", f.Leftover)
	}
}

// script writes an executable.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "runbook")
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func readAll(t *testing.T, p *Process) string {
	t.Helper()
	text, err := io.ReadAll(p.Out)
	if err != nil {
		t.Error(err)
	}
	return string(text)
}

func TestContainersClamp(t *testing.T)     { testClamp(t, newContainers(t)) }
func TestContainersFull(t *testing.T)      { testFull(t, newContainers(t)) }
func TestContainersRunbook(t *testing.T)   { testRunbook(t, newContainers(t)) }
func TestContainersInstance(t *testing.T)  { testInstance(t, newContainers(t), false) }
func TestContainersBadServer(t *testing.T) { testBadServer(t, newContainers(t)) }
func TestContainersUnread(t *testing.T)    { testUnread(t, newContainers(t)) }

// The limit of a clamped server can be raised live where the daemon grants the capability; else the error names it.
func TestContainersRaise(t *testing.T) {
	r := startRedis(t, newContainers(t), server(1000, 100, 0))
	c := admin(t, r)
	if err := r.RaiseNofile(t.Context(), 1100); err != nil {
		if !strings.Contains(err.Error(), "CAP_SYS_RESOURCE") {
			t.Error(err)
		}
		return
	}
	do(t, c, "CONFIG", "SET", "maxclients", "1000")
	if got := effective(t, c); got != 1000 {
		t.Errorf("maxclients is %d", got)
	}
}

// A host that was cut off no longer answers, and nothing tells its peers.
func TestContainersCut(t *testing.T) {
	c := newContainers(t)
	r := startRedis(t, c, server(50, 0, 0))
	instances := make([]*Process, 2)
	var starting sync.WaitGroup
	for i := range instances {
		starting.Go(func() {
			var err error
			if instances[i], err = c.StartInstance(t.Context(), Instance{Name: fmt.Sprintf("api-%d", i+1)}); err != nil {
				t.Error(err)
			}
		})
	}
	starting.Wait()
	if t.Failed() {
		return
	}
	host := r.Host(func() []string { return []string{instances[0].Addr, instances[1].Addr} })
	answers := func() []bool {
		facts, err := host.Look(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []bool
		for _, peer := range facts.Peers {
			got = append(got, peer.Answers)
		}
		return got
	}
	if got := answers(); !slices.Equal(got, []bool{true, true}) {
		t.Errorf("before the cut: %v", got)
	}
	if err := c.Cut(t.Context(), instances[0]); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the first to be silent", func() bool { return slices.Equal(answers(), []bool{false, true}) })
	select {
	case <-instances[0].Done():
		t.Error("an instance that was cut off ended")
	default:
	}
}

func TestContainersShell(t *testing.T) {
	c := newContainers(t)
	r := startRedis(t, c, server(50, 0, 1))
	command, err := c.StartShell(t.Context(), r)
	if err != nil || !strings.HasPrefix(command, "docker exec -it ") || !strings.HasSuffix(command, " redis-cli -h redis -p 6390") {
		t.Errorf("%q, %v", command, err)
	}
	if _, err := c.StartShell(t.Context(), &Redis{}); err == nil {
		t.Error("a shell without a line")
	}
}

// leftBehind makes a container, never started, and a network with these labels.
func leftBehind(t *testing.T, d *Docker, name string, labels map[string]string) {
	t.Helper()
	own, err := d.ownImage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	made, err := d.client.ContainerCreate(t.Context(), client.ContainerCreateOptions{
		Name: name, Config: &container.Config{Image: own.Digest, Labels: labels},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = d.client.ContainerRemove(context.Background(), made.ID, client.ContainerRemoveOptions{Force: true})
	})
	network, err := d.client.NetworkCreate(t.Context(), name, client.NetworkCreateOptions{Internal: true, Labels: labels})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = d.client.NetworkRemove(context.Background(), network.ID, client.NetworkRemoveOptions{})
	})
}

func TestClean(t *testing.T) {
	ownLeases(t)
	d := docker(t)
	us, err := ownHome()
	if err != nil {
		t.Fatal(err)
	}
	dead := play(t, "lease")
	dead.kill()
	living := play(t, "lease")
	mine := newLease(t)
	stranger := home{us.owner, "another"} // the same machine and user, other lock files
	kept := []string{living.said, mine.Run, "feedbee1", "feedbee2"}
	leftBehind(t, d, "spillway-test-dead-"+dead.said, map[string]string{Label: dead.said, hostLabel: us.String()})
	leftBehind(t, d, "spillway-test-living-"+living.said, map[string]string{Label: living.said, hostLabel: us.String()})
	leftBehind(t, d, "spillway-test-mine-"+mine.Run, map[string]string{Label: mine.Run, hostLabel: us.String()})
	leftBehind(t, d, "spillway-test-stranger-"+dead.said, map[string]string{Label: kept[2], hostLabel: stranger.String()})
	leftBehind(t, d, "spillway-test-old-"+dead.said, map[string]string{Label: kept[3]})
	leftBehind(t, d, "spillway-test-foreign-"+dead.said, map[string]string{"somebody": "else"})

	removed, keptNow, err := d.Clean(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(removed) != 2 || removed[0].Run != dead.said || removed[1].Run != dead.said {
		t.Errorf("removed %v", removed)
	}
	wantNothing(t, d, dead.said)
	for _, run := range kept {
		if n := len(labelledWith(t, d, run)); n != 2 {
			t.Errorf("of run %s %d of 2 things are left", run, n)
		}
		if n := count(keptNow, run); n != 2 {
			t.Errorf("of run %s %d of 2 things were told", run, n)
		}
	}
	foreign, err := d.leftovers(t.Context(), client.Filters{}.Add("label", "somebody=else"))
	if err != nil || len(foreign) != 2 {
		t.Errorf("what is not ours: %v, %v", foreign, err)
	}
	if _, err := os.Stat(leaseFile(dead.said)); !os.IsNotExist(err) {
		t.Error("the lock file of the dead run is still there")
	}
}

func count(things []Leftover, run string) (n int) {
	for _, l := range things {
		if l.Run == run {
			n++
		}
	}
	return n
}

// Ctrl-C at any moment of a start leaves nothing once the rig is closed.
func TestCancelAtAnyMoment(t *testing.T) {
	ownLeases(t)
	d := docker(t)
	runs := []string{}
	for range 10 {
		lease := newLease(t)
		runs = append(runs, lease.Run)
		after := time.Duration(rand.IntN(1500)) * time.Millisecond
		ctx, cancel := context.WithTimeout(t.Context(), after)
		reached := startMuch(ctx, d, lease.Run)
		cancel()
		t.Logf("cancelled after %s: %s", after, reached)
		wantNothing(t, d, lease.Run)
	}
	time.Sleep(time.Second) // nothing comes after, either
	for _, run := range runs {
		wantNothing(t, d, run)
	}
}

// startMuch starts a rig with a fleet until ctx ends, closes it, and says how far it came.
func startMuch(ctx context.Context, d *Docker, run string) (reached string) {
	c, err := d.NewContainers(ctx, run, testImage)
	defer func() {
		if err := c.Close(ctx); err != nil {
			reached += "; close: " + err.Error()
		}
	}()
	if err != nil {
		return "no network"
	}
	var group sync.WaitGroup
	defer group.Wait()
	var mu sync.Mutex
	n := 0
	for i := range 3 {
		group.Go(func() {
			if _, err := c.StartInstance(ctx, Instance{Name: fmt.Sprintf("api-%d", i+1)}); err == nil {
				mu.Lock()
				n++
				mu.Unlock()
			}
		})
	}
	_, err = c.StartRedis(ctx, server(20, 50, 2)) // clamped, so that both attempts at an observer are part of it
	group.Wait()
	<-ctx.Done()
	return fmt.Sprintf("%d instances, Redis: %v", n, err)
}

// After SIGKILL everything that runs ends by itself: stdin is a dead-man's switch. What is left is for Clean.
func TestKilledRunOfContainers(t *testing.T) {
	ownLeases(t)
	d := docker(t)
	run := play(t, "rig")
	if n := len(labelledWith(t, d, run.said)); n != 5 {
		t.Fatalf("%d things run: %s", n, run.said)
	}
	if removed, _, err := d.Clean(t.Context()); err != nil || len(removed) != 0 {
		t.Fatalf("a living run lost %v, %v", removed, err)
	}
	run.kill()
	start := time.Now()
	eventually(t, "Redis, its observer and the instance to end", func() bool {
		return len(labelledWith(t, d, run.said)) <= 2 // the runbook, which heeds nothing, and the network
	})
	t.Logf("what heeds the switch was gone after %s", time.Since(start).Round(10*time.Millisecond))
	removed, _, err := d.Clean(t.Context())
	if err != nil || len(removed) != 2 {
		t.Errorf("cleaned %v, %v", removed, err)
	}
	wantNothing(t, d, run.said)
}
