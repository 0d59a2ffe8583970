// Command real runs against a real Grafana what needs nothing but one: the client's contract, the demo, and the
// tests of the kinds, and of the plugin's import and plan, on a real kube-apiserver. It takes away what it made
// there, sees that it has, and ends with one line: the version and database of that Grafana, and how many tests passed
// and failed.
//
// It is run in the root of the repository by make real, which sets KUBEBUILDER_ASSETS. GRAFANA_URL names the
// Grafana, GRAFANA_USER and GRAFANA_PASSWORD ("admin" by default) the login of a server admin. It may be in use
// by others: nothing of theirs is touched.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

func main() {
	only := flag.String("run", "^TestAPI", "a regular expression of which tests of the kinds to run")
	parallel := flag.Int("parallel", 0, "how many tests of the kinds run side by side (default 3 on SQLite, else 8)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends it at once
	err := run(ctx, *only, *parallel)
	if err != nil && !errors.Is(err, errFailed) {
		fmt.Fprintln(os.Stderr, "real:", err)
	}
	if err != nil {
		os.Exit(1)
	}
}

// errFailed is that tests failed, which the last line has told.
var errFailed = errors.New("tests failed")

func run(ctx context.Context, only string, parallel int) error {
	url := os.Getenv("GRAFANA_URL")
	if url == "" {
		return errors.New("GRAFANA_URL is not set: make real GRAFANA_URL=http://127.0.0.1:3000")
	}
	grafana := grafanatest.Real{
		URL:      strings.TrimRight(url, "/"),
		User:     cmp.Or(os.Getenv("GRAFANA_USER"), "admin"),
		Password: cmp.Or(os.Getenv("GRAFANA_PASSWORD"), "admin"),
	}
	version, database, err := grafana.Describe()
	if err != nil {
		return err
	}
	if parallel == 0 {
		parallel = 8
		if database == "sqlite3" { // which fails those who wait for longer than some seconds until they may write
			parallel = 3
		}
	}
	before, err := grafana.Inventory()
	if err != nil {
		return err
	}
	restore, err := grafana.MakeRoom()
	if err != nil {
		return err
	}
	defer func() {
		if err := restore(); err != nil {
			fmt.Fprintln(os.Stderr, "real: putting the quota of the main organization back:", err)
		}
	}()
	total := tally{}
	for _, args := range [][]string{
		{"./internal/grafana", "-run", "^TestContract$"},
		{"./internal/plugin", "-run", "^Test(Import|Plan)"},
		{"./controllers", "-run", only, "-parallel", fmt.Sprint(parallel)},
	} {
		if err := total.test(ctx, args...); err != nil {
			return err
		}
	}
	total.command(ctx, "the demo", "go", "run", "./hack/demo", "-once")
	after, err := grafana.Inventory()
	if err != nil {
		return err
	}
	total.leftovers(before, after)
	total.explain()
	fmt.Printf("real: %s (%s): %d passed, %d failed\n", version, database, total.passed, len(total.failed))
	if len(total.failed) > 0 {
		return errFailed
	}
	return nil
}

// command counts a command as one test.
func (t *tally) command(ctx context.Context, what, name string, args ...string) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		t.failed = append(t.failed, fmt.Sprintf("%s: %v", what, err))
		return
	}
	t.passed++
}

// leftovers counts as one test that Grafana holds what it held before.
func (t *tally) leftovers(before, after []string) {
	var left []string
	for _, thing := range after {
		if !slices.Contains(before, thing) {
			left = append(left, thing)
		}
	}
	for _, thing := range before {
		if !slices.Contains(after, thing) {
			left = append(left, "not there any more: "+thing)
		}
	}
	if len(left) > 0 {
		t.failed = append(t.failed, "what is left in Grafana: "+strings.Join(left, "; "))
		return
	}
	t.passed++
}
