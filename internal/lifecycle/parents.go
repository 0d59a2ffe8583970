package lifecycle

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// Permits reports whether an object in one namespace allows itself to be used from another.
func (e *Engine) Permits(ctx context.Context, allowed v1alpha1.AllowedNamespaces, own, from string) (bool, error) {
	if own == from || allowed.From == v1alpha1.FromAll {
		return true, nil
	}
	if allowed.From != v1alpha1.FromSelector || allowed.Selector == nil || e.NamespacesHidden {
		return false, nil
	}
	selector, err := metav1.LabelSelectorAsSelector(allowed.Selector)
	if err != nil {
		return false, nil // the object with the selector says what is wrong with it
	}
	ns := &metav1.PartialObjectMetadata{}
	ns.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	if err := e.Get(ctx, client.ObjectKey{Name: from}, ns); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	return selector.Matches(labels.Set(ns.Labels)), nil
}

// CheckSelector is the problem with an object's own allowedNamespaces, if there is one.
func (e *Engine) CheckSelector(allowed v1alpha1.AllowedNamespaces) error {
	if allowed.From != v1alpha1.FromSelector {
		return nil
	}
	if e.NamespacesHidden {
		return Stalled(
			v1alpha1.ReasonInvalidSpec,
			"spec.allowedNamespaces.selector cannot be evaluated: the operator watches named namespaces only and "+
				"may not read their labels; use from: Same or All",
		)
	}
	if _, err := metav1.LabelSelectorAsSelector(allowed.Selector); err != nil {
		return Stalled(v1alpha1.ReasonInvalidSpec, "spec.allowedNamespaces.selector: %v", err)
	}
	return nil
}

// ParentKey is the object that a reference names.
func ParentKey(ref v1alpha1.ObjectReference, namespace string) types.NamespacedName {
	if ref.Namespace != "" {
		namespace = ref.Namespace
	}
	return types.NamespacedName{Namespace: namespace, Name: ref.Name}
}

// ReadParent reads the object that a reference from another namespace, or the same one, names into obj, and asks its
// consent. Across namespaces a refusal is the same whether the object exists or not, so that nothing is told about a
// namespace that does not allow it.
func (e *Engine) ReadParent(ctx context.Context, key types.NamespacedName, from string, obj Object) error {
	err := e.Get(ctx, key, obj)
	if client.IgnoreNotFound(err) != nil {
		return err
	}
	if err != nil && key.Namespace == from {
		return Waiting(v1alpha1.ReasonParentNotFound, "%s %s does not exist yet", NameOf(obj), key)
	}
	if err == nil {
		ok, err := e.LetsIn(ctx, obj, from)
		if ok || err != nil {
			return err
		}
	}
	return Waiting(v1alpha1.ReasonReferenceNotPermitted,
		"%s %s does not exist, or its allowedNamespaces does not include namespace %s", NameOf(obj), key, from)
}

// Entrance is embedded by what is in something that may be being deleted, where nothing new is made.
type Entrance struct{ closed *Problem }

// Closed is the problem with making anything there; nil: there is none.
func (e Entrance) Closed() *Problem { return e.closed }

// Enter fails if the parent is being deleted, and obj has nothing in it. What has something holds up that deletion
// until it goes itself, and is kept up meanwhile; so is what an intent in status gives an identity. Of what has lost
// its status, or has an intent without one, nobody knows: it is let in, and kept up if it is found, and not made.
func (e *Engine) Enter(obj, parent Object) (in Entrance, err error) {
	if parent.GetDeletionTimestamp().IsZero() || !obj.GetDeletionTimestamp().IsZero() {
		return in, nil
	}
	problem := Waiting(v1alpha1.ReasonParentNotAvailable, "%s %s is being deleted", NameOf(parent),
		client.ObjectKeyFromObject(parent))
	if !e.Holds(obj) {
		return in, problem
	}
	known := obj.DeepCopyObject().(Object)
	known.CommonStatus().CreateStarted = nil
	if k := e.entryOf(obj); k.held == nil || !k.held(known) {
		in.closed = problem
	}
	return in, nil
}

// LetsIn reports whether an object lets another namespace refer to it, or its own.
func (e *Engine) LetsIn(ctx context.Context, obj Object, from string) (bool, error) {
	return e.Permits(ctx, e.allowedBy(obj), obj.GetNamespace(), from)
}

// allowedBy says from which other namespaces an object may be referred to.
func (e *Engine) allowedBy(obj Object) v1alpha1.AllowedNamespaces {
	if k := e.entryOf(obj); k != nil && k.allowed != nil {
		return k.allowed(obj)
	}
	return v1alpha1.AllowedNamespaces{}
}
