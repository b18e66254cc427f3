//go:build e2e

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"spillway/observe"
)

// server starts a Redis of one of many, and stops it at the test's end.
func server(t *testing.T, port int, args ...string) *exec.Cmd {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("redis-server", append([]string{"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--save", "", "--dir", dir, "--logfile", filepath.Join(dir, "log")}, args...)...)
	return begin(t, cmd, port)
}

func begin(t *testing.T, cmd *exec.Cmd, port int) *exec.Cmd {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	within(t, 20*time.Second, fmt.Sprintf("an answer at port %d", port), func() bool {
		conn, err := observe.Dial(t.Context(), observe.Options{Addr: addrOf(port), Timeout: time.Second})
		if err != nil {
			return errors.Is(err, observe.ErrDenied)
		}
		conn.Close()
		return true
	})
	return cmd
}

func addrOf(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

// within waits for what has to come true.
func within(t *testing.T, limit time.Duration, what string, come func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !come(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waiting for %s: not in %s", what, limit)
		}
	}
}

// ask sends one command to a server by a connection of its own.
func ask(t *testing.T, port int, args ...string) string {
	t.Helper()
	conn, err := observe.Dial(t.Context(), observe.Options{Addr: addrOf(port)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	reply, err := conn.Do(t.Context(), args...)
	if err != nil {
		t.Fatalf("%s at %d: %v", args[0], port, err)
	}
	return fmt.Sprint(reply)
}

const slots = 16384

// cluster starts three masters and a replica of each: the first three ports are the masters'.
func cluster(t *testing.T, first int) (servers []*exec.Cmd, ports []int) {
	t.Helper()
	for i := range 6 {
		ports = append(ports, first+i)
		servers = append(servers, server(t, first+i, "--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--maxclients", "60"))
	}
	for i, port := range ports[:3] {
		args := []string{"CLUSTER", "ADDSLOTS"}
		for slot := i * slots / 3; slot < (i+1)*slots/3; slot++ {
			args = append(args, strconv.Itoa(slot))
		}
		ask(t, port, args...)
	}
	for _, port := range ports[1:] {
		ask(t, port, "CLUSTER", "MEET", "127.0.0.1", strconv.Itoa(ports[0]))
	}
	settled := func(links string) func() bool {
		return func() bool {
			for _, port := range ports {
				nodes := ask(t, port, "CLUSTER", "NODES")
				if strings.Count(nodes, " connected") != 6 || strings.Contains(nodes, "handshake") || strings.Count(nodes, links) < 1 {
					return false
				}
			}
			return true
		}
	}
	within(t, 30*time.Second, "six nodes that know each other", settled("master"))
	for i, port := range ports[3:] {
		ask(t, port, "CLUSTER", "REPLICATE", ask(t, ports[i], "CLUSTER", "MYID"))
	}
	within(t, 30*time.Second, "three replicas", func() bool {
		for _, port := range ports {
			if nodes := ask(t, port, "CLUSTER", "NODES"); strings.Count(nodes, "slave") != 3 {
				return false
			}
		}
		for _, port := range ports[3:] {
			if !strings.Contains(ask(t, port, "INFO", "replication"), "master_link_status:up") {
				return false
			}
		}
		return true
	})
	return servers, ports
}

// runs runs the program and wants an exit code.
func runs(t *testing.T, want int, args ...string) (stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := program(ctx, t, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	ended := new(exec.ExitError)
	if err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != want {
		t.Fatalf("spillway %s: exit code %d, want %d\n%s\n%s", strings.Join(args, " "), got, want, out.String(), errs.String())
	}
	t.Logf("$ spillway %s\n%s%s", strings.Join(args, " "), out.String(), errs.String())
	return out.String(), errs.String()
}

// line is the one of text that has all of words.
func line(t *testing.T, text string, words ...string) string {
	t.Helper()
	for l := range strings.Lines(text) {
		has := true
		for _, w := range words {
			has = has && strings.Contains(l, w)
		}
		if has {
			return l
		}
	}
	t.Errorf("no line has %q:\n%s", words, text)
	return ""
}

var quick = []string{"--samples", "3", "--interval", "1s"}

// A leak on one master of six nodes, below the limit and at it: that node is named, with cause and culprit, and the others are well.
func TestClusterOfSix(t *testing.T) {
	t.Parallel()
	servers, ports := cluster(t, 7101)
	url := "redis://" + addrOf(ports[5]) // any node will do
	out, _ := runs(t, exitPass, append([]string{"diagnose", url, "--cluster"}, quick...)...)
	line(t, out, "6 nodes: 6 well.")

	healthy, ctx := newCrowd(t, ports[1])
	healthy.pool(ctx, 5, "web-1")
	leaky, ctx := newCrowd(t, ports[1])
	leaky.leak(ctx, 500*time.Millisecond, "api-1")
	others, ctx := newCrowd(t, ports[0])
	others.pool(ctx, 5, "web-1")

	sole, hint := runs(t, exitPass, append([]string{"diagnose", "redis://" + addrOf(ports[0])}, quick...)...)
	line(t, sole, "Nothing is wrong")
	line(t, hint, "one node of 6", "--cluster")

	// Below the limit.
	within(t, time.Minute, "a leak of 8", func() bool { return strings.Count(ask(t, ports[1], "CLIENT", "LIST"), "name=api-1") >= 8 })
	out, _ = runs(t, exitFail, "diagnose", url, "--cluster", "--samples", "4", "--interval", "2s")
	leakIsTold(t, out, ports, 1)

	// At the limit, with no slot for anybody.
	within(t, time.Minute, "refusals", func() bool { return leaky.refused.Load() > 5 })
	out, said := runs(t, exitInconclusive, append([]string{"diagnose", url, "--cluster", "--wait", "1s"}, quick...)...)
	line(t, said, addrOf(ports[1]), "clients", "trying for a slot for 1s")
	line(t, out, "6 nodes: 1 not read, 5 well.")
	line(t, out, addrOf(ports[1]), "master", "not read: no slot came free in 1s")

	// At the limit, where some connection ends while it tries.
	leaky.lend(2 * time.Second)
	out, _ = runs(t, exitFail, append([]string{"diagnose", url, "--cluster", "--wait", "20s"}, quick...)...)
	leakIsTold(t, out, ports, 1)

	folder := filepath.Join(t.TempDir(), "incident")
	leaky.full()
	leaky.lend(2 * time.Second)
	runs(t, exitPass, append([]string{"capture", url, "--cluster", "--wait", "20s", "--out", folder}, quick...)...)
	out, _ = runs(t, exitFail, "diagnose", "--from", folder)
	leakIsTold(t, out, ports, 1)
	out, _ = runs(t, exitPass, "run", "--replay", folder, "--show")
	if strings.Count(out, "  - name: replay-") != 1 || !strings.Contains(out, "of-incident\n") || !strings.Contains(out, "cause: connection-leak\n") {
		t.Errorf("want one scenario, of the node that leaks:\n%s", out)
	}

	leaky.full()
	leaky.lend(2 * time.Second)
	out, _ = runs(t, exitFail, append([]string{"remedy", url, "--cluster", "--wait", "20s", "--print"}, quick...)...)
	if first, _, _ := strings.Cut(out, "\n"); first != "# "+addrOf(ports[1])+", master: connection-leak" || strings.Count(out, "# ") != 1 {
		t.Errorf("commands without their node: %s", out)
	}

	// Applied: the leak is gone, and nobody else was touched.
	journals := filepath.Join(t.TempDir(), "journals")
	leaky.full()
	leaky.lend(2 * time.Second)
	out, _ = runs(t, exitPass, append([]string{"remedy", url, "--cluster", "--wait", "20s", "--apply", "--journal", journals}, quick...)...)
	line(t, out, addrOf(ports[1]), "done", "kill-clients")
	leaky.end()
	if files, _ := filepath.Glob(filepath.Join(journals, "*")); len(files) != 1 || filepath.Base(files[0]) != fileOf(addrOf(ports[1]))+".jsonl" {
		t.Errorf("journals %q, want one of the node that was changed", files)
	}
	if n := strings.Count(ask(t, ports[1], "CLIENT", "LIST"), "name=web-1"); n != 5 || healthy.lost.Load()+others.lost.Load() != 0 {
		t.Errorf("%d of 5 healthy connections are there; %d and %d of the pools ended", n, healthy.lost.Load(), others.lost.Load())
	}
	if got := ask(t, ports[1], "CONFIG", "GET", "timeout"); got != "[timeout 300]" {
		t.Errorf("the node in trouble: %s", got)
	}
	out, _ = runs(t, exitPass, "remedy", url, "--cluster", "--undo", journals)
	line(t, out, addrOf(ports[1]), "undone", "set-timeout")
	for _, port := range ports {
		if got := ask(t, port, "CONFIG", "GET", "timeout"); got != "[timeout 0]" {
			t.Errorf("%d: %s", port, got)
		}
	}

	// A node that is down is listed, with what the others say of it.
	_ = servers[4].Process.Kill()
	within(t, 30*time.Second, "a node that failed", func() bool { return strings.Contains(ask(t, ports[5], "CLUSTER", "NODES"), "slave,fail ") })
	out, _ = runs(t, exitInconclusive, append([]string{"diagnose", url, "--cluster"}, quick...)...)
	line(t, out, "6 nodes: 1 not read, 5 well.")
	line(t, out, addrOf(ports[4]), "replica", "not read: ")
	if flat := strings.Join(strings.Fields(out), " "); !strings.Contains(flat, "the others say: fail") || !strings.Contains(flat, "connection refused") {
		t.Errorf("of the node that is down: %s", out)
	}
	if healthy.asked.Load() == 0 || others.asked.Load() == 0 {
		t.Error("the pools were never used")
	}
}

func leakIsTold(t *testing.T, out string, ports []int, at int) {
	t.Helper()
	line(t, out, "6 nodes: 1 in trouble, 5 well.")
	line(t, out, addrOf(ports[at]), "master", "connection-leak", "api")
	line(t, out, "1. connection-leak")
	line(t, out, "connections of api at 127.0.0.9")
	for i, port := range ports {
		if i != at {
			line(t, out, addrOf(port), "well")
		}
	}
}

// watched starts a master with a replica, and Sentinels that watch it as mymaster.
func watched(t *testing.T, first int, sentinels ...int) {
	t.Helper()
	server(t, first, "--maxclients", "60")
	server(t, first+1, "--maxclients", "60", "--replicaof", "127.0.0.1", strconv.Itoa(first))
	within(t, 30*time.Second, "a replica", func() bool { return strings.Contains(ask(t, first+1, "INFO", "replication"), "master_link_status:up") })
	for _, port := range sentinels {
		dir := t.TempDir()
		conf := filepath.Join(dir, "sentinel.conf")
		text := fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %s\nlogfile %s/log\nmaxclients 20\nsentinel monitor mymaster 127.0.0.1 %d 2\nsentinel down-after-milliseconds mymaster 60000\n", port, dir, dir, first)
		if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		begin(t, exec.Command("redis-server", conf, "--sentinel"), port)
	}
	for _, port := range sentinels {
		within(t, time.Minute, "Sentinels that know each other and the replica", func() bool {
			said := ask(t, port, "SENTINEL", "MASTER", "mymaster")
			return strings.Contains(said, fmt.Sprintf("num-other-sentinels %d", len(sentinels)-1)) && strings.Contains(said, "num-slaves 1")
		})
	}
}

// A leak on a master that Sentinels watch; then a Sentinel that is away, and one that is full.
func TestWatchedBySentinels(t *testing.T) {
	t.Parallel()
	watched(t, 7201, 7251, 7252, 7253)
	url := "redis+sentinel://127.0.0.1:7251,127.0.0.1:7252/mymaster" // 7253 is known to the others
	out, _ := runs(t, exitPass, append([]string{"diagnose", url}, quick...)...)
	line(t, out, "5 nodes: 5 well.")
	for _, port := range []int{7251, 7252, 7253} {
		line(t, out, addrOf(port), "sentinel", "well")
	}
	alone := exitPass
	if strings.Contains(ask(t, 7251, "INFO", "server"), "redis_version:6.0.") {
		alone = exitInconclusive // it does not tell its limit
	}
	_, hint := runs(t, alone, append([]string{"diagnose", "redis://127.0.0.1:7251"}, quick...)...)
	line(t, hint, "this is a Sentinel")

	_, said := runs(t, exitUsage, "diagnose", "redis+sentinel://127.0.0.1:7251/mymastre")
	line(t, said, `"mymaster"`)
	line(t, said, "did you mean /mymaster?")
	_, said = runs(t, exitInconclusive, "diagnose", "redis+sentinel://127.0.0.1:7201/mymaster")
	line(t, said, "unknown command")

	healthy, ctx := newCrowd(t, 7201)
	healthy.pool(ctx, 5, "web-1")
	leaky, ctx := newCrowd(t, 7201)
	leaky.leak(ctx, 500*time.Millisecond, "api-1")
	within(t, time.Minute, "a leak of 8", func() bool { return strings.Count(ask(t, 7201, "CLIENT", "LIST"), "name=api-1") >= 8 })
	out, _ = runs(t, exitFail, "diagnose", url, "--samples", "4", "--interval", "2s")
	line(t, out, "5 nodes: 1 in trouble, 4 well.")
	line(t, out, "127.0.0.1:7201", "master", "connection-leak", "api")

	leaky.full()
	leaky.lend(2 * time.Second)
	journals := filepath.Join(t.TempDir(), "journals")
	out, _ = runs(t, exitPass, append([]string{"remedy", url, "--wait", "20s", "--apply", "--journal", journals}, quick...)...)
	line(t, out, "127.0.0.1:7201", "done", "kill-clients")
	leaky.end()
	if n := strings.Count(ask(t, 7201, "CLIENT", "LIST"), "name=web-1"); n != 5 || healthy.lost.Load() != 0 {
		t.Errorf("%d of 5 healthy connections are there, %d ended", n, healthy.lost.Load())
	}
	out, _ = runs(t, exitPass, "remedy", url, "--undo", journals)
	line(t, out, "127.0.0.1:7201", "undone", "set-timeout")

	// One of the three is full: it is told, and the others do.
	full, ctx := newCrowd(t, 7252)
	full.leak(ctx, 100*time.Millisecond, "app")
	within(t, time.Minute, "a full Sentinel", func() bool { return full.refused.Load() > 3 })
	out, said = runs(t, exitInconclusive, append([]string{"diagnose", url, "--wait", "1s"}, quick...)...)
	line(t, out, "5 nodes: 1 not read, 4 well.")
	line(t, out, "127.0.0.1:7252", "sentinel", "no slot came free")
	line(t, said, "127.0.0.1:7252: ", "max number of clients")

	// Nobody but the full one is asked, and one that is not there.
	_, said = runs(t, exitInconclusive, "diagnose", "redis+sentinel://127.0.0.1:7252,127.0.0.1:7259/mymaster", "--wait", "1s")
	line(t, said, `no Sentinel told of "mymaster"`)
	line(t, said, "127.0.0.1:7252: ", "max number of clients")
	line(t, said, "127.0.0.1:7259: ", "connection refused")
	line(t, said, "hint: a Sentinel has a limit of clients, too")
}

// The servers have a password, the Sentinels another one, and users who may look.
func TestSentinelPassword(t *testing.T) {
	server(t, 7301, "--requirepass", "s3rver")
	dir := t.TempDir()
	conf := filepath.Join(dir, "sentinel.conf")
	text := fmt.Sprintf("port 7351\nbind 127.0.0.1\ndir %s\nlogfile %s/log\nrequirepass gu4rd\n"+
		"user oncall on >w4tch -@all +auth +hello +client +ping +info +sentinel\nuser other on >w4tch -@all\nsentinel monitor mymaster 127.0.0.1 7301 1\nsentinel auth-pass mymaster s3rver\n", dir, dir)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	begin(t, exec.Command("redis-server", conf, "--sentinel"), 7351)
	url := "redis+sentinel://127.0.0.1:7351/mymaster"
	t.Setenv("SPILLWAY_PASSWORD", "s3rver")
	_, said := runs(t, exitInconclusive, "diagnose", url)
	line(t, said, "NOAUTH")
	line(t, said, "hint: ", "SPILLWAY_SENTINEL_PASSWORD")
	t.Setenv("SPILLWAY_SENTINEL_PASSWORD", "wr0ng")
	_, said = runs(t, exitInconclusive, "diagnose", url)
	if strings.Contains(said, "wr0ng") || strings.Contains(said, "s3rver") {
		t.Errorf("a password is shown: %s", said)
	}
	t.Setenv("SPILLWAY_SENTINEL_PASSWORD", "gu4rd")
	out, said := runs(t, exitPass, append([]string{"diagnose", url}, quick...)...)
	line(t, out, "2 nodes: 2 well.")
	if strings.Contains(out+said, "gu4rd") || strings.Contains(out+said, "s3rver") {
		t.Errorf("a password is shown: %s %s", out, said)
	}
	t.Setenv("SPILLWAY_SENTINEL_PASSWORD", "w4tch")
	t.Setenv("SPILLWAY_SENTINEL_USER", "oncall")
	out, said = runs(t, exitPass, append([]string{"diagnose", url}, quick...)...)
	line(t, out, "2 nodes: 2 well.")
	if strings.Contains(out+said, "w4tch") {
		t.Errorf("a user's password is shown: %s %s", out, said)
	}
	t.Setenv("SPILLWAY_SENTINEL_USER", "other")
	_, said = runs(t, exitInconclusive, "diagnose", url)
	line(t, said, "NOPERM")
	t.Setenv("SPILLWAY_SENTINEL_USER", "nobody")
	_, said = runs(t, exitInconclusive, "diagnose", url)
	line(t, said, "WRONGPASS")
	line(t, said, "hint: ", "SPILLWAY_SENTINEL_USER")
}
