package controllers

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"hash/fnv"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/dashboard/fetch"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// fault is what happens at one point of a run: a request to Grafana, a write to Kubernetes, or a read of the object
// that a pass is about.
type fault string

const (
	none       fault = ""
	unsent     fault = "not sent"
	refused    fault = "refused, no effect"
	dropAfter  fault = "took effect, answer lost"
	failAfter  fault = "took effect, answered 500"
	late       fault = "no answer, lands later"
	denied     fault = "a gateway's 404, no effect"
	deadBefore fault = "process dies before"
	deadAfter  fault = "process dies after"
	usurped    fault = "another manager takes over before"
	stale      fault = "stale read"
	ancient    fault = "read of the oldest version"
)

// point is a place in a run where something can go wrong.
type point struct {
	where string // "grafana", "kubernetes" or "read"
	what  string
}

func (p point) faults() []fault {
	switch {
	case p.where == "read":
		return []fault{stale, ancient}
	case p.where == "kubernetes":
		return []fault{refused, dropAfter, deadBefore, deadAfter, usurped}
	case strings.HasPrefix(p.what, http.MethodGet):
		return []fault{refused, denied, deadBefore}
	}
	return []fault{unsent, refused, denied, dropAfter, failAfter, late, deadBefore, deadAfter, usurped}
}

// died unwinds a pass whose process was killed.
type died struct{}

// world is one run: an API server, a Grafana, a clock, and an operator that can die.
type world struct {
	tb      testing.TB
	grafana *grafanatest.Server
	kube    client.WithWatch // the API server itself
	scheme  *runtime.Scheme

	clock time.Time

	// the fault to come
	armed  bool
	failAt int
	only   string // the beginning of the points that it can befall: where and what
	spare  int    // how many of them it lets by
	fault  fault
	points []point     // all that were passed since arm
	tale   hash.Hash64 // of all that was asked and written, and when

	order   uint64 // of those in which they can go on
	writers int32  // at once; 0: all
	crowd   *crowd // who lets passes go on side by side; nil: one comes after the other

	*process           // the one that works now
	successor *process // the one that has taken over from it, which is still in the middle of a pass

	history   map[string][]client.Object         // of each object, oldest first
	writes    int                                // to Kubernetes, that took effect
	asked     int                                // of Grafana, whatever it was
	mutation  int                                // of Grafana, as requested
	served    map[string]string                  // what other servers have, by URL
	meanwhile map[string]func()                  // what others do just before a request
	sources   Sources                            // fetches from them
	refuses   func(*http.Request) bool           // what Grafana answers 503; nil: nothing
	answers   func(*http.Request) *http.Response // what something before Grafana answers; nil: it passes the request on
	lateAt    time.Time                          // when a late request lands; zero: none is under way
	caught    bool                               // a stale cache has caught up since: its watch brings the event
}

// process is one process of the operator, and what it has in memory.
type process struct {
	mu          sync.Mutex // of what visits are due: a gate asks for some after a time of its own
	env         *Env
	controllers []lifecycle.Controller
	reconcilers map[string]reconcile.Reconciler
	due         map[string]time.Time // by kind and key
	resyncs     map[string]bool      // those that are due for no other reason than that time passes
	failures    map[string]int
	been        map[string]bool // where it has come to an end once
}

const rounds = 600

// newWorld makes a world with an API server in memory.
func newWorld(tb testing.TB, version string) *world {
	w := emptyWorld(tb, version)
	w.kube = newKube(w.scheme)
	w.start()
	return w
}

func emptyWorld(tb testing.TB, version string) *world {
	w := &world{tb: tb, clock: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), history: map[string][]client.Object{},
		tale: fnv.New64a()}
	w.grafana = grafanatest.New(grafanatest.Options{Version: version, Now: w.now})
	w.sources = fetch.NewSync(w.serve)
	w.scheme = runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(w.scheme); err != nil {
			tb.Fatal(err)
		}
	}
	return w
}

func (w *world) now() time.Time { return w.clock }

