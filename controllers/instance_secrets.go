package controllers

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/mark"
)

// +kubebuilder:rbac:groups="",resources=secrets,verbs=patch

// secretFinalizer keeps a Secret until the Instance that logs in with it has nothing in Grafana any more. Several
// Instances can use one Secret, so that each has its own.
func secretFinalizer(obj *v1alpha1.Instance) string {
	return secretFinalizerPrefix + mark.ShortUID(obj)
}

const secretFinalizerPrefix = "grafana-tenancy.dev/in-use-by-"

// holdSecrets gives the Secrets that an Instance names our finalizer while it has Organizations, so that a namespace
// that is deleted whole can still be cleaned up in Grafana, and takes it off those that are not needed any more.
func (k instanceKind) holdSecrets(ctx context.Context, obj *v1alpha1.Instance, needed bool) error {
	var list metav1.PartialObjectMetadataList
	list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("SecretList"))
	if err := k.List(ctx, &list, client.InNamespace(obj.Namespace)); err != nil {
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
		err := k.Patch(unlogged(ctx), secret, lifecycle.UnderVersion(before))
		if err := redact("patch", secret.Namespace+"/"+secret.Name, client.IgnoreNotFound(err)); err != nil {
			return err
		}
	}
	return nil
}

// instanceSecrets are the names of the Secrets that an Instance names.
func instanceSecrets(obj *v1alpha1.Instance) []string {
	spec := obj.Spec
	var names []string
	if spec.Credentials.BasicAuth != nil {
		names = append(names, spec.Credentials.BasicAuth.SecretRef.Name)
	}
	if spec.Credentials.Token != nil {
		names = append(names, spec.Credentials.Token.Name)
	}
	if spec.TLS != nil && spec.TLS.ClientCertificateSecretRef != nil {
		names = append(names, spec.TLS.ClientCertificateSecretRef.Name)
	}
	if spec.TLS != nil && spec.TLS.CAFrom != nil && spec.TLS.CAFrom.SecretKeyRef != nil {
		names = append(names, spec.TLS.CAFrom.SecretKeyRef.Name)
	}
	return names
}

// instanceConfigMaps are those of its ConfigMaps.
func instanceConfigMaps(obj *v1alpha1.Instance) []string {
	if tls := obj.Spec.TLS; tls != nil && tls.CAFrom != nil && tls.CAFrom.ConfigMapKeyRef != nil {
		return []string{tls.CAFrom.ConfigMapKeyRef.Name}
	}
	return nil
}
