package crash

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	clienttesting "k8s.io/client-go/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"grafana-tenancy.dev/operator/controllers"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// newKube makes an API server in memory. It is the fake client, but for what makes a run several times as dear: managed
// fields, and reads, status subresources and merge patches that go through JSON. The store knows what comes and goes.
func newKube(scheme *runtime.Scheme) (client.WithWatch, *store) {
	tracker := &store{
		ObjectTracker: clienttesting.NewObjectTracker(scheme, serializer.NewCodecFactory(scheme).UniversalDecoder()),
	}
	kube := fake.NewClientBuilder().WithScheme(scheme).WithObjectTracker(tracker).Build()
	reads := typedReads{scheme, tracker}
	writes := typedWrites{reads}
	return interceptor.NewClient(kube, interceptor.Funcs{
		Get:    reads.get,
		List:   reads.list,
		Update: writes.update,
		Patch: func(ctx context.Context, c client.WithWatch, obj client.Object, patch client.Patch,
			opts ...client.PatchOption) error {
			if _, partial := obj.(*metav1.PartialObjectMetadata); partial {
				return c.Patch(ctx, obj, patch, opts...)
			}
			return writes.patch(ctx, c, obj, patch)
		},
		SubResourceUpdate: func(ctx context.Context, c client.Client, _ string, obj client.Object,
			_ ...client.SubResourceUpdateOption) error {
			return writes.updateStatus(ctx, c, obj)
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, _ string, obj client.Object,
			patch client.Patch, _ ...client.SubResourcePatchOption) error {
			return writes.patchStatus(ctx, c, obj, patch)
		},
	}), tracker
}

// store holds all objects, and counts how many have come and gone.
type store struct {
	clienttesting.ObjectTracker
	changes atomic.Int64
}

func (s *store) Create(
	kind schema.GroupVersionResource, obj runtime.Object, namespace string, opts ...metav1.CreateOptions,
) error {
	s.changes.Add(1)
	return s.ObjectTracker.Create(kind, obj, namespace, opts...)
}

func (s *store) Delete(kind schema.GroupVersionResource, namespace, name string, opts ...metav1.DeleteOptions) error {
	s.changes.Add(1)
	return s.ObjectTracker.Delete(kind, namespace, name, opts...)
}

// typedReads reads what a tracker holds as it is.
type typedReads struct {
	scheme  *runtime.Scheme
	tracker clienttesting.ObjectTracker
}

func (r typedReads) get(
	ctx context.Context,
	c client.WithWatch,
	key client.ObjectKey,
	obj client.Object,
	opts ...client.GetOption,
) error {
	if _, partial := obj.(*metav1.PartialObjectMetadata); partial {
		return c.Get(ctx, key, obj, opts...)
	}
	gvk, err := apiutil.GVKForObject(obj, r.scheme)
	if err != nil {
		return err
	}
	resource, _ := meta.UnsafeGuessKindToResource(gvk)
	found, err := r.tracker.Get(resource, key.Namespace, key.Name)
	if err != nil {
		return err
	}
	found.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{}) // which a typed read leaves out
	reflect.ValueOf(obj).Elem().Set(reflect.ValueOf(found).Elem())
	return nil
}

func (r typedReads) list(
	ctx context.Context,
	c client.WithWatch,
	list client.ObjectList,
	opts ...client.ListOption,
) error {
	o := client.ListOptions{}
	o.ApplyOptions(opts)
	if _, partial := list.(*metav1.PartialObjectMetadataList); partial {
		return c.List(ctx, list, opts...)
	}
	gvk, err := apiutil.GVKForObject(list, r.scheme)
	if err != nil {
		return err
	}
	gvk.Kind = strings.TrimSuffix(gvk.Kind, "List")
	resource, _ := meta.UnsafeGuessKindToResource(gvk)
	found, err := r.tracker.List(resource, gvk, o.Namespace)
	if err != nil {
		return err
	}
	reflect.ValueOf(list).Elem().Set(reflect.ValueOf(found).Elem())
	if err := selectByLabels(list, o.LabelSelector); err != nil {
		return err
	}
	return selectByIndex(list, o.FieldSelector)
}

func selectByLabels(list client.ObjectList, selector labels.Selector) error {
	if selector == nil {
		return nil
	}
	items, err := meta.ExtractList(list)
	if err != nil {
		return err
	}
	return meta.SetList(list, slices.DeleteFunc(items, func(item runtime.Object) bool {
		return !selector.Matches(labels.Set(item.(client.Object).GetLabels()))
	}))
}

// selectByIndex does for a client without a cache what the cache's field indexes do.
func selectByIndex(list client.ObjectList, selector fields.Selector) error {
	if selector == nil {
		return nil
	}
	items, err := meta.ExtractList(list)
	if err != nil {
		return err
	}
	for _, want := range selector.Requirements() {
		of := extractor(list, want.Field)
		if of == nil {
			return fmt.Errorf("%T has no index %q", list, want.Field)
		}
		items = slices.DeleteFunc(items, func(item runtime.Object) bool {
			return !slices.Contains(of(item.(client.Object)), want.Value)
		})
	}
	return meta.SetList(list, items)
}

func extractor(list client.ObjectList, field string) client.IndexerFunc {
	return ownIndexes()[strings.TrimSuffix(lifecycle.NameOf(list), "List")+" "+field]
}