// start begins a process of the operator with fresh memory. All objects are due, as after the first listing.
func (w *world) start() {
	env := &Env{Engine: &lifecycle.Engine{
		Client: interceptor.NewClient(
			w.kube,
			w.interceptors(true),
		),
		Live:        interceptor.NewClient(w.kube, w.interceptors(false)),
		Events:      discard{},
		Connections: connection.NewPool(),
		Now:         w.now,
		LastRetry:   lastRetry,
	}, ClusterID: "cluster-1", Transport: (*crashTransport)(w), Sources: w.sources}
	if err := Register(env); err != nil {
		w.tb.Fatal(err)
	}
	w.process = &process{
		env:         env,
		controllers: env.Controllers(),
		due:         map[string]time.Time{},
		resyncs:     map[string]bool{},
		failures:    map[string]int{},
		been:        map[string]bool{},
		reconcilers: map[string]reconcile.Reconciler{},
	}
	for _, c := range w.process.controllers {
		w.process.reconcilers[c.Name] = c.Reconciler
		if err := c.UseQueue(context.Background(), &crashQueue{w: w, p: w.process, kind: c.Name}); err != nil {
			w.tb.Fatal(err)
		}
	}
	w.everybody()
}

// serve is what other servers answer.
func (w *world) serve(_ context.Context, r fetch.Request) (fetch.Fetched, error) {
	body, ok := w.served[r.URL]
	if !ok {
		return fetch.Fetched{}, errors.New("injected: the server is not there")
	}
	etag := fmt.Sprint(hashOfText(body))
	return fetch.Fetched{Body: []byte(body), NotModified: r.ETag == etag, ETag: etag}, nil
}

// crashQueue takes the visits that a process asks for itself.
type crashQueue struct {
	workqueue.TypedRateLimitingInterface[ctrl.Request]
	w    *world
	p    *process
	kind string
}

func (q *crashQueue) Add(r ctrl.Request) {
	q.p.wake(q.kind+" "+r.String(), q.w.clock)
}

func (p *process) wake(key string, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at, ok := p.due[key]; !ok || at.After(now) {
		p.due[key] = now
	}
	delete(p.resyncs, key)
}

// take takes an object off the list of those that are due.
func (p *process) take(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.due, key)
}

// everybody makes all objects due: every change is seen by all who might care.
func (w *world) everybody() { w.others("") }

// others makes all objects due that a change of the one that was just visited may concern: not itself, and not one leaf
// by another.
func (w *world) others(visited string) {
	for key := range w.history {
		if key != visited && (!w.isLeaf(key) || !w.isLeaf(visited)) {
			w.wake(key, w.clock)
		}
	}
}

// isLeaf reports whether an object is of a kind that has no children.
func (w *world) isLeaf(key string) bool {
	kind, _, _ := strings.Cut(key, " ")
	return slices.ContainsFunc(
		w.controllers,
		func(c lifecycle.Controller) bool { return c.Name == kind && !c.Contains },
	)
}

// objects lists all of our objects, as the API server has them.
func (w *world) objects() []lifecycle.Object {
	var all []lifecycle.Object
	for _, list := range w.env.Lists() {
		if err := w.kube.List(context.Background(), list, client.InNamespace(tenantNamespace)); err != nil {
			w.tb.Fatal(err)
		}
		items, err := apiItems(list)
		if err != nil {
			w.tb.Fatal(err)
		}
		all = append(all, items...)
	}
	return all
}

// rest runs the operator until nothing is due before the next resync.
func (w *world) rest() error {
	for range rounds {
		if !w.busy() {
			return nil
		}
		w.step(w.clock.Add(horizon))
	}
	return fmt.Errorf("does not come to rest in %d visits: %v", rounds, w.due)
}

// horizon is how far ahead rest looks: further than any wait for something that is to be finished.
const horizon = lifecycle.DefaultResync

// busy reports whether there is more to come soon than resyncs.
func (w *world) busy() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for key, at := range w.due {
		soon := w.clock.Add(horizon)
		if w.resyncs[key] {
			soon = w.clock
		}
		if !at.After(soon) {
			return true
		}
	}
	return !w.lateAt.IsZero()
}

// step lets the next thing happen that is due by then, if there is one: a late request lands, or an object is visited.
func (w *world) step(end time.Time) bool {
	key, at := w.next()
	if at.Before(w.clock) {
		at = w.clock
	}
	switch {
	case !w.lateAt.IsZero() && (key == "" || !at.Before(w.lateAt)):
		if w.lateAt.After(end) {
			return false
		}
		w.advance(w.lateAt)
		w.land()
	case key == "" || at.After(end):
		return false
	default:
		w.advance(at)
		keys := w.dueNow(key)
		for _, key := range keys {
			w.take(key)
		}
		w.visit(keys...)
		w.collectGarbage()
	}
	return true
}

