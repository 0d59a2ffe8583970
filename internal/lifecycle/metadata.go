package lifecycle

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

func (p *pass[T, R]) addFinalizer(ctx context.Context) error {
	base := p.obj.DeepCopyObject().(client.Object)
	if !controllerutil.AddFinalizer(p.obj, v1alpha1.Finalizer) {
		return nil
	}
	return p.patchMeta(ctx, base)
}

func (p *pass[T, R]) release(ctx context.Context, told Event) error {
	base := p.obj.DeepCopyObject().(client.Object)
	controllerutil.RemoveFinalizer(p.obj, v1alpha1.Finalizer)
	if err := p.patchMeta(ctx, base); err != nil {
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
func (p *pass[T, R]) patchMeta(ctx context.Context, base client.Object) error {
	written := p.obj.DeepCopyObject().(T)
	if err := p.Client.Patch(ctx, written, UnderVersion(base)); err != nil {
		return err
	}
	p.remember(written)
	p.obj.SetResourceVersion(written.GetResourceVersion())
	p.before.SetResourceVersion(written.GetResourceVersion())
	return nil
}

// UnderVersion is a patch that the API server refuses if the object has changed since base.
func UnderVersion(base client.Object) client.Patch {
	return client.MergeFromWithOptions(base, client.MergeFromWithOptimisticLock{})
}
