// Command soak has the operator look after many tenants while everything around it goes wrong: Grafana is down, slow,
// loses answers, has its database emptied or restored from a backup; the operator is killed, or runs twice; tenants go
// and come back, Secrets and tokens are lost, people edit. Then there is peace, and it counts what is lost, leaked or
// wedged. It ends with one line, and with exit code 1 unless there is nothing of either.
//
// It is run in the root of the repository, by make soak. KUBEBUILDER_ASSETS names the directory of the control plane's
// binaries. Everything listens on loopback.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/hack/internal/local"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

// The kernel ends a child when the thread that started it ends, so all of them are started from the one thread that
// lives as long as the process.
func init() { runtime.LockOSThread() }

// password of the admin, which nothing that the operator says may have in it.
const password = "no-such-password-anywhere"

// options are the command's flags.
type options struct {
	seconds, tenants int
	seed             uint64
	settle           time.Duration
}

func main() {
	var o options
	flag.IntVar(&o.seconds, "seconds", 60, "how long things go wrong, at most 3600; peace comes after that")
	flag.IntVar(&o.tenants, "tenants", 50, "how many tenants there are, at most 500")
	flag.Uint64Var(&o.seed, "seed", 0, "what happens, and in which order; 0: something new")
	flag.DurationVar(
		&o.settle,
		"settle",
		8*time.Minute,
		"how long after that everything may take to be well: an object that fails again and again is tried every "+
			"five minutes in the end",
	)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends it at once
	err := run(ctx, o)
	if err != nil && !errors.Is(err, errNotWell) {
		fmt.Fprintln(os.Stderr, "soak:", err)
	}
	if err != nil {
		os.Exit(1)
	}
}

// errNotWell says that something is lost, leaked or wedged, which has been told.
var errNotWell = errors.New("not all is well")

func run(ctx context.Context, o options) (err error) {
	switch {
	case o.seconds < 1 || o.seconds > 3600:
		return errors.New("-seconds must be between 1 and 3600")
	case o.tenants < 1 || o.tenants > 500:
		return errors.New("-tenants must be between 1 and 500")
	case o.seed == 0:
		o.seed = rand.Uint64()
	}
	dir, err := os.MkdirTemp("", "grafana-tenancy-soak-")
	if err != nil {
		return err
	}
	defer func() {
		if !errors.Is(err, errNotWell) { // then what the processes said is worth reading
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	cluster, err := local.StartCluster(ctx, ".", dir, fail)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cluster.Stop()) }()
	operator, err := cluster.Operator(ctx)
	if err != nil {
		return err
	}
	s, err := newSoak(o, cluster.Client, operator, fail)
	if err != nil {
		return err
	}
	defer s.close()
	return s.play(ctx, dir, o)
}

// soak is the world that everything happens in. Only one goroutine acts in it.
type soak struct {
	client   client.Client
	grafana  *grafanatest.Server
	random   *rand.Rand
	weather  *weather
	tenants  []*tenant
	foreign  string // what of somebody else's is in Grafana
	binary   *local.Operator
	fail     context.CancelCauseFunc
	diary    *os.File
	began    time.Time
	faults   int
	agenda   []task
	operator *local.Process // nil: it was killed
	older    *local.Process // beside it

	wantsBackup, backupPending bool
}

// task is something to do later.
type task struct {
	at time.Time
	do func() error
}

func newSoak(o options, c client.Client, operator *local.Operator, fail context.CancelCauseFunc) (*soak, error) {
	grafana, err := listen()
	if err != nil {
		return nil, err
	}
	s := &soak{
		client: c, binary: operator, fail: fail, began: time.Now(), grafana: grafana,
		random:  rand.New(rand.NewPCG(o.seed, 0)),
		weather: &weather{random: rand.New(rand.NewPCG(o.seed, 1))},
	}
	for i := range o.tenants {
		s.tenants = append(s.tenants, &tenant{name: fmt.Sprintf("tenant-%03d", i), awaited: true})
	}
	return s, nil
}

// listen starts a Grafana below the ports that systems give out by themselves: while it is down nobody else may come to
// listen there.
func listen() (grafana *grafanatest.Server, err error) {
	for range 20 {
		address := fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(10000))
		if grafana, err = grafanatest.Listen(address, grafanatest.Options{Password: password}); err == nil {
			return grafana, nil
		}
	}
	return nil, err
}

func (s *soak) close() {
	s.endOlder()
	if s.operator != nil {
		s.operator.Stop()
	}
	s.grafana.Close()
}

