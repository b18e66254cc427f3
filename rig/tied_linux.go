package rig

import (
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// startTied starts a command in a process group of its own, which the kernel kills when this process dies, and calls
// ended once it has been reaped. What it left behind in its group is killed, as in a container whose first process ends.
// The tie is to the thread that forks, so that thread is kept until the command has ended.
func startTied(cmd *exec.Cmd, ended func(exit int)) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		pid := cmd.Process.Pid
		// Not reaped yet, it keeps its number: nobody else's group can have it.
		for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
		}
		_ = unix.Kill(-pid, unix.SIGKILL)
		_ = cmd.Wait()
		ended(exitCode(cmd))
	}()
	return <-started
}

// exitCode is a command's exit code as a shell and Docker tell it: 137 for one that was killed.
func exitCode(cmd *exec.Cmd) int {
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return cmd.ProcessState.ExitCode()
}
