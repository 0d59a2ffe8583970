package controllers_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

const dashKey, sourceKeyOf = "Dashboard tenant/dashboard", "DataSource tenant/source"

func modelOf(w *crash.World) (string, int64) {
	all := w.Grafana.Dashboards(3)
	if len(all) != 1 {
		w.TB.Fatalf("there are %d dashboards", len(all))
	}
	return string(all[0].Model), all[0].Version
}

func said(w *crash.World) (ready, resolved string) {
	d := crash.Dashboard("", "")
	w.Get(d)
	if c := conditionOf(d, v1alpha1.ConditionReady); c != nil {
		ready = fmt.Sprint(c.Status, " ", c.Reason, " ", c.Message)
	}
	if c := conditionOf(d, v1alpha1.ConditionDataSourcesResolved); c != nil {
		resolved = fmt.Sprint(c.Status, " ", c.Reason, " ", c.Message)
	}
	return ready, resolved
}

func nameMapped(name string) *v1alpha1.Dashboard {
	return mappedDashboard(v1alpha1.DataSourceTarget{Name: name})
}

func settledWith(t *testing.T, version string, objects ...client.Object) *crash.World {
	t.Helper()
	w := crash.New(t, version)
	w.Seed()
	crash.WithOrg(w)
	rested(w)
	w.Create(objects...)
	rested(w)
	return w
}

// A DataSource that is refused a name, or is suspended before it could ask for it, takes the place of the data source
// that has it.
func TestNameThatADataSourceOnlyWants(t *testing.T) {
	for name, suspend := range map[string]bool{"refused": false, "suspended": true} {
		t.Run(name, func(t *testing.T) {
			w := settledWith(t, "12.4.0", crash.SourceSecret("first"), crash.NewDataSource(""))
			theirSource(w, "by-hand", "Foreign metrics")
			w.Create(nameMapped("Foreign metrics"))
			rested(w)
			if model, _ := modelOf(w); !strings.Contains(model, "by-hand") {
				t.Fatal(model)
			}
			crash.Edit(w, crash.NewDataSource(""), func(d *v1alpha1.DataSource) {
				d.Spec.Name, d.Spec.Suspend = "Foreign metrics", suspend
			})
			rested(w)
			ds := crash.NewDataSource("")
			w.Get(ds)
			model, version := modelOf(w)
			ready, resolved := said(w)
			if !strings.Contains(model, "by-hand") {
				t.Errorf(
					"DataSource %s: %+v\nversion %d: %s\n%s\n%s",
					ds.Status.UID,
					conditionOf(ds, "Ready"),
					version,
					model,
					ready,
					resolved,
				)
			}
		})
	}
}

// What a refused rename does to names of old in a dashboard that is mapped by ref.
func TestNameOfARefusedRenameIsWrittenNowhere(t *testing.T) {
	d := mappedDashboard(v1alpha1.DataSourceTarget{Ref: &v1alpha1.LocalObjectReference{Name: "source"}})
	d.Spec.Source.JSON = new(`{"title":"Requests","panels":[{"id":1,"type":"stat","datasource":"theirs"}]}`)
	w := settledWith(t, "12.4.0", crash.SourceSecret("first"), crash.NewDataSource(""), d)
	theirSource(w, "by-hand", "Foreign metrics")
	crash.Edit(w, crash.NewDataSource(""), func(d *v1alpha1.DataSource) { d.Spec.Name = "Foreign metrics" })
	rested(w)
	model, version := modelOf(w)
	ready, resolved := said(w)
	if strings.Contains(model, "Foreign metrics") {
		t.Errorf(
			"the panel asks the data source by-hand now, which nobody has mapped it to: version %d: %s\n%s\n%s",
			version,
			model,
			ready,
			resolved,
		)
	}
}

// The default: a suspended DataSource was it once.
func TestDefaultThatASuspendedDataSourceWas(t *testing.T) {
	first, second := objectNamed(crash.NewDataSource(""), "a"), objectNamed(crash.NewDataSource(""), "b")
	first.Spec.Name, second.Spec.Name, second.Spec.IsDefault = "A", "B", nil
	w := settledWith(
		t,
		"12.4.0",
		crash.SourceSecret("first"),
		first,
		second,
		mappedDashboard(v1alpha1.DataSourceTarget{Default: true}),
	)
	crash.Edit(w, objectNamed(crash.NewDataSource(""), "a"), func(d *v1alpha1.DataSource) { d.Spec.Suspend = true })
	rested(w)
	crash.Edit(
		w,
		objectNamed(crash.NewDataSource(""), "b"),
		func(d *v1alpha1.DataSource) { d.Spec.IsDefault = new(true) },
	)
	rested(w)
	w.Clock = w.Clock.Add(lifecycle.DefaultResync)
	w.Everybody()
	rested(w)
	var is string
	for _, s := range w.Grafana.Sources(3) {
		if s.IsDefault {
			is = s.UID
		}
	}
	model, version := modelOf(w)
	ready, resolved := said(w)
	if !strings.Contains(model, is) {
		t.Errorf("the default is %s; version %d: %s\n%s\n%s", is, version, model, ready, resolved)
	}
}

