// Package crash plays scenarios against the operator in which every request to Grafana, every write to Kubernetes and
// every first read of an object fails in every way, and checks what the two worlds come to. All is in memory: an API
// server, a Grafana, a clock, and an operator that can die.
package crash

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"hash/fnv"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/controllers"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/dashboard/fetch"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// World is one run: an API server, a Grafana, a clock, and an operator that can die.
type World struct {
	TB      testing.TB
	Grafana *grafanatest.Server
	Kube    client.WithWatch // the API server itself
	store   *store           // what it holds; nil: it is a real one
	// collected is how much had come and gone when garbage was last looked for.
	collected int64
	scheme    *runtime.Scheme

	Clock time.Time

	// the fault to come
	armed  bool
	FailAt int
	Only   string // the beginning of the points that it can befall: where and what
	spare  int    // how many of them it lets by
	fault  Fault
	Points []Point     // all that were passed since arm
	tale   hash.Hash64 // of all that was asked and written, and when

	order   uint64 // of those in which they can go on
	writers int32  // at once; 0: all
	crowd   *crowd // who lets passes go on side by side; nil: one comes after the other

	*process           // the one that works now
	successor *process // the one that has taken over from it, which is still in the middle of a pass

	History   map[string][]client.Object         // of each object, oldest first
	Writes    int                                // to Kubernetes, that took effect
	asked     int                                // of Grafana, whatever it was
	mutation  int                                // of Grafana, as requested
	Served    map[string]string                  // what other servers have, by URL
	Meanwhile map[string]func()                  // what others do just before a request
	Sources   controllers.Sources                // fetches from them
	Refuses   func(*http.Request) bool           // what Grafana answers 503; nil: nothing
	Told      func(lifecycle.Outcome)            // what came of each pass; nil: nobody is told
	Answers   func(*http.Request) *http.Response // what something before Grafana answers; nil: it passes the request on
	lateAt    time.Time                          // when a late request lands; zero: none is under way
	caught    bool                               // a stale cache has caught up since: its watch brings the event
	toldGone  map[string]bool                    // objects that have vanished, which no cache goes back on
}

// process is one process of the operator, and what it has in memory.
type process struct {
	mu          sync.Mutex // of what visits are due: a gate asks for some after a time of its own
	Env         *controllers.Env
	controllers []lifecycle.Controller
	Reconcilers map[string]reconcile.Reconciler
	Due         map[string]time.Time // by kind and key
	resyncs     map[string]bool      // those that are due for no other reason than that time passes
	failures    map[string]int
	been        map[string]bool // where it has come to an end once
}

const rounds = 600

// New makes a world with an API server in memory.
func New(tb testing.TB, version string) *World {
	return newWorld(tb, grafanatest.Options{Version: version})
}

// NewNested makes one whose Grafana has folders in folders, in whatever version.
func NewNested(tb testing.TB, version string) *World {
	return newWorld(tb, grafanatest.Options{Version: version, NestedFolders: true})
}

func newWorld(tb testing.TB, options grafanatest.Options) *World {
	w := emptyWorld(tb, options)
	w.Kube, w.store = newKube(w.scheme)
	w.Start()
	return w
}

func emptyWorld(tb testing.TB, options grafanatest.Options) *World {
	w := &World{TB: tb, Clock: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), History: map[string][]client.Object{},
		tale: fnv.New64a()}
	options.Now = w.now
	w.Grafana = grafanatest.New(options)
	w.Sources = fetch.NewSync(w.Serve)
	w.scheme = runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(w.scheme); err != nil {
			tb.Fatal(err)
		}
	}
	return w
}

func (w *World) now() time.Time { return w.Clock }

