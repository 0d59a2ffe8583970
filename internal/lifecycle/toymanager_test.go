package lifecycle_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache/informertest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllertest"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// running is a manager with the controllers of the toy kinds, to which the test brings the events of watches.
type running struct {
	*world
	informers *informers
	visits    chan string
	kinds     []string
	rounds    int
}

// run starts the controllers. Their objects are visited, and that is all.
func run(t *testing.T, opts lifecycle.Options, alter ...func(*world)) *running {
	r, mgr := managed(t, alter...)
	for _, c := range r.engine.Controllers() {
		r.kinds = append(r.kinds, c.Name)
	}
	opts.MaxConcurrentReconciles = 1
	if err := r.engine.Setup(mgr, opts); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- mgr.Start(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	r.awaitStart()
	return r
}

// managed makes the manager of run.
func managed(t *testing.T, alter ...func(*world)) (*running, ctrl.Manager) {
	r := &running{visits: make(chan string, 1000)}
	r.world = newWorld(t, append(alter, func(w *world) {
		w.servers.Connect, w.servers.Forget = noting[*Server](r), r.forgotten
		w.shelves.Connect, w.shelves.Forget = noting[*Shelf](r), r.forgotten
		w.books.Connect, w.books.Forget = noting[*Book](r), r.forgotten
		if w.more != nil {
			w.more = func(e *lifecycle.Engine) { registerPages(e, noting[*Page](r), r.forgotten) }
		}
	})...)
	r.engine.Client, r.engine.Live = r.kube, r.kube
	if r.through != nil {
		r.engine.Client = r.through(r.kube)
		r.engine.Live = r.engine.Client
	}
	r.informers = &informers{
		FakeInformers: &informertest.FakeInformers{Scheme: r.scheme},
		all:           map[schema.GroupVersionKind]*informer{},
	}
	yes, no := true, false
	mgr, err := ctrl.NewManager(&rest.Config{Host: "http://127.0.0.1:1"}, ctrl.Options{
		Scheme:         r.scheme,
		Metrics:        metricsserver.Options{BindAddress: "0"},
		Controller:     config.Controller{SkipNameValidation: &yes, UsePriorityQueue: &no}, // first in, first out
		NewCache:       func(*rest.Config, cache.Options) (cache.Cache, error) { return r.informers, nil },
		NewClient:      func(*rest.Config, client.Options) (client.Client, error) { return r.kube, nil },
		MapperProvider: r.mapper,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r, mgr
}

// noting is a Connect that does nothing but note the visit.
func noting[T lifecycle.Object](r *running) func(context.Context, T) (lifecycle.External[thing], error) {
	return func(_ context.Context, o T) (lifecycle.External[thing], error) {
		r.visits <- lifecycle.NameOf(o) + " " + o.GetName()
		return nil, lifecycle.Waiting("ParentNotFound", "no more than a visit")
	}
}

// forgotten notes the visit to an object that is not there, which is how the test tells that all before are over.
func (r *running) forgotten(key types.NamespacedName) { r.visits <- "end " + key.Name }

func (r *running) mapper(*rest.Config, *http.Client) (meta.RESTMapper, error) {
	return r.kube.RESTMapper(), nil
}

// awaitStart waits until all controllers work: by then they have their watches.
func (r *running) awaitStart() {
	for _, kind := range r.kinds {
		for started := false; !started; {
			r.engine.Visit(lifecycle.Suspect{Kind: kind, Key: key("start-" + kind)})
			select {
			case v := <-r.visits:
				started = v == "end start-"+kind // not one more of the kind before
			case <-time.After(time.Millisecond): // the controller had no queue yet: ask again
			}
		}
	}
}

// visited checks which objects are visited after something has happened. A queue is first in, first out: when what is
// asked for last has been visited, everything has.
func (r *running) visited(happens func(), want ...string) {
	r.t.Helper()
	if got := r.visitsAfter(happens); !slices.Equal(got, want) {
		r.t.Errorf("visited %v, want %v", got, want)
	}
}

// visitsAfter are the objects that are visited after something has happened, each as often as it is.
func (r *running) visitsAfter(happens func()) []string {
	happens()
	r.rounds++
	end := fmt.Sprintf("end-%d", r.rounds)
	for _, kind := range r.kinds {
		r.engine.Visit(lifecycle.Suspect{Kind: kind, Key: key(end)})
	}
	var got []string
	for ends := 0; ends < len(r.kinds); {
		switch v := <-r.visits; {
		case v == "end "+end:
			ends++
		case !strings.HasPrefix(v, "end "): // what is not there was not meant
			got = append(got, v)
		}
	}
	slices.Sort(got)
	return got
}

// appears is the event of an object that is there from now on.
func (r *running) appears(o client.Object) {
	for _, h := range r.informers.handlersOf(o) {
		h.OnAdd(o, false)
	}
}

// listed is the event of an object that was there when the process started.
func (r *running) listed(o client.Object) {
	for _, h := range r.informers.handlersOf(o) {
		h.OnAdd(o, true)
	}
}

// changes is the event of an object that has changed.
func (r *running) changes(from, to client.Object) {
	for _, h := range r.informers.handlersOf(to) {
		h.OnUpdate(from, to)
	}
}

// vanishes is the event of an object that is gone.
func (r *running) vanishes(o client.Object) {
	for _, h := range r.informers.handlersOf(o) {
		h.OnDelete(o)
	}
}

// informers is a cache in which nothing is, and whose events the test makes.
type informers struct {
	*informertest.FakeInformers
	mu  sync.Mutex
	all map[schema.GroupVersionKind]*informer
}

type informer struct {
	*controllertest.FakeInformer
	mu       sync.Mutex
	handlers []toolscache.ResourceEventHandler
}

func (i *informers) of(o client.Object) *informer {
	gvk, err := apiutil.GVKForObject(o, i.Scheme)
	if err != nil {
		panic(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.all[gvk] == nil {
		i.all[gvk] = &informer{FakeInformer: controllertest.NewFakeInformer(controllertest.Synced)}
	}
	return i.all[gvk]
}

func (i *informers) handlersOf(o client.Object) []toolscache.ResourceEventHandler {
	of := i.of(o)
	of.mu.Lock()
	defer of.mu.Unlock()
	return slices.Clone(of.handlers)
}

func (i *informers) GetInformer(
	_ context.Context,
	o client.Object,
	_ ...cache.InformerGetOption,
) (cache.Informer, error) {
	return i.of(o), nil
}

func (i *informer) AddEventHandlerWithOptions(
	h toolscache.ResourceEventHandler, _ toolscache.HandlerOptions,
) (toolscache.ResourceEventHandlerRegistration, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.handlers = append(i.handlers, h)
	return i.FakeInformer.AddEventHandler(h)
}
