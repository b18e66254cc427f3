package rig

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// errEnded is what writing to a worker that has ended meets.
var errEnded = errors.New("the worker has ended")

// host runs an instance's worker inside this process, over pipes in place of stdio.
func (p *Processes) host(ctx context.Context, name string) (*Process, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	in, write := io.Pipe()
	read, out := io.Pipe()
	life, end := context.WithCancel(context.WithoutCancel(ctx)) // it outlives whoever starts it
	hosted := &Process{Name: name, In: hostedIn{write, in}, Out: read, errors: &tail{}, done: make(chan struct{})}
	hosted.end = func(ctx context.Context) error {
		_ = write.Close()
		end()
		polite, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if _, err := hosted.Wait(polite); err == nil {
			return nil
		}
		_ = read.Close() // it may wait for somebody to read
		if _, err := hosted.Wait(ctx); err != nil {
			return fmt.Errorf("end %s: %w", name, err)
		}
		return nil
	}
	p.mu.Lock()
	p.children = append(p.children, hosted)
	p.mu.Unlock()
	p.group.Go(func() {
		defer end()
		if err := p.Worker(life, in, out); err != nil {
			_, _ = fmt.Fprintln(hosted.errors, err)
			hosted.exit = 1
		}
		// In this order: who reads to the end may then ask for the exit code and finds it.
		_ = in.CloseWithError(errEnded)
		close(hosted.done)
		_ = out.Close()
	})
	return hosted, nil
}

// hostedIn is the writing side of a hosted worker's input. As with a child's, one that leaves it unread is taken for hung.
type hostedIn struct {
	*io.PipeWriter
	reader *io.PipeReader
}

func (h hostedIn) Write(b []byte) (int, error) {
	hung := time.AfterFunc(writeLimit, func() { _ = h.reader.CloseWithError(os.ErrDeadlineExceeded) })
	defer hung.Stop()
	return h.PipeWriter.Write(b)
}
