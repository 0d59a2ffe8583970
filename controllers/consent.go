package controllers

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// permits reports whether an object in one namespace allows itself to be used from another.
func (e *Env) permits(ctx context.Context, allowed v1alpha1.AllowedNamespaces, own, from string) (bool, error) {
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

// checkSelector is the problem with an object's own allowedNamespaces, if there is one.
func (e *Env) checkSelector(allowed v1alpha1.AllowedNamespaces) error {
	if allowed.From != v1alpha1.FromSelector {
		return nil
	}
	if e.NamespacesHidden {
		return stalled(v1alpha1.ReasonInvalidSpec, "spec.allowedNamespaces.selector cannot be evaluated: the operator watches named namespaces only and may not read their labels; use from: Same or All")
	}
	if _, err := metav1.LabelSelectorAsSelector(allowed.Selector); err != nil {
		return stalled(v1alpha1.ReasonInvalidSpec, "spec.allowedNamespaces.selector: %v", err)
	}
	return nil
}

// parentKey is the object that a reference names.
func parentKey(ref v1alpha1.ObjectReference, namespace string) types.NamespacedName {
	if ref.Namespace != "" {
		namespace = ref.Namespace
	}
	return types.NamespacedName{Namespace: namespace, Name: ref.Name}
}

// parent reads the object that a reference names into obj and asks its consent. Across namespaces a refusal is the same whether the object exists or not, so that nothing is told
// about a namespace that does not allow it.
func (e *Env) parent(ctx context.Context, key types.NamespacedName, from string, obj Object, allowed func() v1alpha1.AllowedNamespaces) error {
	err := e.Get(ctx, key, obj)
	if client.IgnoreNotFound(err) != nil {
		return err
	}
	if err != nil && key.Namespace == from {
		return waiting(v1alpha1.ReasonParentNotFound, "%s %s does not exist yet", kindOf(obj), key)
	}
	if err == nil {
		ok, err := e.permits(ctx, allowed(), key.Namespace, from)
		if ok || err != nil {
			return err
		}
	}
	return waiting(v1alpha1.ReasonReferenceNotPermitted, "%s %s does not exist, or its allowedNamespaces does not include namespace %s", kindOf(obj), key, from)
}
