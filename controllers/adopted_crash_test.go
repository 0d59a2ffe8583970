package controllers_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// whatAdopts has an object adopt what is there.
var whatAdopts = map[string]func() []lifecycle.Object{
	"organization": func() []lifecycle.Object { return []lifecycle.Object{adoptingOrg()} },
	"data source": func() []lifecycle.Object {
		o := unasked("theirs")
		o.Spec.AdoptionPolicy = v1alpha1.AdoptionAdopt
		return []lifecycle.Object{o, adoptingOrg()}
	},
	"dashboard": func() []lifecycle.Object {
		o := crash.Dashboard("theirs", crash.OneDashboard)
		o.Spec.AdoptionPolicy = v1alpha1.AdoptionAdopt
		return []lifecycle.Object{o, adoptingOrg()}
	},
}

func adoptingOrg() *v1alpha1.Organization {
	o := crash.Organization("Theirs")
	o.Spec.AdoptionPolicy, o.Spec.Adoption = v1alpha1.AdoptionAdopt, v1alpha1.AdoptionAllow
	return o
}

// What was there before stays when its object is deleted, also in the object's second life: it takes it over again as
// what it was, and deletes it no more than the first one did.
func TestWhatWasAdoptedStaysAlsoInASecondLife(t *testing.T) {
	for _, version := range []string{"10.4.3", "12.4.0"} {
		for name, objects := range whatAdopts {
			t.Run(version+"/"+name, func(t *testing.T) {
				w := crash.New(t, version)
				w.Start()
				w.Seed()
				crash.Edit(w, crash.Instance(), func(i *v1alpha1.Instance) { i.Spec.Adoption = v1alpha1.AdoptionAllow })
				w.Grafana.Do(http.MethodPost, "/api/orgs", 1, map[string]any{"name": "Theirs"})
				if name == "data source" {
					theirSource(w, "theirs", "Theirs")
				}
				w.Grafana.Do(http.MethodPost, "/api/dashboards/db", 3,
					map[string]any{"dashboard": map[string]any{"uid": "theirs", "title": "Theirs"}})
				if name == "organization" {
					w.Grafana.Do(http.MethodDelete, "/api/dashboards/uid/theirs", 3, nil)
				}
				w.Create(crash.SourceSecret("first"))
				for n := range 3 {
					all := objects()
					if o, is := all[0].(*v1alpha1.Organization); is && n > 0 {
						o.Spec.AdoptionPolicy = "" // what it left in Grafana says it
					}
					for i := range slices.Backward(all) {
						all[i].SetUID(types.UID(fmt.Sprintf("%08d-0000-4000-8000-%012d", i, n)))
						w.Create(all[i])
						w.Settle()
					}
					w.Get(all[0])
					if !all[0].Stays() ||
						!meta.IsStatusConditionTrue(all[0].CommonStatus().Conditions, v1alpha1.ConditionReady) {
						t.Errorf("life %d: it would go with its object: %+v", n+1, all[0])
					}
					for _, o := range all {
						w.Delete(o)
						w.Settle()
					}
				}
				if len(w.Grafana.Orgs()) != 3 {
					t.Errorf("the organization is gone: %+v", w.Grafana.Orgs())
				}
			})
		}
	}
}
