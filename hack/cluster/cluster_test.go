package main

import (
	"bufio"
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

var exportLine = regexp.MustCompile(`^ *(export \w+=\S+)$`)

// What it prints leads to a control plane that takes the CRDs, and an interrupt leaves nothing of it.
func TestCluster(t *testing.T) {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		t.Fatal("KUBEBUILDER_ASSETS is not set: run `make test`, which sets it")
	}
	binary, temp := filepath.Join(t.TempDir(), "cluster"), t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	runtime.LockOSThread() // with which it ends, however this process ends
	cluster := exec.Command(binary)
	cluster.Env, cluster.Stderr = append(os.Environ(), "TMPDIR="+temp), os.Stderr
	out, err := cluster.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cluster.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(3*time.Minute, func() { _ = cluster.Process.Kill() })
	defer late.Stop()
	script := []string{"set -euo pipefail"}
	lines := bufio.NewScanner(out)
	for len(script) < 3 && lines.Scan() {
		if found := exportLine.FindStringSubmatch(lines.Text()); found != nil {
			script = append(script, found[1])
		}
	}
	script = append(script, "kubectl apply --server-side -k config/crd", "kubectl create namespace grafana",
		"kubectl wait crd/organizations.grafana-tenancy.dev --for=condition=Established", "kubectl get gorg -A")
	shell := exec.CommandContext(t.Context(), "bash", "-c", strings.Join(script, "\n"))
	shell.Dir = "../.."
	if said, err := shell.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, said)
	}
	if err := cluster.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	for lines.Scan() { // until its end
	}
	if err := cluster.Wait(); err != nil {
		t.Errorf("it ends with %v", err)
	}
	left, err := os.ReadDir(temp)
	if err != nil || len(left) > 0 {
		t.Errorf("it leaves %v, %v", left, err)
	}
}
