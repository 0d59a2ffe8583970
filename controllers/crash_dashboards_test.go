package controllers

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

const dashboardURL = "https://dashboards.test/requests.json"

func fromURL(d *v1alpha1.Dashboard) {
	d.Spec.Source = v1alpha1.DashboardSource{URL: &v1alpha1.DashboardURL{URL: dashboardURL}}
}

// withDashboard is an organization with one dashboard in it.
func withDashboard(uid string, changes ...func(*v1alpha1.Dashboard)) func(*world) {
	return func(w *world) {
		w.served = map[string]string{dashboardURL: oneDashboard}
		d := newDashboard(uid, oneDashboard)
		for _, c := range changes {
			c(d)
		}
		w.create(newOrganization("Tenant"), d)
	}
}

// shows fails unless the dashboard's panel is of a type.
func shows(kind string) func(*world) error {
	return func(w *world) error {
		if d := w.grafana.Dashboards(3); len(d) != 1 || !strings.Contains(string(d[0].Model), `"`+kind+`"`) {
			return fmt.Errorf("there is no panel %q: %+v", kind, d)
		}
		return nil
	}
}

// editInGrafana saves something else under the dashboard's uid, as a person does.
func editInGrafana(w *world) {
	d := newDashboard("", "")
	w.get(d)
	w.grafana.Do(
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

// moveInGrafana moves a dashboard out of its folder, as a person does.
func moveInGrafana(w *world, d *v1alpha1.Dashboard) {
	i := slices.IndexFunc(
		w.grafana.Dashboards(d.Status.OrgID),
		func(o grafanatest.Dash) bool { return o.UID == d.Status.UID },
	)
	w.grafana.Do(
		http.MethodPost,
		"/api/dashboards/db",
		d.Status.OrgID,
		map[string]any{"overwrite": true, "dashboard": w.grafana.Dashboards(d.Status.OrgID)[i].Model},
	)
}

// otherContentRestored restores two backups after each other, so that Grafana has another content of ours under the
// number of the version that was saved last.
func otherContentRestored(w *world) {
	change := func(text string) grafanatest.Snapshot {
		w.clock = w.clock.Add(2 * time.Minute) // more than clocks may be apart
		edit(w, newDashboard("", ""), func(d *v1alpha1.Dashboard) { *d.Spec.Source.JSON = text })
		w.settle()
		return w.grafana.Snapshot()
	}
	first := w.grafana.Snapshot()
	second := change(otherDashboard)
	w.grafana.Restore(first)
	change(strings.Replace(otherDashboard, "stat", "gauge", 1))
	w.grafana.Restore(second)
}

func secondDashboard() *v1alpha1.Dashboard {
	d := newDashboard("second", strings.Replace(otherDashboard, "Requests", "Errors", 1))
	d.Name = "second"
	return d
}

func sourceScenarios() []scenario {
	return []scenario{
		{name: "dashboard fetched from a url", before: func(w *world) {
			w.create(newOrganization("Tenant"))
			w.served = map[string]string{dashboardURL: oneDashboard}
		}, act: func(w *world) {
			d := newDashboard("requests", "")
			fromURL(d)
			w.create(d)
		}, after: shows("timeseries")},
		{name: "dashboard changed at its url", before: withDashboard("", fromURL), act: func(w *world) {
			w.served[dashboardURL] = otherDashboard
			w.clock = w.clock.Add(lifecycle.DefaultResync)
			w.everybody()
		}, after: shows("stat")},
		{name: "dashboard's url gone", before: withDashboard("", fromURL), act: func(w *world) {
			delete(w.served, dashboardURL)
			w.clock = w.clock.Add(lifecycle.DefaultResync)
			w.everybody()
			for range 5 {
				w.step(w.clock.Add(time.Minute))
			}
			w.served[dashboardURL] = oneDashboard
		}, after: shows("timeseries")},
		{name: "dashboard from a url edited by a person", before: withDashboard("", fromURL), act: func(w *world) {
			editInGrafana(w)
			w.everybody()
		}, after: shows("timeseries")},
		{
			name: "dashboard written out as fields, from grafana.com",
			before: withDashboard("", func(d *v1alpha1.Dashboard) {
				d.Spec.Source = v1alpha1.DashboardSource{Model: &runtime.RawExtension{Raw: []byte(oneDashboard)}}
			}),
			act: func(w *world) {
				w.served["https://grafana.com/api/dashboards/1860/revisions/37/download"] = strings.Replace(
					otherDashboard,
					`"schemaVersion"`,
					`"__inputs":[{"name":"DS_P","type":"datasource","pluginId":"prometheus"}],"datasource":"${DS_P}","schemaVersion"`,
					1,
				)
				edit(w, newDashboard("", ""), func(d *v1alpha1.Dashboard) {
					d.Spec.Source = v1alpha1.DashboardSource{
						GrafanaCom: &v1alpha1.GrafanaComDashboard{ID: 1860, Revision: 37},
					}
					d.Spec.Inputs = []v1alpha1.DashboardInput{{Name: "DS_P", Value: "prom"}}
				})
			},
			after: shows("prom"),
		},
		{
			name:   "dashboard edited by a person and in its source at once",
			before: withDashboard(""),
			act: func(w *world) {
				editInGrafana(w)
				edit(w, newDashboard("", ""), func(d *v1alpha1.Dashboard) { *d.Spec.Source.JSON = otherDashboard })
			},
			after: shows("stat"),
		},
		{
			name:   "dashboard replaced by a person with another of its uid",
			before: withDashboard("requests"),
			act: func(w *world) {
				w.clock = w.clock.Add(time.Minute)
				w.grafana.Do(http.MethodDelete, "/api/dashboards/uid/requests", 3, nil)
				w.grafana.Do(
					http.MethodPost,
					"/api/dashboards/db",
					3,
					map[string]any{"dashboard": map[string]any{"uid": "requests", "title": "Foreign requests"}},
				)
				w.clock = w.clock.Add(
					lifecycle.DefaultResync,
				) // its version is 1 again, which is what the list of all shows
				w.everybody()
			},
			stalled: map[string]string{"Dashboard": v1alpha1.ReasonAlreadyExists},
		},
		{name: "dashboard restored to other content under the same version", before: withDashboard(""),
			midway: otherContentRestored, act: (*world).everybody, after: shows("gauge")},
		{
			name:   "dashboard restored to other content under the same version, seen at the resync",
			before: withDashboard(""),
			midway: otherContentRestored,
			act:    func(w *world) { w.briefly(2 * lifecycle.DefaultResync) },
			after:  shows("gauge"),
		},
		{name: "dashboard edited by a person, seen at the resync", before: withDashboard(""), act: func(w *world) {
			w.briefly(lifecycle.DefaultResync)
			editInGrafana(w)
			w.briefly(2 * lifecycle.DefaultResync)
		}, after: shows("timeseries")},
		{
			name:   "dashboard moved by a person, seen at the resync",
			before: withDashboard("", path("Team")),
			act: func(w *world) {
				w.briefly(lifecycle.DefaultResync)
				d := newDashboard("", "")
				w.get(d)
				moveInGrafana(w, d)
				w.briefly(2 * lifecycle.DefaultResync)
			},
			after: inFolder("Team"),
		},
		{name: "dashboard deleted by a person, seen at the resync", before: func(w *world) {
			withDashboard("")(w)
			w.create(secondDashboard())
		}, act: func(w *world) {
			w.briefly(lifecycle.DefaultResync)
			d := newDashboard("", "")
			w.get(d)
			w.grafana.Do(http.MethodDelete, "/api/dashboards/uid/"+d.Status.UID, d.Status.OrgID, nil)
			w.briefly(2 * lifecycle.DefaultResync)
		}},
		{
			name:   "dashboard replaced by a person with another of its uid, seen at the resync",
			before: withDashboard("requests"),
			act: func(w *world) {
				w.briefly(lifecycle.DefaultResync)
				w.grafana.Do(http.MethodDelete, "/api/dashboards/uid/requests", 3, nil)
				w.grafana.Do(
					http.MethodPost,
					"/api/dashboards/db",
					3,
					map[string]any{"dashboard": map[string]any{"uid": "requests", "title": "Foreign requests"}},
				)
				w.briefly(2 * lifecycle.DefaultResync) // its version is 1 again, which is what the list of all shows
			},
			stalled: map[string]string{"Dashboard": v1alpha1.ReasonAlreadyExists},
		},
		{name: "dashboards of one title", before: withDashboard("requests"), act: func(w *world) {
			second := secondDashboard()
			second.Spec.Source.JSON = new(otherDashboard)
			second.Spec.Folder = &v1alpha1.DashboardFolder{Path: []string{"Second"}}
			w.create(second)
		}},
	}
}

func path(titles ...string) func(*v1alpha1.Dashboard) {
	return func(d *v1alpha1.Dashboard) { d.Spec.Folder = &v1alpha1.DashboardFolder{Path: titles} }
}

// inFolder fails unless the one dashboard is in the only folder of that title, below these others.
func inFolder(titles ...string) func(*world) error {
	return func(w *world) error {
		d, uid := w.grafana.Dashboards(3), ""
		folders := w.grafana.Folders(3)
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

func folderScenarios() []scenario {
	return []scenario{
		{name: "dashboard created in a folder that is made", before: withOrg, act: func(w *world) {
			d := newDashboard("requests", oneDashboard)
			path("Team")(d)
			w.create(d)
		}, after: inFolder("Team")},
		{name: "dashboards created in one folder that is made", before: withOrg, act: func(w *world) {
			for _, name := range []string{"dashboard", "second"} {
				d := newDashboard("", strings.Replace(oneDashboard, "Requests", name, 1))
				d.Name = name
				path("Team")(d)
				w.create(d)
			}
		}, after: inFolder("Team")},
		{
			name:   "dashboard's folder deleted by a person",
			before: withDashboard("requests", path("Team")),
			act: func(w *world) {
				f := w.grafana.Folders(3)
				w.grafana.Do(http.MethodDelete, "/api/folders/"+f[0].UID, 3, nil)
				w.clock = w.clock.Add(2 * connection.ProofLife)
				w.everybody()
			},
			after: inFolder("Team"),
		},
		{
			name:   "dashboard's folder renamed by a person",
			before: withDashboard("requests", path("Team")),
			act: func(w *world) {
				f := w.grafana.Folders(3)
				w.grafana.Do(
					http.MethodPut,
					"/api/folders/"+f[0].UID,
					3,
					map[string]any{"title": "Squad", "overwrite": true},
				)
				w.clock = w.clock.Add(2 * connection.ProofLife)
				edit(w, newDashboard("", ""), func(d *v1alpha1.Dashboard) { *d.Spec.Source.JSON = otherDashboard })
			},
			after: inFolder("Squad"),
		},
		{name: "dashboard moved into a folder that a person has made", before: func(w *world) {
			withDashboard("requests", path("Team"))(w)
		}, act: func(w *world) {
			w.grafana.Do(http.MethodDelete, "/api/folders/"+w.grafana.Folders(3)[0].UID, 3, nil)
			w.grafana.Do(http.MethodPost, "/api/folders", 3, map[string]any{"uid": "theirs", "title": "Squad"})
			w.clock = w.clock.Add(2 * connection.ProofLife)
			edit(w, newDashboard("", ""), path("Squad"))
		}, after: inFolder("Squad")},
		{name: "dashboard moved by a person", before: withDashboard("requests", path("Team")), act: func(w *world) {
			d := newDashboard("", "")
			w.get(d)
			moveInGrafana(w, d)
			w.everybody()
		}, after: inFolder("Team")},
		{name: "tenant with a folder deleted", before: withDashboard("", path("Team")), act: func(w *world) {
			w.delete(newOrganization(""), newDashboard("", ""))
		}},
		{
			name: "dashboard left to stand, then changed",
			before: withDashboard(
				"requests",
				func(d *v1alpha1.Dashboard) { d.Spec.DriftPolicy = v1alpha1.DriftReport },
			),
			act: func(w *world) {
				editInGrafana(w)
				w.everybody()
				w.briefly(time.Minute)
				w.clock = w.clock.Add(lifecycle.DefaultResync)
				w.everybody()
				w.briefly(time.Minute)
				edit(w, newDashboard("", ""), func(d *v1alpha1.Dashboard) { *d.Spec.Source.JSON = otherDashboard })
			},
			after: shows("stat"),
		},
	}
}
