package lifecycle

import (
	"context"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	ctrlevent "sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// roleBindings keeps the RoleBinding that lets the operator work in a namespace until it has let go of the last object
// there. A namespace that is deleted loses its RoleBindings in the same sweep as everything else, and new ones are
// refused, so that without this nobody could revoke the tokens of that namespace, or take off the finalizers.
type roleBindings struct {
	*Engine
	binding string
}

// RoleBinding is one, of which only the metadata is read and written.
func RoleBinding() *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{
		APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "RoleBinding",
	}}
}

// metadataOnly is a list of the same kind without the objects' content.
func metadataOnly(list client.ObjectList, scheme *runtime.Scheme) (client.ObjectList, error) {
	kind, err := apiutil.GVKForObject(list, scheme)
	objects := &metav1.PartialObjectMetadataList{}
	objects.SetGroupVersionKind(kind)
	return objects, err
}

// setupRoleBindings registers the controller of the RoleBindings of that name.
func setupRoleBindings(mgr ctrl.Manager, e *Engine, binding string) error {
	toBinding := handler.EnqueueRequestsFromMapFunc(func(_ context.Context, obj client.Object) []ctrl.Request {
		return []ctrl.Request{{NamespacedName: types.NamespacedName{Namespace: obj.GetNamespace(), Name: binding}}}
	})
	held := builder.WithPredicates(predicate.Funcs{
		CreateFunc: func(e ctrlevent.CreateEvent) bool { return isHeldBack(e.Object) },
		UpdateFunc: func(e ctrlevent.UpdateEvent) bool { return isHeldBack(e.ObjectOld) != isHeldBack(e.ObjectNew) },
	})
	b := ctrl.NewControllerManagedBy(mgr).Named("rolebinding").For(RoleBinding())
	for _, k := range e.kinds {
		b = b.Watches(k.object, toBinding, held)
	}
	return b.Complete(&roleBindings{Engine: e, binding: binding})
}

func isHeldBack(obj client.Object) bool {
	return controllerutil.ContainsFinalizer(obj, v1alpha1.Finalizer)
}

// Reconcile gives the RoleBinding the operator's finalizer while an object of its namespace has it, and takes it off
// after.
func (r *roleBindings) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	return ResultOf(ctx, r.hold(ctx, req.NamespacedName))
}

// ResultOf is what came of a visit whose object may be gone and whose copy in the cache may be behind.
func ResultOf(ctx context.Context, err error) (ctrl.Result, error) {
	switch {
	case ctx.Err() != nil: // shutting down: the next start looks again
		return ctrl.Result{}, nil
	case apierrors.IsConflict(err): // the cache was behind
		return ctrl.Result{RequeueAfter: time.Second}, nil
	}
	return ctrl.Result{}, client.IgnoreNotFound(err)
}

func (r *roleBindings) hold(ctx context.Context, key types.NamespacedName) error {
	binding := RoleBinding()
	if err := r.Get(ctx, key, binding); err != nil {
		return err
	}
	holds := isHeldBack(binding)
	needed, err := r.needed(ctx, key.Namespace, holds)
	if err != nil || holds == needed || needed && !binding.DeletionTimestamp.IsZero() {
		return err
	}
	before := binding.DeepCopy()
	if needed {
		controllerutil.AddFinalizer(binding, v1alpha1.Finalizer)
	} else {
		controllerutil.RemoveFinalizer(binding, v1alpha1.Finalizer)
	}
	binding.SetGroupVersionKind(RoleBinding().GroupVersionKind()) // reading has taken it off
	return r.Patch(ctx, binding, UnderVersion(before))
}

// needed reports whether an object of a namespace has the operator's finalizer: for certain, or as far as the cache
// knows.
func (r *roleBindings) needed(ctx context.Context, namespace string, certain bool) (bool, error) {
	for _, k := range r.kinds {
		list := k.newList()
		needed, err := r.anyHeldBack(ctx, r.Client, list, namespace)
		if needed || err != nil {
			return needed, err
		}
		if !certain {
			continue
		}
		if list, err = metadataOnly(list, r.Scheme()); err != nil {
			return false, err
		}
		if needed, err = r.anyHeldBack(ctx, r.Live, list, namespace); needed || err != nil {
			return needed, err
		}
	}
	return false, nil
}

func (r *roleBindings) anyHeldBack(
	ctx context.Context, from client.Reader, list client.ObjectList, namespace string,
) (found bool, err error) {
	if err := from.List(ctx, list, client.InNamespace(namespace)); err != nil {
		return false, err
	}
	err = meta.EachListItem(list, func(o runtime.Object) error {
		found = found || isHeldBack(o.(client.Object))
		return nil
	})
	return found, err
}
