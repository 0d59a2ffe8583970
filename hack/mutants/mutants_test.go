package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
		for test := range strings.SplitSeq(strings.TrimSuffix(m.test, "$"), "|") {
			if test != "" && !declared(t, m.testsIn(), test) {
				t.Errorf("%s: no test %s in %s", m.name, test, m.testsIn())
			}
		}
		names[m.name] = true
		if _, err := weave([]mutant{m}); err != nil {
			t.Error(err)
		}
	}
}

// TestMutantsCompile finds those that the compiler would refuse, as for a variable that they leave unused.
func TestMutantsCompile(t *testing.T) {
	t.Chdir(filepath.Join("..", ".."))
	mutated, err := overlay(t.TempDir(), allMutants())
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"build", "-gcflags=-e", "-overlay", mutated}
	for _, m := range allMutants() {
		if in := "./" + filepath.Dir(m.file); !slices.Contains(args, in) {
			args = append(args, in)
		}
	}
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
}

// declared reports whether the tests of a package have one of that name.
func declared(t *testing.T, in, test string) bool {
	files, err := filepath.Glob(filepath.Join(in, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "func "+test+"(t *testing.T)") {
			return true
		}
	}
	return false
}
