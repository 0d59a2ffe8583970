package lifecycle_test

import (
	"context"
	"slices"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

const binding = "operator"

// bound is a namespace with a RoleBinding, and what was done to it.
type bound struct {
	*running
	writes chan []string // the finalizers that were written
	looks  chan string   // where Books were looked for: in the "cache" or "live"
	starts chan struct{} // a sign of life of the controller
	blind  bool          // the cache has seen no object yet
}

func runBound(t *testing.T) *bound {
	b := &bound{writes: make(chan []string, 10), looks: make(chan string, 100), starts: make(chan struct{}, 100)}
	b.running = run(t, lifecycle.Options{RoleBinding: binding}, func(w *world) { w.through = b.watch })
	create(b.world, &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: binding}})
	first := lifecycle.RoleBinding()
	first.Name = "start"
	for {
		b.appears(first)
		select {
		case <-b.starts:
			return b
		case <-time.After(time.Millisecond): // the controller had no watches yet: again
		}
	}
}

// watch is a client that tells of writes to the RoleBinding.
func (b *bound) watch(kube client.WithWatch) client.WithWatch {
	return interceptor.NewClient(kube, interceptor.Funcs{
		Get: func(
			ctx context.Context, c client.WithWatch, k client.ObjectKey, o client.Object, opts ...client.GetOption,
		) error {
			if k.Name == "start" && k.Namespace == "" {
				b.starts <- struct{}{}
			}
			return c.Get(ctx, k, o, opts...)
		},
		Patch: func(
			ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption,
		) error {
			err := c.Patch(ctx, o, p, opts...)
			if _, ok := o.(*metav1.PartialObjectMetadata); ok && err == nil {
				b.writes <- o.GetFinalizers()
			}
			return err
		},
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			if _, ok := list.(*BookList); ok {
				defer func() { b.looks <- "cache" }()
				if b.blind {
					return nil
				}
			}
			if l, ok := list.(*metav1.PartialObjectMetadataList); ok && l.Kind == "BookList" {
				defer func() { b.looks <- "live" }()
			}
			return c.List(ctx, list, opts...)
		},
	})
}

// written checks what is written to the RoleBinding next.
func (b *bound) written(want ...string) {
	b.t.Helper()
	if got := <-b.writes; !slices.Equal(got, want) {
		b.t.Errorf("finalizers %v, want %v", got, want)
	}
}

// looked waits until Books were looked for.
func (b *bound) looked(want ...string) {
	b.t.Helper()
	for _, where := range want {
		if got := <-b.looks; got != where {
			b.t.Errorf("looked for Books in %s, want %s", got, where)
		}
	}
}

func held(name string) *Book {
	o := book(name)
	o.Finalizers = []string{v1alpha1.Finalizer}
	return o
}

func TestRoleBindingIsKeptUntilTheLastObjectIsGone(t *testing.T) {
	b := runBound(t)
	first, last := create(b.world, held("first")), create(b.world, held("last"))
	b.visited(func() { b.appears(first) }, "Book first")
	b.written(v1alpha1.Finalizer)

	b.delete(
		&rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: binding}},
	) // with its namespace
	let := func(o *Book) {
		was := o.DeepCopyObject().(*Book)
		edit(b.world, o, func(o *Book) { o.Finalizers = nil })
		b.changes(was, o)
	}
	b.looked("cache")
	let(first)
	b.looked("cache") // one is still held back: nothing is written
	let(last)
	b.written()
	b.gone(&rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: binding}})
}

func TestRoleBindingIsNotReleasedByACacheThatIsBehind(t *testing.T) {
	b := runBound(t)
	o := create(b.world, held("held"))
	b.visited(func() { b.appears(o) }, "Book held")
	b.written(v1alpha1.Finalizer)
	b.looked("cache")
	b.blind = true
	was := o.DeepCopyObject().(*Book)
	was.Finalizers = nil
	b.changes(was, o)
	b.looked("cache", "live") // nothing is written
	edit(b.world, o, func(o *Book) { o.Finalizers = nil })
	b.changes(held("held"), o)
	b.written()
}

func TestRoleBindingOfANamespaceWithoutObjectsIsLeftAlone(t *testing.T) {
	b := runBound(t)
	free := create(b.world, book("free"))
	b.visited(func() { b.appears(free) }, "Book free")
	b.visited(func() { b.vanishes(free) }, "Book free")
	b.appears(lifecycle.RoleBinding())
	o := create(b.world, held("held"))
	b.visited(func() { b.appears(o) }, "Book held")
	b.written(v1alpha1.Finalizer) // the first write of all
}
