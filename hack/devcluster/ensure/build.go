package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// build compiles the control plane to output.
func build(output string) error {
	progress("building etcd, kube-apiserver, kube-controller-manager and kubectl from source, once;")
	progress("this takes some minutes")
	start := time.Now()
	flags, err := sources(filepath.Join(filepath.Dir(filepath.Dir(output)), "devcluster-sources"))
	if err != nil {
		return err
	}
	packages, err := list(flags)
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
	args := slices.Concat([]string{"build", "-v", "-buildvcs=false"}, flags, []string{
		"-ldflags=-s -w -X k8s.io/component-base/version.gitVersion=" + strings.TrimSpace(version), "-o", output, ".",
	})
	if _, err := run(compiling.begin, "go", args...); err != nil {
		return err
	}
	progress("built in %s", time.Since(start).Round(time.Second))
	return nil
}

// list returns the packages that the control plane consists of, with the number
// of those that each needs, and downloads the modules that hold them.
func list(flags []string) (string, error) {
	downloads, shown := 0, time.Now()
	downloading := func(line string) bool {
		if !strings.HasPrefix(line, "go: downloading ") {
			return false
		}
		downloads++
		if time.Since(shown) >= pause {
			progress("downloaded %d modules so far", downloads)
			shown = time.Now()
		}
		return true
	}
	args := slices.Concat([]string{"list", "-deps", "-f", "{{.ImportPath}} {{len .Deps}}"}, flags, []string{"."})
	return run(downloading, "go", args...)
}

// run returns what the command printed on stdout. The go command tells of each
// module and package on a line of stderr: progress is given these lines, and
// says which are of that kind. An error carries the others.
func run(progress func(line string) bool, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	// A compiler lives for seconds, and collecting its garbage takes a quarter of them.
	cmd.Env = append(os.Environ(), "GOGC=off", "GOMEMLIMIT=1500MiB")
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	var said []string
	for scanner := bufio.NewScanner(stderr); scanner.Scan(); {
		if progress == nil || !progress(scanner.Text()) {
			said = append(said, scanner.Text())
		}
	}
	if err := cmd.Wait(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, args[0], err, strings.Join(said, "\n"))
	}
	return stdout.String(), nil
}
