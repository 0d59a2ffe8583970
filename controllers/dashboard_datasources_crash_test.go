package controllers_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// namesTheirs is a dashboard one of whose panels takes its data from the data source "theirs".
const namesTheirs = `{"title":"Requests","panels":[{"id":1,"type":"stat","datasource":{"type":"prometheus","uid":"theirs"}}]}`

// mappedDashboard is that dashboard, with another data source in its place.
func mappedDashboard(to v1alpha1.DataSourceTarget) *v1alpha1.Dashboard {
	d := crash.Dashboard("requests", namesTheirs)
	d.Spec.DataSources = []v1alpha1.DashboardDataSource{{From: "theirs", To: to}}
	return d
}

// allResolved fails unless the dashboard says that its organization has all data sources that it names.
func allResolved(w *crash.World) error {
	d := crash.Dashboard("", "")
	w.Get(d)
	if !meta.IsStatusConditionTrue(d.Status.Conditions, v1alpha1.ConditionDataSourcesResolved) {
		return fmt.Errorf("conditions: %+v, named: %q", d.Status.Conditions, d.Status.NamedDataSources)
	}
	return nil
}

func mappedScenarios() []crash.Scenario {
	byRef := v1alpha1.DataSourceTarget{Ref: &v1alpha1.LocalObjectReference{Name: "source"}}
	byName := v1alpha1.DataSourceTarget{Name: "Metrics"}
	return []crash.Scenario{
		{Name: "dashboard mapped to a data source, created together", Before: crash.WithOrg, Act: func(w *crash.World) {
			w.Create(mappedDashboard(byRef), crash.SourceSecret("first"), crash.NewDataSource(""))
		}, After: allResolved},
		{
			Name:   "dashboard mapped by name to a data source, created together",
			Before: crash.WithOrg,
			Act: func(w *crash.World) {
				w.Create(mappedDashboard(byName), crash.SourceSecret("first"), crash.NewDataSource(""))
			},
			After: allResolved,
		},
		{
			Name: "dashboard mapped by name to a data source that a person makes",
			Before: func(w *crash.World) {
				w.Create(crash.Organization("Tenant"))
				w.Settle()
				theirSource(w, "by-hand", "Foreign metrics")
			},
			Act:   func(w *crash.World) { w.Create(mappedDashboard(v1alpha1.DataSourceTarget{Name: "Foreign metrics"})) },
			After: allResolved,
		},
		{Name: "dashboard from a url mapped by name", Before: func(w *crash.World) {
			w.Create(crash.Organization("Tenant"), crash.SourceSecret("first"), crash.NewDataSource(""))
			w.Served = map[string]string{dashboardURL: namesTheirs}
		}, Act: func(w *crash.World) {
			d := mappedDashboard(byName)
			fromURL(d)
			w.Create(d)
		}, After: allResolved},
		{
			Name: "data source that a dashboard is mapped to renamed",
			Before: func(w *crash.World) {
				w.Create(
					crash.Organization("Tenant"),
					crash.SourceSecret("first"),
					crash.NewDataSource(""),
					mappedDashboard(byRef),
				)
			},
			Act: func(w *crash.World) {
				crash.Edit(w, crash.NewDataSource(""), func(d *v1alpha1.DataSource) { d.Spec.Name = "Renamed" })
			},
			After: allResolved,
		},
		{
			Name: "dashboard mapped to another data source",
			Before: func(w *crash.World) {
				w.Create(
					crash.Organization("Tenant"),
					crash.SourceSecret("first"),
					crash.NewDataSource(""),
					mappedDashboard(byRef),
				)
			},
			Act: func(w *crash.World) {
				crash.Edit(w, crash.Dashboard("", ""), func(d *v1alpha1.Dashboard) {
					d.Spec.DataSources[0].To = v1alpha1.DataSourceTarget{Default: true}
					d.Spec.Title = "Ours"
				})
			},
			After: allResolved,
		},
	}
}

// A source is fetched once, whatever data sources are found for it, and when these change it is fetched once more.
func TestMappedSourceIsFetchedOnce(t *testing.T) {
	w := crash.New(t, "12.4.0")
	b := &background{fetch: w.Serve, asked: map[string]bool{}}
	w.Sources = b
	w.Start()
	w.Seed()
	w.Served = map[string]string{"https://grafana.com/api/dashboards/7/revisions/1/download": namesTheirs}
	w.Create(crash.Organization("Tenant"))
	w.Settle()
	byHand := map[string]any{
		"name": "Metrics", "uid": "by-hand", "type": "prometheus", "access": "proxy", "url": "http://127.0.0.1:9",
	}
	w.Grafana.Do(http.MethodPost, "/api/datasources", 3, byHand)
	d := mappedDashboard(v1alpha1.DataSourceTarget{Name: "Metrics"})
	d.Spec.Source = v1alpha1.DashboardSource{GrafanaCom: &v1alpha1.GrafanaComDashboard{ID: 7, Revision: 1}}
	w.Create(d)
	w.Settle()
	untilSaved := func(uid string, version int64, fetched int) {
		t.Helper()
		all := w.Grafana.Dashboards(3)
		if len(all) != 1 || !strings.Contains(string(all[0].Model), uid) || all[0].Version != version ||
			b.times != fetched {
			t.Fatalf("fetched %d times, it is %+v", b.times, all)
		}
	}
	untilSaved("by-hand", 1, 1)
	w.Grafana.Do(http.MethodDelete, "/api/datasources/uid/by-hand", 3, nil)
	byHand["uid"] = "by-another"
	w.Grafana.Do(http.MethodPost, "/api/datasources", 3, byHand)
	w.Clock = w.Clock.Add(lifecycle.DefaultResync)
	w.Everybody()
	w.Settle()
	untilSaved("by-another", 2, 2)
}
