//go:build e2e

package spillway_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// slowDaemon stands in front of the Docker daemon and passes on what it gets, late, or not at all any more.
type slowDaemon struct {
	host  string
	delay time.Duration // of each request
	// after so many requests that start a container the daemon hangs, or is gone; 0 is never.
	after  int32
	gone   bool
	starts atomic.Int32
	over   chan struct{} // closed when it hangs or is gone

	mu    sync.Mutex
	conns []net.Conn
}

var aRequest = regexp.MustCompile(`^(GET|POST|PUT|DELETE|HEAD) /`)

// listen starts it; it ends with the test.
func (d *slowDaemon) listen(t *testing.T) {
	t.Helper()
	dir, err := os.MkdirTemp("", "d") // short: the path of a socket has room for 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "docker.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	d.host, d.over = "unix://"+path, make(chan struct{})
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { d.serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		d.cut()
		serving.Wait()
		_ = os.RemoveAll(dir)
	})
}

func (d *slowDaemon) cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.conns {
		_ = c.Close()
	}
}

func (d *slowDaemon) serve(c net.Conn) {
	real := strings.TrimPrefix(os.Getenv("DOCKER_HOST"), "unix://")
	if real == "" {
		real = "/var/run/docker.sock"
	}
	up, err := net.Dial("unix", real)
	if err != nil {
		_ = c.Close()
		return
	}
	d.mu.Lock()
	d.conns = append(d.conns, c, up)
	d.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() {
		_, _ = io.Copy(c, up)
		_ = c.Close()
	})
	both.Go(func() {
		_ = d.pass(up, c)
		if half, ok := up.(*net.UnixConn); ok {
			_ = half.CloseWrite()
		}
	})
	both.Wait()
	_ = up.Close()
}

// pass passes requests on. What goes through an attached container's stdin is no request, and goes at once.
func (d *slowDaemon) pass(up io.Writer, c io.Reader) error {
	buf := make([]byte, 64<<10)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return err
		}
		if aRequest.Match(buf[:n]) {
			time.Sleep(d.delay)
			if bytes.Contains(buf[:min(n, 200)], []byte("/start")) && d.after > 0 && d.starts.Add(1) == d.after {
				close(d.over)
				if d.gone {
					go d.cut()
				}
			}
			select {
			case <-d.over:
				if d.gone {
					return errors.New("gone")
				}
				_, err = io.Copy(io.Discard, c) // it hangs: nobody ever answers
				return err
			default:
			}
		}
		if _, err := up.Write(buf[:n]); err != nil {
			return err
		}
	}
}

// faulty runs a scenario with a lock folder of its own, so that what it leaves is told from what others leave.
type faulty struct {
	code           int
	stdout, stderr string
	took           time.Duration
	tmp, out       string
}

func runFaulty(t *testing.T, limit time.Duration, host string, prefix ...string) faulty {
	t.Helper()
	f := faulty{tmp: t.TempDir(), out: filepath.Join(t.TempDir(), "out")}
	ctx, cancel := context.WithTimeout(t.Context(), limit+30*time.Second)
	defer cancel()
	args := append(prefix, builtBinary(t), "run", "connection-leak", "--target", "container", "--quiet", "--out", f.out)
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "TMPDIR="+f.tmp)
	if host != "" {
		cmd.Env = append(cmd.Env, "DOCKER_HOST="+host)
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	begin := time.Now()
	err := cmd.Run()
	f.took, f.stdout, f.stderr = time.Since(begin), stdout.String(), stderr.String()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		f.code = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	if f.took > limit {
		t.Errorf("it took %s, want %s at most", f.took, limit)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("exit code %d\n%s\n%s", f.code, f.stdout, f.stderr)
		}
	})
	return f
}

// cleaned removes, with the daemon well again, what a run could not remove, and fails the test when something is left then.
func (f faulty) cleaned(t *testing.T) string {
	t.Helper()
	var out []byte
	var err error
	for range 5 { // a daemon with a lot to do may not answer in time
		clean := exec.Command(builtBinary(t), "clean")
		clean.Env = append(os.Environ(), "TMPDIR="+f.tmp)
		if out, err = clean.CombinedOutput(); !bytes.Contains(out, []byte("no Docker daemon answers")) {
			break
		}
	}
	if err != nil {
		t.Errorf("clean: %v: %s", err, out)
	}
	if left := f.left(t); len(left) > 0 {
		t.Errorf("left after clean: %q", left)
	}
	return string(out)
}

// left lists the containers and networks of the run.
func (f faulty) left(t *testing.T) []string {
	t.Helper()
	ids, _ := filepath.Glob(filepath.Join(f.tmp, "spillway-*", "id"))
	if len(ids) == 0 {
		t.Fatal("the run has no lock folder: what it left cannot be told from what others left")
	}
	id, err := os.ReadFile(ids[0])
	if err != nil || len(id) == 0 {
		t.Fatalf("%v: %q", err, id)
	}
	var left []string
	format := `{{.ID}} {{.Label "spillway.host"}}`
	for _, line := range strings.Split(docker(t, "ps", "--all", "--filter", "label=spillway.run", "--format", format)+
		docker(t, "network", "ls", "--filter", "label=spillway.run", "--format", format), "\n") {
		if strings.HasSuffix(line, "/"+string(id)) {
			left = append(left, line)
		}
	}
	return left
}