// Start begins a process of the operator with fresh memory. All objects are due, as after the first listing.
func (w *World) Start() {
	env := &controllers.Env{Engine: &lifecycle.Engine{
		Client: interceptor.NewClient(
			w.Kube,
			w.interceptors(true),
		),
		Live:        interceptor.NewClient(w.Kube, w.interceptors(false)),
		Events:      discard{},
		Connections: connection.NewPool(),
		Now:         w.now,
		LastRetry:   lastRetry,
		Told:        w.tellOutcome,
	}, ClusterID: "cluster-1", Transport: (*transport)(w), Sources: w.Sources, FixedWriters: true}
	if err := controllers.Register(env); err != nil {
		w.TB.Fatal(err)
	}
	w.process = &process{
		Env:         env,
		controllers: append(env.Controllers(), controllers.SetControllers(env)...),
		Due:         map[string]time.Time{},
		resyncs:     map[string]bool{},
		failures:    map[string]int{},
		been:        map[string]bool{},
		Reconcilers: map[string]reconcile.Reconciler{},
	}
	for _, c := range w.process.controllers {
		w.process.Reconcilers[c.Name] = c.Reconciler
		if err := c.UseQueue(context.Background(), &queue{w: w, p: w.process, kind: c.Name}); err != nil {
			w.TB.Fatal(err)
		}
	}
	w.Everybody()
}

// Serve is what other servers answer.
func (w *World) Serve(_ context.Context, r fetch.Request) (fetch.Fetched, error) {
	body, ok := w.Served[r.URL]
	if !ok {
		return fetch.Fetched{}, errors.New("injected: the server is not there")
	}
	etag := fmt.Sprint(hashOfText(body))
	return fetch.Fetched{Body: []byte(body), NotModified: r.ETag == etag, ETag: etag}, nil
}

// queue takes the visits that a process asks for itself.
type queue struct {
	workqueue.TypedRateLimitingInterface[ctrl.Request]
	w    *World
	p    *process
	kind string
}

func (q *queue) Add(r ctrl.Request) {
	q.p.wake(q.kind+" "+r.String(), q.w.Clock)
}

func (p *process) wake(key string, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at, ok := p.Due[key]; !ok || at.After(now) {
		p.Due[key] = now
	}
	delete(p.resyncs, key)
}

// take takes an object off the list of those that are due.
func (p *process) take(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.Due, key)
}

// Everybody makes all objects due: every change is seen by all who might care.
func (w *World) Everybody() { w.others("") }

// others makes all objects due that a change of the one that was just visited may concern: not itself, and not one leaf
// by another.
func (w *World) others(visited string) {
	for key := range w.History {
		beside := w.isLeaf(key) && w.isLeaf(visited) && !w.sharesPanels(key, visited)
		if key != visited && !beside && !w.ignores(key, visited) {
			w.wake(key, w.Clock)
		}
	}
}

// ignores reports whether an object is a Folder that is not being deleted, to which it is all one what is in it or
// beside it: where each of them says again and again that it is about to be made, they would call each other for ever.
func (w *World) ignores(key, visited string) bool {
	const folder = "Folder "
	versions := w.History[key]
	return strings.HasPrefix(key, folder) && (strings.HasPrefix(visited, folder) || w.isLeaf(visited)) &&
		len(versions) > 0 && versions[len(versions)-1].GetDeletionTimestamp().IsZero()
}

// isLeaf reports whether an object is of a kind that has no children.
func (w *World) isLeaf(key string) bool {
	kind, _, _ := strings.Cut(key, " ")
	return slices.ContainsFunc(
		w.controllers,
		func(c lifecycle.Controller) bool { return c.Name == kind && !c.Used },
	)
}

func (w *World) tellOutcome(o lifecycle.Outcome) {
	if w.Told != nil {
		w.Told(o)
	}
}

// Objects lists all of our objects, as the API server has them.
func (w *World) Objects() []lifecycle.Object { return w.objects() }

// Scheme knows all kinds.
func (w *World) Scheme() *runtime.Scheme { return w.scheme }

// objects lists all of our objects, as the API server has them.
func (w *World) objects() []lifecycle.Object {
	var all []lifecycle.Object
	for _, list := range controllers.Lists() {
		if err := w.Kube.List(context.Background(), list, client.InNamespace(Namespace)); err != nil {
			w.TB.Fatal(err)
		}
		items, err := apiItems(list)
		if err != nil {
			w.TB.Fatal(err)
		}
		all = append(all, items...)
	}
	return all
}
