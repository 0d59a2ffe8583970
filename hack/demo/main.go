// Command demo shows the operator at work on a machine that has no cluster: it
// starts a Kubernetes control plane and a Grafana, installs the CRDs, runs the
// manager, applies config/samples, waits until all of it is Ready, calls
// Grafana with the key of every token from its Secret, and has it ask a data
// source that stands in for the samples'. Then it stays up until
// it is interrupted; with -once it ends there, with exit code 0 if nothing
// fell short.
//
// It is run in the root of the repository, by make demo. KUBEBUILDER_ASSETS
// names the directory of the control plane's binaries. With GRAFANA_URL (and
// GRAFANA_USER and GRAFANA_PASSWORD, both "admin" by default) it uses that
// Grafana instead of one in memory, and removes what it made there at the end.
//
// With -binary it runs that manager, such as the one of an image, and builds
// none.
//
// Everything listens on loopback, and nothing is left behind.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// The kernel ends a child when the thread that started it ends, so all of them
// are started from the one thread that lives as long as the process.
func init() { runtime.LockOSThread() }

func main() {
	once := flag.Bool("once", false, "exit after the proof instead of staying up")
	binary := flag.String("binary", "", "the manager's binary; empty: it is built from here")
	timeout := flag.Duration("timeout", 3*time.Minute, "how long to wait until everything is Ready")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends it at once
	if err := run(ctx, *binary, *once, *timeout); err != nil {
		fmt.Fprintln(os.Stderr, "\ndemo:", err)
		os.Exit(1)
	}
}

// run brings everything up, shows it, and takes it down in reverse order.
func run(ctx context.Context, binary string, once bool, timeout time.Duration) (err error) {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	defer func() { err = cause(ctx, err) }()
	dir, err := workDir()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	cluster, err := startCluster(ctx, fail, dir)
	if err != nil {
		return err
	}
	defer cluster.stop()
	grafana := openGrafana()
	defer grafana.close()
	grafana.metrics = startMetrics()
	defer grafana.metrics.Close()
	manager, err := startManager(ctx, fail, cluster, binary)
	if err != nil {
		return err
	}
	defer manager.stop()

	if grafana.lasting {
		defer func() { err = errors.Join(cause(ctx, err), remove(cluster)) }()
	}
	if err := apply(ctx, cluster, grafana); err != nil {
		return err
	}
	if err := waitReady(ctx, cluster, timeout); err != nil {
		return fmt.Errorf("%w\nThe manager's last words:\n%s", err, manager.tail())
	}
	if err := show(ctx, cluster, grafana); err != nil {
		return err
	}
	if once {
		return nil
	}
	return stayUp(ctx, cluster, grafana, manager)
}

// cause returns what ended the demo in place of an error that only says that
// something did.
func cause(ctx context.Context, err error) error {
	if errors.Is(err, context.Canceled) {
		return context.Cause(ctx)
	}
	return err
}

// workDir makes the directory for everything the demo writes.
func workDir() (string, error) {
	dir, err := os.MkdirTemp("", "grafana-tenancy-demo-")
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(dir)
}

// show prints what there is, and proves that the tokens and data sources work.
func show(ctx context.Context, cluster *cluster, grafana *grafana) error {
	say("everything is Ready: kubectl get grafana -A")
	if err := cluster.kubectl(ctx, os.Stdout, "get", "grafana", "-A"); err != nil {
		return err
	}
	say("calling Grafana with the keys from the Secrets")
	if err := prove(ctx, cluster, grafana); err != nil {
		return err
	}
	say("logging in as people, with the passwords from the Secrets")
	if err := provePeople(ctx, cluster, grafana); err != nil {
		return err
	}
	say("asking the data sources, through Grafana")
	return proveSources(ctx, cluster, grafana)
}

// stayUp waits for the interrupt, which is the good end, or for a process that
// ends by itself.
func stayUp(ctx context.Context, cluster *cluster, grafana *grafana, manager *process) error {
	say("up until Ctrl-C; in another terminal:")
	fmt.Printf(`
  export KUBECONFIG=%s
  export PATH=%s:$PATH
  kubectl get grafana -A

  Kubernetes   %s
  Grafana      %s (%s)
  manager log  %s

`, cluster.kubeconfig, cluster.assets, cluster.config.Host, grafana.url, grafana.about, manager.log)
	<-ctx.Done()
	if err := context.Cause(ctx); errors.As(err, new(*endedError)) {
		return err
	}
	say("stopping")
	return nil
}

var began = time.Now()

// say tells what is going on, and when.
func say(format string, args ...any) {
	fmt.Printf("[%3.0fs] %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
}
