package lifecycle

import (
	"context"
	"reflect"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// writeStatus writes the status if it differs from what was read, under the resourceVersion: a verdict on a stale
// object is refused.
func (p *pass[T, R]) writeStatus(ctx context.Context) error {
	base := p.before.DeepCopyObject().(T)
	if equality.Semantic.DeepEqual(statusOf(base), statusOf(p.obj)) {
		return nil
	}
	if p.kept {
		return nil
	}
	if err := p.confirmMine(ctx); err != nil { // the one whose object it is would not see what is written over its own
		return err
	}
	written := p.obj.DeepCopyObject().(T)
	if err := p.Client.Status().Patch(ctx, written, UnderVersion(base)); err != nil {
		return err
	}
	p.remember(written)
	if StatusWritten(written) {
		p.noteStatusless(statusless{})
	}
	p.obj.SetResourceVersion(written.GetResourceVersion())
	p.before = p.obj.DeepCopyObject().(T)
	return nil
}

// keepStatus writes the status as writeStatus does. If only the rest of the object has changed meanwhile, as when it is
// deleted, what was learned is written all the same: it is about Grafana, and still true.
func (p *pass[T, R]) keepStatus(ctx context.Context) error {
	err := p.writeStatus(ctx)
	if !apierrors.IsConflict(err) {
		return err
	}
	live := emptyOf[T]()
	if lerr := p.Live.Get(ctx, client.ObjectKeyFromObject(p.obj), live); lerr != nil {
		return lerr
	}
	if live.GetUID() != p.obj.GetUID() || !equality.Semantic.DeepEqual(statusOf(live), statusOf(p.before)) {
		return err
	}
	p.before.SetResourceVersion(live.GetResourceVersion())
	p.obj.SetResourceVersion(live.GetResourceVersion())
	return p.writeStatus(ctx)
}

// statusOf is the whole status of an object.
func statusOf(obj Object) any { return reflect.ValueOf(obj).Elem().FieldByName("Status").Interface() }

// StatusWritten reports whether the object's status says what it has in Grafana, if only that it has nothing: an empty
// one that the operator has not written says nothing.
func StatusWritten(obj Object) bool { return obj.CommonStatus().ObservedGeneration > 0 }
