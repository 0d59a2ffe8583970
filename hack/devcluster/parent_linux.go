package main

import (
	"os"
	"path/filepath"
	"syscall"
)

// A server ends with the process that started it, so that a test that is killed
// leaves none behind. The kernel keeps this wish by thread, and forgets it with
// the thread: init runs on the main one, which lives to the end.
func init() {
	if filepath.Base(os.Args[0]) != "kubectl" {
		syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL), 0)
	}
}