func (f faulty) line(t *testing.T, what, when, said string) {
	t.Helper()
	t.Logf("FAULT | %s | %s | exit code %d: %s | %.0f s |", what, when, f.code, strings.Join(strings.Fields(said), " "), f.took.Seconds())
}

// said returns the first line that contains a word.
func (f faulty) said(word string) string {
	for _, line := range strings.Split(f.stderr+f.stdout, "\n") {
		if i := strings.Index(line, word); i >= 0 {
			return line[i:]
		}
	}
	return ""
}

// onlyFaults skips a test that every make test would wait half a minute to two minutes for.
func onlyFaults(t *testing.T) {
	t.Helper()
	if os.Getenv("SPILLWAY_FAULTS") == "" {
		t.Skip("it plays a whole scenario on a machine that is broken, up to two minutes: make faults runs it, and docs/quality.md shows what it came to")
	}
}

// A daemon that takes a quarter of a second for each request: the run is slower, and otherwise as ever; one that gives up
// says so. It must not blame the scenario.
func TestFaultSlowDaemon(t *testing.T) {
	onlyFaults(t)
	d := &slowDaemon{delay: 250 * time.Millisecond}
	d.listen(t)
	f := runFaulty(t, 3*time.Minute, d.host)
	f.line(t, "the Docker daemon is slow, 250 ms a request", "always", f.said("connection-leak"))
	if f.code != 0 && f.code != 3 {
		t.Errorf("exit code %d, want a pass or an inconclusive run", f.code)
	}
	if left := f.left(t); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	f.judgedAgain(t)
}

// A daemon that hangs, or is gone, in the middle of a run. Nothing can be removed then: it must say so, and how to do it later.
func TestFaultDaemonHangs(t *testing.T) {
	daemonEnds(t, &slowDaemon{after: 5}, "the Docker daemon hangs")
}

func TestFaultDaemonGone(t *testing.T) {
	daemonEnds(t, &slowDaemon{after: 5, gone: true}, "the Docker daemon is gone")
}

func daemonEnds(t *testing.T, d *slowDaemon, what string) {
	t.Helper()
	onlyFaults(t)
	d.listen(t)
	f := runFaulty(t, 4*time.Minute, d.host)
	f.line(t, what, "as the load starts", f.said("the rig broke")+"; "+f.said("spillway clean"))
	if f.code != 3 {
		t.Errorf("exit code %d, want 3", f.code)
	}
	if !strings.Contains(f.stderr+f.stdout, "spillway clean") {
		t.Error("nothing says how to remove what is left")
	}
	d.cut()
	t.Logf("clean: %s", f.cleaned(t))
	f.judgedAgain(t)
}

// judgedAgain judges what was kept, which must come to the same.
func (f faulty) judgedAgain(t *testing.T) {
	t.Helper()
	out, err := exec.Command(builtBinary(t), "judge", f.out).CombinedOutput()
	code := 0
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	if code != f.code {
		t.Errorf("judged again: exit code %d, want %d\n%s", code, f.code, out)
	}
}

// A folder that takes no more than 64 KiB in a file, as a quota or a full disk would: the verdicts are printed all the same, the
// exit code is 3, and it says that nothing could be kept, and why.
func TestFaultNoRoomForTheHistory(t *testing.T) {
	onlyFaults(t)
	f := runFaulty(t, 3*time.Minute, "", "bash", "-c", `ulimit -f 64; exec "$@"`, "limited")
	f.line(t, "no room in --out", "at the end", f.said("keep history"))
	if f.code != 3 || !strings.Contains(f.stderr, "file too large") || !strings.Contains(f.stdout, "premise") {
		t.Errorf("exit code %d, want 3 with the verdicts and the reason", f.code)
	}
	if torn, _ := filepath.Glob(filepath.Join(f.out, "*", "*.jsonl")); len(torn) > 0 {
		t.Errorf("a torn history is left: %q", torn)
	}
	if left := f.left(t); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// The disk is full under --out, and there is room elsewhere: the history is kept there, whole.
func TestFaultDiskFull(t *testing.T) {
	onlyFaults(t)
	f := runFaulty(t, 3*time.Minute, "", "bash", "-c",
		`for out; do :; done; mkdir -p "$out/connection-leak" && ln -s /dev/full "$out/connection-leak/history.jsonl"; exec "$@"`, "full")
	f.line(t, "the disk under --out is full", "at the end", f.said("no space left"))
	kept := regexp.MustCompile(`it is in (\S+) instead`).FindStringSubmatch(f.stderr)
	if f.code != 3 || kept == nil || !strings.Contains(f.stdout, "premise") {
		t.Fatalf("exit code %d, want 3 with the verdicts and where the history is", f.code)
	}
	out, err := exec.Command(builtBinary(t), "judge", kept[1]).CombinedOutput()
	if fmt.Sprint(err) == "exit status 2" || !bytes.Contains(out, []byte("premise")) {
		t.Errorf("judge what was kept: %v\n%s", err, out)
	}
	if left := f.left(t); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}
