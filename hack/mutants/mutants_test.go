package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMutantsAreCurrent finds the mutants whose code has changed under them, long before somebody runs them.
func TestMutantsAreCurrent(t *testing.T) {
	t.Chdir(filepath.Join("..", ".."))
	names := map[string]bool{}
	for _, m := range allMutants() {
		source, err := os.ReadFile(m.file)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(source), m.old); n != 1 {
			t.Errorf("%s: what it replaces is in %s %d times, not once", m.name, m.file, n)
		}
		if m.old == m.new || names[m.name] {
			t.Errorf("%s changes nothing, or is there twice", m.name)
		}
		names[m.name] = true
		if _, err := weave([]mutant{m}); err != nil {
			t.Error(err)
		}
	}
}