// dueNow are the objects that are visited next: the first, or some of those that are due at once.
func (w *world) dueNow(first string) []string {
	if w.crowd == nil {
		return []string{first}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var due []string
	for key, at := range w.due {
		if !at.After(w.clock) {
			due = append(due, key)
		}
	}
	return w.crowd.choose(due)
}

// land lets a late request take effect whose time has come.
func (w *world) land() {
	if !w.lateAt.IsZero() && !w.lateAt.After(w.clock) {
		w.lateAt = time.Time{}
		w.grafana.Land()
	}
}

func (w *world) advance(to time.Time) {
	if to.After(w.clock) {
		w.clock = to
	}
}

// next is the object that is due first.
func (w *world) next() (first string, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for key, t := range w.due {
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
func (w *world) usurp() {
	first, crowd, end := w.process, w.crowd, w.clock.Add(held)
	w.armed, w.crowd = false, nil
	w.start()
	for n := 0; n < rounds && w.step(end); n++ {
	}
	w.advance(end)
	w.process, w.successor, w.crowd = first, w.process, crowd
}

// visit lets the operator look at objects, at several side by side. It may die of it.
func (w *world) visit(keys ...string) {
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
		w.clock = w.clock.Add(5 * time.Second)
		w.start()
	}
	for _, f := range flights {
		if !dead {
			w.again(f)
		}
	}
	w.tell(flights)
}

// reconcile is one pass.
func (w *world) reconcile(f *flight) {
	kind, name, _ := strings.Cut(f.key, " ")
	ns, n, _ := strings.Cut(name, "/")
	ctx := context.WithValue(logr.NewContext(context.Background(), logr.Discard()), flightKey{}, f)
	f.result, f.err = w.reconcilers[kind].Reconcile(
		ctx,
		ctrl.Request{NamespacedName: client.ObjectKey{Namespace: ns, Name: n}},
	)
}

// tell lets all see what passes have written whom it may concern.
func (w *world) tell(flights []*flight) {
	if w.successor != nil {
		w.process, w.successor = w.successor, nil
		w.everybody()
	}
	if w.caught {
		w.caught = false
		w.everybody()
		return
	}
	for _, f := range flights {
		if f.writes > 0 {
			w.others(f.key)
		}
	}
}

// again has an object visited again when its pass has asked for it.
func (w *world) again(f *flight) {
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

func (w *world) later(key string, d time.Duration) {
	at := w.clock.Add(d)
	w.mu.Lock()
	defer w.mu.Unlock()
	if now, ok := w.due[key]; !ok || now.After(at) {
		w.due[key] = at
		w.resyncs[key] = d == lifecycle.DefaultResync
	}
}

// pass is called at every point where something can go wrong, and says what does.
func (w *world) pass(where, what string) fault {
	w.note("%s %s", where, what)
	if !w.armed {
		return none
	}
	p := point{where, what}
	w.points = append(w.points, p)
	if w.failAt < 0 || len(w.points) <= w.failAt || !slices.Contains(p.faults(), w.fault) ||
		!strings.HasPrefix(where+" "+what, w.only) {
		return none
	}
	if w.spare > 0 {
		w.spare--
		return none
	}
	w.failAt = -1
	if w.fault == usurped {
		w.usurp()
		return none
	}
	return w.fault
}

// arm sets the fault at the k-th point from now on, or the next one after it where it can happen.
func (w *world) arm(k int, f fault) {
	w.armed, w.failAt, w.fault, w.points = true, k, f, nil
	w.only, w.spare = "", 0
}

// crashTransport is the network to Grafana.
type crashTransport world

func (t *crashTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	w := (*world)(t)
	if r.URL.Path == "/logout" { // The end of an old session comes on the side, at any moment. Here it never comes, so that a late request of that session can always land.
		return &http.Response{
			StatusCode: http.StatusFound,
			Header:     http.Header{"Location": {"/login"}},
			Body:       http.NoBody,
			Request:    r,
		}, nil
	}
	pause(r.Context())
	w.asked++
	if f := flightOf(r.Context()); f != nil {
		f.asked++
	}
	what := r.Method + " " + r.URL.Path
	if do := w.meanwhile[what]; do != nil {
		delete(w.meanwhile, what)
		do()
	}
	if r.URL.Path == "/login" {
		what = http.MethodGet + " " + r.URL.Path // sessions come and go: no effect that is told apart
	}
	if r.Method != http.MethodGet && r.URL.Path != "/login" &&
		!strings.HasPrefix(r.URL.Path, "/api/user/auth-tokens/") {
		w.mutation++
	}
	f := w.pass("grafana", what)
	outcome := map[fault]grafanatest.Outcome{
		unsent: grafanatest.Unsent, refused: grafanatest.Refuse, dropAfter: grafanatest.DropAfter,
		failAfter: grafanatest.FailAfter, late: grafanatest.Late,
	}[f]
	if w.refuses != nil && w.refuses(r) {
		outcome = grafanatest.Refuse
	}
	if f == deadBefore {
		panic(died{})
	}
	if w.answers != nil {
		if resp := w.answers(r); resp != nil {
			return resp, nil
		}
	}
	if f == denied {
		return &http.Response{
			StatusCode: http.StatusNotFound,
			Header:     http.Header{},
			Body:       io.NopCloser(strings.NewReader(`{"message":"Not Found"}`)),
			Request:    r,
		}, nil
	}
	if f == late && w.lateAt.IsZero() {
		w.lateAt = w.clock.Add(
			40 * time.Second,
		) // after the operator has come back to it, and before it is safe to forget
	}
	w.grafana.SetFault(func(*grafanatest.Request) grafanatest.Fault { return grafanatest.Fault{Outcome: outcome} })
	resp, err := w.grafana.RoundTripper().RoundTrip(r)
	w.grafana.SetFault(nil)
	if f == deadAfter {
		if resp != nil {
			_, _ = io.Copy(io.Discard, resp.Body)
		}
		panic(died{})
	}
	return resp, err
}

// write is one write to Kubernetes, with the fault that befalls it.
func (w *world) write(ctx context.Context, what string, obj client.Object, do func() error) error {
	pause(ctx)
	f := w.pass("kubernetes", what)
	switch f {
	case refused:
		return apierrors.NewServiceUnavailable("injected")
	case deadBefore:
		panic(died{})
	}
	if err := do(); err != nil {
		return err
	}
	w.writes++
	if f := flightOf(ctx); f != nil {
		f.writes++
	}
	w.remember(obj)
	switch f {
	case dropAfter:
		return errors.New("injected: the connection to the API server broke")
	case deadAfter:
		panic(died{})
	}
	return nil
}

// remember keeps every version of every object of ours, for stale reads.
func (w *world) remember(obj client.Object) {
	if kind := kindOf(obj); kind != "" {
		key := kind + " " + client.ObjectKeyFromObject(obj).String()
		w.history[key] = append(w.history[key], obj.DeepCopyObject().(client.Object))
	}
}

func (w *world) interceptors(cached bool) interceptor.Funcs {
	return interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object,
			opts ...client.GetOption) error {
			pause(ctx)
			kind := kindOf(obj)
			f := none
			if cached && kind != "" {
				f = w.pass("read", kind+" "+key.String())
			}
			h := w.history[kind+" "+key.String()]
			if f == none || len(h) < 2 {
				return c.Get(ctx, key, obj, opts...)
			}
			w.caught = true
			old := h[len(h)-2]
			if f == ancient {
				old = h[0]
			}
			reflect.ValueOf(obj).Elem().Set(reflect.ValueOf(old.DeepCopyObject()).Elem())
			return nil
		},
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			if isDry(opts...) {
				return c.Create(ctx, obj, opts...)
			}
			return w.write(ctx, "create "+obj.GetName(), obj, func() error { return c.Create(ctx, obj, opts...) })
		},
		Update: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.UpdateOption) error {
			o := client.UpdateOptions{}
			o.ApplyOptions(opts)
			if len(o.DryRun) > 0 {
				return c.Update(ctx, obj, opts...)
			}
			return w.write(ctx, "update "+obj.GetName(), obj, func() error { return c.Update(ctx, obj, opts...) })
		},
		Patch: func(ctx context.Context, c client.WithWatch, obj client.Object, patch client.Patch,
			opts ...client.PatchOption) error {
			return w.write(ctx, "patch "+kindOf(obj), obj, func() error { return c.Patch(ctx, obj, patch, opts...) })
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, obj client.Object,
			patch client.Patch, opts ...client.SubResourcePatchOption) error {
			return w.write(
				ctx,
				"patch "+sub+" "+kindOf(obj),
				obj,
				func() error { return c.SubResource(sub).Patch(ctx, obj, patch, opts...) },
			)
		},
		Delete: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.DeleteOption) error {
			return w.write(ctx, "delete "+obj.GetName(), obj, func() error { return c.Delete(ctx, obj, opts...) })
		},
	}
}

