// Command mutants puts known bugs of other tools, and breaches of our own rules, into the code, one at a time, and expects the crash matrix to fail. A mutant that lives shows a hole in
// the tests. The working tree is not touched: the compiler is given the changed file as an overlay.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

func main() {
	run := flag.String("run", "", "only mutants whose name matches this regular expression")
	flag.Parse()
	if err := all(regexp.MustCompile(*run)); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func all(only *regexp.Regexp) error {
	var lived []string
	tried := 0
	for _, m := range mutants {
		if !only.MatchString(m.name) {
			continue
		}
		tried++
		start := time.Now()
		killer, err := m.try()
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		verdict := "killed by " + killer
		if killer == "" {
			verdict = "LIVES"
			lived = append(lived, m.name)
		}
		fmt.Printf("%-48s %s (%.0f s)\n", m.name, verdict, time.Since(start).Seconds())
	}
	fmt.Printf("mutants: %d tried, %d killed, %d alive\n", tried, tried-len(lived), len(lived))
	if len(lived) > 0 {
		return fmt.Errorf("alive: %s", strings.Join(lived, ", "))
	}
	if tried == 0 {
		return fmt.Errorf("no mutant's name matches %q", only)
	}
	return nil
}

// try runs the matrix over the mutant and names the test that fails; none if all pass.
func (m mutant) try() (killer string, err error) {
	dir, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	overlay, err := m.overlay(dir)
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "controllers.test")
	build := exec.Command("go", "test", "-c", "-overlay", overlay, "-o", binary, "./controllers")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("it does not compile, which proves nothing:\n%s", out)
	}
	test := exec.Command(binary, "-test.run", "^TestCrashMatrix$", "-test.timeout", "10m")
	test.Dir = "controllers"
	test.Env = append(os.Environ(), "CRASH=all", "CRASH_STOP=1", "CRASH_VERSION=12.4.0", "CRASH_SCENARIO="+m.scenarios)
	out, err := test.CombinedOutput()
	if err == nil {
		return "", nil
	}
	if failed := failure.FindSubmatch(out); failed != nil {
		return string(failed[1]), nil
	}
	return "", fmt.Errorf("it ended without a failed scenario:\n%s", tail(out))
}

var failure = regexp.MustCompile(`--- FAIL: TestCrashMatrix/[^/]+/(\S+)`)

func tail(out []byte) []byte {
	lines := bytes.Split(out, []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-20):], []byte("\n"))
}

// overlay writes the changed file, and the list that tells the compiler to take it.
func (m mutant) overlay(dir string) (string, error) {
	path, err := filepath.Abs(m.file)
	if err != nil {
		return "", err
	}
	source, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(source), m.old); n != 1 {
		return "", fmt.Errorf("what it replaces is in %s %d times, not once: bring the mutant up to date", m.file, n)
	}
	changed := filepath.Join(dir, filepath.Base(path))
	if err := os.WriteFile(changed, []byte(strings.Replace(string(source), m.old, m.new, 1)), 0o600); err != nil {
		return "", err
	}
	text, err := json.Marshal(map[string]any{"Replace": map[string]string{path: changed}})
	if err != nil {
		return "", err
	}
	list := filepath.Join(dir, "overlay.json")
	return list, os.WriteFile(list, text, 0o600)
}
