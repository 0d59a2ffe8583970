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

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	clienttesting "k8s.io/client-go/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/controllers"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// newKube makes an API server in memory. It is the fake client, but for what makes a run several times as dear: managed
// fields, reads that go through JSON, and its merge patches.
func newKube(scheme *runtime.Scheme) client.WithWatch {
	tracker := clienttesting.NewObjectTracker(scheme, serializer.NewCodecFactory(scheme).UniversalDecoder())
	kube := fake.NewClientBuilder().WithScheme(scheme).WithObjectTracker(tracker).WithStatusSubresource(
		&v1alpha1.Instance{}, &v1alpha1.Organization{}, &v1alpha1.ServiceAccount{}, &v1alpha1.ServiceAccountToken{},
		&v1alpha1.Dashboard{}).Build()
	reads := typedReads{scheme, tracker}
	return interceptor.NewClient(kube, interceptor.Funcs{
		Get:  reads.get,
		List: reads.list,
		Patch: func(ctx context.Context, c client.WithWatch, obj client.Object, patch client.Patch,
			opts ...client.PatchOption) error {
			if _, partial := obj.(*metav1.PartialObjectMetadata); partial {
				return c.Patch(ctx, obj, patch, opts...)
			}
			return mergePatch(ctx, c, obj, patch, func() error { return c.Update(ctx, obj) })
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, obj client.Object,
			patch client.Patch, _ ...client.SubResourcePatchOption) error {
			return mergePatch(ctx, c, obj, patch, func() error { return c.SubResource(sub).Update(ctx, obj) })
		},
	})
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
	if _, partial := list.(*metav1.PartialObjectMetadataList); partial || o.LabelSelector != nil {
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
	return selectByIndex(list, o.FieldSelector)
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
	return all
})

// mergePatch makes an update of a merge patch. The fake client can do that too, at more than twice the price.
func mergePatch(
	ctx context.Context,
	c client.Client,
	obj client.Object,
	patch client.Patch,
	update func() error,
) error {
	change, err := patch.Data(obj)
	if err != nil {
		return err
	}
	current := obj.DeepCopyObject().(client.Object)
	if err := c.Get(ctx, client.ObjectKeyFromObject(obj), current); err != nil {
		return err
	}
	var have, wanted map[string]any
	text, err := json.Marshal(current)
	if err := errors.Join(err, json.Unmarshal(text, &have), json.Unmarshal(change, &wanted)); err != nil {
		return err
	}
	merge(have, wanted)
	fresh := reflect.New(reflect.TypeOf(obj).Elem())
	text, err = json.Marshal(have)
	if err := errors.Join(err, json.Unmarshal(text, fresh.Interface())); err != nil {
		return err
	}
	reflect.ValueOf(obj).Elem().Set(fresh.Elem())
	return update()
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
