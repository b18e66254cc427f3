//go:build e2e

package spillway_test

import (
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestOutOfBandInAContainer frees a Redis in a container that nobody gets into any more, from a container beside it that shares its network and its
// processes. A client that works is there before the crowd, and keeps its connection.
func TestOutOfBandInAContainer(t *testing.T) {
	binary := builtBinary(t)
	resolved, err := exec.Command(binary, "role", "image", "redis:8").Output()
	if err != nil {
		t.Fatal(err)
	}
	image := strings.TrimSpace(string(resolved))
	remove := func(id string) { docker(t, "rm", "--force", "--volumes", id) }
	redis := strings.TrimSpace(docker(t, "run", "--detach", "--network", "none", image, "redis-server", "--maxclients", "40", "--save", ""))
	t.Cleanup(func() { remove(redis) })
	cli := func(args ...string) string {
		out, _ := exec.Command("docker", append([]string{"exec", redis, "redis-cli"}, args...)...).CombinedOutput() // a refusal is an answer
		return string(out)
	}
	await := func(what string, done func() bool) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(200 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("waiting for %s, last seen: %s", what, cli("PING"))
			}
		}
	}
	await("Redis", func() bool { return strings.Contains(cli("PING"), "PONG") })
	docker(t, "exec", "--detach", redis, "redis-cli", "-r", "3000", "-i", "0.05", "INCR", "work")
	await("work", func() bool { return strings.TrimSpace(cli("GET", "work")) > "1" })
	worker := func() string {
		for line := range strings.Lines(cli("CLIENT", "LIST")) {
			if strings.Contains(line, "cmd=incr") {
				return strings.Fields(line)[0]
			}
		}
		return ""
	}
	id := worker()
	docker(t, "exec", "--detach", redis, "redis-benchmark", "-I", "-c", "39", "-n", "39") // connections that never speak
	await("the limit", func() bool { return strings.Contains(cli("PING"), "max number of clients") })

	beside := func(args ...string) (string, int) {
		t.Helper()
		sidecar := strings.TrimSpace(docker(t, append([]string{"create", "--network", "container:" + redis, "--pid", "container:" + redis,
			"--cap-add", "NET_ADMIN", "--cap-add", "SYS_PTRACE", "--workdir", "/tmp", "--entrypoint", "/usr/bin/spillway", image}, args...)...))
		defer remove(sidecar)
		docker(t, "cp", binary, sidecar+":/usr/bin/spillway")
		cmd := exec.Command("docker", "start", "--attach", sidecar)
		out, _ := cmd.CombinedOutput()
		t.Logf("spillway %s:\n%s", strings.Join(args, " "), out)
		return string(out), cmd.ProcessState.ExitCode()
	}
	await("a silence that tells", func() bool {
		out, code := beside("diagnose", "redis://127.0.0.1", "--pid", "1", "--wait", "0s")
		return code == 1 && strings.Contains(out, "silent-connections")
	})
	out, code := beside("remedy", "redis://127.0.0.1", "--pid", "1", "--wait", "0s", "--out-of-band", "--apply")
	// redis-benchmark ends with the first connection that it loses, and takes the others along.
	if code != 0 || !strings.Contains(out, "1 closed; then a slot was free, and 38 were left") {
		t.Errorf("exit code %d", code)
	}
	if pong := cli("PING"); !strings.Contains(pong, "PONG") {
		t.Errorf("still locked out: %s", pong)
	}
	if now := worker(); id == "" || now != id {
		t.Errorf("whoever worked was %q and is %q", id, now)
	}
}
