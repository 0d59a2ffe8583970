package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// build compiles the control plane to output.
func build(output string) error {
	progress("building etcd, kube-apiserver, kube-controller-manager and kubectl from source, once; it takes some minutes")
	start := time.Now()
	packages, err := list()
	if err != nil {
		return err
	}
	compiling, err := newMeter(packages)
	if err != nil {
		return err
	}
	version, err := run(nil, "go", "list", "-m", "-f", "{{.Version}}", "k8s.io/kubernetes")
	if err != nil {
		return err
	}
	_, err = run(compiling.begin, "go", "build", "-v", "-buildvcs=false",
		"-ldflags=-s -w -X k8s.io/component-base/version.gitVersion="+strings.TrimSpace(version),
		"-o", output, ".")
	if err != nil {
		return err
	}
	progress("built in %s", time.Since(start).Round(time.Second))
	return nil
}

// list returns the packages that the control plane consists of, with the number
// of those that each needs, and downloads the modules that hold them.
func list() (string, error) {
	downloads, shown := 0, time.Now()
	downloading := func(string) {
		downloads++
		if time.Since(shown) >= pause {
			progress("downloaded %d modules so far", downloads)
			shown = time.Now()
		}
	}
	return run(downloading, "go", "list", "-deps", "-f", "{{.ImportPath}} {{len .Deps}}", ".")
}

// run returns what the command printed on stdout. The go command tells of each
// module and package on a line of stderr, which each is called with. An error
// carries the last of those lines.
func run(each func(line string), name string, args ...string) (string, error) {
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
	var last []string
	for scanner := bufio.NewScanner(stderr); scanner.Scan(); {
		last = append(last, scanner.Text())
		last = last[max(0, len(last)-30):]
		if each != nil {
			each(scanner.Text())
		}
	}
	if err := cmd.Wait(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, args[0], err, strings.Join(last, "\n"))
	}
	return stdout.String(), nil
}
