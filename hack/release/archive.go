package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const sums = "SHA256SUMS"

// archive puts all files of a folder into a tar file, always in the same way.
func archive(dir, to string) error {
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	w := tar.NewWriter(out)
	err = fs.WalkDir(os.DirFS(dir), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(path)))
		if err != nil {
			return err
		}
		return put(w, file{path: path, mode: 0o644, content: content})
	})
	return errors.Join(err, w.Close(), out.Close())
}

// checksums writes the sums of all files of a folder, as sha256sum does.
func checksums(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	for _, entry := range entries {
		if entry.Name() == sums {
			continue
		}
		content, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&out, "%x  %s\n", sha256.Sum256(content), entry.Name())
	}
	if out.Len() == 0 {
		return fmt.Errorf("there is nothing in %s to be summed up", dir)
	}
	return os.WriteFile(filepath.Join(dir, sums), out.Bytes(), 0o644)
}
