package controllers

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// +kubebuilder:rbac:groups="",resources=configmaps,verbs=create;delete

// setContent is what children of a set refer to, so that it is kept once: a ConfigMap that never changes, and that the
// set has made. Another content has another name, so that children of an earlier template still have theirs.
type setContent struct {
	name, key string
	data      []byte // nil: it has been written
}

// configMapMetadata is a ConfigMap of which only the metadata is read.
func configMapMetadata(namespace, name string) *metav1.PartialObjectMetadata {
	cm := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	cm.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("ConfigMap"))
	return cm
}

// keepContent has the content be there before children refer to it.
func (p *setPass[S, C]) keepContent(ctx context.Context) error {
	content := p.template.content
	if content == nil {
		return nil
	}
	key := types.NamespacedName{Namespace: p.set.GetNamespace(), Name: content.name}
	there := configMapMetadata(key.Namespace, key.Name)
	err := p.Client.Get(ctx, key, there)
	if apierrors.IsNotFound(err) {
		if content.data == nil { // somebody has deleted it: it is read from the set again
			p.forget(client.ObjectKeyFromObject(p.set))
			return errBehind
		}
		if err = p.writeContent(ctx, content); apierrors.IsAlreadyExists(err) {
			err = p.Live.Get(ctx, key, there)
		} else if err == nil {
			content.data = nil
			return nil
		}
	}
	switch {
	case err != nil:
		return err
	case !metav1.IsControlledBy(there, p.set):
		return lifecycle.Stalled(v1alpha1.ReasonChildConflict,
			"ConfigMap %s, in which the content would be kept, is not this set's: delete it", key)
	}
	content.data = nil
	return nil
}

func (p *setPass[S, C]) writeContent(ctx context.Context, content *setContent) error {
	return p.Client.Create(unlogged(ctx), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: p.set.GetNamespace(), Name: content.name,
			Labels:          map[string]string{v1alpha1.LabelSet: p.set.GetName()},
			OwnerReferences: []metav1.OwnerReference{ownedBy(p.set)},
		},
		Immutable:  new(true),
		BinaryData: map[string][]byte{content.key: content.data},
	})
}

// dropContents deletes what no child refers to any more.
func (p *setPass[S, C]) dropContents(ctx context.Context) error {
	needed := map[string]bool{}
	if p.template.content != nil {
		needed[p.template.content.name] = true
	}
	for _, m := range p.members {
		if m.exists {
			needed[p.template.contentOf(m.have)] = true
		}
	}
	for _, child := range p.others {
		needed[p.template.contentOf(child)] = true
	}
	var there metav1.PartialObjectMetadataList
	there.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("ConfigMapList"))
	if err := p.Client.List(ctx, &there, client.InNamespace(p.set.GetNamespace()),
		client.MatchingLabels{v1alpha1.LabelSet: p.set.GetName()}); err != nil {
		return err
	}
	asked := false
	for i := range there.Items {
		cm := &there.Items[i]
		if needed[cm.Name] || !metav1.IsControlledBy(cm, p.set) || !cm.DeletionTimestamp.IsZero() {
			continue
		}
		if !asked {
			if err := p.addNeeded(ctx, needed); err != nil {
				return err
			}
			if asked = true; needed[cm.Name] {
				continue
			}
		}
		is := client.Preconditions{UID: &cm.UID, ResourceVersion: &cm.ResourceVersion}
		gone := configMapMetadata(cm.Namespace, cm.Name)
		if err := client.IgnoreNotFound(p.Client.Delete(ctx, gone, is)); err != nil {
			return err
		}
	}
	return nil
}

// addNeeded adds what children need that the cache may not have yet.
func (p *setPass[S, C]) addNeeded(ctx context.Context, needed map[string]bool) error {
	list := p.children.DeepCopyObject().(client.ObjectList)
	if err := p.Live.List(unlogged(ctx), list, client.InNamespace(p.set.GetNamespace()),
		client.MatchingLabels{v1alpha1.LabelSet: p.set.GetName()}); err != nil {
		return err
	}
	return meta.EachListItem(list, func(o runtime.Object) error {
		needed[p.template.contentOf(o.(C))] = true
		return nil
	})
}
