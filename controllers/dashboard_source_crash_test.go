package controllers_test

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

const dashboardURL = "https://dashboards.test/requests.json"

func fromURL(d *v1alpha1.Dashboard) {
	d.Spec.Source = v1alpha1.DashboardSource{URL: &v1alpha1.DashboardURL{URL: dashboardURL}}
}

// moveInGrafana moves a dashboard out of its folder, as a person does.
func moveInGrafana(w *crash.World, d *v1alpha1.Dashboard) {
	i := slices.IndexFunc(
		w.Grafana.Dashboards(d.Status.OrgID),
		func(o grafanatest.Dash) bool { return o.UID == d.Status.UID },
	)
	w.Grafana.Do(
		http.MethodPost,
		"/api/dashboards/db",
		d.Status.OrgID,
		map[string]any{"overwrite": true, "dashboard": w.Grafana.Dashboards(d.Status.OrgID)[i].Model},
	)
}

// otherContentRestored restores two backups after each other, so that Grafana has another content of ours under the
// number of the version that was saved last.
func otherContentRestored(w *crash.World) {
	change := func(text string) grafanatest.Snapshot {
		w.Clock = w.Clock.Add(2 * time.Minute) // more than clocks may be apart
		crash.Edit(w, crash.Dashboard("", ""), func(d *v1alpha1.Dashboard) { *d.Spec.Source.JSON = text })
		w.Settle()
		return w.Grafana.Snapshot()
	}
	first := w.Grafana.Snapshot()
	second := change(crash.OtherDashboard)
	w.Grafana.Restore(first)
	change(strings.Replace(crash.OtherDashboard, "stat", "gauge", 1))
	w.Grafana.Restore(second)
}

