package crash

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// write is one write to Kubernetes, with the fault that befalls it.
func (w *World) write(ctx context.Context, what string, obj client.Object, do func() error) error {
	pause(ctx)
	f := w.pass("kubernetes", what)
	switch f {
	case Refused:
		return apierrors.NewServiceUnavailable("injected")
	case DeadBefore:
		panic(died{})
	}
	if err := do(); err != nil {
		return err
	}
	w.Writes++
	if f := flightOf(ctx); f != nil {
		f.writes++
	}
	w.Remember(obj)
	switch f {
	case DropAfter:
		return errors.New("injected: the connection to the API server broke")
	case DeadAfter:
		panic(died{})
	}
	return nil
}

// Remember keeps every version of every object of ours, for stale reads.
func (w *World) Remember(obj client.Object) {
	if kind := KindOf(obj); kind != "" {
		key := kind + " " + client.ObjectKeyFromObject(obj).String()
		w.History[key] = append(w.History[key], obj.DeepCopyObject().(client.Object))
	}
}

func (w *World) interceptors(cached bool) interceptor.Funcs {
	return interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object,
			opts ...client.GetOption) error {
			pause(ctx)
			kind := KindOf(obj)
			f := None
			if cached && kind != "" {
				f = w.pass("read", kind+" "+key.String())
			}
			h := w.History[kind+" "+key.String()]
			if f == None || len(h) < 2 || w.toldGone[kind+" "+key.String()] {
				return c.Get(ctx, key, obj, opts...)
			}
			w.caught = true
			old := h[len(h)-2]
			if f == Ancient {
				old = h[0]
			}
			reflect.ValueOf(obj).Elem().Set(reflect.ValueOf(old.DeepCopyObject()).Elem())
			return nil
		},
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			if isDry(opts...) {
				return c.Create(ctx, obj, opts...)
			}
			return w.write(ctx, "create "+obj.GetName(), obj, func() error {
				w.bear(obj)
				return errors.Join(c.Create(ctx, obj, opts...), w.outlive(obj))
			})
		},
		Update: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.UpdateOption) error {
			o := client.UpdateOptions{}
			o.ApplyOptions(opts)
			if len(o.DryRun) > 0 {
				return c.Update(ctx, obj, opts...)
			}
			return w.write(ctx, "update "+obj.GetName(), obj, func() error { return c.Update(ctx, obj, opts...) })
		},
		Patch: func(ctx context.Context, c client.WithWatch, obj client.Object, patch client.Patch,
			opts ...client.PatchOption) error {
			return w.write(ctx, "patch "+KindOf(obj), obj, func() error { return c.Patch(ctx, obj, patch, opts...) })
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, obj client.Object,
			patch client.Patch, opts ...client.SubResourcePatchOption) error {
			return w.write(
				ctx,
				"patch "+sub+" "+KindOf(obj),
				obj,
				func() error { return c.SubResource(sub).Patch(ctx, obj, patch, opts...) },
			)
		},
		Delete: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.DeleteOption) error {
			return w.write(ctx, "delete "+obj.GetName(), obj, func() error { return c.Delete(ctx, obj, opts...) })
		},
	}
}

func isDry(opts ...client.CreateOption) bool {
	o := client.CreateOptions{}
	o.ApplyOptions(opts)
	return len(o.DryRun) > 0
}

// CollectGarbage deletes what was made by an object that is gone, as Kubernetes does.
func (w *World) CollectGarbage() {
	if w.store != nil {
		now := w.store.changes.Load()
		if now == w.collected {
			return
		}
		w.collected = now
	}
	w.collectGarbage()
}

func (w *World) collectGarbage() {
	w.collectChildren()
	var secrets corev1.SecretList
	if err := w.Kube.List(context.Background(), &secrets, client.InNamespace(Namespace)); err != nil {
		w.TB.Fatal(err)
	}
	for i := range secrets.Items {
		s := &secrets.Items[i]
		owner := metav1.GetControllerOf(s)
		if owner == nil {
			continue
		}
		var t client.Object = &v1alpha1.ServiceAccountToken{}
		if owner.Kind == "User" {
			t = &v1alpha1.User{}
		}
		err := w.Kube.Get(context.Background(), client.ObjectKey{Namespace: s.Namespace, Name: owner.Name}, t)
		if apierrors.IsNotFound(err) || err == nil && t.GetUID() != owner.UID {
			if err := w.Kube.Delete(context.Background(), s); err != nil {
				w.TB.Fatal(err)
			}
		}
	}
}

// Edit changes an object as a person does.
func Edit[T lifecycle.Object](w *World, obj T, change func(T)) {
	w.TB.Helper()
	if err := w.Kube.Get(context.Background(), client.ObjectKeyFromObject(obj), obj); err != nil {
		w.TB.Fatal(err)
	}
	change(obj)
	obj.SetGeneration(obj.GetGeneration() + 1)
	if err := w.Kube.Update(context.Background(), obj); err != nil {
		w.TB.Fatal(err)
	}
	w.Remember(obj)
	w.Everybody()
}

