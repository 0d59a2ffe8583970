package controllers_test

import (
	"fmt"
	"net/http"
	"strings"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

func dashboardScenarios() []crash.Scenario {
	return []crash.Scenario{
		{
			Name:   "dashboard created",
			Before: crash.WithOrg,
			Act:    func(w *crash.World) { w.Create(crash.Dashboard("requests", crash.OneDashboard)) },
		},
		{Name: "dashboard changed", Before: crash.Tenant, Act: func(w *crash.World) {
			crash.Edit(
				w,
				crash.Dashboard("", ""),
				func(d *v1alpha1.Dashboard) { *d.Spec.Source.JSON = crash.OtherDashboard },
			)
		}},
		{Name: "dashboard moved", Before: func(w *crash.World) {
			crash.WithOrg(w)
			w.MustRest()
			w.Grafana.Do(http.MethodPost, "/api/folders", 3, map[string]any{"uid": "team", "title": "Team"})
			w.Create(crash.Dashboard("requests", crash.OneDashboard))
		}, Act: func(w *crash.World) {
			crash.Edit(
				w,
				crash.Dashboard("", ""),
				func(d *v1alpha1.Dashboard) { d.Spec.Folder = &v1alpha1.DashboardFolder{UID: "team"} },
			)
		}, After: func(w *crash.World) error {
			if d := w.Grafana.Dashboards(3); len(d) != 1 || d[0].FolderUID != "team" {
				return fmt.Errorf("not moved: %+v", d)
			}
			return nil
		}},
		{Name: "dashboard edited by a person", Before: crash.Tenant, Act: func(w *crash.World) {
			d := crash.Dashboard("", "")
			w.Get(d)
			w.Grafana.Do(
				http.MethodPost,
				"/api/dashboards/db",
				d.Status.OrgID,
				map[string]any{"overwrite": true, "dashboard": map[string]any{"uid": d.Status.UID, "title": "Mine"}},
			)
			w.Everybody()
		}},
		{Name: "dashboard deleted by a person", Before: crash.Tenant, Act: func(w *crash.World) {
			d := crash.Dashboard("", "")
			w.Get(d)
			w.Grafana.Do(http.MethodDelete, "/api/dashboards/uid/"+d.Status.UID, d.Status.OrgID, nil)
			w.Everybody()
		}},
		{Name: "dashboard deleted", Before: func(w *crash.World) {
			w.Create(crash.Organization("Tenant"), crash.Dashboard("requests", crash.OneDashboard))
		}, Act: func(w *crash.World) { w.Delete(crash.Dashboard("", "")) }},
		{Name: "dashboard orphaned", Before: func(w *crash.World) {
			d := crash.Dashboard("requests", strings.Replace(crash.OneDashboard, "Requests", "kept", 1))
			d.Spec.DeletionPolicy = v1alpha1.DeletionOrphan
			w.Create(crash.Organization("Tenant"), d)
		}, Act: func(w *crash.World) { w.Delete(crash.Dashboard("", "")) }, After: func(w *crash.World) error {
			if n := len(w.Grafana.Dashboards(3)); n != 1 {
				return fmt.Errorf("%d dashboards are left", n)
			}
			return nil
		}},
	}
}

// withDashboard is an organization with one dashboard in it.
func withDashboard(uid string, changes ...func(*v1alpha1.Dashboard)) func(*crash.World) {
	return func(w *crash.World) {
		w.Served = map[string]string{dashboardURL: crash.OneDashboard}
		d := crash.Dashboard(uid, crash.OneDashboard)
		for _, c := range changes {
			c(d)
		}
		w.Create(crash.Organization("Tenant"), d)
	}
}

// shows fails unless the dashboard's panel is of a type.
func shows(kind string) func(*crash.World) error {
	return func(w *crash.World) error {
		if d := w.Grafana.Dashboards(3); len(d) != 1 || !strings.Contains(string(d[0].Model), `"`+kind+`"`) {
			return fmt.Errorf("there is no panel %q: %+v", kind, d)
		}
		return nil
	}
}

// editInGrafana saves something else under the dashboard's uid, as a person does.
func editInGrafana(w *crash.World) {
	d := crash.Dashboard("", "")
	w.Get(d)
	w.Grafana.Do(
		http.MethodPost,
		"/api/dashboards/db",
		d.Status.OrgID,
		map[string]any{
			"overwrite": true,
			"folderUid": d.Status.FolderUID,
			"dashboard": map[string]any{"uid": d.Status.UID, "title": "Mine"},
		},
	)
}

func secondDashboard() *v1alpha1.Dashboard {
	d := crash.Dashboard("second", strings.Replace(crash.OtherDashboard, "Requests", "Errors", 1))
	d.Name = "second"
	return d
}
