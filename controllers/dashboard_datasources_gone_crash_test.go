package controllers_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/dashboard/fetch"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// spec.type of a DataSource that is suspended.
func TestTypeThatADataSourceOnlyWants(t *testing.T) {
	w := settledWith(t, "12.4.0", crash.SourceSecret("first"), crash.NewDataSource(""),
		mappedDashboard(v1alpha1.DataSourceTarget{Ref: &v1alpha1.LocalObjectReference{Name: "source"}}))
	m, v := modelOf(w)
	crash.Edit(
		w,
		crash.NewDataSource(""),
		func(d *v1alpha1.DataSource) { d.Spec.Type, d.Spec.Suspend = "influxdb", true },
	)
	rested(w)
	m2, v2 := modelOf(w)
	t.Logf("%d %s\n%d %s", v, m, v2, m2)
	t.Logf("%+v", w.Grafana.Sources(3))
	if strings.Contains(m2, "influxdb") {
		t.Error("the type that is only wanted")
	}
}

// A DataSource goes, and the process ends before the Dashboards that name it are looked at.
func TestDataSourceGoneAcrossARestart(t *testing.T) {
	for _, how := range []string{"restart", "outage", "none"} {
		t.Run(how, func(t *testing.T) {
			w := settledWith(t, "12.4.0", crash.SourceSecret("first"), crash.NewDataSource("theirs"),
				crash.Dashboard("requests", namesTheirs))
			t.Log(said(w))
			ds := crash.NewDataSource("")
			w.Get(ds)
			w.Delete(ds)
			for range 10 {
				w.Visit(sourceKeyOf)
				if !w.Get(ds) {
					break
				}
				w.Clock = w.Clock.Add(time.Second)
			}
			t.Log("gone:", !w.Get(crash.NewDataSource("")), len(w.Grafana.Sources(3)))
			switch how {
			case "restart":
				w.Start()
				rested(w)
			case "outage":
				w.Refuses = func(*http.Request) bool { return true }
				w.Briefly(time.Minute)
				t.Log(said(w))
				w.Refuses = nil
				w.Briefly(5 * time.Minute)
			}
			rested(w)
			for range 5 {
				w.Clock = w.Clock.Add(lifecycle.DefaultResync)
				w.Everybody()
				rested(w)
			}
			if ready, resolved := said(w); strings.HasPrefix(resolved, "True") {
				t.Errorf("50 minutes later: %s\n%s", ready, resolved)
			}
		})
	}
}

// Edits of spec.datasources that shorten, lengthen and reorder it, with Report and an edit of a person.
func TestEditsOfTheListOfDataSources(t *testing.T) {
	for _, v := range []string{"10.4.3", "12.4.0"} {
		for _, src := range []string{"json", "url"} {
			w := crash.New(t, v)
			b := &strict{fetch: w.Serve, asked: map[string]fetch.Request{}}
			w.Sources = b
			w.Start()
			w.Seed()
			crash.WithOrg(w)
			rested(w)
			w.Served = map[string]string{dashboardURL: namesTheirs}
			theirSource(w, "by-hand", "Metrics")
			d := mappedDashboard(v1alpha1.DataSourceTarget{Name: "Metrics"})
			if src == "url" {
				fromURL(d)
			}
			d.Spec.DriftPolicy = v1alpha1.DriftReport
			w.Create(d)
			rested(w)
			for i, list := range [][]v1alpha1.DashboardDataSource{
				{{From: "a", To: v1alpha1.DataSourceTarget{Default: true}}, {From: "theirs", To: v1alpha1.DataSourceTarget{Name: "Metrics"}}},
				{{From: "theirs", To: v1alpha1.DataSourceTarget{Name: "nope"}}, {From: "b", To: v1alpha1.DataSourceTarget{UID: "zz"}}, {From: "c", To: v1alpha1.DataSourceTarget{Name: "Metrics"}}},
				{},
				{{From: "theirs", To: v1alpha1.DataSourceTarget{UID: "by-hand"}}},
				{{From: "${x}", To: v1alpha1.DataSourceTarget{Default: true}}},
			} {
				crash.Edit(w, crash.Dashboard("", ""), func(d *v1alpha1.Dashboard) { d.Spec.DataSources = list })
				w.Briefly(2 * time.Minute)
				m, ver := modelOf(w)
				r, s := said(w)
				t.Log(v, src, i, ver, b.times, m, "\n", r, "\n", s)
				w.Clock = w.Clock.Add(lifecycle.DefaultResync)
				w.Everybody()
				w.Briefly(time.Minute)
				if _, v2 := modelOf(w); v2 != ver {
					t.Error("saved again")
				}
				w.Start()
				w.Briefly(time.Minute)
				w.Clock = w.Clock.Add(lifecycle.DefaultResync)
				w.Everybody()
				w.Briefly(time.Minute)
				if _, v2 := modelOf(w); v2 != ver {
					t.Error("saved again after a restart")
				}
			}
		}
	}
}

