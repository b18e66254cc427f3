package rig

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// ExecLimited replaces this process by a program whose file descriptor limit is nofile, soft and hard, as Docker's
// --ulimit does for a container.
func ExecLimited(nofile int, argv []string) error {
	limit := unix.Rlimit{Cur: uint64(nofile), Max: uint64(nofile)}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("set file descriptor limit to %d: %w (see `ulimit -Hn`)", nofile, err)
	}
	return unix.Exec(argv[0], argv, os.Environ())
}
