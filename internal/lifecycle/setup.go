package lifecycle

import (
	"cmp"
	"context"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	ctrlevent "sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// Options of Setup.
type Options struct {
	// MaxConcurrentReconciles is how many objects of a kind are worked on at once. 0: 32.
	MaxConcurrentReconciles int
	// RoleBinding is the name of the RoleBinding that gives the operator its rights in each namespace, and that is kept
	// until the last object there is gone. "": none is.
	RoleBinding string
}

type queueUser func(context.Context, workqueue.TypedRateLimitingInterface[ctrl.Request]) error

// Setup registers the controllers of all kinds with the manager.
func (e *Engine) Setup(mgr ctrl.Manager, opts Options) error {
	if err := mgr.Add(manager.RunnableFunc(e.Shard.observe)); err != nil {
		return err
	}
	for _, k := range e.kinds {
		if err := k.addIndexes(mgr.GetFieldIndexer()); err != nil {
			return err
		}
	}
	for _, k := range e.kinds {
		if err := e.setupKind(mgr, k, opts); err != nil {
			return err
		}
	}
	if opts.RoleBinding != "" {
		return setupRoleBindings(mgr, e, opts.RoleBinding)
	}
	return nil
}

// setupKind registers the controller of one kind. Status writes of our own wake nobody.
func (e *Engine) setupKind(mgr ctrl.Manager, k *entry, opts Options) error {
	changed := predicate.Or[client.Object](
		predicate.GenerationChangedPredicate{},
		predicate.AnnotationChangedPredicate{},
		predicate.Funcs{UpdateFunc: anew},
	)
	b := ctrl.NewControllerManagedBy(mgr).
		Named(strings.ToLower(k.name)).
		For(k.object, builder.WithPredicates(changed, predicate.Funcs{DeleteFunc: k.noteDeleted})).
		WatchesRawSource(source.Func(k.useQueue)).
		WithOptions(controller.Options{MaxConcurrentReconciles: cmp.Or(opts.MaxConcurrentReconciles, 32)})
	if k.in != "" {
		e.watchParent(b, k)
		e.watchNamespaces(b, k)
		e.watchAncestors(b, k)
	}
	for _, child := range e.childrenOf(k) {
		e.watchChild(b, k, child)
	}
	for _, ref := range k.references {
		e.watchReferences(b, k, ref)
	}
	for _, w := range k.watches {
		b.Watches(w.Of, e.handlerOf(w.Of, w.Requests), w.Changes)
	}
	return b.Complete(k.reconciler)
}

// noteDeleted has a deletion noted before it brings a visit. What a watch that had to begin anew has only missed may
// have been released meanwhile.
func (k *entry) noteDeleted(e ctrlevent.DeleteEvent) bool {
	if !e.DeleteStateUnknown {
		k.deleted(e.Object)
	}
	return true
}

// addIndexes registers the fields that objects of the kind are looked up by.
func (k *entry) addIndexes(to client.FieldIndexer) error {
	for _, index := range k.allIndexes() {
		of := func(obj client.Object) []string { return index.Of(obj.(Object)) }
		if err := to.IndexField(context.Background(), k.object, index.Field, of); err != nil {
			return err
		}
	}
	return nil
}

// allIndexes are those that the kind names, and those that follow from its parent and its references.
func (k *entry) allIndexes() []Index[Object] {
	var all []Index[Object]
	if k.parent != nil {
		all = append(
			all,
			Index[Object]{Field: byParent, Of: func(o Object) []string { return []string{k.parent(o).String()} }},
		)
	}
	for _, ref := range k.references {
		all = append(all, Index[Object]{Field: byReference(ref.To), Of: ref.Names})
	}
	return append(all, k.indexes...)
}

// byReference is the index of the names of what objects of a kind refer to in their own namespace.
func byReference(to client.Object) string { return NameOf(to) }

// Watched lists what is watched in every namespace, so that the operator can do nothing where one of them cannot be
// read.
func (e *Engine) Watched() []schema.GroupVersionKind {
	kinds := []schema.GroupVersionKind{
		corev1.SchemeGroupVersion.WithKind("Secret"), corev1.SchemeGroupVersion.WithKind("ConfigMap"),
	}
	for _, k := range e.kinds {
		kinds = append(kinds, v1alpha1.GroupVersion.WithKind(k.name))
	}
	return kinds
}
