package rig

import (
	"context"
	"fmt"
	"io"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"
)

// attach connects to the stdio of a container that has not started yet, so that not a byte is missed.
// The container's stdin ends when this process does, however it ends: every program of a run takes that as its end.
func (d *Docker) attach(ctx context.Context, id, name string) (*Process, error) {
	att, err := d.client.ContainerAttach(ctx, id, client.ContainerAttachOptions{
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
	go func() {
		_, err := stdcopy.StdCopy(outWriter, p.errors, att.Reader)
		att.Close()
		outWriter.CloseWithError(err) // nil reads as EOF
	}()
	return p, nil
}

// stdin is the writing side of an attached container; closing it ends the program's input and leaves its output open.
type stdin struct{ att client.HijackedResponse }

func (s stdin) Write(p []byte) (int, error) { return s.att.Conn.Write(p) }
func (s stdin) Close() error                { return s.att.CloseWrite() }

// watch closes p.done when its container has ended. It must be called before the container starts.
func (d *Docker) watch(ctx context.Context, p *Process) {
	wait := d.client.ContainerWait(ctx, p.id, client.ContainerWaitOptions{Condition: "next-exit"})
	go func() {
		defer close(p.done)
		select {
		case r := <-wait.Result:
			p.exit = int(r.StatusCode)
		case <-wait.Error:
			p.exit = -1
		}
	}()
}
