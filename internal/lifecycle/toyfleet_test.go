package lifecycle_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// A Page is in a Book: a kind that has more than its parent between it and its server.
type (
	Page     struct{ Toy }
	PageList struct{ ListOf[Page] }
)

func (o *Page) DeepCopyObject() runtime.Object { return &Page{o.copied()} }

func (l *PageList) DeepCopyObject() runtime.Object {
	return &PageList{l.copied(func(o Page) Page { return Page{o.copied()} })}
}

func page(name, in string) *Page { return &Page{toy(name, in)} }

func registerPages(
	e *lifecycle.Engine,
	connect func(context.Context, *Page) (lifecycle.External[thing], error),
	forget func(types.NamespacedName),
) {
	lifecycle.RegisterKind(e, lifecycle.Kind[*Page, thing]{
		List: &PageList{}, Connect: connect, Forget: forget,
		Held:   func(o *Page) bool { return o.held() },
		In:     &Book{},
		Parent: func(o *Page) types.NamespacedName { return o.parent() },
	})
}

// fleet is one API server, and a process for each of n shards.
type fleet struct {
	*world // the first of them
	all    []*world

	shelves int // how often the Shelf was made
}

func newFleet(t *testing.T, n int, alter ...func(*world)) *fleet {
	t.Helper()
	f := &fleet{}
	for i := range n {
		w := newWorld(t, append(alter, func(w *world) {
			w.shard = lifecycle.Shard{Index: i, Of: n}
			w.more = func(e *lifecycle.Engine) {
				registerPages(e, func(_ context.Context, o *Page) (lifecycle.External[thing], error) {
					return &external{w, &o.Toy}, w.step("Connect")
				}, nil)
			}
			if i > 0 {
				w.kube = f.kube
			}
		})...)
		f.all = append(f.all, w)
		f.world = f.all[0]
	}
	return f
}

// whose is the one process of the fleet that works on an object when all have visited it.
func (f *fleet) whose(o lifecycle.Object) *world {
	f.t.Helper()
	var at []*world
	for _, w := range f.all {
		w.visit(o)
		if len(w.log) > 0 {
			at = append(at, w)
		}
		w.forgetLog()
	}
	if len(at) != 1 {
		f.t.Fatalf("%s %s is worked on by %d of %d shards", lifecycle.NameOf(o), o.GetName(), len(at), len(f.all))
	}
	return at[0]
}

// idle checks that a process neither asks nor writes anything for an object, and does not come again.
func (w *world) idle(o lifecycle.Object) {
	w.t.Helper()
	w.leavesAlone(o, 0)
}

// looksAgain checks that a process neither asks nor writes anything for an object as long as its cache is behind, and
// comes back to it.
func (w *world) looksAgain(o lifecycle.Object) {
	w.t.Helper()
	w.leavesAlone(o, time.Second)
}

func (w *world) leavesAlone(o lifecycle.Object, after time.Duration) {
	w.t.Helper()
	was := o.GetResourceVersion()
	result := w.visit(o)
	w.steps("")
	w.told()
	if result.RequeueAfter != after || o.GetResourceVersion() != was {
		w.t.Errorf("%s was written, or comes again after %s, want %s", o.GetName(), result.RequeueAfter, after)
	}
}

// abandoned has an object that holds something be deleted, and let go.
func (f *fleet) abandoned(book *Book) {
	f.t.Helper()
	edit(f.world, book, func(o *Book) {
		o.Annotations = map[string]string{v1alpha1.AnnotationAbandon: "true"}
		o.Finalizers = []string{v1alpha1.Finalizer}
	})
	f.delete(book)
	f.reload(book)
}

// placed is a name that is in a shard.
func placed(in *world, prefix string) string {
	for i := 0; ; i++ {
		if name := fmt.Sprintf("%s-%d", prefix, i); in.shard.Has(key(name)) {
			return name
		}
	}
}

// apart are two processes, a Server of the first, and a Book there whose Shelf, as long as it does not exist, is the
// second one's to miss.
func apart(t *testing.T) (f *fleet, own, other *world, shelf *Shelf, book *Book) {
	t.Helper()
	f = newFleet(t, 2)
	own, other = f.all[0], f.all[1]
	server := create(f.world, &Server{toy(placed(own, "server"), "")})
	shelf = &Shelf{toy(placed(other, "shelf"), server.Name)}
	return f, own, other, shelf, create(f.world, &Book{toy("book-"+t.Name(), shelf.Name)})
}

// books has Books be of a kind with more verbs.
func books(with func(*external) lifecycle.External[thing]) func(*world) {
	return func(w *world) {
		w.books.Connect = func(_ context.Context, o *Book) (lifecycle.External[thing], error) {
			if err := w.step("Connect"); err != nil {
				return nil, err
			}
			return with(&external{w, &o.Toy}), nil
		}
	}
}

func derivedBook(x *external) lifecycle.External[thing] { return &derived{external: x} }

// pass has time pass for all processes.
func (f *fleet) pass(d time.Duration) {
	for _, w := range f.all {
		w.clock = w.clock.Add(d)
	}
}

// shelfAt makes the Shelf anew, now on a Server of that process.
func (f *fleet) shelfAt(w *world) *Shelf {
	f.t.Helper()
	shelf := &Shelf{toy("shelf", "")}
	if f.reload(shelf) {
		removed(f.world, shelf)
	}
	f.shelves++
	shelf = &Shelf{toy("shelf", placed(w, "server"))}
	shelf.UID, shelf.CreationTimestamp = types.UID(fmt.Sprintf("shelf-%d", f.shelves)), metav1.NewTime(w.clock)
	return create(f.world, shelf)
}

// removed takes an object away as if nobody held it.
func removed(w *world, o client.Object) {
	w.t.Helper()
	edit(w, o, func(o client.Object) { o.SetFinalizers(nil) })
	w.delete(o)
}
