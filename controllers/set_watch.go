package controllers

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

const (
	// afterChildren is how long a set waits after a change of a child, since there are many of them.
	afterChildren = time.Second
	// afterOthers is how long it waits after a change of something else, for the same reason.
	afterOthers = 100 * time.Millisecond
	// maxSetsAtOnce is how many sets of a kind are worked on at once.
	maxSetsAtOnce = 4
)

// setupSet registers the controller of a kind of sets.
func setupSet[S setObject, C lifecycle.Object](mgr ctrl.Manager, e *Env, kind setKind[S, C]) error {
	r := newSets(e, kind)
	if err := mgr.GetFieldIndexer().IndexField(context.Background(), kind.child, bySet, r.uidOfSet); err != nil {
		return err
	}
	b := ctrl.NewControllerManagedBy(mgr).Named(strings.ToLower(lifecycle.NameOf(kind.empty))).
		For(kind.empty, builder.WithPredicates(predicate.Or[client.Object](
			predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}))).
		WithOptions(controller.Options{MaxConcurrentReconciles: maxSetsAtOnce}).
		Watches(kind.child, soon{afterChildren, r.concernedByChild}, builder.WithPredicates(childChanges)).
		Watches(&v1alpha1.Organization{}, soon{afterOthers, r.concernedByOrganization},
			builder.WithPredicates(lifecycle.Later, organizationChanges)).
		Watches(&v1alpha1.Instance{}, soon{afterOthers, r.concernedByInstance},
			builder.WithPredicates(lifecycle.Later, predicate.GenerationChangedPredicate{})).
		WatchesMetadata(&corev1.ConfigMap{}, soon{afterOthers, r.concernedByContent},
			builder.WithPredicates(lifecycle.Later))
	if !e.NamespacesHidden {
		b.WatchesMetadata(&corev1.Namespace{}, soon{afterOthers, r.concernedByNamespace},
			builder.WithPredicates(lifecycle.Later, predicate.LabelChangedPredicate{}))
	}
	return b.Complete(r)
}

// soon asks for visits after a while, in which others may ask for the same ones.
type soon struct {
	after    time.Duration
	requests handler.MapFunc
}

type visits = workqueue.TypedRateLimitingInterface[ctrl.Request]

func (s soon) ask(ctx context.Context, queue visits, objects ...client.Object) {
	for _, obj := range objects {
		for _, req := range s.requests(ctx, obj) {
			queue.AddAfter(req, s.after)
		}
	}
}

// Create asks for visits to whom it concerns.
func (s soon) Create(ctx context.Context, e event.CreateEvent, queue visits) {
	s.ask(ctx, queue, e.Object)
}

// Update asks for visits to whom it concerns, as it is and as it was.
func (s soon) Update(ctx context.Context, e event.UpdateEvent, queue visits) {
	s.ask(ctx, queue, e.ObjectOld, e.ObjectNew)
}

// Delete asks for visits to whom it concerned.
func (s soon) Delete(ctx context.Context, e event.DeleteEvent, queue visits) {
	s.ask(ctx, queue, e.Object)
}

// Generic asks for visits to whom it concerns.
func (s soon) Generic(ctx context.Context, e event.GenericEvent, queue visits) {
	s.ask(ctx, queue, e.Object)
}

// childChanges are those that a set may have to do something about, or tells of.
var childChanges = predicate.Funcs{UpdateFunc: func(u event.UpdateEvent) bool {
	was, is := u.ObjectOld.(lifecycle.Object), u.ObjectNew.(lifecycle.Object)
	return was.GetUID() != is.GetUID() || was.GetGeneration() != is.GetGeneration() ||
		was.GetDeletionTimestamp().IsZero() != is.GetDeletionTimestamp().IsZero() ||
		isReadyNow(was) != isReadyNow(is) || trouble(was) != trouble(is) ||
		!maps.Equal(was.GetLabels(), is.GetLabels()) || !maps.Equal(was.GetAnnotations(), is.GetAnnotations()) ||
		!reflect.DeepEqual(metav1.GetControllerOf(was), metav1.GetControllerOf(is))
}}

// trouble is what a Stalled object says; "": it is not.
func trouble(obj lifecycle.Object) string {
	c := meta.FindStatusCondition(obj.CommonStatus().Conditions, v1alpha1.ConditionStalled)
	if c == nil || c.Status != metav1.ConditionTrue {
		return ""
	}
	return c.Reason + c.Message
}

