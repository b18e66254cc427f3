//go:build e2e

package harness

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"spillway/outage"
)

// A person is shown one command, which opens a redis-cli although Redis is full, and is measured by what comes of it.
func TestAPersonResponds(t *testing.T) {
	t.Parallel()
	s := smallLeak(t)
	s.Responder = "human"
	s.Redis.Nofile = 1024
	typed := make(chan error, 1)
	say := func(text string) {
		go func() { typed <- typeInto(text, "CONFIG SET maxclients 900") }()
	}
	h, result := play(t, Runner{Say: say, Patience: 20 * time.Second}, s)
	select {
	case err := <-typed:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("nobody was shown a command, or it did not end")
	}
	passes(t, result)
	if n := count(h, func(e outage.Event) bool {
		return e.Command != nil && strings.Join(e.Command.Args, " ") == "CONFIG SET maxclients 900"
	}); n != 1 {
		t.Errorf("what the person typed is on record %d times", n)
	}
}

// typeInto runs the docker exec line of a text, without its terminal, and types into it.
func typeInto(text, command string) error {
	for line := range strings.Lines(text) {
		args := strings.Fields(strings.Replace(line, "-it", "-i", 1))
		if len(args) < 2 || args[0] != "docker" {
			continue
		}
		cli := exec.Command(args[0], args[1:]...)
		cli.Stdin = strings.NewReader(command + "\n")
		return cli.Run()
	}
	return exec.ErrNotFound
}