// play is the whole story.
func (s *soak) play(ctx context.Context, dir string, o options) (err error) {
	if s.diary, err = os.Create(filepath.Join(dir, "diary")); err != nil {
		return err
	}
	defer func() { _ = s.diary.Close() }() // it is for people
	s.weather.say = s.say
	s.grafana.SetFault(s.weather.meet)
	defer s.grafana.SetFault(nil)
	fmt.Printf("soak: %d tenants, %d s, seed %d\n", o.tenants, o.seconds, o.seed)
	if err := errors.Join(s.buildForeign(), s.applyPlatform(ctx), s.startOperator()); err != nil {
		return err
	}
	if found, err := s.settle(ctx, o.settle); err != nil || found.any() {
		return errors.Join(
			err,
			fmt.Errorf(
				"before anything went wrong:\n%sThe operator's last words:\n%s",
				found.text(),
				s.operator.Tail(),
			),
		)
	}
	s.progress("all is well; things begin to go wrong")
	start := time.Now()
	if err := s.trouble(ctx, time.Duration(o.seconds)*time.Second); err != nil {
		return err
	}
	took := time.Since(start)
	s.progress("peace")
	found, err := s.peace(ctx, o.settle)
	if err != nil {
		return err
	}
	if found.any() {
		fmt.Printf(
			"%sWhat happened, and what the processes said, is in %s; once more: -seed %d\n",
			found.text(),
			dir,
			o.seed,
		)
		err = errNotWell
	}
	fmt.Printf(
		"soak: %d tenants, %d faults in %.0f s: %d lost, %d leaked, %d wedged\n",
		len(s.tenants),
		s.faults+s.weather.count(),
		took.Seconds(),
		len(found.lost),
		len(found.leaked),
		len(found.wedged),
	)
	return err
}

// trouble has things go wrong for a time.
func (s *soak) trouble(ctx context.Context, d time.Duration) error {
	var left []act
	told := time.Now()
	for end := time.Now().Add(d); time.Now().Before(end); {
		if err := s.turn(ctx); err != nil {
			return err
		}
		if len(left) == 0 {
			left = round(s.random)
		}
		a := left[0]
		left = left[1:]
		switch did, err := a.do(s, ctx); {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil: // a conflict with the operator, most often
			s.say("%s %s: %v", a.name, did, err)
		case did != "":
			s.happened(a.name, did)
		}
		if time.Since(told) > 15*time.Second {
			told = time.Now()
			s.progress(
				"%d acts, %d requests broken, %d tenants on their way out or in",
				s.faults,
				s.weather.count(),
				s.awaited(),
			)
		}
		s.pause(ctx, s.upTo(500*time.Millisecond))
	}
	return context.Cause(ctx)
}

// turn does what is due.
func (s *soak) turn(ctx context.Context) error {
	var rest []task
	due := s.agenda
	s.agenda = nil
	for _, t := range due {
		if time.Now().Before(t.at) {
			rest = append(rest, t)
		} else if err := t.do(); err != nil {
			return err
		}
	}
	s.agenda = append(rest, s.agenda...)
	if s.random.IntN(3) == 0 {
		s.grafana.Land()
	}
	s.grafana.ResetLog()
	s.tryBackUp(ctx)
	return s.apply(ctx)
}

// apply applies the tenants that were deleted, once they are gone.
func (s *soak) apply(ctx context.Context) error {
	for _, t := range s.tenants {
		if !t.awaited {
			continue
		}
		complete, err := t.apply(ctx, s.client)
		if err != nil {
			return err
		}
		t.awaited = !complete
	}
	return nil
}

// peace ends all trouble, and waits until all is well.
func (s *soak) peace(ctx context.Context, timeout time.Duration) (findings, error) {
	s.weather.set(0)
	for len(s.agenda) > 0 {
		next := s.agenda[0]
		s.agenda = s.agenda[1:]
		if err := next.do(); err != nil {
			return findings{}, err
		}
	}
	s.wantsBackup = false
	s.endOlder()
	s.grafana.SetDown(false)
	s.grafana.Land()
	began := time.Now()
	found, err := s.settle(ctx, timeout)
	if err != nil || found.any() {
		return found, err
	}
	s.progress("all is well after %.0f s", time.Since(began).Seconds())
	s.pause(ctx, resync+resync/5) // and stays so when everything was looked at again
	if found, err = s.settle(ctx, timeout); err != nil {
		return found, err
	}
	said, err := s.secretsTold(ctx)
	found.leaked = append(found.leaked, said...)
	return found, err
}

// settle waits until all is well, and returns what is not in the end.
func (s *soak) settle(ctx context.Context, timeout time.Duration) (found findings, err error) {
	err = local.Poll(ctx, timeout, func(ctx context.Context) (bool, error) {
		if err := s.apply(ctx); err != nil {
			return false, err
		}
		found, err = s.inspect(ctx)
		return err == nil && !found.any(), err
	})
	if errors.Is(err, local.ErrTimeout) {
		err = nil
	}
	return found, err
}

func (s *soak) startOperator() (err error) {
	s.operator, err = s.binary.Start(s.fail)
	return err
}

// awaited is how many tenants are on their way out or in.
func (s *soak) awaited() (n int) {
	for _, t := range s.tenants {
		if t.awaited {
			n++
		}
	}
	return n
}

func (s *soak) upTo(d time.Duration) time.Duration { return time.Duration(s.random.Int64N(int64(d))) }

func (s *soak) later(d time.Duration, do func() error) {
	s.agenda = append(s.agenda, task{time.Now().Add(d), do})
}

func (s *soak) pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// happened counts a fault.
func (s *soak) happened(name, did string) {
	s.faults++
	s.say("%s: %s", name, did)
}

// say writes into the diary.
func (s *soak) say(format string, args ...any) {
	_, _ = fmt.Fprintf(s.diary, "%s %s\n", time.Now().UTC().Format("15:04:05.000"), fmt.Sprintf(format, args...))
}

// progress tells people, too.
func (s *soak) progress(format string, args ...any) {
	s.say(format, args...)
	fmt.Printf("[%3.0fs] %s\n", time.Since(s.began).Seconds(), fmt.Sprintf(format, args...))
}
