package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
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

// errChanged ends a pass whose object is not any more what it has written.
var errChanged = errors.New("the object has changed meanwhile")

// confirmUnchanged asks the API server whether the object is as this pass has written it last, as a write under its
// resourceVersion would: not deleted, and no other.
func (p *pass[T, R]) confirmUnchanged(ctx context.Context) error {
	live := &metav1.PartialObjectMetadata{}
	gvk, err := apiutil.GVKForObject(p.obj, p.Scheme())
	if err != nil {
		return err
	}
	live.SetGroupVersionKind(gvk)
	err = p.Live.Get(ctx, client.ObjectKeyFromObject(p.obj), live)
	switch {
	case client.IgnoreNotFound(err) != nil:
		return fmt.Errorf("reading in Kubernetes whether it is still there, before it is made in Grafana: %w", err)
	case err != nil, live.UID != p.obj.GetUID(), live.ResourceVersion != p.obj.GetResourceVersion():
		return errChanged
	}
	return nil
}

// statusOf is the whole status of an object.
func statusOf(obj Object) any { return reflect.ValueOf(obj).Elem().FieldByName("Status").Interface() }

// StatusWritten reports whether the object's status says what it has in Grafana, if only that it has nothing: an empty
// one that the operator has not written says nothing.
func StatusWritten(obj Object) bool { return obj.CommonStatus().ObservedGeneration > 0 }
