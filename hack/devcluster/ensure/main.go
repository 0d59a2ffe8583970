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
	return dir, install(dir, filepath.Join(cache, "devcluster.building"))
}

// install makes dir in one step, by a rename, so that it is complete whenever
// it is there. The caller holds the lock; a build that was killed has left its
// scratch directory to the next one.
func install(dir, scratch string) error {
	if err := os.RemoveAll(scratch); err != nil {
		return err
	}
	if err := os.Mkdir(scratch, 0o755); err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
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
func lock(path string) (unlock func() error, err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	fd := int(file.Fd())
	if syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB) == nil {
		return file.Close, nil
	}
	progress("another build is under way; waiting for it")
	for {
		err := syscall.Flock(fd, syscall.LOCK_EX)
		if err == nil {
			return file.Close, nil
		}
		if err != syscall.EINTR {
			file.Close()
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
