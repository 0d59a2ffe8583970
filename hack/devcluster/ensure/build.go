package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"
)

// build compiles the control plane to output.
func build(output string) error {
	progress("building etcd, kube-apiserver, kube-controller-manager and kubectl from source, once;")
	progress("this takes about five minutes on two cores")
	start := time.Now()
	packages, err := run("downloading modules, %d so far", "go", "list", "-deps", ".")
	if err != nil {
		return err
	}
	version, err := run("", "go", "list", "-m", "-f", "{{.Version}}", "k8s.io/kubernetes")
	if err != nil {
		return err
	}
	total := strings.Count(packages, "\n")
	_, err = run(fmt.Sprintf("compiling, %%d of %d packages so far", total), "go", "build", "-v",
		"-trimpath", "-buildvcs=false",
		"-gcflags=all=-dwarf=false", // a sixth less time and space
		"-ldflags=-s -w -X k8s.io/component-base/version.gitVersion="+strings.TrimSpace(version),
		"-o", output, ".")
	if err != nil {
		return err
	}
	progress("built in %s", time.Since(start).Round(time.Second))
	return nil
}

// run returns what the command printed on stdout. The go command tells of each
// module and package on a line of stderr; their number is shown, by the format
// given, every ten seconds. An error carries the last of those lines.
func run(format, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	last := count(stderr, format)
	if err := cmd.Wait(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, args[0], err, strings.Join(last, "\n"))
	}
	return stdout.String(), nil
}

// count reads lines to the end, shows their number every ten seconds, and
// returns the last of them.
func count(lines io.Reader, format string) (last []string) {
	shown := time.Now()
	scanner := bufio.NewScanner(lines)
	for n := 1; scanner.Scan(); n++ {
		last = append(last, scanner.Text())
		last = last[max(0, len(last)-30):]
		if time.Since(shown) >= 10*time.Second && format != "" {
			progress(format, n)
			shown = time.Now()
		}
	}
	return last
}
