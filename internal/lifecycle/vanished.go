package lifecycle

import (
	"context"
	"reflect"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// A DELETE that has read an object before it got its finalizer deletes it all the same, however long admission takes:
// kube-apiserver looks at finalizers once. Such an object has vanished, and what it has in Grafana would be nobody's.
// So this process keeps it, as its watch had it last, and removes it as any other that is being deleted. Until then all
// who read an object of its name get this one, and no successor: as if the API server had waited for its finalizer.

// deleted keeps an object that has vanished. It is told of all that are gone, as they were last, by each watch that
// brings visits for that.
func (r *Reconciler[T, R]) deleted(last client.Object) {
	if !last.GetDeletionTimestamp().IsZero() || !controllerutil.ContainsFinalizer(last, v1alpha1.Finalizer) {
		return // it was released, or never let in
	}
	if !r.Shard.whole() && len(r.childrenOf(r.entry)) > 0 {
		return // what is in it would be each shard's that does not keep it
	}
	obj := last.DeepCopyObject().(Object)
	obj.SetDeletionTimestamp(r.now())
	if r.vanished.begin(r.name, obj, r.Now()) {
		r.enqueue(ctrl.Request{NamespacedName: client.ObjectKeyFromObject(obj)})
		r.visitConcerned(context.Background(), r.entry, obj) // they may have found it gone
	}
}

// removeVanished removes the object that has vanished under a name, if one has, before anything is done for its
// successor. Until that is over, the result says when to go on.
func (r *Reconciler[T, R]) removeVanished(ctx context.Context, req ctrl.Request) (over bool, _ ctrl.Result, _ error) {
	kept, ok := r.vanished.get(r.name, req.NamespacedName)
	if !ok {
		return true, ctrl.Result{}, nil
	}
	if !kept.confirmed {
		if has, err := r.hasVanished(ctx, kept.Object); !has || err != nil {
			return err == nil, ctrl.Result{}, err
		}
		log.FromContext(ctx).Info("It was deleted by a request that had not seen its finalizer, and is removed now")
		kept.SetDeletionTimestamp(r.now()) // all that this process has sent for it was sent before
		kept.confirmed = true
		r.vanished.keep(r.name, kept)
	}
	result, err := r.visit(ctx, req, &pass[T, R]{Reconciler: r, obj: kept.Object.(T), kept: true})
	_, more := r.vanished.get(r.name, req.NamespacedName)
	return err == nil && !more, result, err
}

// hasVanished asks the API server, since a watch also calls an object deleted that it does not select any more. Where a
// successor was worked on already, it has taken over what it could.
func (r *Reconciler[T, R]) hasVanished(ctx context.Context, obj Object) (bool, error) {
	live := emptyOf[T]()
	err := r.Live.Get(ctx, client.ObjectKeyFromObject(obj), live)
	switch there := err == nil && live.GetUID() == obj.GetUID(); {
	case apierrors.IsNotFound(err), apierrors.IsForbidden(err): // what may not be read, no cache will bring again
		return true, nil
	case err != nil:
		return false, err
	case !there && !controllerutil.ContainsFinalizer(live, v1alpha1.Finalizer):
		return true, nil
	case !there:
		r.Warn(live, v1alpha1.EventLeft, "What an object of its name that was deleted before it has in Grafana, "+
			"and this one has not taken over, is left there")
	}
	r.vanished.drop(r.name, client.ObjectKeyFromObject(obj))
	r.visitConcerned(ctx, r.entry, obj)
	return false, nil
}

// finishKept has it looked at again, since no watch brings it. Where somebody would have to do something, a successor
// does not wait for that.
func (p *pass[T, R]) finishKept(ctx context.Context, v *verdict) ctrl.Result {
	key := client.ObjectKeyFromObject(p.obj)
	v.message = withoutAdvice(v.message)
	next := emptyOf[T]()
	waits := p.Client.Get(ctx, key, next) == nil && next.GetUID() != p.obj.GetUID()
	left := waits && v.stalled && v.after == 0 && p.abandon(ctx) == nil
	switch {
	case left:
		p.event(v1alpha1.EventLeft, "Left in Grafana, as there is another object of its name: "+v.message)
	case waits:
		p.Warn(next, v.reason, "An object of its name that was deleted before it is still being removed: "+v.message)
	}
	p.await(v)
	p.applyVerdict(v)
	p.vanished.keep(p.name, keptObject{Object: p.obj, confirmed: true})
	p.emit(ctx, v)
	p.observe(v)
	if left {
		p.letGo(ctx)
		return ctrl.Result{}
	}
	return ctrl.Result{RequeueAfter: max(p.backoff(key, true), v.after)}
}

// withoutAdvice is a message without what people could do to the object if it were there.
func withoutAdvice(message string) string {
	for _, advice := range []string{", or annotate this object ", "; annotate this object "} {
		message, _, _ = strings.Cut(message, advice)
	}
	return message
}

// letGo forgets an object that is gone.
func (p *pass[T, R]) letGo(ctx context.Context) {
	key := client.ObjectKeyFromObject(p.obj)
	p.forget(key)
	if p.kept {
		p.vanished.drop(p.name, key)
		p.visitConcerned(ctx, p.entry, p.obj)
	}
}

// visitConcerned visits whom it concerns that an object is kept, or gone, which no watch tells them.
func (e *Engine) visitConcerned(ctx context.Context, of *entry, obj Object) {
	e.Visit(Suspect{Kind: of.in, Key: of.parentOf(obj)})
	for _, k := range e.kinds {
		var all []ctrl.Request
		if k.in == of.name {
			all = e.RequestsIn(ctx, k.newList(), client.ObjectKeyFromObject(obj))
		}
		for _, w := range k.watches {
			if reflect.TypeOf(w.Of) == reflect.TypeOf(of.object) {
				all = append(all, w.Requests(ctx, obj)...)
			}
		}
		for _, req := range all {
			k.enqueue(req)
		}
	}
}
