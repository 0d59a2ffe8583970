package lifecycle

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// addFinalizer gives the finalizer to an object that was let in: by it, what lost its status is told from what never
// had one.
func (p *pass[T, R]) addFinalizer(ctx context.Context) error {
	if !p.obj.GetDeletionTimestamp().IsZero() {
		return nil
	}
	base := p.obj.DeepCopyObject().(client.Object)
	if !controllerutil.AddFinalizer(p.obj, v1alpha1.Finalizer) {
		return nil
	}
	if isMade(p.obj) {
		p.obj.SetManagedFields([]metav1.ManagedFieldsEntry{{}}) // none, and none from now on
		defer p.obj.SetManagedFields(nil)
	}
	if err := p.patchMeta(ctx, base); err != nil {
		return err
	}
	p.admitted = true
	p.noteStatusless(statusless{uid: p.obj.GetUID()})
	return nil
}

// isMade reports whether another object of ours has made this one. There can be many of these, and who has written
// which of its fields would be more than half of each: nobody else applies it, so that this is not kept.
func isMade(obj Object) bool {
	owner := metav1.GetControllerOf(obj)
	return owner != nil && owner.APIVersion == v1alpha1.GroupVersion.String()
}

// statusless is what this process knows of an object that it has given the finalizer to, and no status yet.
type statusless struct {
	uid  types.UID
	sent *metav1.Time // when a request to create it was sent; nil: none was, so that it cannot have lost a status
}

// noteStatusless keeps that; nothing: the object has a status now.
func (p *pass[T, R]) noteStatusless(known statusless) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if key := client.ObjectKeyFromObject(p.obj); known.uid != "" {
		p.statusless[key] = known
	} else {
		delete(p.statusless, key)
	}
}

func (p *pass[T, R]) knownStatusless() (statusless, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	known, ok := p.statusless[client.ObjectKeyFromObject(p.obj)]
	return known, ok && known.uid == p.obj.GetUID()
}

// recall has the object looked for if it has lost its status, or a process that is no more had not come to write one.
// A request to create it may have been sent by such a process until this one began, or the object came to it.
func (p *pass[T, R]) recall() {
	known, ok := p.knownStatusless()
	if !p.entry.statusLost(p.obj) || ok && known.sent == nil {
		return
	}
	p.recalled = true
	if own, ok := p.ext.(Recaller); ok {
		own.StatusLost()
	}
	if _, before := p.foundByObject(); !before {
		return
	}
	sent := known.sent
	if !ok {
		sent = p.othersSent()
	}
	if status := p.obj.CommonStatus(); status.CreateStarted == nil || status.CreateStarted.Before(sent) {
		status.CreateStarted = sent
	}
}

func (p *pass[T, R]) foundByObject() (now, before bool) {
	if own, ok := p.ext.(Derived); ok {
		return own.FoundByObject()
	}
	return false, false
}

// mayLose reports whether a request may take effect yet, of a kind that is found by its object but for what only status
// tells of.
func (p *pass[T, R]) mayLose() bool {
	own, ok := p.ext.(Derived)
	return ok && !own.KnownByObject() && p.mayBeInFlight(p.obj.CommonStatus().CreateStarted)
}

func (p *pass[T, R]) release(ctx context.Context, told Event) error {
	if err := p.confirmMine(ctx); err != nil {
		return err
	}
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
	if p.kept {
		return nil
	}
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
