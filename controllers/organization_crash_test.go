package controllers_test

import (
	"fmt"
	"net/http"
	"strings"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

func organizationScenarios() []crash.Scenario {
	return []crash.Scenario{
		{Name: "organization renamed", Before: crash.Tenant, Act: func(w *crash.World) {
			crash.Edit(w, crash.Organization(""), func(o *v1alpha1.Organization) { o.Spec.Name = "Renamed" })
		}},
		{Name: "organization preferences", Before: crash.WithOrg, Act: func(w *crash.World) {
			crash.Edit(w, crash.Organization(""), func(o *v1alpha1.Organization) {
				o.Spec.Preferences = &v1alpha1.Preferences{Theme: "dark", Timezone: "utc", WeekStart: "monday"}
			})
		}},
		{Name: "organization orphaned", Before: func(w *crash.World) {
			o := crash.Organization("kept")
			o.Spec.DeletionPolicy = v1alpha1.OrganizationOrphan
			w.Create(o)
		}, Act: func(w *crash.World) { w.Delete(crash.Organization("")) }, After: func(w *crash.World) error {
			for _, o := range w.Grafana.Orgs() {
				if o.Name == "kept" && strings.HasPrefix(o.Address.Address2, "grafana-tenancy.dev released ") {
					return nil
				}
			}
			return fmt.Errorf("the organization is not there, or still marked: %+v", w.Grafana.Orgs())
		}},
		{Name: "organization renamed by a person", Before: crash.WithOrg, Act: func(w *crash.World) {
			w.Grafana.Do(http.MethodPut, "/api/orgs/3", 1, map[string]any{"name": "Somebody's idea"})
			w.Everybody()
		}},
		{Name: "organization deleted by a person", Before: crash.Tenant, Act: func(w *crash.World) {
			w.Grafana.Do(http.MethodDelete, "/api/orgs/3", 1, nil)
			w.Everybody()
		}},
		{Name: "operator removed from the organization", Before: crash.Tenant, Act: func(w *crash.World) {
			w.Grafana.Do(
				http.MethodPost,
				"/api/orgs/3/users",
				1,
				map[string]any{"loginOrEmail": "boss", "role": "Admin"},
			)
			w.Grafana.Do(http.MethodDelete, "/api/orgs/3/users/1", 1, nil)
			w.Clock = w.Clock.Add(2 * connection.ProofLife)
			crash.Edit(
				w,
				crash.Dashboard("", ""),
				func(d *v1alpha1.Dashboard) { *d.Spec.Source.JSON = crash.OtherDashboard },
			)
		}},
	}
}
