package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The tutorial runs as it is written: its commands, in a shell beside the demo, print what it says they do.
func TestTutorial(t *testing.T) {
	assets := os.Getenv("KUBEBUILDER_ASSETS")
	if assets == "" {
		t.Fatal("KUBEBUILDER_ASSETS is not set: run `make test`, which sets it")
	}
	text, err := os.ReadFile("../../docs/tutorial.md")
	if err != nil {
		t.Fatal(err)
	}
	steps := steps(string(text))
	if len(steps) < 5 {
		t.Fatalf("the tutorial has %d steps", len(steps))
	}
	kubeconfig := startDemo(t)
	var script strings.Builder
	script.WriteString("set -euo pipefail\n")
	for i, s := range steps {
		fmt.Fprintf(&script, "%s\necho; echo %s\n", s.commands, border(i))
	}
	// A person has some minutes; the commands wait no longer than kubectl does.
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	shell := exec.CommandContext(ctx, "bash", "-c", script.String())
	shell.Dir, shell.WaitDelay = "../..", 10*time.Second
	shell.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "PATH="+assets+":"+os.Getenv("PATH"))
	var stderr bytes.Buffer
	shell.Stderr = &stderr
	out, err := shell.Output()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, stderr.String())
	}
	rest := string(out)
	for i, s := range steps {
		var printed string
		printed, rest, _ = strings.Cut(rest, "\n"+border(i)+"\n")
		if !s.prints(printed) {
			t.Errorf("these commands:\n%s\nprinted\n%s\nand not\n%s", s.commands, printed, s.output)
		}
	}
}

// border is printed after a step.
func border(i int) string { return fmt.Sprintf("--- end of step %d", i) }

// step is a block of commands in the tutorial, and what it says they print, or nothing.
type step struct{ commands, output string }

var block = regexp.MustCompile("(?s)\n```(sh|console)\n(.*?\n)```\n")

func steps(text string) (all []step) {
	for _, b := range block.FindAllStringSubmatch(text, -1) {
		if b[1] == "sh" {
			all = append(all, step{commands: b[2]})
		} else {
			all[len(all)-1].output = b[2]
		}
	}
	return all
}

var spaces = regexp.MustCompile(` +`)

// prints compares what was printed with what the tutorial says, in which … stands for anything, and any spaces for any
// others.
func (s step) prints(printed string) bool {
	if s.output == "" {
		return true
	}
	want := regexp.QuoteMeta(spaces.ReplaceAllString(strings.TrimSpace(s.output), " "))
	want = strings.ReplaceAll(want, "…", `(?s:.*)`)
	got := spaces.ReplaceAllString(strings.TrimSpace(printed), " ")
	return regexp.MustCompile(`\A` + want + `\z`).MatchString(got)
}

var kubeconfigLine = regexp.MustCompile(`export KUBECONFIG=(\S+)`)

// startDemo starts the demo, waits until it is up, and returns the path of its kubeconfig.
func startDemo(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "demo")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	runtime.LockOSThread() // with which the demo ends, however this process ends
	demo := exec.Command(binary)
	demo.Dir, demo.Stderr, demo.SysProcAttr = "../..", os.Stderr, childAttributes()
	demo.Env = withoutGrafana(os.Environ())
	out, err := demo.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := demo.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = demo.Process.Signal(syscall.SIGTERM)
		_ = demo.Wait()
	})
	late := time.AfterFunc(5*time.Minute, func() { _ = demo.Process.Signal(syscall.SIGTERM) })
	defer late.Stop()
	lines := bufio.NewScanner(out)
	var told strings.Builder
	for lines.Scan() {
		if found := kubeconfigLine.FindStringSubmatch(lines.Text()); found != nil {
			go func() { // so that it never waits for a reader
				for lines.Scan() {
				}
			}()
			return found[1]
		}
		told.WriteString(lines.Text() + "\n")
	}
	t.Fatalf("the demo did not come up:\n%s", told.String())
	return ""
}

// withoutGrafana takes out what would have the demo use a Grafana that is there already.
func withoutGrafana(environment []string) (rest []string) {
	for _, e := range environment {
		if !strings.HasPrefix(e, "GRAFANA_") {
			rest = append(rest, e)
		}
	}
	return rest
}