func sourceScenarios() []crash.Scenario {
	return []crash.Scenario{
		{Name: "dashboard fetched from a url", Before: func(w *crash.World) {
			w.Create(crash.Organization("Tenant"))
			w.Served = map[string]string{dashboardURL: crash.OneDashboard}
		}, Act: func(w *crash.World) {
			d := crash.Dashboard("requests", "")
			fromURL(d)
			w.Create(d)
		}, After: shows("timeseries")},
		{Name: "dashboard changed at its url", Before: withDashboard("", fromURL), Act: func(w *crash.World) {
			w.Served[dashboardURL] = crash.OtherDashboard
			w.Clock = w.Clock.Add(lifecycle.DefaultResync)
			w.Everybody()
		}, After: shows("stat")},
		{Name: "dashboard's url gone", Before: withDashboard("", fromURL), Act: func(w *crash.World) {
			delete(w.Served, dashboardURL)
			w.Clock = w.Clock.Add(lifecycle.DefaultResync)
			w.Everybody()
			for range 5 {
				w.Step(w.Clock.Add(time.Minute))
			}
			w.Served[dashboardURL] = crash.OneDashboard
		}, After: shows("timeseries")},
		{
			Name:   "dashboard from a url edited by a person",
			Before: withDashboard("", fromURL),
			Act: func(w *crash.World) {
				editInGrafana(w)
				w.Everybody()
			},
			After: shows("timeseries"),
		},
		{
			Name: "dashboard written out as fields, from grafana.com",
			Before: withDashboard("", func(d *v1alpha1.Dashboard) {
				d.Spec.Source = v1alpha1.DashboardSource{Model: &runtime.RawExtension{Raw: []byte(crash.OneDashboard)}}
			}),
			Act: func(w *crash.World) {
				w.Served["https://grafana.com/api/dashboards/1860/revisions/37/download"] = strings.Replace(
					crash.OtherDashboard,
					`"schemaVersion"`,
					`"__inputs":[{"name":"DS_P","type":"datasource","pluginId":"prometheus"}],"datasource":"${DS_P}","schemaVersion"`,
					1,
				)
				crash.Edit(w, crash.Dashboard("", ""), func(d *v1alpha1.Dashboard) {
					d.Spec.Source = v1alpha1.DashboardSource{
						GrafanaCom: &v1alpha1.GrafanaComDashboard{ID: 1860, Revision: 37},
					}
					d.Spec.Inputs = []v1alpha1.DashboardInput{{Name: "DS_P", Value: "prom"}}
				})
			},
			After: shows("prom"),
		},
		{
			Name:   "dashboard edited by a person and in its source at once",
			Before: withDashboard(""),
			Act: func(w *crash.World) {
				editInGrafana(w)
				crash.Edit(
					w,
					crash.Dashboard("", ""),
					func(d *v1alpha1.Dashboard) { *d.Spec.Source.JSON = crash.OtherDashboard },
				)
			},
			After: shows("stat"),
		},
		{
			Name:   "dashboard replaced by a person with another of its uid",
			Before: withDashboard("requests"),
			Act: func(w *crash.World) {
				w.Clock = w.Clock.Add(time.Minute)
				w.Grafana.Do(http.MethodDelete, "/api/dashboards/uid/requests", 3, nil)
				w.Grafana.Do(
					http.MethodPost,
					"/api/dashboards/db",
					3,
					map[string]any{"dashboard": map[string]any{"uid": "requests", "title": "Foreign requests"}},
				)
				w.Clock = w.Clock.Add(
					lifecycle.DefaultResync,
				) // its version is 1 again, which is what the list of all shows
				w.Everybody()
			},
			Stalled: map[string]string{"Dashboard": v1alpha1.ReasonAlreadyExists},
		},
		{Name: "dashboard restored to other content under the same version", Before: withDashboard(""),
			Midway: otherContentRestored, Act: (*crash.World).Everybody, After: shows("gauge")},
		{
			Name:   "dashboard restored to other content under the same version, seen at the resync",
			Before: withDashboard(""),
			Midway: otherContentRestored,
			Act:    func(w *crash.World) { w.Briefly(2 * lifecycle.DefaultResync) },
			After:  shows("gauge"),
		},
		{
			Name:   "dashboard edited by a person, seen at the resync",
			Before: withDashboard(""),
			Act: func(w *crash.World) {
				w.Briefly(lifecycle.DefaultResync)
				editInGrafana(w)
				w.Briefly(2 * lifecycle.DefaultResync)
			},
			After: shows("timeseries"),
		},
		{
			Name:   "dashboard moved by a person, seen at the resync",
			Before: withDashboard("", path("Team")),
			Act: func(w *crash.World) {
				w.Briefly(lifecycle.DefaultResync)
				d := crash.Dashboard("", "")
				w.Get(d)
				moveInGrafana(w, d)
				w.Briefly(2 * lifecycle.DefaultResync)
			},
			After: inFolder("Team"),
		},
		{Name: "dashboard deleted by a person, seen at the resync", Before: func(w *crash.World) {
			withDashboard("")(w)
			w.Create(secondDashboard())
		}, Act: func(w *crash.World) {
			w.Briefly(lifecycle.DefaultResync)
			d := crash.Dashboard("", "")
			w.Get(d)
			w.Grafana.Do(http.MethodDelete, "/api/dashboards/uid/"+d.Status.UID, d.Status.OrgID, nil)
			w.Briefly(2 * lifecycle.DefaultResync)
		}},
		{
			Name:   "dashboard replaced by a person with another of its uid, seen at the resync",
			Before: withDashboard("requests"),
			Act: func(w *crash.World) {
				w.Briefly(lifecycle.DefaultResync)
				w.Grafana.Do(http.MethodDelete, "/api/dashboards/uid/requests", 3, nil)
				w.Grafana.Do(
					http.MethodPost,
					"/api/dashboards/db",
					3,
					map[string]any{"dashboard": map[string]any{"uid": "requests", "title": "Foreign requests"}},
				)
				w.Briefly(2 * lifecycle.DefaultResync) // its version is 1 again, which is what the list of all shows
			},
			Stalled: map[string]string{"Dashboard": v1alpha1.ReasonAlreadyExists},
		},
		{Name: "dashboards of one title", Before: withDashboard("requests"), Act: func(w *crash.World) {
			second := secondDashboard()
			second.Spec.Source.JSON = new(crash.OtherDashboard)
			second.Spec.Folder = &v1alpha1.DashboardFolder{Path: []string{"Second"}}
			w.Create(second)
		}},
	}
}
