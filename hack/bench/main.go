// Command bench measures what the operator costs Grafana, Kubernetes and its node, and holds that against the goals in
// docs/performance.md. Every figure is a count, or is put beside one that was measured in the same run. It prints a
// line a row, bench: NAME VALUE goal GOAL ok|MISSED, and in the end all of them as a table. A goal that is missed is
// told; the exit code is 1 only if something could not be measured.
//
// It is run in the root of the repository, by make bench. KUBEBUILDER_ASSETS names the directory of the control plane's
// binaries. With GRAFANA_URL (and GRAFANA_USER and GRAFANA_PASSWORD, both "admin" by default) it uses that Grafana
// instead of one in memory, except for the rows on memory, and removes what it made there. Everything else listens on
// loopback, and nothing is left behind.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// The kernel ends a child when the thread that started it ends, so all of them are started from the one thread that
// lives as long as the process.
func init() { runtime.LockOSThread() }

// options are the command's flags.
type options struct {
	dashboards, orgs int
	idle             time.Duration
	only             string
	seed             uint64
	profile          string
	compare          string
	rounds           int
	scale            bool
	sets             bool
}

func main() {
	var o options
	flag.IntVar(
		&o.dashboards,
		"dashboards",
		1000,
		"how many dashboards there are, at most 2000, with -sets 10000, with -scale 20000; five times as many in the last rows on memory",
	)
	flag.IntVar(&o.orgs, "orgs", 50, "how many organizations these are in, at most 500, with -scale 1000")
	flag.DurationVar(&o.idle, "idle", 10*time.Minute, "how long it is watched at rest, at most 1h")
	flag.StringVar(&o.only, "only", "", "regular expression on the names of the rows to measure")
	flag.Uint64Var(&o.seed, "seed", 0, "what the dashboards hold; 0: something new")
	flag.StringVar(&o.profile, "profile", profiles[0].name,
		"what Grafana is like: slow (SQLite, 47 ms a save), fast (SQLite in WAL mode, 7 ms) or "+
			"postgres (20 ms, and eight at once are 1.3 times as quick)")
	flag.StringVar(&o.compare, "compare", "",
		"another checkout of this repository, whose operator is measured in turn with this one")
	flag.IntVar(&o.rounds, "rounds", 2, "how often each creates the dashboards with -compare, at most 10")
	flag.BoolVar(&o.scale, "scale", false, "measure the rows on scale, and no others, in at most 30 minutes")
	flag.BoolVar(&o.sets, "sets", false, "measure the rows on sets, and no others")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends it at once
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is one run of the command.
type bench struct {
	options
	profile profile
	report  report
	began   time.Time
}

// check fails if the flags are out of bounds.
func (o options) check() error {
	dashboards, orgs := 2000, 500
	if o.sets {
		dashboards = 10000
	}
	if o.scale {
		dashboards, orgs = 20000, 1000
	}
	switch {
	case o.dashboards < 1 || o.dashboards > dashboards:
		return fmt.Errorf("-dashboards must be between 1 and %d", dashboards)
	case o.orgs < 1 || o.orgs > orgs:
		return fmt.Errorf("-orgs must be between 1 and %d", orgs)
	case (o.scale || o.sets) && o.compare != "":
		return errors.New("-scale and -sets measure one build")
	case o.scale && o.sets:
		return errors.New("give one of -scale and -sets")
	case o.idle < 0 || o.idle > time.Hour:
		return errors.New("-idle must be at most 1h")
	case o.rounds < 1 || o.rounds > 10:
		return errors.New("-rounds must be between 1 and 10")
	}
	return nil
}

func run(ctx context.Context, o options) error {
	if err := o.check(); err != nil {
		return err
	}
	if o.seed == 0 {
		o.seed = uint64(rand.Uint32())
	}
	only, err := regexp.Compile(o.only)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	p, err := profileNamed(o.profile)
	if err != nil {
		return err
	}
	b := &bench{options: o, profile: p, report: newReport(goals(p), only), began: time.Now()}
	fmt.Printf(
		"bench: %d dashboards in %d organizations, -profile %s -idle %s -seed %d, on %d cores, of %s, with %s\n",
		o.dashboards,
		o.orgs,
		p.name,
		o.idle,
		o.seed,
		runtime.NumCPU(),
		commit(ctx, "."),
		against(),
	)
	if o.compare != "" {
		fmt.Printf("bench: the other build is of %s, %s\n", commit(ctx, o.compare), o.compare)
	}
	err = b.measure(ctx)
	b.report.ratios()
	return errors.Join(err, b.report.table(os.Stdout))
}

func (b *bench) measure(ctx context.Context) error {
	if b.scale {
		return b.large(ctx)
	}
	measures := []func(context.Context) error{b.fleet, b.kinds, b.single, b.memory}
	if b.sets {
		measures = []func(context.Context) error{b.ofSets}
	}
	for _, measure := range measures {
		if err := measure(ctx); err != nil {
			return err
		}
	}
	if len(b.report.values[thisBuild]) == 0 {
		return errors.New("-only matches no row")
	}
	return nil
}

// against names the Grafana.
func against() string {
	if os.Getenv("GRAFANA_URL") != "" {
		return "the Grafana at GRAFANA_URL"
	}
	return "Grafana " + version + " in memory"
}

// commit names what is measured.
func commit(ctx context.Context, tree string) string {
	out, err := exec.CommandContext(ctx, "git", "-C", tree, "describe", "--always", "--dirty").Output()
	if err != nil {
		return "an unknown commit"
	}
	return strings.TrimSpace(string(out))
}

// progress tells people what goes on.
func (b *bench) progress(format string, args ...any) {
	fmt.Printf("[%4.0fs] %s\n", time.Since(b.began).Seconds(), fmt.Sprintf(format, args...))
}
