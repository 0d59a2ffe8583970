// Command mutants puts known bugs of other tools, and breaches of our own rules, into the code, one at a time, and
// expects the crash matrix to fail, or, where that cannot see them, a test on a kube-apiserver. A mutant that lives
// shows a hole in the tests. The working tree is not touched: the compiler is given the changed file as an overlay.
package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

func main() {
	run := flag.String("run", "", "only mutants whose name matches this regular expression")
	jobs := flag.Int("jobs", 4, "how many are tried at once: many tests on a kube-apiserver mostly wait")
	flag.Parse()
	if err := all(regexp.MustCompile(*run), max(*jobs, 1)); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func allMutants() []mutant {
	return slices.Concat(
		mutants, ownershipMutants, tokenMutants, dashboardMutants, dataSourceMutants, membershipMutants, userMutants,
		teamMutants, listMutants, planMutants, intentMutants, sessionMutants, shardMutants, vanishedMutants,
		setMutants,
		schema2Mutants, writerMutants, panelMutants,
	)
}

func all(only *regexp.Regexp, jobs int) error {
	chosen := slices.DeleteFunc(
		allMutants(),
		func(m mutant) bool { return !only.MatchString(m.name) },
	)
	if len(chosen) == 0 {
		return fmt.Errorf("no mutant's name matches %q", only)
	}
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	w, err := build(dir, chosen)
	if err != nil {
		return err
	}
	if err := w.prepare(); err != nil {
		return err
	}
	lived, unknown := w.tryAll(jobs)
	fmt.Printf("mutants: %d tried, %d alive, %d unknown\n", len(chosen), len(lived), len(unknown))
	if len(lived) > 0 {
		unknown = append(unknown, fmt.Errorf("alive: %s", strings.Join(lived, ", ")))
	}
	return errors.Join(unknown...)
}

// woven are the test binaries with all mutants in them.
type woven struct {
	binaries map[string]string // by package
	mutants  []mutant
}

// overlay writes what tells the compiler to take the mutants in, and returns its path.
func overlay(dir string, chosen []mutant) (string, error) {
	changed, err := weave(chosen)
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	for name, text := range changed {
		path, err := filepath.Abs(name)
		if err != nil {
			return "", err
		}
		replace[path] = filepath.Join(dir, strings.ReplaceAll(name, "/", "_"))
		if err := os.WriteFile(replace[path], text, 0o600); err != nil {
			return "", err
		}
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, text, 0o600)
}

func build(dir string, chosen []mutant) (*woven, error) {
	mutated, err := overlay(dir, chosen)
	if err != nil {
		return nil, err
	}
	w := &woven{binaries: map[string]string{}, mutants: chosen}
	for _, m := range chosen {
		in := m.testsIn()
		if w.binaries[in] != "" {
			continue
		}
		w.binaries[in] = filepath.Join(dir, strings.ReplaceAll(in, "/", "_")+".test")
		args := []string{"test", "-c", "-gcflags=-e", "-overlay", mutated, "-o", w.binaries[in], "./" + in}
		if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("a mutant does not compile, which proves nothing:\n%s", out)
		}
	}
	return w, nil
}

// prepare finds the control plane for those mutants that only tests on a kube-apiserver find, and sees these pass
// without a mutant: a test that fails anyway proves nothing.
func (w *woven) prepare() error {
	tests := map[string][]string{}
	for _, m := range w.mutants {
		if m.test != "" {
			tests[m.testsIn()] = append(tests[m.testsIn()], m.test)
		}
	}
	if len(tests) == 0 {
		return nil
	}
	ensure := exec.Command("hack/devcluster/ensure.sh")
	ensure.Stderr = os.Stderr
	assets, err := ensure.Output()
	if err != nil {
		return fmt.Errorf("building the control plane: %w", err)
	}
	if err := os.Setenv("KUBEBUILDER_ASSETS", strings.TrimSpace(string(assets))); err != nil {
		return err
	}
	for in, names := range tests {
		slices.Sort(names)
		failed, err := w.try("", mutant{test: strings.Join(slices.Compact(names), "|"), tests: in})
		if err != nil {
			return err
		}
		if failed != "" {
			return fmt.Errorf("%s fails without any mutant", failed)
		}
	}
	return nil
}

// tryAll tries so many mutants at once, and tells what became of each. It returns the names of those that live, and of
// those that no verdict is known of why.
func (w *woven) tryAll(jobs int) (lived []string, unknown []error) {
	var mu sync.Mutex
	var group sync.WaitGroup
	slots := make(chan struct{}, jobs)
	for i, m := range w.mutants {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			start := time.Now()
			killer, err := w.try(strconv.Itoa(i), m)
			mu.Lock()
			defer mu.Unlock()
			verdict := "killed by " + killer
			switch {
			case err != nil:
				verdict = "UNKNOWN"
				unknown = append(unknown, fmt.Errorf("%s: %w", m.name, err))
			case killer == "":
				verdict = "LIVES"
				lived = append(lived, m.name)
			}
			fmt.Printf("%-64s %s (%.0f s)\n", m.name, verdict, time.Since(start).Seconds())
		})
	}
	group.Wait()
	return lived, unknown
}

// try runs the tests over a mutant and names the one that fails; none if all pass.
func (w *woven) try(number string, m mutant) (killer string, err error) {
	run := "^(" + cmp.Or(m.test, "TestCrashMatrix") + ")$"
	test := exec.Command(w.binaries[m.testsIn()], "-test.run", run, "-test.timeout", "10m")
	test.Dir = m.testsIn()
	test.Env = append(
		os.Environ(),
		chosenBy+"="+number,
		"CRASH=all",
		"CRASH_STOP=1",
		"CRASH_VERSION=12.4.0",
		"CRASH_SCENARIO="+m.scenarios,
	)
	out, err := test.CombinedOutput()
	if err == nil {
		return "", nil
	}
	if failed := failures.FindAllSubmatch(out, -1); failed != nil {
		return string(failed[len(failed)-1][1]), nil
	}
	return "", fmt.Errorf("it ended without a failed test:\n%s", tail(out))
}

// failures are told outermost first: the last line names the test itself.
var failures = regexp.MustCompile(`--- FAIL: (\S+)`)

func tail(out []byte) []byte {
	lines := bytes.Split(out, []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-20):], []byte("\n"))
}
