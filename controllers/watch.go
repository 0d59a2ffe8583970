package controllers

import (
	"cmp"
	"context"
	"reflect"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	ctrlevent "sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// later passes over what is there when a process starts: whom it concerns is looked at then in any case.
var later = predicate.Funcs{CreateFunc: func(e ctrlevent.CreateEvent) bool { return !e.IsInInitialList }}

// watcher builds the controller of one kind and what wakes it.
type watcher struct {
	*Env
	mgr     ctrl.Manager
	opts    Options
	builder *builder.Builder
	run     reconcile.Reconciler
}

type queueUser func(context.Context, workqueue.TypedRateLimitingInterface[ctrl.Request]) error

// kind begins a controller. Status writes of our own wake nobody.
func (w watcher) kind(obj client.Object, run reconcile.Reconciler, useQueue queueUser) *watcher {
	changed := predicate.Or[client.Object](predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{})
	workers := cmp.Or(w.opts.MaxConcurrentReconciles, 32)
	w.run = run
	w.builder = ctrl.NewControllerManagedBy(w.mgr).
		Named(strings.ToLower(kindOf(obj))).
		For(obj, builder.WithPredicates(changed)).
		WatchesRawSource(source.Func(useQueue)).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers})
	return &w
}

func (w *watcher) complete() error { return w.builder.Complete(w.run) }

// parent wakes the objects that refer to a parent when it becomes usable for them, or stops being so.
func (w *watcher) parent(parent client.Object, list func() client.ObjectList) *watcher {
	w.builder.Watches(parent, handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, obj client.Object) []ctrl.Request {
		return w.find(ctx, list(), client.MatchingFields{byParent: client.ObjectKeyFromObject(obj).String()})
	}), builder.WithPredicates(later, predicate.Funcs{UpdateFunc: func(e ctrlevent.UpdateEvent) bool { return usability(e.ObjectOld) != usability(e.ObjectNew) }}))
	return w
}

// grandparent wakes tokens when the Organization of their service account becomes usable or stops being so.
func (w *watcher) grandparent() *watcher {
	w.builder.Watches(&v1alpha1.Organization{}, handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, org client.Object) []ctrl.Request {
		var requests []ctrl.Request
		for _, account := range w.find(ctx, &v1alpha1.ServiceAccountList{}, client.MatchingFields{byParent: client.ObjectKeyFromObject(org).String()}) {
			requests = append(requests, w.find(ctx, &v1alpha1.ServiceAccountTokenList{}, client.MatchingFields{byParent: account.String()})...)
		}
		return requests
	}), builder.WithPredicates(later, predicate.Funcs{UpdateFunc: func(e ctrlevent.UpdateEvent) bool { return usability(e.ObjectOld) != usability(e.ObjectNew) }}))
	return w
}

// usability is what an object's children depend on.
func usability(obj client.Object) any {
	o, ok := obj.(Object)
	if !ok {
		return nil
	}
	var id, org int64
	var name string
	var held bool
	switch o := obj.(type) {
	case *v1alpha1.Instance:
		id, held = o.Status.Resets, isHeld(o)
	case *v1alpha1.Organization:
		id, name = o.Status.OrgID, o.Status.Name
	case *v1alpha1.ServiceAccount:
		id, org = o.Status.ID, o.Status.OrgID
	}
	return struct {
		available, deleting  bool
		seen, held           bool
		generation, id, orgs int64
		name                 string
	}{isTrue(o.CommonStatus().Conditions, v1alpha1.ConditionAvailable), !obj.GetDeletionTimestamp().IsZero(), wasSeen(o), held, obj.GetGeneration(), id, org, name}
}

// childOf wakes a parent that waits for its children to go.
func (w *watcher) childOf(child client.Object) *watcher {
	w.builder.Watches(child, handler.EnqueueRequestsFromMapFunc(func(_ context.Context, obj client.Object) []ctrl.Request {
		return []ctrl.Request{{NamespacedName: parentOf(obj)}}
	}), builder.WithPredicates(predicate.Funcs{
		CreateFunc: func(ctrlevent.CreateEvent) bool { return false },
		UpdateFunc: func(e ctrlevent.UpdateEvent) bool {
			return e.ObjectOld.GetDeletionTimestamp().IsZero() != e.ObjectNew.GetDeletionTimestamp().IsZero() || holdsInstance(e.ObjectOld) != holdsInstance(e.ObjectNew)
		},
		GenericFunc: func(ctrlevent.GenericEvent) bool { return false },
	}))
	return w
}

// holdsInstance reports whether an object needs its Instance's Secrets to be kept.
func holdsInstance(obj client.Object) bool {
	o, ok := obj.(*v1alpha1.Organization)
	return ok && holds(organizationKind{}, o)
}

// naming wakes the objects that name a Secret or ConfigMap of their namespace. Only its metadata is watched.
func (w *watcher) naming(obj client.Object, list client.ObjectList, field string) *watcher {
	fresh := reflect.TypeOf(list).Elem()
	w.builder.WatchesMetadata(obj, handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, obj client.Object) []ctrl.Request {
		return w.find(ctx, reflect.New(fresh).Interface().(client.ObjectList), client.InNamespace(obj.GetNamespace()), client.MatchingFields{field: obj.GetName()})
	}), builder.WithPredicates(later))
	return w
}

// home wakes the Organization that shows a Dashboard first, by reference or uid, once the Dashboard is there.
func (w *watcher) home() *watcher {
	w.builder.Watches(&v1alpha1.Dashboard{}, handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, obj client.Object) []ctrl.Request {
		requests := w.find(ctx, &v1alpha1.OrganizationList{}, client.MatchingFields{byHome: client.ObjectKeyFromObject(obj).String()})
		var org v1alpha1.Organization
		if err := w.Get(ctx, parentOf(obj), &org); err != nil || org.Spec.Preferences == nil {
			return requests
		}
		if uid := obj.(*v1alpha1.Dashboard).Status.UID; uid != "" && org.Spec.Preferences.HomeDashboardUID == uid {
			requests = append(requests, ctrl.Request{NamespacedName: parentOf(obj)})
		}
		return requests
	}), builder.WithPredicates(later, predicate.Funcs{UpdateFunc: func(e ctrlevent.UpdateEvent) bool {
		before, after := e.ObjectOld.(*v1alpha1.Dashboard).Status, e.ObjectNew.(*v1alpha1.Dashboard).Status
		return before.UID != after.UID || before.OrgID != after.OrgID || (before.Version == 0) != (after.Version == 0)
	}}))
	return w
}

// consent wakes the objects of a namespace whose labels have changed: a selector may let them in now, or not any more.
func (w *watcher) consent(list func() client.ObjectList) *watcher {
	if w.NamespacesHidden {
		return w
	}
	w.builder.WatchesMetadata(&corev1.Namespace{}, handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, ns client.Object) []ctrl.Request {
		return w.find(ctx, list(), client.InNamespace(ns.GetName()))
	}), builder.WithPredicates(later, predicate.LabelChangedPredicate{}))
	return w
}

// find lists objects as requests.
func (w *watcher) find(ctx context.Context, list client.ObjectList, opts ...client.ListOption) []ctrl.Request {
	if err := w.List(ctx, list, opts...); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "listing the objects that a change concerns")
		return nil
	}
	var requests []ctrl.Request
	_ = meta.EachListItem(list, func(o runtime.Object) error {
		obj := o.(client.Object)
		requests = append(requests, ctrl.Request{NamespacedName: types.NamespacedName{Namespace: obj.GetNamespace(), Name: obj.GetName()}})
		return nil
	})
	return requests
}
