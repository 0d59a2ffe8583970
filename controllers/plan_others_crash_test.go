package controllers_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/plan"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// What manifests change concerns objects that are not among them, too: a Team in which somebody is missing, a
// DataSource whose Secret changes, and what is in an Organization that is changed.
func TestPlanTellsWhomElseItConcerns(t *testing.T) {
	w := crash.New(t, "12.4.0")
	w.Seed()
	w.SignUp("ada")
	crash.WithAccount(w)
	w.Create(crash.Token(), crash.NewTeam("Shop", "ada"), crash.SourceSecret("one"), crash.NewDataSource(""))
	w.MustRest()
	people := crash.NewMembership("people", crash.WithRole("ada", v1alpha1.RoleViewer))
	lower := crash.Organization("Tenant")
	lower.Spec.MaxServiceAccountRole = v1alpha1.RoleViewer
	for _, c := range []struct {
		manifest client.Object
		want     []string
	}{
		{people, []string{"Membership people create", "Team team change"}},
		{crash.SourceSecret("another"), []string{"DataSource source change"}},
		{lower, []string{"ServiceAccount account blocked", "ServiceAccountToken token blocked"}},
	} {
		whole, err := runtime.DefaultUnstructuredConverter.ToUnstructured(c.manifest)
		if err != nil {
			t.Fatal(err)
		}
		m := unstructured.Unstructured{Object: whole}
		unstructured.RemoveNestedField(m.Object, "status")
		gvk := v1alpha1.GroupVersion.WithKind(crash.KindOf(c.manifest))
		if gvk.Kind == "" {
			gvk = corev1.SchemeGroupVersion.WithKind("Secret")
		}
		m.SetGroupVersionKind(gvk)
		var there []client.Object
		for _, obj := range w.Objects() {
			there = append(there, obj)
		}
		p := planOf(t, w, there, []unstructured.Unstructured{m})
		var got []string
		for _, o := range p.Objects() {
			if o.Action != plan.None {
				got = append(got, fmt.Sprintf("%s %s %s", o.Kind, o.Name, o.Action))
			}
		}
		if slices.Sort(got); !slices.Equal(got, c.want) {
			t.Errorf("%s: the plan says %q, want %q", gvk.Kind, got, c.want)
		}
	}
}

// What people have changed in Grafana is part of a plan, though nothing has changed in the cluster.
func TestPlanSeesWhatPeopleHaveChanged(t *testing.T) {
	w := crash.New(t, "12.4.0")
	w.Seed()
	crash.Tenant(w)
	w.MustRest()
	account, dashboard := crash.Account(""), crash.Dashboard("", "")
	w.Get(account)
	w.Get(dashboard)
	org := account.Status.OrgID
	path := fmt.Sprintf("/api/serviceaccounts/%d", account.Status.ID)
	w.Grafana.Do("PATCH", path, org, map[string]any{"role": "Admin"})
	w.Grafana.Do("DELETE", "/api/dashboards/uid/"+dashboard.Status.UID, org, nil)
	var there []client.Object
	var manifests []unstructured.Unstructured
	for _, obj := range w.Objects() {
		there, manifests = append(there, obj), append(manifests, manifestOf(t, obj))
	}
	want := map[string]plan.Action{"ServiceAccount": plan.Change, "Dashboard": plan.Create}
	for _, o := range planOf(t, w, there, manifests).Objects() {
		if action := cmp.Or(want[o.Kind], plan.None); o.Action != action {
			t.Errorf("%s: %s %q (%s: %s), want %s", o.Kind, o.Action, o.Fields, o.Reason, o.Message, action)
		}
	}
}
