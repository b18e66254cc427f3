//go:build e2e

package spillway_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestKilledRunLeavesNothing kills runs with SIGKILL at ten moments, spread over all phases, and then cleans up. Nothing
// that the runs made may be left, and what is not theirs must still be there.
func TestKilledRunLeavesNothing(t *testing.T) {
	binary := builtBinary(t)
	bystander := strings.TrimSpace(docker(t, "network", "create", "--internal", "--label", "not.spillway=1", "bystander-of-spillway"))
	t.Cleanup(func() { docker(t, "network", "rm", bystander) })

	before := leftByRuns(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var killed sync.WaitGroup
	slots := make(chan struct{}, 3)
	for i := range 10 {
		// A run takes about 15 s: a moment in each tenth of it.
		moment := time.Duration((float64(i) + random.Float64()) * 1.5 * float64(time.Second))
		killed.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			killAfter(t, binary, moment)
		})
	}
	killed.Wait()

	out, err := exec.Command(binary, "clean").CombinedOutput()
	t.Logf("spillway clean: %s", out)
	if err != nil {
		t.Fatalf("spillway clean: %v", err)
	}
	for name := range leftByRuns(t) {
		if !before[name] {
			t.Errorf("left after spillway clean: %s", name)
		}
	}
	if got := docker(t, "network", "ls", "--quiet", "--no-trunc", "--filter", "label=not.spillway"); strings.TrimSpace(got) != bystander {
		t.Errorf("the network of somebody else is gone: %q", got)
	}
}

// killAfter starts a run, and kills it at its moment.
func killAfter(t *testing.T, binary string, moment time.Duration) {
	cmd := exec.Command(binary, "run", "connection-leak", "--quiet")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Error(err)
		return
	}
	time.Sleep(moment)
	if err := cmd.Process.Kill(); err != nil {
		t.Errorf("the run ended before %s: %v\n%s", moment, err, out.String())
	}
	_ = cmd.Wait() // killed
}

// leftByRuns lists what carries a run's label.
func leftByRuns(t *testing.T) map[string]bool {
	left := map[string]bool{}
	for _, name := range strings.Fields(docker(t, "ps", "--all", "--filter", "label=spillway.run", "--format", "{{.Names}}") +
		docker(t, "network", "ls", "--filter", "label=spillway.run", "--format", "{{.Name}}")) {
		left[name] = true
	}
	return left
}

func docker(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("docker", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// builtBinary is the program under test: the one that SPILLWAY_BINARY names, or a fresh build.
func builtBinary(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("SPILLWAY_BINARY"); path != "" {
		return path
	}
	path := filepath.Join(t.TempDir(), "spillway")
	cmd := exec.Command("go", "build", "-o", path, "./cmd/spillway")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return path
}