// A DataSource that takes over another: its uid is not known before.
func TestMappedToADataSourceThatAdopts(t *testing.T) {
	w := crash.New(t, "12.4.0")
	w.Seed()
	org := crash.Organization("Tenant")
	org.Spec.Adoption = v1alpha1.AdoptionAllow
	w.Create(org)
	rested(w)
	theirSource(w, "by-hand", "Foreign metrics")
	ds := crash.NewDataSource("")
	ds.Spec.Name, ds.Spec.AdoptionPolicy, ds.Spec.Type = "Foreign metrics", v1alpha1.AdoptionAdopt, "loki"
	w.Create(
		crash.SourceSecret("first"),
		ds,
		mappedDashboard(v1alpha1.DataSourceTarget{Ref: &v1alpha1.LocalObjectReference{Name: "source"}}),
	)
	rested(w)
	model, version := modelOf(w)
	if version != 1 {
		t.Errorf("it was saved %d times: %s", version, model)
	}
	// and once its status is lost
	wipeStatus(w, crash.NewDataSource(""))
	w.Visit(dashKey)
	if now, v := modelOf(w); v != version {
		t.Errorf("the status of the DataSource was lost: version %d: %s", v, now)
	}
}

// A Dashboard whose status is lost leaves its dashboard in Grafana when it is deleted.
func TestMappedDashboardLosesItsStatusAndIsDeleted(t *testing.T) {
	for name, c := range map[string]struct{ mapping bool }{"by inputs": {false}, "by datasources": {true}} {
		t.Run(name, func(t *testing.T) {
			d := crash.Dashboard(
				"",
				`{"title":"Requests","uid":"its-own","__inputs":[{"name":"DS_P","type":"datasource"}],"panels":[{"id":1,"datasource":{"uid":"${DS_P}"}}]}`,
			)
			if c.mapping {
				d.Spec.DataSources = []v1alpha1.DashboardDataSource{
					{
						From: "${DS_P}",
						To:   v1alpha1.DataSourceTarget{Ref: &v1alpha1.LocalObjectReference{Name: "source"}},
					},
				}
			} else {
				d.Spec.Inputs = []v1alpha1.DashboardInput{{Name: "DS_P", Value: "u"}}
			}
			w := settledWith(t, "12.4.0", crash.SourceSecret("first"), crash.NewDataSource(""), d)
			modelOf(w)
			wipe(w, crash.Dashboard("", ""))
			w.Get(d)
			w.Delete(d)
			rested(w)
			if all := w.Grafana.Dashboards(3); len(all) > 0 || w.Get(crash.Dashboard("", "")) {
				t.Errorf("it is left: %+v", all)
			}
		})
	}
}

// Ready does not depend on DataSourcesResolved: a revision of grafana.com's is there, and grafana.com is not.
func TestALookAtDataSourcesFetchesNothing(t *testing.T) {
	const com = "https://grafana.com/api/dashboards/7/revisions/1/download"
	for name, resolves := range map[string]bool{"it was told": true, "the list failed": false} {
		t.Run(name, func(t *testing.T) {
			w := crash.New(t, "12.4.0")
			b := &background{fetch: w.Serve, asked: map[string]bool{}}
			w.Sources = b
			w.Start()
			w.Seed()
			crash.WithOrg(w)
			rested(w)
			w.Served = map[string]string{com: namesTheirs}
			w.Refuses = func(r *http.Request) bool { return !resolves && r.URL.Path == "/api/datasources" }
			d := crash.Dashboard("", "")
			d.Spec.Source = v1alpha1.DashboardSource{GrafanaCom: &v1alpha1.GrafanaComDashboard{ID: 7, Revision: 1}}
			w.Create(d)
			w.Briefly(time.Minute)
			w.Refuses = nil
			w.Served = nil
			for range 2 {
				w.Clock = w.Clock.Add(lifecycle.DefaultResync)
				w.Everybody()
				w.Briefly(time.Minute)
			}
			if ready, resolved := said(w); !strings.HasPrefix(ready, "True") {
				t.Errorf("%s\n%s", ready, resolved)
			}
		})
	}
}

// Two DataSources have changed names before the dashboard is looked at: it is mapped to who has the name now.
func TestNameThatHasGoneToAnotherDataSource(t *testing.T) {
	other := objectNamed(unasked(""), "other")
	other.Spec.Name = "Other metrics"
	w := settledWith(t, "12.4.0", crash.SourceSecret("first"), crash.NewDataSource(""), other, nameMapped("Metrics"))
	for _, to := range []struct{ object, name string }{{"source", "Former"}, {"other", "Metrics"}} {
		crash.Edit(w, objectNamed(crash.NewDataSource(""), to.object), func(d *v1alpha1.DataSource) {
			d.Spec.Name = to.name
		})
		w.Clock = w.Clock.Add(2 * time.Second)
		w.Visit("DataSource tenant/" + to.object)
	}
	w.Visit("Dashboard tenant/" + crash.Dashboard("", "").Name)
	rested(w)
	w.Get(other)
	if model, _ := modelOf(w); other.Status.Name != "Metrics" || !strings.Contains(model, other.Status.UID) {
		ready, resolved := said(w)
		t.Errorf("%s has the name %q: %s\n%s\n%s", other.Status.UID, other.Status.Name, model, ready, resolved)
	}
}