// A gateway page while a person's edit stands by Report.
func TestAReportedEditStandsWhileTheListIsRefused(t *testing.T) {
	w := settledWith(t, "12.4.0")
	theirSource(w, "by-hand", "Metrics")
	d := mappedDashboard(v1alpha1.DataSourceTarget{Name: "Metrics"})
	d.Spec.DriftPolicy = v1alpha1.DriftReport
	w.Create(d)
	rested(w)
	w.Grafana.Do(
		http.MethodPost,
		"/api/dashboards/db",
		3,
		map[string]any{"overwrite": true, "dashboard": map[string]any{"uid": "requests", "title": "By a person"}},
	)
	w.Clock = w.Clock.Add(lifecycle.DefaultResync)
	w.Everybody()
	w.Briefly(time.Minute)
	m, v := modelOf(w)
	t.Log(v, m)
	t.Log(said(w))
	w.Answers = func(r *http.Request) *http.Response {
		if r.URL.Path == "/api/datasources" {
			return answer(r, 403, "<html>blocked</html>", false)
		}
		return nil
	}
	crash.Edit(w, crash.Dashboard("", ""), func(d *v1alpha1.Dashboard) { d.Spec.Suspend = true })
	w.Briefly(time.Minute)
	crash.Edit(w, crash.Dashboard("", ""), func(d *v1alpha1.Dashboard) { d.Spec.Suspend = false })
	w.Briefly(time.Minute)
	m, v = modelOf(w)
	t.Log(v, m)
	t.Log(said(w))
	if !strings.Contains(m, "By a person") {
		t.Error("a person's edit is gone")
	}
}

func TestMappedByUIDOfADataSourceThatAPersonRenames(t *testing.T) {
	w := settledWith(t, "12.4.0")
	theirSource(w, "by-hand", "Old name")
	w.Clock = w.Clock.Add(time.Minute)
	d := mappedDashboard(v1alpha1.DataSourceTarget{UID: "by-hand"})
	d.Spec.Source.JSON = new(`{"title":"x","panels":[{"datasource":"theirs"}]}`)
	w.Create(d)
	rested(w)
	t.Log(modelOf(w))
	w.Grafana.Do(
		http.MethodPut,
		"/api/datasources/uid/by-hand",
		3,
		map[string]any{"name": "New name", "type": "loki", "access": "proxy", "url": "http://127.0.0.1:9"},
	)
	for range 3 {
		w.Clock = w.Clock.Add(lifecycle.DefaultResync)
		w.Everybody()
		rested(w)
	}
	w.Visit(dashKey)
	m, v := modelOf(w)
	t.Log(v, m)
	t.Log(said(w))
	if !strings.Contains(m, "New name") {
		t.Error("the panel asks for a data source that is not there")
	}
}

// A DataSource maps by name; two organizations' worth of visits: order.
func TestMappedInVainToWhatIsNotThere(t *testing.T) {
	w := settledWith(t, "12.4.0", crash.Dashboard("requests", `{"title":"x","panels":[]}`))
	crash.Edit(w, crash.Dashboard("", ""), func(d *v1alpha1.Dashboard) {
		d.Spec.DataSources = []v1alpha1.DashboardDataSource{{From: "typo", To: v1alpha1.DataSourceTarget{UID: "zz"}}}
	})
	rested(w)
	d := crash.Dashboard("", "")
	w.Get(d)
	t.Logf("%+v %+v", d.Status.DataSources, d.Status.NamedDataSources)
	t.Log(said(w))
}

// A variable's choice is mapped to what is not there.
func TestChoiceThatIsNotThere(t *testing.T) {
	const text = `{"title":"x","templating":{"list":[{"type":"datasource","name":"ds","current":{"value":"old","text":"old"}}]},"panels":[{"datasource":{"uid":"${ds}"}}]}`
	for name, to := range map[string]v1alpha1.DataSourceTarget{"uid": {UID: "zz"}, "ref": {Ref: &v1alpha1.LocalObjectReference{Name: "source"}}} {
		t.Run(name, func(t *testing.T) {
			w := settledWith(t, "12.4.0", crash.SourceSecret("first"), crash.NewDataSource(""))
			d := crash.Dashboard("", text)
			d.Spec.DataSources = []v1alpha1.DashboardDataSource{{From: "${ds}", To: to}}
			w.Create(d)
			rested(w)
			ds := crash.NewDataSource("")
			w.Get(ds)
			w.Delete(ds)
			rested(w)
			for range 2 {
				w.Clock = w.Clock.Add(lifecycle.DefaultResync)
				w.Everybody()
				rested(w)
			}
			m, _ := modelOf(w)
			r, s := said(w)
			t.Log(m, "\n", r, "\n", s, len(w.Grafana.Sources(3)))
			if strings.HasPrefix(s, "True") {
				t.Error("there is no data source at all")
			}
		})
	}
}
