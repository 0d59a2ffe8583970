package controllers

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/token"
)

// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;list;watch;create;update;delete

// keyHolder is an object that keeps a key, or a password, in a Secret of its own.
type keyHolder interface {
	lifecycle.Object
	token.Holder
}

// secretsOf reads the Secrets of an object, live.
func (e *Env) secretsOf(ctx context.Context, obj keyHolder) (token.Secrets, error) {
	var s token.Secrets
	wanted, err := e.liveSecret(ctx, obj.GetNamespace(), obj.SecretName())
	switch {
	case err != nil:
		return s, err
	case wanted != nil && token.Ours(wanted, obj):
		s.Wanted = wanted
	case wanted != nil:
		s.Taken = wanted
	}
	s.Kept = map[int64]bool{}
	names, err := e.formerNames(ctx, obj, s.Kept)
	if err != nil {
		return s, err
	}
	for _, name := range names {
		former, err := e.liveSecret(ctx, obj.GetNamespace(), name)
		if err != nil {
			return s, err
		}
		if former != nil && token.Ours(former, obj) {
			s.Others = append(s.Others, former)
		}
	}
	if s.Taken != nil {
		s.Wanted = s.Held()
		s.Others = slices.DeleteFunc(s.Others, func(o *corev1.Secret) bool { return o == s.Wanted })
	}
	return s, nil
}

// liveSecret is nil if there is none.
func (e *Env) liveSecret(ctx context.Context, namespace, name string) (*corev1.Secret, error) {
	if name == "" {
		return nil, nil
	}
	var secret corev1.Secret
	err := e.Live.Get(unlogged(ctx), client.ObjectKey{Namespace: namespace, Name: name}, &secret)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return &secret, redact("read", namespace+"/"+name, err)
}

// formerNames are the names, other than the wanted one, of Secrets that may be ours: by their owner in the cache, which
// may be behind, and by status, which may be lost. It notes the tokens that others hold which were ours in an earlier
// life.
func (e *Env) formerNames(ctx context.Context, obj keyHolder, kept map[int64]bool) ([]string, error) {
	var list metav1.PartialObjectMetadataList
	list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("SecretList"))
	if err := e.List(ctx, &list, client.InNamespace(obj.GetNamespace()), client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	names := map[string]bool{obj.HeldSecretName(): true}
	for i := range list.Items {
		secret := &list.Items[i]
		if token.Belongs(secret, obj) {
			names[secret.Name] = true
		} else if secret.Name != obj.SecretName() &&
			strings.HasPrefix(secret.Annotations[v1alpha1.AnnotationTokenOwner], token.OwnerName(obj)+"/") {
			if original, says := token.OriginalName(secret); !says ||
				original == secret.Name { // else a copy
				id, _ := strconv.ParseInt(secret.Annotations[v1alpha1.AnnotationTokenID], 10, 64)
				kept[id] = true
			}
		}
	}
	delete(names, "")
	delete(names, obj.SecretName())
	return slices.Sorted(maps.Keys(names)), nil
}

// secretNames are those of the Secret that a key is to be in, and of that in which it is.
func secretNames(o keyHolder) []string {
	if is := o.HeldSecretName(); is != "" && is != o.SecretName() {
		return []string{o.SecretName(), is}
	}
	return []string{o.SecretName()}
}

// disown takes our owner reference off a Secret, so that it stays when the object goes.
func (e *Env) disown(ctx context.Context, obj keyHolder, secret *corev1.Secret) error {
	if !metav1.IsControlledBy(secret, obj) {
		return nil
	}
	kept := secret.DeepCopy()
	if err := controllerutil.RemoveControllerReference(obj, kept, e.Scheme()); err != nil {
		return err
	}
	return redact("update", kept.Namespace+"/"+kept.Name, client.IgnoreNotFound(e.Update(unlogged(ctx), kept)))
}

// deleteSecrets deletes the Secrets that were read, no later ones of their names, and takes them off the list.
func (e *Env) deleteSecrets(ctx context.Context, secrets *[]*corev1.Secret) error {
	for len(*secrets) > 0 {
		secret := (*secrets)[0]
		if err := client.IgnoreNotFound(
			e.Delete(unlogged(ctx), secret, client.Preconditions{UID: &secret.UID}),
		); err != nil {
			return redact("delete", secret.Namespace+"/"+secret.Name, err)
		}
		*secrets = slices.Delete(*secrets, 0, 1)
	}
	return nil
}
