package lifecycle_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	clienttesting "k8s.io/client-go/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// world is an API server in memory, a Grafana of things, a clock, and an engine with the toy kinds.
type world struct {
	t      *testing.T
	scheme *runtime.Scheme
	kube   client.WithWatch // the API server itself
	engine *lifecycle.Engine
	clock  time.Time

	servers lifecycle.Kind[*Server, thing]
	shelves lifecycle.Kind[*Shelf, thing]
	books   lifecycle.Kind[*Book, thing]
	// with puts what only some kinds have on the verbs of a Shelf.
	with func(*external) lifecycle.External[thing]

	through func(client.WithWatch) client.WithWatch // what a manager reads and writes through; nil: nothing
	hidden  bool                                    // whether the operator may not read Namespaces
	shard   lifecycle.Shard                         // of the fleet
	more    func(*lifecycle.Engine)                 // registers further kinds

	things []thing
	nextID int64
	conn   *connection.Conn // that Shelves go through, if the test has one

	log    []string                 // what the engine asked of the kind, and what it wrote, in order
	on     map[string]func() error  // what happens at a step; an error is its answer, and then it has no effect
	lost   map[string]error         // the answers to steps that take effect
	stale  map[string]client.Object // what the cache still has, by name
	unseen map[string]bool          // what the cache has not seen yet, by name
	// refused is what no cache ever has, by name, as in a namespace that is not watched.
	refused map[string]bool
	events  []string
	queued  []string // visits that were asked for
}

const namespace = "team"

func init() { log.SetLogger(logr.Discard()) }

func key(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: namespace, Name: name}
}

// newWorld makes a world in which nothing is yet. alter changes the kinds before they are registered.
func newWorld(t *testing.T, alter ...func(*world)) *world {
	w := &world{
		t: t, clock: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), scheme: runtime.NewScheme(),
		on: map[string]func() error{}, lost: map[string]error{},
		stale: map[string]client.Object{}, unseen: map[string]bool{}, refused: map[string]bool{},
	}
	addToScheme(w.scheme)
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, rbacv1.AddToScheme} {
		if err := add(w.scheme); err != nil {
			t.Fatal(err)
		}
	}
	w.with = func(x *external) lifecycle.External[thing] { return x }
	w.describe()
	for _, f := range alter {
		f(w)
	}
	w.start()
	return w
}

// describe says what the toy kinds are.
func (w *world) describe() {
	w.servers = lifecycle.Kind[*Server, thing]{
		List: &ServerList{},
		Connect: func(_ context.Context, o *Server) (lifecycle.External[thing], error) {
			return looked{external: &external{w, &o.Toy}}, w.step("Connect")
		},
		Held:    func(o *Server) bool { return o.held() },
		Allowed: func(o *Server) v1alpha1.AllowedNamespaces { return o.Spec.Allowed },
	}
	w.shelves = lifecycle.Kind[*Shelf, thing]{
		List: &ShelfList{},
		Connect: func(_ context.Context, o *Shelf) (lifecycle.External[thing], error) {
			if err := w.step("Connect"); err != nil {
				return nil, err
			}
			return w.with(&external{w, &o.Toy}), nil
		},
		Held:      func(o *Shelf) bool { return o.held() },
		In:        &Server{},
		Parent:    func(o *Shelf) types.NamespacedName { return o.parent() },
		Usability: func(o *Shelf) any { return o.Status.ID },
		References: []lifecycle.Reference[*Shelf]{
			{To: &corev1.Secret{}, Names: func(o *Shelf) []string { return []string{o.Spec.Secret} }},
		},
	}
	w.books = lifecycle.Kind[*Book, thing]{
		List: &BookList{},
		Connect: func(_ context.Context, o *Book) (lifecycle.External[thing], error) {
			return &external{w, &o.Toy}, w.step("Connect")
		},
		Held:   func(o *Book) bool { return o.held() },
		In:     &Shelf{},
		Parent: func(o *Book) types.NamespacedName { return o.parent() },
	}
}

