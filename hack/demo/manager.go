package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// startManager runs the manager, which it builds if there is no binary yet, and waits until it is ready.
func startManager(
	ctx context.Context, fail context.CancelCauseFunc, cluster *cluster, binary string,
) (*process, error) {
	if binary == "" {
		binary = "bin/manager"
		say("building the manager")
		if err := runToEnd(ctx, exec.CommandContext(ctx, "go", "build", "-o", binary, ".")); err != nil {
			return nil, err
		}
	}
	if err := tellVersion(ctx, binary); err != nil {
		return nil, err
	}
	kubeconfig, err := admit(ctx, cluster)
	if err != nil {
		return nil, err
	}
	probes, err := freeAddress()
	if err != nil {
		return nil, err
	}
	manager, err := start(fail, cluster.dir, binary,
		"--kubeconfig", kubeconfig,
		"--leader-elect=false",
		"--metrics-bind-address=0",
		"--health-probe-bind-address="+probes,
		"--zap-encoder=console", "--zap-stacktrace-level=panic",
	)
	if err != nil {
		return nil, err
	}
	if err := waitServing(ctx, "http://"+probes+"/readyz", time.Minute); err != nil {
		manager.stop()
		return nil, fmt.Errorf("waiting for the manager: %w\nIts last words:\n%s", err, manager.tail())
	}
	return manager, nil
}

// tellVersion has the binary say what it is.
func tellVersion(ctx context.Context, binary string) error {
	var version bytes.Buffer
	cmd := exec.CommandContext(ctx, binary, "--version")
	cmd.Stdout = &version
	if err := runToEnd(ctx, cmd); err != nil {
		return err
	}
	say("starting %s: %s", binary, bytes.TrimSpace(version.Bytes()))
	return nil
}

// admit gives the manager an identity that may do what its role says and no
// more, so that a permission that is missing there shows here.
func admit(ctx context.Context, cluster *cluster) (kubeconfig string, err error) {
	const user = "manager"
	if err := cluster.kubectl(ctx, io.Discard, "apply", "-f", "config/rbac/role.yaml"); err != nil {
		return "", err
	}
	if err := cluster.kubectl(
		ctx,
		io.Discard,
		"create",
		"clusterrolebinding",
		user,
		"--clusterrole=manager-role",
		"--user="+user,
	); err != nil {
		return "", err
	}
	manager, err := cluster.env.AddUser(envtest.User{Name: user}, nil)
	if err != nil {
		return "", err
	}
	content, err := manager.KubeConfig()
	if err != nil {
		return "", err
	}
	kubeconfig = filepath.Join(cluster.dir, "manager.kubeconfig")
	return kubeconfig, os.WriteFile(kubeconfig, content, 0o600)
}

// freeAddress is one on loopback that nothing listens on.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// waitServing waits until the url answers 200.
func waitServing(ctx context.Context, url string, timeout time.Duration) error {
	var last error
	err := poll(ctx, timeout, func(ctx context.Context) (bool, error) {
		last = get(ctx, url, "", nil)
		return last == nil, nil
	})
	if err != nil {
		return errors.Join(err, last)
	}
	return nil
}

var httpClient = &http.Client{Timeout: 30 * time.Second}
