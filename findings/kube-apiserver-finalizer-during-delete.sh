#!/usr/bin/env bash
# k8s.io/apiserver v0.37.0, pkg/registry/generic/registry, the store behind every resource of a kube-apiserver, on its
# own etcd storage. 2026-11-29.
#
# Expected: an object with a finalizer is not removed: a DELETE marks it with a deletionTimestamp.
# Seen: a DELETE looks at the finalizers of the object that it reads first. What is written while it validates, which is
# where admission and its webhooks are, makes it read the object again, and validate again, but not look again: the
# object goes with its finalizer and without a deletionTimestamp, though the write of the finalizer was answered with
# success. With a precondition on the resourceVersion, which no client sends by itself, it is refused as a conflict.
# Why it matters: who writes a finalizer before making something elsewhere has no say in its deletion, and all the
# sooner, the slower a cluster's policies are. The last state, which watches bring, tells such a deletion from others.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >finalizer_test.go <<'GO'
package finalizer

import (
	"context"
	"fmt"
	"path"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/apis/example"
	"k8s.io/apiserver/pkg/apis/example/install"
	examplev1 "k8s.io/apiserver/pkg/apis/example/v1"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/apiserver/pkg/storage/etcd3/testserver"
	"k8s.io/apiserver/pkg/storage/names"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/apiserver/pkg/storage/storagebackend/factory"
)

// all lets everything be.
type all struct {
	runtime.ObjectTyper
	names.NameGenerator
}

func (all) NamespaceScoped() bool                                               { return true }
func (all) AllowCreateOnUpdate(context.Context) bool                            { return false }
func (all) AllowUnconditionalUpdate(context.Context) bool                       { return true }
func (all) PrepareForCreate(context.Context, runtime.Object)                    {}
func (all) PrepareForUpdate(context.Context, runtime.Object, runtime.Object)    {}
func (all) Validate(context.Context, runtime.Object) field.ErrorList            { return nil }
func (all) WarningsOnCreate(context.Context, runtime.Object) []string           { return nil }
func (all) WarningsOnUpdate(context.Context, runtime.Object, runtime.Object) []string { return nil }
func (all) Canonicalize(runtime.Object)                                         {}
func (all) ValidateUpdate(context.Context, runtime.Object, runtime.Object) field.ErrorList {
	return nil
}

func newStore(t *testing.T) *registry.Store {
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	install.Install(scheme)
	codec := serializer.NewCodecFactory(scheme).LegacyCodec(examplev1.SchemeGroupVersion)
	config := storagebackend.NewDefaultConfig("/registry", codec)
	config.Transport.ServerList = testserver.RunEtcd(t, nil).Endpoints()
	empty := func() runtime.Object { return &example.Pod{} }
	list := func() runtime.Object { return &example.PodList{} }
	at := config.ForResource(schema.GroupResource{Resource: "pods"})
	s, destroy, err := factory.Create(*at, empty, list, "/pods")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(destroy)
	strategy := all{scheme, names.SimpleNameGenerator}
	return &registry.Store{
		NewFunc: empty, NewListFunc: list,
		DefaultQualifiedResource:  example.Resource("pods"),
		SingularQualifiedResource: example.Resource("pod"),
		CreateStrategy:            strategy, UpdateStrategy: strategy, DeleteStrategy: strategy,
		KeyRootFunc: func(context.Context) string { return "/pods/" },
		KeyFunc:     func(_ context.Context, name string) (string, error) { return path.Join("/pods/", name), nil },
		ObjectNameFunc: func(o runtime.Object) (string, error) { return o.(*example.Pod).Name, nil },
		PredicateFunc: func(l labels.Selector, f fields.Selector) storage.SelectionPredicate {
			return storage.SelectionPredicate{Label: l, Field: f, GetAttrs: storage.DefaultNamespaceScopedAttr}
		},
		ReturnDeletedObject: true,
		Storage:             registry.DryRunnableStorage{Storage: s, Codec: codec},
	}
}

// deleted has an object deleted, and a finalizer written once the deletion is being validated.
func deleted(t *testing.T, s *registry.Store, name string, precondition bool) {
	ctx := request.WithNamespace(request.NewContext(), "default")
	pod := &example.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default"}}
	made, err := s.Create(ctx, pod, rest.ValidateAllObjectFunc, &metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	options := &metav1.DeleteOptions{}
	if precondition {
		version := made.(*example.Pod).ResourceVersion
		options.Preconditions = &metav1.Preconditions{ResourceVersion: &version}
	}
	validated := 0
	validate := func(ctx context.Context, _ runtime.Object) error {
		if validated++; validated > 1 {
			return nil
		}
		held := made.(*example.Pod).DeepCopy()
		held.Finalizers = []string{"example.com/clean-up"}
		info := rest.DefaultUpdatedObjectInfo(held)
		_, _, err := s.Update(ctx, name, info, rest.ValidateAllObjectFunc, rest.ValidateAllObjectUpdateFunc, false,
			&metav1.UpdateOptions{})
		fmt.Printf("seen: the finalizer was written: %v\n", err == nil)
		return nil
	}
	last, now, err := s.Delete(ctx, name, validate, options)
	_, gone := s.Get(ctx, name, &metav1.GetOptions{})
	fmt.Printf("seen: precondition %v: deleted at once %v, conflict %v, validated %d times, gone %v\n",
		precondition, now, apierrors.IsConflict(err), validated, apierrors.IsNotFound(gone))
	if err == nil {
		pod := last.(*example.Pod)
		fmt.Printf("seen: last state: finalizers %v, deletionTimestamp %v\n", pod.Finalizers, pod.DeletionTimestamp)
	}
}

func TestFinalizerDuringDelete(t *testing.T) {
	s := newStore(t)
	deleted(t, s, "one", false)
	deleted(t, s, "other", true)
}
GO
cat >go.mod <<'MOD'
module finalizer

go 1.26

require k8s.io/apiserver v0.37.0
MOD
export GOFLAGS=-mod=mod GOWORK=off CGO_ENABLED=0
go mod tidy >/dev/null 2>&1
go list -m k8s.io/apiserver go.etcd.io/etcd/server/v3
go test -count=1 -v . >log 2>&1 || { cat log; exit 1; }
grep '^seen: ' log >output
cat output
diff output - <<'SEEN' && echo "as described"
seen: the finalizer was written: true
seen: precondition false: deleted at once true, conflict false, validated 2 times, gone true
seen: last state: finalizers [example.com/clean-up], deletionTimestamp <nil>
seen: the finalizer was written: true
seen: precondition true: deleted at once false, conflict true, validated 1 times, gone false
SEEN