// start begins a process with fresh memory; the first one also has the API server begin.
func (w *world) start() {
	w.engine = &lifecycle.Engine{
		Events:      recorder{w: w},
		Connections: connection.NewPool(),
		Now:         func() time.Time { return w.clock },
	}
	w.engine.NamespacesHidden, w.engine.Shard = w.hidden, w.shard
	lifecycle.RegisterKind(w.engine, w.servers)
	lifecycle.RegisterKind(w.engine, w.shelves)
	lifecycle.RegisterKind(w.engine, w.books)
	if w.more != nil {
		w.more(w.engine)
	}
	if w.kube == nil {
		w.kube = w.apiServer()
	}
	w.engine.Client = interceptor.NewClient(w.kube, w.cache())
	w.engine.Live = interceptor.NewClient(w.kube, interceptor.Funcs{
		Get: func(
			ctx context.Context, c client.WithWatch, k client.ObjectKey, obj client.Object, o ...client.GetOption,
		) error {
			if f := w.on["read live"]; f != nil {
				return f()
			}
			return c.Get(ctx, k, obj, o...)
		},
	})
	for _, c := range w.engine.Controllers() {
		if err := c.UseQueue(w.t.Context(), queue{w: w, kind: c.Name}); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) apiServer() client.WithWatch {
	// A tracker of its own: the default one keeps managed fields, which costs several times as much.
	tracker := clienttesting.NewObjectTracker(w.scheme, serializer.NewCodecFactory(w.scheme).UniversalDecoder())
	b := fake.NewClientBuilder().WithScheme(w.scheme).WithObjectTracker(tracker)
	for _, c := range w.engine.Controllers() {
		b = b.WithStatusSubresource(c.Object)
		for _, index := range c.Indexes {
			b = b.WithIndex(
				c.Object,
				index.Field,
				func(o client.Object) []string { return index.Of(o.(lifecycle.Object)) },
			)
		}
	}
	return b.Build()
}

// cache is what the engine reads through and writes with.
func (w *world) cache() interceptor.Funcs {
	return interceptor.Funcs{
		Get: func(
			ctx context.Context, c client.WithWatch, k client.ObjectKey, obj client.Object, o ...client.GetOption,
		) error {
			if f := w.on["read"]; f != nil {
				return f()
			}
			if old, ok := w.stale[k.Name]; ok {
				reflect.ValueOf(obj).Elem().Set(reflect.ValueOf(old.DeepCopyObject()).Elem())
				return nil
			}
			if w.refused[k.Name] {
				return errors.New("unknown namespace for the cache")
			}
			if w.unseen[k.Name] {
				return apierrors.NewNotFound(corev1.Resource("toys"), k.Name)
			}
			return c.Get(ctx, k, obj, o...)
		},
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, o ...client.ListOption) error {
			if f := w.on["list"]; f != nil {
				return f()
			}
			return c.List(ctx, list, o...)
		},
		Patch: func(
			ctx context.Context, c client.WithWatch, obj client.Object, p client.Patch, o ...client.PatchOption,
		) error {
			if err := w.step("write metadata"); err != nil {
				return err
			}
			return c.Patch(ctx, obj, p, o...)
		},
		SubResourcePatch: func(
			ctx context.Context, c client.Client, sub string, obj client.Object, p client.Patch,
			o ...client.SubResourcePatchOption,
		) error {
			if err := w.step("write " + sub); err != nil {
				return err
			}
			return c.SubResource(sub).Patch(ctx, obj, p, o...)
		},
	}
}

// step is called for all that the engine asks and writes.
func (w *world) step(name string) error {
	w.log = append(w.log, name)
	if f := w.on[name]; f != nil {
		return f()
	}
	return nil
}

// fail has a step fail, without effect, from now on; nil: it works.
func (w *world) fail(step string, err error) { w.on[step] = func() error { return err } }

// meanwhile has something happen just before a step, the next time.
func (w *world) meanwhile(step string, do func()) {
	w.on[step] = func() error {
		delete(w.on, step)
		do()
		return nil
	}
}

// toy makes an object's common part.
func toy(name, in string) Toy {
	o := Toy{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:  namespace,
			Name:       name,
			UID:        types.UID("uid-of-" + name),
			Generation: 1,
		},
	}
	o.Spec.In.Name, o.Spec.Text = in, "wanted"
	return o
}

