package rig

import (
	"os/exec"
	"runtime"
	"syscall"
)

// startTied starts a command that the kernel kills when this process dies, and calls ended once it has been reaped.
// The tie is to the thread that forks, so that thread is kept until the command has ended.
func startTied(cmd *exec.Cmd, ended func()) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
			ended()
		}
	}()
	return <-started
}
