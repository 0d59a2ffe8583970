package plan

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// store is the cluster as it would be: what is there, with the manifests laid over it, and with what the operator would
// write. Nothing of that is written anywhere else. Objects of our kinds are put into it; Secrets, ConfigMaps and
// Namespaces are read from the cluster once somebody asks for them.
type store struct {
	unsupported
	scheme  *runtime.Scheme
	cluster client.Reader // nil: there is none
	objects map[string]map[client.ObjectKey]client.Object
	absent  map[string]map[client.ObjectKey]bool // what was looked for, or deleted
	indexes map[string]client.IndexerFunc        // by kind and field
	// named are the Secrets that are asked about where the cluster's may not be listed.
	named   func(namespace string) []string
	hidden  map[string]error // why objects of ours may not be read
	version int64
	changes int // that were written
}

func newStore(scheme *runtime.Scheme, cluster client.Reader) *store {
	return &store{
		scheme: scheme, cluster: cluster, indexes: map[string]client.IndexerFunc{},
		objects: map[string]map[client.ObjectKey]client.Object{}, absent: map[string]map[client.ObjectKey]bool{},
	}
}

// put has an object be there as it is.
func (s *store) put(obj client.Object) {
	kind, key := s.kindOf(obj), client.ObjectKeyFromObject(obj)
	if s.objects[kind] == nil {
		s.objects[kind] = map[client.ObjectKey]client.Object{}
	}
	s.objects[kind][key] = obj
	delete(s.absent[kind], key)
	if n, err := strconv.ParseInt(obj.GetResourceVersion(), 10, 64); err == nil {
		s.version = max(s.version, n)
	}
}

// drop has an object be gone.
func (s *store) drop(kind string, key client.ObjectKey) {
	delete(s.objects[kind], key)
	if s.absent[kind] == nil {
		s.absent[kind] = map[client.ObjectKey]bool{}
	}
	s.absent[kind][key] = true
}

// kindOf is the name of an object's kind, which may be told by its metadata alone.
func (s *store) kindOf(obj runtime.Object) string {
	gvk, err := apiutil.GVKForObject(obj, s.scheme)
	if err != nil {
		return fmt.Sprintf("%T", obj)
	}
	return strings.TrimSuffix(gvk.Kind, "List")
}

// isOurs reports whether all objects of a kind are in the store.
func (s *store) isOurs(kind string) bool {
	return !slices.Contains([]string{"Secret", "ConfigMap", "Namespace"}, kind)
}

// find is the object of this name; not to be changed.
func (s *store) find(ctx context.Context, kind string, key client.ObjectKey) (client.Object, error) {
	if obj, there := s.objects[kind][key]; there {
		return obj, nil
	}
	if err := s.hidden[kind+" "+key.String()]; err != nil {
		return nil, err
	}
	missing := apierrors.NewNotFound(schema.GroupResource{Resource: strings.ToLower(kind) + "s"}, key.Name)
	if s.isOurs(kind) || s.cluster == nil || s.absent[kind][key] {
		return nil, missing
	}
	obj, err := s.scheme.New(corev1.SchemeGroupVersion.WithKind(kind))
	if err != nil {
		return nil, err
	}
	found := obj.(client.Object)
	switch err := s.cluster.Get(ctx, key, found); {
	case apierrors.IsNotFound(err):
		s.drop(kind, key)
		return nil, missing
	case err != nil:
		return nil, err
	}
	s.put(found)
	return found, nil
}

// Get reads an object.
func (s *store) Get(ctx context.Context, key client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	found, err := s.find(ctx, s.kindOf(obj), key)
	if err != nil {
		return err
	}
	return become(obj, found)
}

// become makes an object what another one is, or, of metadata alone, what that has of it.
func become(obj, found client.Object) error {
	if partial, ok := obj.(*metav1.PartialObjectMetadata); ok {
		partial.ObjectMeta = *metaOf(found).DeepCopy()
		return nil
	}
	if reflect.TypeOf(obj) != reflect.TypeOf(found) {
		return fmt.Errorf("a %T is no %T", found, obj)
	}
	copied := found.DeepCopyObject()
	reflect.ValueOf(obj).Elem().Set(reflect.ValueOf(copied).Elem())
	obj.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{}) // which a typed read leaves out
	return nil
}

