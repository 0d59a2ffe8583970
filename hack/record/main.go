// Command record makes a recording of the operator's own traffic with a real Grafana: it stands between the two
// while the client's contract and the demo run, and writes each exchange down, without secrets, as
// internal/grafana/grafanatest/testdata/README.md explains. The tests hold the stand-in to it, and fail where
// the operator sends what was not recorded.
//
// It is run in the root of the repository by make record, which sets KUBEBUILDER_ASSETS. GRAFANA_URL names the
// Grafana, which must be empty: ids count from 1, so that the recording can be replayed. Its admin is
// admin:admin, or whom GRAFANA_PASSWORD says.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

const recordings = "internal/grafana/grafanatest/testdata/operator"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "record:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	to, err := url.Parse(os.Getenv("GRAFANA_URL"))
	if err != nil || to.Host == "" {
		return errors.New("GRAFANA_URL is not set: make record GRAFANA_URL=http://127.0.0.1:3000")
	}
	grafana := grafanatest.Real{
		URL:      to.String(),
		User:     "admin",
		Password: cmp.Or(os.Getenv("GRAFANA_PASSWORD"), "admin"),
	}
	version, _, err := grafana.Describe()
	if err != nil {
		return err
	}
	if things, err := grafana.Inventory(); err != nil || len(things) > 2 {
		return errors.Join(
			err,
			fmt.Errorf("the Grafana is not empty, so that its ids are not those of another that is: %q", things),
		)
	}
	tape := newTape(to, grafana.Password)
	at, err := serve(ctx, tape)
	if err != nil {
		return err
	}
	failed := errors.Join(
		play(ctx, at, "go", "test", "./internal/grafana", "-run", "^TestContract$", "-count=1"),
		play(ctx, at, "go", "run", "./hack/demo", "-once"),
	)
	file := filepath.Join(recordings, version+".jsonl")
	n, err := tape.write(file)
	if err == nil {
		fmt.Printf("record: %d exchanges with a Grafana %s in %s\n", n, version, file)
	}
	return errors.Join(failed, err)
}

// serve has the tape listen until ctx ends, and returns its address.
func serve(ctx context.Context, tape *tape) (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{Handler: tape, ReadHeaderTimeout: time.Minute}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			fmt.Fprintln(os.Stderr, "record:", err)
		}
	}()
	return "http://" + listener.Addr().String(), nil
}

// play runs a command with the tape as its Grafana.
func play(ctx context.Context, at string, args ...string) error {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "GRAFANA_URL="+at)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w, so that what would have come then is not in the recording", cmd, err)
	}
	return nil
}
