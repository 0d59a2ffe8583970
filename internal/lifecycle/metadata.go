package lifecycle

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// hold has the finalizer on an object that was let in: by it, what lost its status is told from what never had one.
func (p *pass[T, R]) hold(ctx context.Context) error {
	if p.ext == nil || !p.obj.GetDeletionTimestamp().IsZero() {
		return nil
	}
	return p.addFinalizer(ctx)
}

func (p *pass[T, R]) addFinalizer(ctx context.Context) error {
	if controllerutil.ContainsFinalizer(p.obj, v1alpha1.Finalizer) {
		return nil
	}
	return p.patchMeta(ctx, func(obj client.Object) { controllerutil.AddFinalizer(obj, v1alpha1.Finalizer) })
}

func (p *pass[T, R]) release(ctx context.Context, told Event) error {
	err := p.patchMeta(ctx, func(obj client.Object) { controllerutil.RemoveFinalizer(obj, v1alpha1.Finalizer) })
	if err != nil {
		return err
	}
	if told.Reason != "" {
		p.event(told.Reason, told.Message)
	}
	return nil
}

// released reports whether the pass has let go of an object that is being deleted: it is gone, and has no status any
// more.
func (p *pass[T, R]) released() bool {
	return !p.obj.GetDeletionTimestamp().IsZero() && !controllerutil.ContainsFinalizer(p.obj, v1alpha1.Finalizer)
}

// patchMeta writes a change of metadata under the resourceVersion and keeps the status that this pass has in hand.
func (p *pass[T, R]) patchMeta(ctx context.Context, change func(client.Object)) error {
	written := p.obj.DeepCopyObject().(T)
	change(written)
	if err := p.Client.Patch(ctx, written, UnderVersion(p.obj)); err != nil {
		return err
	}
	p.remember(written)
	p.obj.SetFinalizers(written.GetFinalizers())
	p.obj.SetAnnotations(written.GetAnnotations())
	p.obj.SetResourceVersion(written.GetResourceVersion())
	p.before.SetResourceVersion(written.GetResourceVersion())
	return nil
}

// UnderVersion is a patch that the API server refuses if the object has changed since base.
func UnderVersion(base client.Object) client.Patch {
	return client.MergeFromWithOptions(base, client.MergeFromWithOptimisticLock{})
}