func metaOf(obj client.Object) *metav1.ObjectMeta {
	return reflect.ValueOf(obj).Elem().FieldByName("ObjectMeta").Addr().Interface().(*metav1.ObjectMeta)
}

// List lists objects by namespace, labels and indexes.
func (s *store) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	o := client.ListOptions{}
	o.ApplyOptions(opts)
	kind := s.kindOf(list)
	if kind == "Secret" {
		if err := s.listSecrets(ctx, o.Namespace); err != nil {
			return err
		}
	}
	var items []runtime.Object
	for _, key := range sortedKeys(s.objects[kind]) {
		obj := s.objects[kind][key]
		if o.Namespace != "" && o.Namespace != key.Namespace ||
			o.LabelSelector != nil && !o.LabelSelector.Matches(labelSet(obj)) || !s.selected(kind, obj, o) {
			continue
		}
		item := obj.DeepCopyObject()
		if _, partial := list.(*metav1.PartialObjectMetadataList); partial {
			item = &metav1.PartialObjectMetadata{ObjectMeta: *metaOf(obj).DeepCopy()}
		}
		items = append(items, item)
	}
	return meta.SetList(list, items)
}

func sortedKeys(of map[client.ObjectKey]client.Object) []client.ObjectKey {
	return slices.SortedFunc(maps.Keys(of), func(a, b client.ObjectKey) int {
		return strings.Compare(a.String(), b.String())
	})
}

// selected reports whether an object is what the fields ask for, as a cache's indexes have it.
func (s *store) selected(kind string, obj client.Object, o client.ListOptions) bool {
	if o.FieldSelector == nil {
		return true
	}
	for _, want := range o.FieldSelector.Requirements() {
		of := s.indexes[kind+" "+want.Field]
		if of == nil || !slices.Contains(of(obj), want.Value) {
			return false
		}
	}
	return true
}

// listSecrets makes sure that the Secrets of a namespace are known: all, or those that are named where they may not be
// listed.
func (s *store) listSecrets(ctx context.Context, namespace string) error {
	if s.cluster == nil {
		return nil
	}
	var names []string
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("SecretList"))
	switch err := s.cluster.List(ctx, list, client.InNamespace(namespace)); {
	case apierrors.IsForbidden(err) && s.named != nil:
		names = s.named(namespace)
	case err != nil:
		return err
	}
	for i := range list.Items {
		item := &list.Items[i]
		if concerns(item) {
			names = append(names, item.Name)
		}
	}
	for _, name := range names {
		_, err := s.find(ctx, "Secret", client.ObjectKey{Namespace: namespace, Name: name})
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsForbidden(err) {
			return err
		}
	}
	return nil
}

// concerns reports whether a Secret may be one that the operator has to do with: it carries annotations, finalizers or
// owners of ours. Others are read by name, if anything names them.
func concerns(secret *metav1.PartialObjectMetadata) bool {
	ours := func(text string) bool { return strings.Contains(text, group) }
	return slices.ContainsFunc(slices.Collect(maps.Keys(secret.Annotations)), ours) ||
		slices.ContainsFunc(secret.Finalizers, ours) ||
		slices.ContainsFunc(secret.OwnerReferences, func(r metav1.OwnerReference) bool { return ours(r.APIVersion) })
}

// Scheme knows all kinds.
func (s *store) Scheme() *runtime.Scheme { return s.scheme }

func labelSet(obj client.Object) labelsOf { return labelsOf(obj.GetLabels()) }

// named by a reference: the Secrets of a namespace that objects refer to.
func secretsNamed(all []lifecycle.Controller, s *store) func(string) []string {
	return func(namespace string) (names []string) {
		for _, c := range all {
			of := s.indexes[c.Name+" Secret"]
			if of == nil {
				continue
			}
			for key, obj := range s.objects[c.Name] {
				if key.Namespace == namespace {
					names = append(names, of(obj)...)
				}
			}
		}
		return names
	}
}
