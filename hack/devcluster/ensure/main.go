// Command ensure prints the directory of the control plane's binaries, and
// builds them first where they are missing. It is run in the directory of the
// devcluster module, by ensure.sh.
//
// Go's build cache drops what nobody used for a few days, and the build takes
// minutes, so the result is kept beside it, in the user's cache directory,
// under a name that changes with everything it is made from.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

var commands = []string{"etcd", "kube-apiserver", "kube-controller-manager", "kubectl"}

func main() {
	dir, err := ensure()
	if err != nil {
		fmt.Fprintln(os.Stderr, "devcluster:", err)
		os.Exit(1)
	}
	fmt.Println(dir)
}

// ensure returns the directory that holds the commands.
func ensure() (string, error) {
	userCache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding the user's cache directory: %w", err)
	}
	sum, err := checksum()
	if err != nil {
		return "", fmt.Errorf("taking the checksum of the sources: %w", err)
	}
	cache := filepath.Join(userCache, "grafana-tenancy-operator")
	dir := filepath.Join(cache, "devcluster-"+sum)
	if exists(dir) {
		return dir, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(cache, "devcluster.lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	if exists(dir) { // whoever held the lock has built it
		return dir, nil
	}
	return dir, install(dir)
}

// install makes dir in one step, by a rename, so that it is complete whenever
// it is there. The caller holds the lock, so what other scratch directories
// there are was left by builds that were killed.
func install(dir string) error {
	const pattern = "building-*"
	left, err := filepath.Glob(filepath.Join(filepath.Dir(dir), pattern))
	if err != nil {
		return err
	}
	for _, scratch := range left {
		if err := os.RemoveAll(scratch); err != nil {
			return err
		}
	}
	scratch, err := os.MkdirTemp(filepath.Dir(dir), pattern)
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	if err := os.Chmod(scratch, 0o755); err != nil {
		return err
	}
	if err := build(filepath.Join(scratch, "devcluster")); err != nil {
		return err
	}
	for _, name := range commands {
		if err := os.Symlink("devcluster", filepath.Join(scratch, name)); err != nil {
			return err
		}
	}
	return os.Rename(scratch, dir)
}

// lock waits for the exclusive lock on path. The kernel releases it when the
// process ends, however that happens.
func lock(path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	fd := int(file.Fd())
	unlock = func() { _ = file.Close() }
	if syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB) == nil {
		return unlock, nil
	}
	progress("another build is under way; waiting for it")
	for {
		err := syscall.Flock(fd, syscall.LOCK_EX)
		if err == nil {
			return unlock, nil
		}
		if err != syscall.EINTR {
			unlock()
			return nil, fmt.Errorf("locking %s: %w", path, err)
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "devcluster: "+format+"\n", args...)
}
