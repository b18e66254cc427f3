package rig

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// raise sets the server's file descriptor limit, soft and hard.
func (w Watchman) raise(limit int64) failure {
	want := unix.Rlimit{Cur: uint64(limit), Max: uint64(limit)}
	if err := unix.Prlimit(w.PID, unix.RLIMIT_NOFILE, &want, nil); err != nil {
		return failure{fmt.Sprintf("prlimit --pid %d --nofile=%d:%d: %v (raising the hard limit needs CAP_SYS_RESOURCE)", w.PID, limit, limit, err)}
	}
	return failure{}
}
