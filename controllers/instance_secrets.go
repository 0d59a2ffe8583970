package controllers

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// +kubebuilder:rbac:groups="",resources=secrets,verbs=patch

// secretFinalizer keeps a Secret until the Instance that logs in with it has nothing in Grafana any more. Several Instances can use one Secret, so that each has its own.
func secretFinalizer(obj *v1alpha1.Instance) string { return secretFinalizerPrefix + uid8(obj) }

const secretFinalizerPrefix = "grafana-tenancy.dev/in-use-by-"

// holdSecrets gives the Secrets that an Instance names our finalizer while it has Organizations, so that a namespace that is deleted whole can still be cleaned up in Grafana, and takes it off
// those that are not needed any more.
func (e *Env) holdSecrets(ctx context.Context, obj *v1alpha1.Instance, needed bool) error {
	var list metav1.PartialObjectMetadataList
	list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("SecretList"))
	if err := e.List(ctx, &list, client.InNamespace(obj.Namespace)); err != nil {
		return err
	}
	finalizer, named := secretFinalizer(obj), instanceSecrets(obj)
	for i := range list.Items {
		secret := &list.Items[i]
		before := secret.DeepCopy()
		want := needed && slices.Contains(named, secret.Name)
		switch has := controllerutil.ContainsFinalizer(secret, finalizer); {
		case has == want, want && !secret.DeletionTimestamp.IsZero():
			continue
		case want:
			controllerutil.AddFinalizer(secret, finalizer)
		default:
			controllerutil.RemoveFinalizer(secret, finalizer)
		}
		secret.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
		err := e.Patch(quiet(ctx), secret, underVersion(before))
		if err := withheld("patch", secret.Namespace+"/"+secret.Name, client.IgnoreNotFound(err)); err != nil {
			return err
		}
	}
	return nil
}
