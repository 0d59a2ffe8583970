package controllers_test

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

func path(titles ...string) func(*v1alpha1.Dashboard) {
	return func(d *v1alpha1.Dashboard) { d.Spec.Folder = &v1alpha1.DashboardFolder{Path: titles} }
}

// inFolder fails unless the one dashboard is in the only folder of that title, below these others.
func inFolder(titles ...string) func(*crash.World) error {
	return func(w *crash.World) error {
		d, uid := w.Grafana.Dashboards(3), ""
		folders := w.Grafana.Folders(3)
		for _, title := range titles {
			n := 0
			parent := uid
			for _, f := range folders {
				if f.Title == title && f.ParentUID == parent {
					uid = f.UID
					n++
				}
			}
			if n != 1 {
				return fmt.Errorf("there are %d folders %q in %q: %+v", n, title, parent, folders)
			}
		}
		if len(d) == 0 || d[0].FolderUID != uid || len(folders) != len(titles) {
			return fmt.Errorf("%+v is not in %q, or there are others: %+v", d, uid, folders)
		}
		return nil
	}
}

func folderScenarios() []crash.Scenario {
	return []crash.Scenario{
		{Name: "dashboard created in a folder that is made", Before: crash.WithOrg, Act: func(w *crash.World) {
			d := crash.Dashboard("requests", crash.OneDashboard)
			path("Team")(d)
			w.Create(d)
		}, After: inFolder("Team")},
		{Name: "dashboards created in one folder that is made", Before: crash.WithOrg, Act: func(w *crash.World) {
			for _, name := range []string{"dashboard", "second"} {
				d := crash.Dashboard("", strings.Replace(crash.OneDashboard, "Requests", name, 1))
				d.Name = name
				path("Team")(d)
				w.Create(d)
			}
		}, After: inFolder("Team")},
		{
			Name:   "dashboard's folder deleted by a person",
			Before: withDashboard("requests", path("Team")),
			Act: func(w *crash.World) {
				f := w.Grafana.Folders(3)
				w.Grafana.Do(http.MethodDelete, "/api/folders/"+f[0].UID, 3, nil)
				w.Clock = w.Clock.Add(2 * connection.ProofLife)
				w.Everybody()
			},
			After: inFolder("Team"),
		},
		{
			Name:   "dashboard's folder renamed by a person",
			Before: withDashboard("requests", path("Team")),
			Act: func(w *crash.World) {
				f := w.Grafana.Folders(3)
				w.Grafana.Do(
					http.MethodPut,
					"/api/folders/"+f[0].UID,
					3,
					map[string]any{"title": "Squad", "overwrite": true},
				)
				w.Clock = w.Clock.Add(2 * connection.ProofLife)
				crash.Edit(
					w,
					crash.Dashboard("", ""),
					func(d *v1alpha1.Dashboard) { *d.Spec.Source.JSON = crash.OtherDashboard },
				)
			},
			After: inFolder("Squad"),
		},
		{Name: "dashboard moved into a folder that a person has made", Before: func(w *crash.World) {
			withDashboard("requests", path("Team"))(w)
		}, Act: func(w *crash.World) {
			w.Grafana.Do(http.MethodDelete, "/api/folders/"+w.Grafana.Folders(3)[0].UID, 3, nil)
			w.Grafana.Do(http.MethodPost, "/api/folders", 3, map[string]any{"uid": "theirs", "title": "Squad"})
			w.Clock = w.Clock.Add(2 * connection.ProofLife)
			crash.Edit(w, crash.Dashboard("", ""), path("Squad"))
		}, After: inFolder("Squad")},
		{
			Name:   "dashboard moved by a person",
			Before: withDashboard("requests", path("Team")),
			Act: func(w *crash.World) {
				d := crash.Dashboard("", "")
				w.Get(d)
				moveInGrafana(w, d)
				w.Everybody()
			},
			After: inFolder("Team"),
		},
		{Name: "tenant with a folder deleted", Before: withDashboard("", path("Team")), Act: func(w *crash.World) {
			w.Delete(crash.Organization(""), crash.Dashboard("", ""))
		}},
		{
			Name: "dashboard left to stand, then changed",
			Before: withDashboard(
				"requests",
				func(d *v1alpha1.Dashboard) { d.Spec.DriftPolicy = v1alpha1.DriftReport },
			),
			Act: func(w *crash.World) {
				editInGrafana(w)
				w.Everybody()
				w.Briefly(time.Minute)
				w.Clock = w.Clock.Add(lifecycle.DefaultResync)
				w.Everybody()
				w.Briefly(time.Minute)
				crash.Edit(
					w,
					crash.Dashboard("", ""),
					func(d *v1alpha1.Dashboard) { *d.Spec.Source.JSON = crash.OtherDashboard },
				)
			},
			After: shows("stat"),
		},
	}
}