// organizationChanges are those that sets go by.
var organizationChanges = predicate.Funcs{UpdateFunc: func(u event.UpdateEvent) bool {
	was, is := u.ObjectOld.(*v1alpha1.Organization), u.ObjectNew.(*v1alpha1.Organization)
	return was.UID != is.UID || was.Generation != is.Generation ||
		was.DeletionTimestamp.IsZero() != is.DeletionTimestamp.IsZero() ||
		isKnown(was) != isKnown(is) || was.Status.OrgID != is.Status.OrgID || was.Status.Name != is.Status.Name ||
		!maps.Equal(was.Labels, is.Labels) || !maps.Equal(was.Annotations, is.Annotations)
}}

// setOf is the set that has made an object.
func (r *setReconciler[S, C]) setOf(obj client.Object) (metav1.OwnerReference, bool) {
	owner := metav1.GetControllerOf(obj)
	if owner == nil || owner.Kind != lifecycle.NameOf(r.empty) ||
		owner.APIVersion != v1alpha1.GroupVersion.String() {
		return metav1.OwnerReference{}, false
	}
	return *owner, true
}

func (r *setReconciler[S, C]) uidOfSet(obj client.Object) []string {
	if owner, ok := r.setOf(obj); ok {
		return []string{string(owner.UID)}
	}
	return nil
}

func visitTo(namespace, name string) []ctrl.Request {
	return []ctrl.Request{{NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}}}
}

// concernedByChild is the set that has made it, or those that it may stand in the way of.
func (r *setReconciler[S, C]) concernedByChild(ctx context.Context, obj client.Object) []ctrl.Request {
	if owner, ok := r.setOf(obj); ok {
		return visitTo(obj.GetNamespace(), owner.Name)
	}
	return r.concerned(ctx, obj.GetNamespace(), func(set S) bool {
		return strings.HasPrefix(obj.GetName(), set.GetName()+"-")
	})
}

// concernedByContent is the set that has made it, or the one whose content it stands in the way of.
func (r *setReconciler[S, C]) concernedByContent(ctx context.Context, obj client.Object) []ctrl.Request {
	if owner, ok := r.setOf(obj); ok {
		return visitTo(obj.GetNamespace(), owner.Name)
	}
	return r.concerned(ctx, obj.GetNamespace(), func(set S) bool {
		return isContentName(obj.GetName(), set.GetName())
	})
}

// concernedByOrganization are the sets that select it, and that it lets in.
func (r *setReconciler[S, C]) concernedByOrganization(ctx context.Context, obj client.Object) []ctrl.Request {
	o := obj.(*v1alpha1.Organization)
	return r.concerned(ctx, metav1.NamespaceAll, func(set S) bool {
		spec, _ := set.Set()
		selector, err := metav1.LabelSelectorAsSelector(&spec.Organizations.Selector)
		if err != nil || !selector.Matches(labels.Set(o.Labels)) {
			return false
		}
		in, err := r.LetsIn(ctx, o, set.GetNamespace())
		return in || err != nil
	})
}

func (r *setReconciler[S, C]) concernedByInstance(ctx context.Context, obj client.Object) []ctrl.Request {
	return r.concerned(ctx, metav1.NamespaceAll, func(set S) bool {
		spec, _ := set.Set()
		for _, ref := range spec.Organizations.InstanceRefs {
			if lifecycle.ParentKey(ref, set.GetNamespace()) == client.ObjectKeyFromObject(obj) {
				return true
			}
		}
		return false
	})
}

func (r *setReconciler[S, C]) concernedByNamespace(ctx context.Context, obj client.Object) []ctrl.Request {
	return r.concerned(ctx, obj.GetName(), func(S) bool { return true })
}

// concerned are visits to some of the sets of a namespace.
func (r *setReconciler[S, C]) concerned(ctx context.Context, namespace string, is func(S) bool) (all []ctrl.Request) {
	list := r.sets.DeepCopyObject().(client.ObjectList)
	err := r.Client.List(ctx, list, client.InNamespace(namespace), client.UnsafeDisableDeepCopy) // only looked at
	err = errors.Join(err, meta.EachListItem(list, func(o runtime.Object) error {
		if set := o.(S); is(set) {
			all = append(all, visitTo(set.GetNamespace(), set.GetName())...)
		}
		return nil
	}))
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "listing the sets that a change concerns")
	}
	return all
}
