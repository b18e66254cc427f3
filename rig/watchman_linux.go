package rig

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// raise sets the server's file descriptor limit. The hard limit rises with it and is never lowered: without
// CAP_SYS_RESOURCE nobody could undo that.
func (w Watchman) raise(limit int64) failure {
	var now unix.Rlimit
	err := w.prlimit(nil, &now)
	if err == nil {
		err = w.prlimit(&unix.Rlimit{Cur: uint64(limit), Max: max(now.Max, uint64(limit))}, nil)
	}
	if err != nil {
		return failure{fmt.Sprintf("prlimit --pid %d --nofile=%d:%d: %v (raising the hard limit needs CAP_SYS_RESOURCE)", w.PID, limit, max(now.Max, uint64(limit)), err)}
	}
	return failure{}
}

// lower sets the server's soft file descriptor limit and leaves the hard one, so that it can be undone.
func (w Watchman) lower(limit int64) failure {
	var now unix.Rlimit
	err := w.prlimit(nil, &now)
	if err == nil && uint64(limit) >= now.Cur {
		return failure{fmt.Sprintf("the file descriptor limit is %d: %d is no lower", now.Cur, limit)}
	}
	if err == nil {
		err = w.prlimit(&unix.Rlimit{Cur: uint64(limit), Max: now.Max}, nil)
	}
	if err != nil {
		return failure{fmt.Sprintf("prlimit --pid %d --nofile=%d: %v", w.PID, limit, err)}
	}
	return failure{}
}

// prlimit reads or sets the server's file descriptor limit. A server may run as another user than we do, and then the
// kernel wants CAP_SYS_RESOURCE, or a caller who is that user: so it is tried once more as that user.
func (w Watchman) prlimit(set, got *unix.Rlimit) error {
	err := unix.Prlimit(w.PID, unix.RLIMIT_NOFILE, set, got)
	if !errors.Is(err, unix.EPERM) {
		return err
	}
	info, statErr := os.Stat(fmt.Sprintf("/proc/%d", w.PID))
	if statErr != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(owner.Uid) == os.Getuid() {
		return err
	}
	done := make(chan error)
	go func() {
		// Never unlocked: the thread, whose user changed, ends with its goroutine. Go's own Setresuid changes all threads.
		runtime.LockOSThread()
		done <- asUser(owner.Uid, owner.Gid, func() error {
			return unix.Prlimit(w.PID, unix.RLIMIT_NOFILE, set, got)
		})
	}()
	return <-done
}

// asUser makes the calling thread run as a user and does something.
func asUser(uid, gid uint32, do func() error) error {
	if _, _, e := unix.RawSyscall(unix.SYS_SETRESGID, uintptr(gid), uintptr(gid), uintptr(gid)); e != 0 {
		return fmt.Errorf("become group %d: %w", gid, e)
	}
	if _, _, e := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)); e != 0 {
		return fmt.Errorf("become user %d: %w", uid, e)
	}
	return do()
}
