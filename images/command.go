package images

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// program prepares one of the system's tools, to be ended with ctx or with this process.
func program(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	cmd.WaitDelay = 2 * time.Second // apt's helpers hold its output open a moment longer than apt lives
	dieWithUs(cmd)
	return cmd
}

// command runs a program and returns what it printed. Its error has the program's own last words.
func command(ctx context.Context, env []string, name string, args ...string) (string, error) {
	var out, errs strings.Builder
	cmd := program(ctx, name, args...)
	cmd.Env = append(cmd.Environ(), env...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, args[0], err, lastWords(errs.String()))
	}
	return out.String(), nil
}

// lastWords picks the first error out of a program's output, or else its last line.
func lastWords(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for _, line := range lines {
		if rest, ok := strings.CutPrefix(line, "E: "); ok {
			return strings.TrimSpace(rest)
		}
	}
	return strings.TrimSpace(lines[len(lines)-1])
}

// piped runs a program and gives what it prints to use. It returns when both have ended.
func piped(ctx context.Context, args []string, use func(io.Reader) error) error {
	var errs strings.Builder
	cmd := program(ctx, args[0], args[1:]...)
	cmd.Stderr = &errs
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	used := use(pipe)
	pipe.Close() // a writer whose reader gave up must not wait for ever
	if err := cmd.Wait(); err != nil && used == nil {
		return fmt.Errorf("%s: %w: %s", args[0], err, lastWords(errs.String()))
	}
	return used
}
