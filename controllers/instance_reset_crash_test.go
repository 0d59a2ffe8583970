package controllers_test

import (
	"fmt"
	"net/http"
	"time"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// reset empties Grafana, and gives the ids of ours to others.
func reset(w *crash.World) {
	w.Grafana.ResetDatabase()
	w.Grafana.Do(http.MethodPost, "/api/orgs", 1, map[string]any{"name": "Foreign first"})
	w.Grafana.Do(http.MethodPost, "/api/orgs", 1, map[string]any{"name": "Foreign second"})
	for range 3 {
		w.Grafana.Do(
			http.MethodPost,
			"/api/serviceaccounts",
			3,
			map[string]any{"name": fmt.Sprint("Foreign ", len(w.Grafana.ServiceAccounts(3))), "role": "Admin"},
		)
	}
	foreignDashboard(w)
}

// configured changes the Instance before anything else is there.
func configured(change func(*v1alpha1.InstanceSpec), before func(*crash.World)) func(*crash.World) {
	return func(w *crash.World) {
		crash.Edit(w, crash.Instance(), func(i *v1alpha1.Instance) { change(&i.Spec) })
		before(w)
	}
}

func hold(i *v1alpha1.InstanceSpec) { i.OnReset = v1alpha1.ResetHold }

func allow(i *v1alpha1.InstanceSpec) { i.Adoption = v1alpha1.AdoptionAllow }

var waitForInstance = map[string]string{
	"Instance":            v1alpha1.ReasonDatabaseReset,
	"Organization":        v1alpha1.ReasonParentNotAvailable,
	"ServiceAccount":      v1alpha1.ReasonParentNotAvailable,
	"ServiceAccountToken": v1alpha1.ReasonParentNotAvailable,
	"Dashboard":           v1alpha1.ReasonParentNotAvailable,
}

func resetScenarios() []crash.Scenario {
	empty := func(w *crash.World) error {
		if own := own(w); len(own) > 0 {
			return fmt.Errorf("something was built: %+v", own)
		}
		return nil
	}
	return []crash.Scenario{
		{Name: "Grafana's database reset, and held", Before: configured(hold, crash.Tenant), Act: func(w *crash.World) {
			w.Grafana.ResetDatabase()
			w.Everybody()
		}, Stalled: waitForInstance, OwnKeys: true, After: empty},
		{
			Name:   "Grafana's database reset, the id is another's, and held",
			Before: configured(hold, crash.Tenant),
			Act: func(w *crash.World) {
				reset(w)
				w.Everybody()
			},
			Stalled: waitForInstance,
			OwnKeys: true,
			After:   empty,
		},
		{
			Name:   "Grafana's database reset, held, and confirmed",
			Before: configured(hold, crash.Tenant),
			Act: func(w *crash.World) {
				reset(w)
				w.Everybody()
				w.Briefly(2 * time.Minute)
				crash.Edit(
					w,
					crash.Instance(),
					func(i *v1alpha1.Instance) { i.Annotations = map[string]string{v1alpha1.AnnotationConfirmReset: "1"} },
				)
			},
		},
		{
			Name: "Grafana's organizations restored under each other's ids",
			Before: configured(hold, func(w *crash.World) {
				crash.Tenant(w)
				w.Settle()
				w.Create(otherOrganization())
			}),
			Act: func(w *crash.World) {
				orgs := w.Grafana.Orgs()
				w.Grafana.ResetDatabase()
				for i := len(orgs) - 1; i > 0; i-- {
					w.Grafana.Do(http.MethodPost, "/api/orgs", 1, map[string]any{"name": orgs[i].Name})
					w.Grafana.Do(
						http.MethodPut,
						fmt.Sprintf("/api/orgs/%d/address", len(orgs)-i+1),
						1,
						map[string]any{"address2": orgs[i].Address.Address2},
					)
				}
				w.Everybody()
			},
		},
		{
			Name:   "organization lost its mark and its name, and a person confirms it",
			Before: crash.WithOrg,
			Act: func(w *crash.World) {
				w.Grafana.Do(http.MethodPut, "/api/orgs/3", 1, map[string]any{"name": "Somebody's idea"})
				w.Grafana.Do(http.MethodPut, "/api/orgs/3/address", 1, map[string]any{"address2": "Main street"})
				crash.Edit(w, crash.Organization(""), func(o *v1alpha1.Organization) {
					o.Annotations = map[string]string{v1alpha1.AnnotationConfirmOrgID: "3"}
				})
			},
			After: func(w *crash.World) error {
				if own := own(w); len(own) != 1 || own[0].ID != 3 || own[0].Address.Address2 != "Main street" {
					return fmt.Errorf("%+v", own)
				}
				return nil
			},
		},
		{Name: "organization lost its mark and its name", Before: configured(hold, func(w *crash.World) {
			crash.WithOrg(w)
			w.Settle()
			w.Create(otherOrganization())
		}), Act: func(w *crash.World) {
			w.Grafana.Do(http.MethodPut, "/api/orgs/3", 1, map[string]any{"name": "Foreign by now"})
			w.Grafana.Do(http.MethodPut, "/api/orgs/3/address", 1, map[string]any{"address2": "Main street"})
			w.Everybody()
		}, Stalled: map[string]string{"Organization": v1alpha1.ReasonOwnershipLost}, Kept: true},
	}
}