func isDry(opts ...client.CreateOption) bool {
	o := client.CreateOptions{}
	o.ApplyOptions(opts)
	return len(o.DryRun) > 0
}

// collectGarbage deletes Secrets whose owner is gone, as Kubernetes does.
func (w *world) collectGarbage() {
	var secrets corev1.SecretList
	if err := w.kube.List(context.Background(), &secrets, client.InNamespace(tenantNamespace)); err != nil {
		w.tb.Fatal(err)
	}
	for i := range secrets.Items {
		s := &secrets.Items[i]
		owner := metav1.GetControllerOf(s)
		if owner == nil {
			continue
		}
		var t v1alpha1.ServiceAccountToken
		err := w.kube.Get(context.Background(), client.ObjectKey{Namespace: s.Namespace, Name: owner.Name}, &t)
		if apierrors.IsNotFound(err) || err == nil && t.UID != owner.UID {
			if err := w.kube.Delete(context.Background(), s); err != nil {
				w.tb.Fatal(err)
			}
		}
	}
}

// edit changes an object as a person does.
func edit[T lifecycle.Object](w *world, obj T, change func(T)) {
	w.tb.Helper()
	if err := w.kube.Get(context.Background(), client.ObjectKeyFromObject(obj), obj); err != nil {
		w.tb.Fatal(err)
	}
	change(obj)
	obj.SetGeneration(obj.GetGeneration() + 1)
	if err := w.kube.Update(context.Background(), obj); err != nil {
		w.tb.Fatal(err)
	}
	w.remember(obj)
	w.everybody()
}

