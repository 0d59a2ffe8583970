package lifecycle

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlevent "sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// Later passes over what is there when a process starts: whom it concerns is looked at then in any case.
var Later = predicate.Funcs{CreateFunc: func(e ctrlevent.CreateEvent) bool { return !e.IsInInitialList }}

// handlerOf asks for visits when an object changes. That one of our kinds is gone is noted before: each watch has its
// own queue of events, and none knows how far the others are.
func (e *Engine) handlerOf(of client.Object, requests handler.MapFunc) handler.EventHandler {
	visits := handler.EnqueueRequestsFromMapFunc(requests)
	if k := e.entryOf(of); k != nil {
		return noting{visits, k}
	}
	return visits
}

type noting struct {
	handler.EventHandler
	kind *entry
}

// Delete notes that the object is gone, and asks for visits.
func (n noting) Delete(
	ctx context.Context, event ctrlevent.DeleteEvent, queue workqueue.TypedRateLimitingInterface[ctrl.Request],
) {
	n.kind.noteDeleted(event)
	n.EventHandler.Delete(ctx, event, queue)
}

// watchParent visits what an object contains when that becomes usable, or ceases to be.
func (e *Engine) watchParent(b *builder.Builder, k *entry) {
	parent := e.named(k.in).object
	b.Watches(parent, e.handlerOf(parent, func(ctx context.Context, obj client.Object) []ctrl.Request {
		return e.RequestsIn(ctx, k.newList(), client.ObjectKeyFromObject(obj))
	}), e.UsabilityChanges())
}

// watchAncestors visits an object when something that its parent is in comes or goes: it may be another shard's then.
func (e *Engine) watchAncestors(b *builder.Builder, k *entry) {
	if e.Shard.whole() {
		return
	}
	way := []*entry{k}
	for up := e.named(k.in); up.in != ""; up = e.named(up.in) {
		if len(way) > 1 { // changes of the parent itself are watched
			b.Watches(up.object, e.visitsBelow(up, way), builder.WithPredicates(Later, predicate.Funcs{
				UpdateFunc: anew,
			}))
		}
		way = append(way, up)
	}
}

// anew reports whether another object is there under the same name. A watch that had to begin anew tells that as a
// change.
func anew(u ctrlevent.UpdateEvent) bool {
	return u.ObjectOld.GetUID() != u.ObjectNew.GetUID()
}

// visitsBelow are visits to the objects of the first of these kinds that are somewhere in an object, through objects of
// the other kinds.
func (e *Engine) visitsBelow(up *entry, way []*entry) handler.EventHandler {
	return e.handlerOf(up.object, func(ctx context.Context, obj client.Object) []ctrl.Request {
		at := []ctrl.Request{{NamespacedName: client.ObjectKeyFromObject(obj)}}
		for _, k := range slices.Backward(way) {
			var below []ctrl.Request
			for _, in := range at {
				below = append(below, e.RequestsIn(ctx, k.newList(), in.NamespacedName)...)
			}
			at = below
		}
		return at
	})
}

// UsabilityChanges are those of an object that what it contains depends on.
func (e *Engine) UsabilityChanges() builder.Predicates {
	changed := func(u ctrlevent.UpdateEvent) bool {
		return anew(u) || e.usability(u.ObjectOld) != e.usability(u.ObjectNew)
	}
	return builder.WithPredicates(Later, predicate.Funcs{UpdateFunc: changed})
}

// usability is what an object's children depend on.
func (e *Engine) usability(obj client.Object) any {
	k := e.entryOf(obj)
	if k == nil {
		return nil
	}
	o := obj.(Object)
	var own any
	if k.usability != nil {
		own = k.usability(o)
	}
	return struct {
		available, deleting, known bool
		generation                 int64
		own                        any
	}{
		meta.IsStatusConditionTrue(o.CommonStatus().Conditions, v1alpha1.ConditionAvailable),
		!o.GetDeletionTimestamp().IsZero(), StatusWritten(o), o.GetGeneration(), own,
	}
}

// watchChild visits an object that waits for its children to go.
func (e *Engine) watchChild(b *builder.Builder, k, child *entry) {
	b.Watches(child.object, e.handlerOf(child.object, func(_ context.Context, obj client.Object) []ctrl.Request {
		return []ctrl.Request{{NamespacedName: child.parentOf(obj.(Object))}}
	}), builder.WithPredicates(predicate.Funcs{
		CreateFunc: func(ctrlevent.CreateEvent) bool { return false },
		UpdateFunc: func(e ctrlevent.UpdateEvent) bool {
			before, now := e.ObjectOld.(Object), e.ObjectNew.(Object)
			return before.GetDeletionTimestamp().IsZero() != now.GetDeletionTimestamp().IsZero() ||
				k.whenHeld && child.holds(before) != child.holds(now)
		},
		GenericFunc: func(ctrlevent.GenericEvent) bool { return false },
	}))
}

// watchReferences visits the objects that name a Secret or ConfigMap of their namespace. Only its metadata is watched.
func (e *Engine) watchReferences(b *builder.Builder, k *entry, ref Reference[Object]) {
	b.WatchesMetadata(ref.To, e.handlerOf(ref.To, func(ctx context.Context, obj client.Object) []ctrl.Request {
		named := client.MatchingFields{byReference(ref.To): obj.GetName()}
		return e.Requests(ctx, k.newList(), client.InNamespace(obj.GetNamespace()), named)
	}), builder.WithPredicates(Later))
}

// watchNamespaces visits the objects of a namespace whose labels have changed: a selector may let them in now, or not
// any more.
func (e *Engine) watchNamespaces(b *builder.Builder, k *entry) {
	if e.NamespacesHidden {
		return
	}
	namespaces := &corev1.Namespace{}
	b.WatchesMetadata(namespaces, e.handlerOf(namespaces, func(ctx context.Context, ns client.Object) []ctrl.Request {
		return e.Requests(ctx, k.newList(), client.InNamespace(ns.GetName()))
	}), builder.WithPredicates(Later, predicate.LabelChangedPredicate{}))
}

// RequestsIn are visits to the objects of a kind that are in a parent.
func (e *Engine) RequestsIn(ctx context.Context, list client.ObjectList, parent client.ObjectKey) []ctrl.Request {
	return e.Requests(ctx, list, client.MatchingFields{byParent: parent.String()})
}

// Requests are visits to objects.
func (e *Engine) Requests(ctx context.Context, list client.ObjectList, opts ...client.ListOption) []ctrl.Request {
	if err := e.List(ctx, list, opts...); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "listing the objects that a change concerns")
		return nil
	}
	var requests []ctrl.Request
	_ = meta.EachListItem(list, func(o runtime.Object) error {
		requests = append(requests, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(o.(client.Object))})
		return nil
	})
	return requests
}
