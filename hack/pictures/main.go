// Pictures draws the pictures of the documentation into docs/pictures.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := draw("docs/pictures", kinds(), tokenLife(), ownership()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// draw writes the pictures, unless one of them has something that cannot be read.
func draw(dir string, pictures ...*picture) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, p := range pictures {
		for _, fault := range p.faults {
			return errors.New(fault)
		}
		if err := os.WriteFile(filepath.Join(dir, p.name+".svg"), []byte(p.String()), 0o644); err != nil {
			return err
		}
	}
	return nil
}
