package controllers_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"grafana-tenancy.dev/operator/internal/plan"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// Who may not list Secrets has a plan all the same, and who may not read one is told which.
func TestPlanOfSomebodyWithFewRights(t *testing.T) {
	w := crash.New(t, "12.4.0")
	w.Seed()
	crash.Tenant(w)
	w.MustRest()
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "", nil)
	hidden := ""
	kube := w.Kube
	w.Kube = interceptor.NewClient(kube, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object,
			opts ...client.GetOption) error {
			if _, secret := obj.(*corev1.Secret); secret && key.Name == hidden {
				return forbidden
			}
			return c.Get(ctx, key, obj, opts...)
		},
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			if _, secrets := list.(*metav1.PartialObjectMetadataList); secrets {
				return forbidden
			}
			return c.List(ctx, list, opts...)
		},
	})
	everything := []string{"Instance", "Organization", "ServiceAccount", "ServiceAccountToken", "Dashboard"}
	for _, c := range []struct {
		secret  string
		unknown []string
	}{{"", nil}, {"token", []string{"ServiceAccountToken"}}, {"grafana", everything}} {
		hidden = c.secret
		var there []client.Object
		var manifests []unstructured.Unstructured
		for _, obj := range w.Objects() {
			there, manifests = append(there, obj), append(manifests, manifestOf(t, obj))
		}
		p := planOf(t, w, there, manifests)
		for _, o := range p.Objects() {
			unknown := slices.Contains(c.unknown, o.Kind)
			if unknown != (o.Action == plan.Unknown) || !unknown && o.Action != plan.None {
				t.Errorf("without Secret %q: %s is %s (%s: %s)", c.secret, o.Kind, o.Action, o.Reason, o.Message)
			}
		}
		if p.Complete() != (c.unknown == nil) || p.Changes() {
			t.Errorf("without Secret %q: complete %t, changes %t", c.secret, p.Complete(), p.Changes())
		}
	}
}

// A field that the manifests say nothing of stays as others have set it; one that was applied before goes.
func TestPlanOfWhatKubectlHasApplied(t *testing.T) {
	w := crash.New(t, "12.4.0")
	w.Seed()
	w.Create(crash.Organization("Tenant"))
	w.MustRest()
	manifest := manifestOf(t, crash.Organization(""))
	unstructured.RemoveNestedField(manifest.Object, "spec", "name")
	for _, c := range []struct {
		applied string // name, before
		want    plan.Action
	}{{"", plan.None}, {"Tenant", plan.Change}} {
		before := manifest.DeepCopy()
		if c.applied != "" {
			before = new(manifestOf(t, crash.Organization(c.applied))).DeepCopy()
		}
		text, err := json.Marshal(before.Object)
		if err != nil {
			t.Fatal(err)
		}
		var there []client.Object
		for _, obj := range w.Objects() {
			obj.SetAnnotations(map[string]string{corev1.LastAppliedConfigAnnotation: string(text)})
			there = append(there, obj)
		}
		p := planOf(t, w, there, []unstructured.Unstructured{*manifest.DeepCopy()})
		for _, o := range p.Objects() {
			if o.Kind == "Organization" && o.Action != c.want {
				t.Errorf("applied was %q: %s %q (%s: %s), want %s",
					c.applied, o.Action, o.Fields, o.Reason, o.Message, c.want)
			}
		}
	}
}
