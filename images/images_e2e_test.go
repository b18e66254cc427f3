//go:build e2e

package images

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

func docker(t *testing.T) *client.Client {
	t.Helper()
	c, err := client.New(client.FromEnv)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// output runs a command in a container of ref, without a network, and returns what it printed.
func output(t *testing.T, c *client.Client, ref string, cmd ...string) string {
	t.Helper()
	ctx := t.Context()
	made, err := c.ContainerCreate(ctx, client.ContainerCreateOptions{
		Config:     &container.Config{Image: ref, Cmd: cmd},
		HostConfig: &container.HostConfig{NetworkMode: "none"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, err := c.ContainerRemove(context.Background(), made.ID, client.ContainerRemoveOptions{Force: true})
		if err != nil {
			t.Error(err)
		}
	})
	wait := c.ContainerWait(ctx, made.ID, client.ContainerWaitOptions{Condition: container.WaitConditionNextExit})
	if _, err := c.ContainerStart(ctx, made.ID, client.ContainerStartOptions{}); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-wait.Error:
		t.Fatal(err)
	case <-time.After(30 * time.Second):
		t.Fatalf("%q in %s: still running after 30s", cmd, ref)
	case <-wait.Result:
	}
	logs, err := c.ContainerLogs(ctx, made.ID, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true})
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	var buf bytes.Buffer
	if _, err := stdcopy.StdCopy(&buf, &buf, logs); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return strings.TrimSpace(buf.String())
}

func TestMakeRedisFromDebian(t *testing.T) {
	c := docker(t)
	r := &Resolver{Docker: c, Progress: func(s string) { t.Log(s) }}
	got, err := r.Redis(t.Context(), "spillway/debian-trixie-redis")
	if err != nil {
		t.Fatal(err)
	}
	version := strings.TrimPrefix(got.Ref, "spillway/debian-trixie-redis:")
	if !strings.HasPrefix(version, "8.") || !strings.HasPrefix(got.Digest, "sha256:") || got.Note != "" {
		t.Errorf("got %+v", got)
	}
	if out := output(t, c, got.Ref, "redis-server", "--version"); !strings.Contains(out, "v="+version+" ") {
		t.Errorf("redis-server --version of %s: %q", got.Ref, out)
	}
	if out := output(t, c, got.Ref, "sh", "-c", `redis-cli --version | awk "{print \$1}"`); out != "redis-cli" {
		t.Errorf("a pipe of redis-cli and awk: %q", out)
	}
	runbook := `id -un; echo a b | sed s/a/c/ | grep -c "c b"; ps ax | grep -q [p]s && echo ps; cat /proc/1/limits | head -1; touch /data/x /tmp/x && bash -c "echo bash"; which timeout sort`
	want := "root\n1\nps\nLimit                     Soft Limit           Hard Limit           Units     \nbash\n/usr/bin/timeout\n/usr/bin/sort"
	if out := output(t, c, got.Ref, "sh", "-c", runbook); out != want {
		t.Errorf("a runbook's tools:\n%s\nwant\n%s", out, want)
	}
}

func TestRedisIsServedOnce(t *testing.T) {
	var mu sync.Mutex
	said := map[string]int{}
	r := &Resolver{Docker: docker(t), Progress: func(s string) { mu.Lock(); said[s]++; mu.Unlock() }}
	// A registry that cannot exist: the stand-in must come of it, whatever network the test has.
	refs := []string{"registry.invalid/redis:8", "registry.invalid/redis:8", "registry.invalid/redis:latest"}
	var wg sync.WaitGroup
	for _, ref := range refs {
		wg.Go(func() {
			got, err := r.Redis(t.Context(), ref)
			if err != nil {
				t.Error(err)
				return
			}
			note := ref + " is not here, and its registry does not answer; made from Debian trixie's redis 8."
			if !strings.HasPrefix(got.Note, note) || !strings.HasPrefix(got.Ref, "spillway/debian-trixie-redis:") {
				t.Errorf("got %+v", got)
			}
		})
	}
	wg.Wait()
	pulls := said["pulling "+refs[0]] + said["pulling "+refs[2]]
	if pulls != 1 {
		t.Errorf("a registry that does not answer was asked %d times: %v", pulls, said)
	}
}

func TestOwn(t *testing.T) {
	c := docker(t)
	dir := t.TempDir()
	binary := filepath.Join(dir, "hello")
	src := filepath.Join(dir, "main.go")
	program := "package main\nfunc main() { println(\"hello from one file\", " + time.Now().Format("150405.000000000") + ") }\n"
	if err := os.WriteFile(src, []byte(program), 0o644); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-o", binary, src)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	r := &Resolver{Docker: c}
	got, err := r.Own(t.Context(), binary)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if ok, err := r.remove(context.Background(), got.Ref); !ok || err != nil {
			t.Errorf("remove %s: %v, %v", got.Ref, ok, err)
		}
	})
	if out := output(t, c, got.Ref); !strings.HasPrefix(out, "hello from one file") {
		t.Errorf("its output: %q", out)
	}
	again, err := r.Own(t.Context(), binary)
	if err != nil || again != got {
		t.Errorf("the second time: %+v, %v; want %+v", again, err, got)
	}
}
