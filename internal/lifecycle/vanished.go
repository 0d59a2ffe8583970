package lifecycle

import (
	"context"
	"reflect"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// A DELETE that has read an object before it got its finalizer deletes it all the same, however long admission takes:
// kube-apiserver looks at finalizers once. Such an object has vanished, and what it has in Grafana would be nobody's.
// So it is kept here instead, as its watch had it last, and removed as any other that is being deleted.

// deleted notes an object that has vanished. It is told of all that are gone, as they were last.
func (r *Reconciler[T, R]) deleted(last client.Object) {
	if !last.GetDeletionTimestamp().IsZero() || !controllerutil.ContainsFinalizer(last, v1alpha1.Finalizer) {
		return // it was released, or never let in
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	key := client.ObjectKeyFromObject(last)
	if _, before := r.vanished[key]; !before { // or nothing was done yet for this one, its successor
		r.vanished[key] = last.DeepCopyObject().(T)
	}
}

// removeVanished removes the object that has vanished under a name, if one has, before anything is done for its
// successor. Until that is over, the result says when to go on.
func (r *Reconciler[T, R]) removeVanished(ctx context.Context, req ctrl.Request) (over bool, _ ctrl.Result, _ error) {
	obj, ok := r.vanishedAt(req.NamespacedName)
	if !ok {
		return true, ctrl.Result{}, nil
	}
	if obj.GetDeletionTimestamp().IsZero() {
		if there, err := r.isThere(ctx, obj); there || err != nil {
			return there, ctrl.Result{}, err
		}
		log.FromContext(ctx).Info("It was deleted by a request that had not seen its finalizer, and is removed now")
		obj.SetDeletionTimestamp(r.now())
		r.keepVanished(obj)
	}
	result, err := r.visit(ctx, req, &pass[T, R]{Reconciler: r, obj: obj, kept: true})
	_, more := r.vanishedAt(req.NamespacedName)
	return err == nil && !more, result, err
}

// isThere asks the API server, since a watch also calls an object deleted that it does not select any more. What is
// there has not vanished.
func (r *Reconciler[T, R]) isThere(ctx context.Context, obj T) (bool, error) {
	live := emptyOf[T]()
	if err := r.Live.Get(ctx, client.ObjectKeyFromObject(obj), live); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	if live.GetUID() != obj.GetUID() {
		return false, nil
	}
	r.dropVanished(obj)
	return true, nil
}

func (r *Reconciler[T, R]) vanishedAt(key types.NamespacedName) (obj T, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if obj, ok = r.vanished[key]; ok {
		obj = obj.DeepCopyObject().(T)
	}
	return obj, ok
}

// keepVanished keeps what would be written if the object were there.
func (r *Reconciler[T, R]) keepVanished(obj T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.vanished[client.ObjectKeyFromObject(obj)] = obj.DeepCopyObject().(T)
}

// dropVanished forgets it.
func (r *Reconciler[T, R]) dropVanished(obj T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.vanished, client.ObjectKeyFromObject(obj))
}

// finishKept has it looked at again, since no watch brings it. Where somebody would have to decide something it is
// left, as there is no object any more to say so, and to ask.
func (p *pass[T, R]) finishKept(ctx context.Context, v *verdict) ctrl.Result {
	left := v.stalled && v.after == 0
	if left {
		p.event(v1alpha1.EventLeft, "Left in Grafana, since the object is gone: "+v.message)
	}
	p.await(v)
	p.applyVerdict(v)
	p.keepVanished(p.obj)
	p.emit(ctx, v)
	p.observe(v)
	if left {
		p.letGo(ctx)
		return ctrl.Result{}
	}
	return ctrl.Result{RequeueAfter: max(p.backoff(client.ObjectKeyFromObject(p.obj), true), v.after)}
}

// letGo forgets an object that is gone.
func (p *pass[T, R]) letGo(ctx context.Context) {
	p.forget(client.ObjectKeyFromObject(p.obj))
	if p.kept {
		p.dropVanished(p.obj)
		p.visitConcerned(ctx, p.entry, p.obj)
	}
}

// visitConcerned visits whom the deletion of an object concerns, when they have had a look at Grafana too early.
func (e *Engine) visitConcerned(ctx context.Context, of *entry, obj Object) {
	e.Visit(Suspect{Kind: of.in, Key: of.parentOf(obj)})
	for _, k := range e.kinds {
		for _, w := range k.watches {
			if reflect.TypeOf(w.Of) != reflect.TypeOf(of.object) {
				continue
			}
			for _, req := range w.Requests(ctx, obj) {
				k.enqueue(req)
			}
		}
	}
}