// Create creates objects as people do, with a uid that is the same in every run.
func (w *World) Create(objects ...client.Object) {
	w.TB.Helper()
	for _, obj := range objects {
		obj.SetGeneration(1)
		if obj.GetUID() == "" {
			obj.SetUID(UIDFor(obj))
		}
		obj.SetCreationTimestamp(metav1.NewTime(w.Clock.Truncate(time.Second))) // as it comes back from an API server
		if err := w.Kube.Create(context.Background(), obj); err != nil {
			w.TB.Fatal(err)
		}
		if err := w.outlive(obj); err != nil {
			w.TB.Fatal(err)
		}
		w.Remember(obj)
	}
	w.Everybody()
}

func keyOf(obj client.Object) string {
	return KindOf(obj) + " " + client.ObjectKeyFromObject(obj).String()
}

// bear gives an object of ours that the operator makes what an API server would, in each life another uid.
func (w *World) bear(obj client.Object) {
	if KindOf(obj) == "" {
		return
	}
	obj.SetGeneration(1)
	obj.SetCreationTimestamp(metav1.NewTime(w.Clock.Truncate(time.Second)))
	obj.SetUID(UIDFor(obj))
	if n := len(w.History[keyOf(obj)]); n > 0 {
		obj.SetUID(UIDFor(&metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
			Namespace: KindOf(obj) + obj.GetNamespace(), Name: fmt.Sprint(obj.GetName(), n),
		}}))
	}
}

// outlive gives an object that was made a version that none of its name had before: the fake counts them per object,
// from 1; those of a real one are never used again.
func (w *World) outlive(obj client.Object) error {
	for range w.History[keyOf(obj)] {
		if err := w.Kube.Update(context.Background(), obj); err != nil {
			return err
		}
	}
	return nil
}

// Delete asks for the deletion of objects.
func (w *World) Delete(objects ...client.Object) {
	w.TB.Helper()
	for _, obj := range objects {
		if err := w.Kube.Delete(context.Background(), obj); err != nil {
			w.TB.Fatal(err)
		}
		if w.Get(obj) {
			w.Remember(obj)
		}
	}
	w.Everybody()
}

// Get reads an object as it is now; false if it is gone.
func (w *World) Get(obj client.Object) bool {
	err := w.Kube.Get(context.Background(), client.ObjectKeyFromObject(obj), obj)
	if client.IgnoreNotFound(err) != nil {
		w.TB.Fatal(err)
	}
	return err == nil
}

// discard drops events.
type discard struct{}

func (discard) Eventf(runtime.Object, runtime.Object, string, string, string, string, ...any) {}

var _ events.EventRecorder = discard{}

// KindOf names the kind of an object of ours; empty: it is none.
func KindOf(obj client.Object) string {
	if _, ours := obj.(lifecycle.Object); !ours {
		return ""
	}
	return lifecycle.NameOf(obj)
}

// ParentOf is the object that another one is in.
func ParentOf(obj lifecycle.Object) types.NamespacedName {
	switch o := obj.(type) {
	case *v1alpha1.Organization:
		return lifecycle.ParentKey(o.Spec.InstanceRef, o.Namespace)
	case *v1alpha1.ServiceAccount:
		return lifecycle.ParentKey(o.Spec.OrganizationRef, o.Namespace)
	case *v1alpha1.Dashboard:
		return lifecycle.ParentKey(o.Spec.OrganizationRef, o.Namespace)
	case *v1alpha1.Folder:
		return lifecycle.ParentKey(o.Spec.OrganizationRef, o.Namespace)
	case *v1alpha1.DataSource:
		return lifecycle.ParentKey(o.Spec.OrganizationRef, o.Namespace)
	case *v1alpha1.Team:
		return lifecycle.ParentKey(o.Spec.OrganizationRef, o.Namespace)
	case *v1alpha1.Membership:
		return lifecycle.ParentKey(o.Spec.OrganizationRef, o.Namespace)
	case *v1alpha1.ServiceAccountToken:
		return types.NamespacedName{Namespace: o.Namespace, Name: o.Spec.ServiceAccountRef.Name}
	case *v1alpha1.User:
		return types.NamespacedName{Namespace: o.Namespace, Name: o.Spec.InstanceRef.Name}
	}
	return types.NamespacedName{}
}

// ownedSecrets are the Secrets that belong to a token.
func (w *World) ownedSecrets(t *v1alpha1.ServiceAccountToken) []corev1.Secret {
	var list corev1.SecretList
	if err := w.Kube.List(w.TB.Context(), &list, client.InNamespace(t.Namespace)); err != nil {
		w.TB.Fatal(err)
	}
	return slices.DeleteFunc(list.Items, func(s corev1.Secret) bool { return !metav1.IsControlledBy(&s, t) })
}

func apiItems(list client.ObjectList) ([]lifecycle.Object, error) {
	items, err := meta.ExtractList(list)
	var all []lifecycle.Object
	for _, i := range items {
		all = append(all, i.(lifecycle.Object))
	}
	return all, err
}