// ownIndexes are the fields that objects of our kinds are looked up by, by kind and field.
var ownIndexes = sync.OnceValue(func() map[string]client.IndexerFunc {
	env := &controllers.Env{Engine: &lifecycle.Engine{}, ClusterID: "cluster-1"}
	if err := controllers.Register(env); err != nil {
		panic(err)
	}
	all := map[string]client.IndexerFunc{}
	for _, c := range env.Controllers() {
		for _, index := range c.Indexes {
			all[c.Name+" "+index.Field] = func(o client.Object) []string { return index.Of(o.(lifecycle.Object)) }
		}
	}
	for _, c := range controllers.SetControllers(env) {
		for _, index := range c.Indexes {
			of := func(o client.Object) []string { return index.Of(o.(lifecycle.Object)) }
			all[strings.TrimSuffix(c.Name, "Set")+" "+index.Field] = of
		}
	}
	return all
})

// typedWrites keep status and all the rest apart, as an API server does for our kinds.
type typedWrites struct{ reads typedReads }

// update writes all but the status.
func (w typedWrites) update(
	ctx context.Context,
	c client.WithWatch,
	obj client.Object,
	opts ...client.UpdateOption,
) error {
	if !statusOf(obj).IsValid() {
		return c.Update(ctx, obj, opts...)
	}
	current, err := w.reads.current(obj)
	if err != nil {
		return err
	}
	if err := become(obj, obj); err != nil {
		return err
	}
	statusOf(obj).Set(statusOf(current))
	return c.Update(ctx, obj, opts...)
}

// updateStatus writes the status and nothing else.
func (w typedWrites) updateStatus(ctx context.Context, c client.Client, obj client.Object) error {
	current, err := w.reads.current(obj)
	if err != nil {
		return err
	}
	if err := become(obj, obj); err != nil {
		return err
	}
	return replaceStatus(ctx, c, current, obj)
}

// replaceStatus writes an object with the status of another, under the version of that, which then is what was written.
func replaceStatus(ctx context.Context, c client.Client, current, obj client.Object) error {
	statusOf(current).Set(statusOf(obj))
	current.SetResourceVersion(obj.GetResourceVersion())
	if err := c.Update(ctx, current); err != nil {
		return err
	}
	set(obj, current)
	return nil
}

// patch applies a merge patch to all but the status.
func (w typedWrites) patch(ctx context.Context, c client.Client, obj client.Object, patch client.Patch) error {
	change, err := patch.Data(obj)
	if err != nil {
		return err
	}
	current, err := w.reads.current(obj)
	if err != nil {
		return err
	}
	if err := mergePatch(current, obj, change); err != nil {
		return err
	}
	if status := statusOf(obj); status.IsValid() {
		status.Set(statusOf(current))
	}
	if spec := specOf(obj); spec != nil && !reflect.DeepEqual(spec, specOf(current)) {
		obj.SetGeneration(current.GetGeneration() + 1)
	}
	return c.Update(ctx, obj)
}

// specOf is the spec of an object; nil: its kind has none.
func specOf(obj client.Object) any {
	if spec := reflect.ValueOf(obj).Elem().FieldByName("Spec"); spec.IsValid() {
		return spec.Interface()
	}
	return nil
}

// patchStatus applies a merge patch to the status, and to nothing else.
func (w typedWrites) patchStatus(ctx context.Context, c client.Client, obj client.Object, patch client.Patch) error {
	change, err := patch.Data(obj)
	if err != nil {
		return err
	}
	current, err := w.reads.current(obj)
	if err != nil {
		return err
	}
	only := reflect.New(reflect.TypeOf(obj).Elem()).Interface().(client.Object)
	statusOf(only).Set(statusOf(current))
	only.SetResourceVersion(current.GetResourceVersion())
	patched := reflect.New(reflect.TypeOf(obj).Elem()).Interface().(client.Object)
	if err := mergePatch(only, patched, change); err != nil {
		return err
	}
	if err := replaceStatus(ctx, c, current, patched); err != nil {
		return err
	}
	set(obj, current)
	return nil
}

// current reads an object as it is now.
func (r typedReads) current(obj client.Object) (client.Object, error) {
	current := reflect.New(reflect.TypeOf(obj).Elem()).Interface().(client.Object)
	return current, r.get(context.Background(), nil, client.ObjectKeyFromObject(obj), current)
}

// statusOf is the status of an object; not valid: its kind has none.
func statusOf(obj client.Object) reflect.Value {
	return reflect.ValueOf(obj).Elem().FieldByName("Status")
}

func set(obj, to client.Object) { reflect.ValueOf(obj).Elem().Set(reflect.ValueOf(to).Elem()) }

// become makes an object what is left of another after a way through JSON.
func become(obj, of any) error {
	text, err := json.Marshal(of)
	if err != nil {
		return err
	}
	fresh := reflect.New(reflect.TypeOf(obj).Elem())
	if err := json.Unmarshal(text, fresh.Interface()); err != nil {
		return err
	}
	reflect.ValueOf(obj).Elem().Set(fresh.Elem())
	return nil
}

// mergePatch makes of an object what it is with a merge patch applied.
func mergePatch(current, patched client.Object, change []byte) error {
	var have, wanted map[string]any
	text, err := json.Marshal(current)
	if err := errors.Join(err, json.Unmarshal(text, &have), json.Unmarshal(change, &wanted)); err != nil {
		return err
	}
	merge(have, wanted)
	return become(patched, have)
}

// merge does what RFC 7396 says.
func merge(have, wanted map[string]any) {
	for name, value := range wanted {
		inner, ok := value.(map[string]any)
		switch {
		case value == nil:
			delete(have, name)
		case ok:
			old, _ := have[name].(map[string]any)
			if old == nil {
				old = map[string]any{}
			}
			merge(old, inner)
			have[name] = old
		default:
			have[name] = value
		}
	}
}
