// Command cluster runs an empty Kubernetes control plane on this machine, until it is interrupted: without nodes, and
// without the operator and its CRDs, for trying these out by hand. It prints how to reach it.
//
// It is run by make cluster. KUBEBUILDER_ASSETS names the directory of the control plane's binaries. Everything listens
// on loopback, and nothing is left behind.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"grafana-tenancy.dev/operator/hack/internal/local"
)

// The kernel ends a child when the thread that started it ends, so all of them are started from the one thread that
// lives as long as the process.
func init() { runtime.LockOSThread() }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends it at once
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

// run has a control plane up until ctx ends, which is the good end, or one of its processes does.
func run(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "grafana-tenancy-cluster-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	failed := make(chan error, 1)
	fmt.Println("starting etcd and kube-apiserver")
	cluster, err := local.StartEmptyCluster(ctx, dir, func(err error) { failed <- err })
	if err != nil {
		if ctx.Err() != nil {
			return nil // it was interrupted
		}
		return err
	}
	defer func() { err = errors.Join(err, cluster.Stop()) }()
	fmt.Printf(`up at %s until Ctrl-C; in another terminal:

  export KUBECONFIG=%s
  export PATH=%s:$PATH
  make install

`, cluster.URL(), cluster.Kubeconfig(), os.Getenv("KUBEBUILDER_ASSETS"))
	select {
	case <-ctx.Done():
		fmt.Println("stopping")
		return nil
	case err := <-failed:
		return err
	}
}
