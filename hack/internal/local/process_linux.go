package local

import "syscall"

// childAttributes keep a terminal's Ctrl-C from the children, which are stopped
// in order, and end them with this process however it ends.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