func (w *world) server() *Server {
	return create(w, &Server{toy("server", "")})
}

// shelf makes a Shelf that nobody has visited.
func (w *world) shelf(alter ...func(*Shelf)) *Shelf {
	o := &Shelf{toy("shelf", "server")}
	for _, f := range alter {
		f(o)
	}
	return create(w, o)
}

// synced makes a Shelf that is in sync, and forgets how it came to that.
func (w *world) synced(alter ...func(*Shelf)) *Shelf {
	w.t.Helper()
	o := w.shelf(alter...)
	w.visit(o)
	w.conditions(o, "Available=True InSync, Ready=True InSync")
	w.forgetLog()
	return o
}

func create[T client.Object](w *world, o T) T {
	w.t.Helper()
	if err := w.kube.Create(w.t.Context(), o); err != nil {
		w.t.Fatal(err)
	}
	return o
}

// edit changes the spec or metadata, as a person does: with a new generation.
func edit[T client.Object](w *world, o T, change func(T)) {
	w.t.Helper()
	w.reload(o)
	change(o)
	o.SetGeneration(o.GetGeneration() + 1)
	if err := w.kube.Update(w.t.Context(), o); err != nil {
		w.t.Fatal(err)
	}
}

// editStatus changes the status.
func editStatus[T client.Object](w *world, o T, change func(T)) {
	w.t.Helper()
	w.reload(o)
	change(o)
	if err := w.kube.Status().Update(w.t.Context(), o); err != nil {
		w.t.Fatal(err)
	}
}

// reload reads what the API server has, and reports whether the object is there.
func (w *world) reload(o client.Object) bool {
	w.t.Helper()
	err := w.kube.Get(w.t.Context(), client.ObjectKeyFromObject(o), o)
	if client.IgnoreNotFound(err) != nil {
		w.t.Fatal(err)
	}
	return err == nil
}

func (w *world) delete(o client.Object) {
	w.t.Helper()
	if err := w.kube.Delete(w.t.Context(), o); err != nil {
		w.t.Fatal(err)
	}
}

// visit has an object reconciled, and reads what came of it.
func (w *world) visit(o lifecycle.Object) ctrl.Result {
	w.t.Helper()
	result, err := w.reconcile(w.t.Context(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.reload(o)
	return result
}

func (w *world) reconcile(ctx context.Context, o lifecycle.Object) (ctrl.Result, error) {
	for _, c := range w.engine.Controllers() {
		if c.Name == lifecycle.NameOf(o) {
			return c.Reconciler.Reconcile(ctx, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(o)})
		}
	}
	panic("no such kind")
}

// make puts a thing into Grafana.
func (w *world) make(owner types.UID, text string) thing {
	w.nextID++
	w.things = append(w.things, thing{w.nextID, owner, text})
	return w.things[len(w.things)-1]
}

func (w *world) indexOf(owner types.UID) int {
	return slices.IndexFunc(w.things, func(t thing) bool { return t.Owner == owner })
}

// newConn makes a connection over which nothing can be sent: the toys' things are in memory.
func (w *world) newConn(reads, writes int) *connection.Conn {
	w.t.Helper()
	api, err := grafana.New(
		grafana.Config{
			URL:       address,
			Token:     "glsa_key",
			Transport: unplugged{},
			Now:       func() time.Time { return w.clock },
		},
	)
	if err != nil {
		w.t.Fatal(err)
	}
	conn := connection.New(api, connection.Config{
		Server: key("server"), Timeout: timeout, MaxReads: reads, MaxWrites: writes, FixedWriters: true,
		Clock: func() time.Time { return w.clock },
	})
	conn.SetResync(lifecycle.DefaultResync)
	return conn
}

// timeout of a request over a connection of the tests.
const timeout = 10 * time.Second

// address is where Grafana is, which tenants are not told.
const address = "http://grafana.internal:3000"

// unplugged is a network that leads nowhere.
type unplugged struct{}

func (unplugged) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New(address + ": connection refused")}
}
