package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// checksum covers what the binaries are made from: the module files, the
// sources (those of this program and ensure.sh too, as they hold the build's
// flags) and the Go that builds.
func checksum() (string, error) {
	files := []string{"go.mod", "go.sum", "ensure.sh"}
	for _, pattern := range []string{"*.go", "ensure/*.go", "overlay/*.go"} {
		sources, err := filepath.Glob(pattern)
		if err != nil {
			return "", err
		}
		files = append(files, sources...)
	}
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
