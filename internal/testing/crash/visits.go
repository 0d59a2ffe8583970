package crash

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// MustRest is Rest, and fails the test if it does not come to that.
func (w *World) MustRest() {
	w.TB.Helper()
	if err := w.Rest(); err != nil {
		w.TB.Fatal(err)
	}
}

// Rest runs the operator until nothing is due before the next resync.
func (w *World) Rest() error {
	for range rounds {
		if !w.busy() {
			return nil
		}
		w.Step(w.Clock.Add(Horizon))
	}
	return fmt.Errorf("does not come to rest in %d visits: %v", rounds, w.Due)
}

// Horizon is how far ahead rest looks: further than any wait for something that is to be finished.
const Horizon = lifecycle.DefaultResync

// busy reports whether there is more to come soon than resyncs.
func (w *World) busy() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for key, at := range w.Due {
		soon := w.Clock.Add(Horizon)
		if w.resyncs[key] {
			soon = w.Clock
		}
		if !at.After(soon) {
			return true
		}
	}
	return !w.lateAt.IsZero()
}

// Step lets the next thing happen that is due by then, if there is one: a late request lands, or an object is visited.
func (w *World) Step(end time.Time) bool {
	key, at := w.next()
	if at.Before(w.Clock) {
		at = w.Clock
	}
	switch {
	case !w.lateAt.IsZero() && (key == "" || !at.Before(w.lateAt)):
		if w.lateAt.After(end) {
			return false
		}
		w.Advance(w.lateAt)
		w.land()
	case key == "" || at.After(end):
		return false
	default:
		w.Advance(at)
		keys := w.dueNow(key)
		for _, key := range keys {
			w.take(key)
		}
		w.Visit(keys...)
		w.CollectGarbage()
	}
	return true
}

// dueNow are the objects that are visited next: the first, or some of those that are due at once.
func (w *World) dueNow(first string) []string {
	if w.crowd == nil {
		return []string{first}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var due []string
	for key, at := range w.Due {
		if !at.After(w.Clock) {
			due = append(due, key)
		}
	}
	return w.crowd.choose(due)
}

// land lets a late request take effect whose time has come.
func (w *World) land() {
	if !w.lateAt.IsZero() && !w.lateAt.After(w.Clock) {
		w.lateAt = time.Time{}
		w.Grafana.Land()
	}
}

// Advance puts the clock forward.
func (w *World) Advance(to time.Time) {
	if to.After(w.Clock) {
		w.Clock = to
	}
}

// next is the object that is due first.
func (w *World) next() (first string, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for key, t := range w.Due {
		if first == "" || t.Before(at) || t.Equal(at) && key < first {
			first, at = key, t
		}
	}
	return first, at
}

// held is how long a process that has lost its lease is held up at most: as long as the lease and a little more.
const held = 20 * time.Second

// usurp lets a second process take over while the first is held up in the middle of a pass. The first will go on to the
// end of that pass, and no further.
func (w *World) usurp() {
	first, crowd, end := w.process, w.crowd, w.Clock.Add(held)
	w.armed, w.crowd = false, nil
	w.Start()
	for n := 0; n < rounds && w.Step(end); n++ {
	}
	w.Advance(end)
	w.process, w.successor, w.crowd = first, w.process, crowd
}

// Visit lets the operator look at objects, at several side by side. It may die of it.
func (w *World) Visit(keys ...string) {
	var flights []*flight
	for _, key := range keys {
		flights = append(flights, &flight{key: key})
	}
	if len(flights) == 1 {
		flights[0].fly(w.reconcile)
	} else {
		w.crowd.fly(flights, w.reconcile)
	}
	dead := false
	for _, f := range flights {
		if f.panicked != nil {
			panic(f.panicked)
		}
		dead = dead || f.died
	}
	if dead {
		w.Clock = w.Clock.Add(5 * time.Second)
		w.Start()
	}
	for _, f := range flights {
		if !dead {
			w.again(f)
		}
	}
	w.tell(flights)
}

// reconcile is one pass.
func (w *World) reconcile(f *flight) {
	kind, name, _ := strings.Cut(f.key, " ")
	ns, n, _ := strings.Cut(name, "/")
	ctx := context.WithValue(logr.NewContext(context.Background(), logr.Discard()), flightKey{}, f)
	f.result, f.err = w.Reconcilers[kind].Reconcile(
		ctx,
		ctrl.Request{NamespacedName: client.ObjectKey{Namespace: ns, Name: n}},
	)
}

// tell lets all see what passes have written whom it may concern.
func (w *World) tell(flights []*flight) {
	if w.successor != nil {
		w.process, w.successor = w.successor, nil
		w.Everybody()
	}
	if w.caught {
		w.caught = false
		w.Everybody()
		return
	}
	for _, f := range flights {
		if f.writes > 0 {
			w.others(f.key)
		}
	}
}

// again has an object visited again when its pass has asked for it.
func (w *World) again(f *flight) {
	w.noteVisit(f)
	after := f.result.RequeueAfter
	switch {
	case f.err != nil:
		w.failures[f.key]++
		w.later(f.key, min(time.Second<<min(w.failures[f.key], 10), 5*time.Minute))
	// it was taken for what it was before the start: it is looked at later
	case after > 0 && f.asked == 0 && !w.been[f.key]:
		w.been[f.key] = true
		w.later(f.key, min(withoutJitter(after), earlyResync))
	case after > 0:
		delete(w.failures, f.key)
		w.later(f.key, withoutJitter(after))
	default:
		delete(w.failures, f.key)
	}
}

// lastRetry is the longest wait after a failure: a power of two, like all others.
const lastRetry = 256 * time.Second

// earlyResync is no resync by its length: it is waited for.
const earlyResync = lifecycle.DefaultResync - time.Second

// withoutJitter undoes what the operator spreads its waits by, so that a run is the same each time.
func withoutJitter(d time.Duration) time.Duration {
	for mean := time.Second; mean <= lastRetry; mean *= 2 {
		if within(d, mean) {
			return mean
		}
	}
	if within(d, lifecycle.DefaultResync) {
		return lifecycle.DefaultResync
	}
	return d
}

// within reports whether d is the mean, give or take a tenth.
func within(d, mean time.Duration) bool { return (d - mean).Abs() <= mean/10 }

func (w *World) later(key string, d time.Duration) {
	at := w.Clock.Add(d)
	w.mu.Lock()
	defer w.mu.Unlock()
	if now, ok := w.Due[key]; !ok || now.After(at) {
		w.Due[key] = at
		w.resyncs[key] = d == lifecycle.DefaultResync
	}
}

// Settle runs the operator until it rests.
func (w *World) Settle() {
	w.TB.Helper()
	if err := w.Rest(); err != nil {
		w.TB.Fatal(err)
	}
}

// Briefly runs the operator for so long and no longer.
func (w *World) Briefly(d time.Duration) {
	end := w.Clock.Add(d)
	for key, at := w.next(); key != "" && !at.After(end); key, at = w.next() {
		w.Clock = latest(w.Clock, at)
		w.take(key)
		w.Visit(key)
	}
	w.Clock = latest(w.Clock, end)
}

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
