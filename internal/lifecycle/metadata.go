package lifecycle

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

func (p *pass[T, R]) addFinalizer(ctx context.Context) error {
	base := p.obj.DeepCopyObject().(client.Object)
	if !controllerutil.AddFinalizer(p.obj, v1alpha1.Finalizer) {
		return nil
	}
	if err := p.patchMeta(ctx, base); err != nil {
		return err
	}
	p.noteLetIn(p.obj.GetUID())
	return nil
}

// noteLetIn remembers that this process has just let the object in, so that it cannot have lost a status; empty: it has
// a status now.
func (p *pass[T, R]) noteLetIn(uid types.UID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.letIn == nil {
		p.letIn = map[types.NamespacedName]types.UID{}
	}
	if key := client.ObjectKeyFromObject(p.obj); uid != "" {
		p.letIn[key] = uid
	} else {
		delete(p.letIn, key)
	}
}

// hasLostStatus reports whether the object has lost its status, or a process that is no more had not come to write it.
func (p *pass[T, R]) hasLostStatus() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.entry.statusLost(p.obj) && p.letIn[client.ObjectKeyFromObject(p.obj)] != p.obj.GetUID()
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
