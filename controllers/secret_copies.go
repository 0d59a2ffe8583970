package controllers

import (
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// secretCopies takes the finalizer of an Instance off Secrets that are being deleted and that this Instance does not
// name: those that people have copied with it, to another name or namespace, or restored after the Instance was gone.
// Nobody else would, and they and their namespace would stay for ever.
type secretCopies struct{ *Env }

func setupSecretCopies(mgr ctrl.Manager, e *Env) error {
	held := predicate.NewPredicateFuncs(func(obj client.Object) bool {
		return !obj.GetDeletionTimestamp().IsZero() && slices.ContainsFunc(obj.GetFinalizers(), isSecretFinalizer)
	})
	secrets := &metav1.PartialObjectMetadata{}
	secrets.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	left := predicate.Funcs{
		CreateFunc:  func(event.CreateEvent) bool { return false },
		UpdateFunc:  func(event.UpdateEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return false },
	}
	return ctrl.NewControllerManagedBy(mgr).Named("secret").
		For(secrets, builder.WithPredicates(held)).
		Watches(
			&v1alpha1.Instance{},
			handler.EnqueueRequestsFromMapFunc(namedSecrets),
			builder.WithPredicates(left),
		).
		Complete(&secretCopies{Env: e})
}

// namedSecrets are those that an Instance which has left may have held up: one that was applied and deleted in its
// last moments.
func namedSecrets(_ context.Context, obj client.Object) (requests []ctrl.Request) {
	for _, name := range instanceSecrets(obj.(*v1alpha1.Instance)) {
		requests = append(requests, ctrl.Request{
			NamespacedName: types.NamespacedName{Namespace: obj.GetNamespace(), Name: name},
		})
	}
	return requests
}

func isSecretFinalizer(finalizer string) bool {
	return strings.HasPrefix(finalizer, secretFinalizerPrefix)
}

// Reconcile lets go of a Secret that no Instance of its namespace needs.
func (s *secretCopies) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	return lifecycle.ResultOf(ctx, s.letGo(ctx, req))
}

func (s *secretCopies) letGo(ctx context.Context, req ctrl.Request) error {
	secret := &metav1.PartialObjectMetadata{}
	secret.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	if err := s.Get(ctx, req.NamespacedName, secret); err != nil || secret.DeletionTimestamp.IsZero() {
		return err
	}
	var instances v1alpha1.InstanceList
	if err := s.Live.List(ctx, &instances, client.InNamespace(req.Namespace)); err != nil {
		return err
	}
	before := secret.DeepCopy()
	secret.Finalizers = slices.DeleteFunc(secret.Finalizers, func(finalizer string) bool {
		return isSecretFinalizer(finalizer) && !slices.ContainsFunc(instances.Items, func(o v1alpha1.Instance) bool {
			return secretFinalizer(&o) == finalizer && slices.Contains(instanceSecrets(&o), secret.Name)
		})
	})
	if len(secret.Finalizers) == len(before.Finalizers) {
		return nil
	}
	secret.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret")) // reading has taken it off
	return redact("patch", req.String(), s.Patch(unlogged(ctx), secret, lifecycle.UnderVersion(before)))
}
