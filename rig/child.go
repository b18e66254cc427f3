package rig

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// leaseEnv marks every process of a run and what they start in turn, as labels do containers: HOME/RUN.
const leaseEnv = "SPILLWAY_LEASE"

// lastOutput is how long a child's output may still be read once it has ended.
const lastOutput = 5 * time.Second

// spawn starts a child that dies with this process, and follows its end.
func (p *Processes) spawn(ctx context.Context, name string, argv []string, env ...string) (*Process, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	in, childIn, err := stdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	defer in.Close()
	out, childOut, err := os.Pipe() // not StdoutPipe: Wait would close it before the last line was read
	if err != nil {
		_ = childIn.Close()
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	defer childOut.Close()
	child := &Process{Name: name, In: childIn, Out: out, errors: &tail{}, done: make(chan struct{})}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(append(os.Environ(), env...), leaseEnv+"="+p.mark)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, childOut, child.errors
	cmd.WaitDelay = time.Second // for stderr, which a process that it left behind may hold open
	err = startTied(cmd, func(exit int) {
		// The same for stdout: whoever reads it must come to an end.
		_ = out.SetReadDeadline(time.Now().Add(lastOutput))
		child.exit = exit
		close(child.done)
	})
	if err != nil {
		_, _ = childIn.Close(), out.Close()
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	child.id = strconv.Itoa(cmd.Process.Pid)
	child.end = func(ctx context.Context) error { return endChild(ctx, cmd, child) }
	p.mu.Lock()
	p.children = append(p.children, child)
	p.mu.Unlock()
	return child, nil
}

// stdinPipe returns the two ends of a pipe to a child.
func stdinPipe() (in *os.File, write childIn, err error) {
	in, w, err := os.Pipe()
	return in, childIn{w}, err
}

// endChild asks a child to end, and kills it when it does not within a second.
func endChild(ctx context.Context, cmd *exec.Cmd, child *Process) error {
	_ = child.In.Close()
	_ = cmd.Process.Signal(syscall.SIGTERM) // an error means that it has ended
	polite, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if _, err := child.Wait(polite); err == nil {
		return nil
	}
	_ = cmd.Process.Kill()
	if _, err := child.Wait(ctx); err != nil {
		return fmt.Errorf("end %s: %w", child.Name, err)
	}
	return nil
}
