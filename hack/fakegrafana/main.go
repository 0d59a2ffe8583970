// Command fakegrafana serves an in-memory Grafana, for trying things by hand.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "fakegrafana:", err)
		os.Exit(1)
	}
}

// run serves until it is told to stop.
func run(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	opts := grafanatest.Options{CountOnly: true} // nobody reads the log
	flags := flag.NewFlagSet("fakegrafana", flag.ContinueOnError)
	addr := flags.String("addr", "127.0.0.1:3000", "address to listen on")
	versions := strings.Join(grafanatest.Versions(), " or ")
	flags.StringVar(&opts.Version, "version", "12.4.0", "Grafana to be: "+versions)
	flags.StringVar(&opts.Admin, "admin", "admin", "login of the server admin")
	flags.StringVar(&opts.Password, "password", "admin", "password of the server admin")
	flags.BoolVar(&opts.Anonymous, "anonymous", false, "serve who is not signed in as a Viewer of org 1")
	flags.BoolVar(&opts.NestedFolders, "nested-folders", false, "let folders be in folders before Grafana 11 as well")
	latency := flags.Bool("latency", false, "take the time that a real one takes, with SQLite")
	flags.BoolVar(&opts.Quotas, "quotas", false, "enable quotas, with Grafana's default limits")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if !slices.Contains(grafanatest.Versions(), opts.Version) {
		return fmt.Errorf("-version %s: must be %s", opts.Version, versions)
	}
	if *latency {
		opts.Latency = grafanatest.SQLiteLatency(opts.Version)
	}
	server, err := grafanatest.Listen(*addr, opts)
	if err != nil {
		return err
	}
	defer server.Close()
	fmt.Printf(
		"Grafana %s (in memory) at %s, login %s, password %s\n",
		opts.Version,
		server.URL,
		opts.Admin,
		opts.Password,
	)
	<-ctx.Done()
	return nil
}
