//go:build unix && !linux

package local

import "syscall"

// childAttributes keep a terminal's Ctrl-C from the children, which are stopped
// in order.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
