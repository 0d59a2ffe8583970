package lifecycle

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// byParent is the index of the namespace/name of the object that an object is in.
const byParent = "parent"

// ListChildren lists the objects of a kind that are in a parent.
func (e *Engine) ListChildren(ctx context.Context, list client.ObjectList, parent types.NamespacedName) error {
	return e.List(ctx, list, client.MatchingFields{byParent: parent.String()})
}

// Children lists the objects of a kind that are in obj.
func (e *Engine) Children(ctx context.Context, list client.ObjectList, obj client.Object) ([]Object, error) {
	if err := e.ListChildren(ctx, list, client.ObjectKeyFromObject(obj)); err != nil {
		return nil, err
	}
	var all []Object
	err := meta.EachListItem(list, func(o runtime.Object) error {
		all = append(all, o.(Object))
		return nil
	})
	return all, err
}

// Dependents lists the objects that are in obj and may have something in Grafana.
func (e *Engine) Dependents(ctx context.Context, obj Object) ([]Object, error) {
	var all []Object
	for _, k := range e.childrenOf(e.entryOf(obj)) {
		children, err := e.Children(ctx, k.newList(), obj)
		if err != nil {
			return nil, err
		}
		all = append(all, slices.DeleteFunc(children, func(o Object) bool { return !k.holds(o) })...)
	}
	return all, nil
}

// VisitStalled has those children of obj looked at now that wait for somebody to do something.
func (e *Engine) VisitStalled(ctx context.Context, obj Object) error {
	for _, k := range e.childrenOf(e.entryOf(obj)) {
		children, err := e.Children(ctx, k.newList(), obj)
		if err != nil {
			return err
		}
		for _, child := range children {
			if meta.IsStatusConditionTrue(child.CommonStatus().Conditions, v1alpha1.ConditionStalled) {
				k.enqueue(ctrl.Request{NamespacedName: client.ObjectKeyFromObject(child)})
			}
		}
	}
	return nil
}
