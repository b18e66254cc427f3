package images

import (
	"os/exec"
	"syscall"
)

// dieWithUs has the kernel end cmd when this process is killed: a download must not outlive its run.
func dieWithUs(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
