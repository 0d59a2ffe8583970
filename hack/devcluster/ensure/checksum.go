package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
)

// checksum covers what the binaries are made from: the module files, the
// sources (these too, as they hold the build's flags) and the Go that builds.
func checksum() (string, error) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		return "", err
	}
	more, err := filepath.Glob("ensure/*.go")
	if err != nil {
		return "", err
	}
	files = slices.Concat([]string{"go.mod", "go.sum"}, files, more)
	hash := sha256.New()
	hash.Write(fmt.Appendln(nil, runtime.Version(), runtime.GOOS, runtime.GOARCH))
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		hash.Write(fmt.Appendln(nil, name, len(content)))
		hash.Write(content)
	}
	return fmt.Sprintf("%x", hash.Sum(nil)[:8]), nil
}