func (w *world) create(objects ...client.Object) {
	w.tb.Helper()
	for _, obj := range objects {
		obj.SetGeneration(1)
		if obj.GetUID() == "" {
			obj.SetUID(uidFor(obj))
		}
		obj.SetCreationTimestamp(metav1.NewTime(w.clock.Truncate(time.Second))) // as it comes back from an API server
		if err := w.kube.Create(context.Background(), obj); err != nil {
			w.tb.Fatal(err)
		}
		// The fake counts versions per object, from 1; those of a real one are never used again.
		for range w.history[kindOf(obj)+" "+client.ObjectKeyFromObject(obj).String()] {
			if err := w.kube.Update(context.Background(), obj); err != nil {
				w.tb.Fatal(err)
			}
		}
		w.remember(obj)
	}
	w.everybody()
}

func (w *world) delete(objects ...client.Object) {
	w.tb.Helper()
	for _, obj := range objects {
		if err := w.kube.Delete(context.Background(), obj); err != nil {
			w.tb.Fatal(err)
		}
		if w.get(obj) {
			w.remember(obj)
		}
	}
	w.everybody()
}

// get reads an object as it is now; false if it is gone.
func (w *world) get(obj client.Object) bool {
	err := w.kube.Get(context.Background(), client.ObjectKeyFromObject(obj), obj)
	if client.IgnoreNotFound(err) != nil {
		w.tb.Fatal(err)
	}
	return err == nil
}

// discard drops events.
type discard struct{}

func (discard) Eventf(runtime.Object, runtime.Object, string, string, string, string, ...any) {}

var _ events.EventRecorder = discard{}

// kindOf names the kind of an object of ours; empty: it is none.
func kindOf(obj client.Object) string {
	if _, ours := obj.(lifecycle.Object); !ours {
		return ""
	}
	return lifecycle.NameOf(obj)
}

// parentOf is the object that another one is in.
func parentOf(obj lifecycle.Object) types.NamespacedName {
	switch o := obj.(type) {
	case *v1alpha1.Organization:
		return lifecycle.ParentKey(o.Spec.InstanceRef, o.Namespace)
	case *v1alpha1.ServiceAccount:
		return lifecycle.ParentKey(o.Spec.OrganizationRef, o.Namespace)
	case *v1alpha1.Dashboard:
		return lifecycle.ParentKey(o.Spec.OrganizationRef, o.Namespace)
	case *v1alpha1.ServiceAccountToken:
		return types.NamespacedName{Namespace: o.Namespace, Name: o.Spec.ServiceAccountRef.Name}
	}
	return types.NamespacedName{}
}
