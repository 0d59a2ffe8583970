package controllers_test

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// namesMetrics is a dashboard whose panel takes its data from the data source "metrics".
const namesMetrics = `{"title": "Named", "panels": [{"id": 1, "type": "timeseries", "datasource": {"type": "prometheus", "uid": "metrics"}}]}`

// mapped maps what a dashboard names.
func mapped(from string, to v1alpha1.DataSourceTarget) func(*v1alpha1.Dashboard) {
	return func(o *v1alpha1.Dashboard) {
		o.Spec.DataSources = append(o.Spec.DataSources, v1alpha1.DashboardDataSource{From: from, To: to})
	}
}

// untilResolved waits until condition DataSourcesResolved has this status, and a message with all the texts.
func untilResolved(w *suite.World, obj *v1alpha1.Dashboard, status string, texts ...string) {
	w.T.Helper()
	w.Eventually("DataSourcesResolved to be "+status, func() error {
		suite.Get(w, obj)
		found := meta.FindStatusCondition(obj.Status.Conditions, v1alpha1.ConditionDataSourcesResolved)
		if found == nil || string(found.Status) != status {
			return fmt.Errorf("conditions: %+v", obj.Status.Conditions)
		}
		for _, text := range texts {
			if !strings.Contains(found.Message, text) {
				return fmt.Errorf("it says %q, which has no %q", found.Message, text)
			}
		}
		return nil
	})
}

// untilInGrafana waits until a dashboard has a text in Grafana.
func untilInGrafana(w *suite.World, org int64, obj *v1alpha1.Dashboard, text string) {
	w.T.Helper()
	w.Eventually("the dashboard to have "+text, func() error {
		d := w.Dash(org, suite.Get(w, obj).Status.UID)
		if d == nil || !strings.Contains(strings.ReplaceAll(string(d.Model), " ", ""), text) {
			return fmt.Errorf("it is %+v", d)
		}
		return nil
	})
}

// A dashboard follows the DataSource that it is mapped to, which it waits for, and which can be replaced.
func TestAPIDashboardIsMappedToADataSource(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{Version: "12.4.0"})
	org := suite.Ready(w, w.Organization("team")).Status.OrgID
	dash := w.Dashboard("dash", "team", namesMetrics,
		mapped("metrics", v1alpha1.DataSourceTarget{Ref: &v1alpha1.LocalObjectReference{Name: "mimir"}}))
	suite.Waiting(w, dash, v1alpha1.ReasonParentNotFound, "DataSource", "mimir")
	mimir := suite.Ready(w, dataSource(w, "mimir", "team"))
	suite.Ready(w, dash)
	untilInGrafana(w, org, dash, fmt.Sprintf(`"uid":%q`, mimir.Status.UID))
	untilResolved(w, dash, "True")
	if got := suite.Get(w, dash).Status; got.Version != 1 {
		t.Errorf("status: %+v", got)
	}

	w.Delete(mimir)
	w.Gone(mimir)
	untilResolved(w, dash, "False", mimir.Status.UID)
	suite.Ready(w, dash)
	again := suite.Ready(w, dataSource(w, "mimir", "team", func(o *v1alpha1.DataSource) { o.Spec.UID = "given" }))
	suite.Ready(w, dash)
	untilInGrafana(w, org, dash, fmt.Sprintf(`"uid":%q`, again.Status.UID))

	suite.Ready(w, w.Organization("other"))
	suite.Ready(w, dataSource(w, "theirs", "other"))
	astray := w.Dashboard("astray", "team", namesMetrics,
		mapped("metrics", v1alpha1.DataSourceTarget{Ref: &v1alpha1.LocalObjectReference{Name: "theirs"}}))
	suite.Stalled(w, astray, v1alpha1.ReasonInvalidSpec, "spec.datasources", "theirs")
}

// What a dashboard names and the organization does not have is told, and is no error; when it appears, that is told.
func TestAPIDashboardTellsOfMissingDataSources(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{Version: "12.4.0"})
	org := suite.Ready(w, w.Organization("team")).Status.OrgID
	dash := suite.Ready(w, w.Dashboard("dash", "team", namesMetrics))
	untilResolved(w, dash, "False", `"metrics"`, "spec.datasources")
	none := suite.Ready(w, w.Dashboard("none", "team", `{"title": "None"}`))
	if c := meta.FindStatusCondition(none.Status.Conditions, v1alpha1.ConditionDataSourcesResolved); c != nil {
		t.Errorf("of a dashboard that names none it is told: %+v", c)
	}
	suite.Ready(w, dataSource(w, "metrics", "team", func(o *v1alpha1.DataSource) { o.Spec.UID = "metrics" }))
	untilResolved(w, dash, "True")

	w.Ask(
		"POST",
		"/api/datasources",
		org,
		map[string]any{
			"name":   "By hand",
			"uid":    "by-hand",
			"type":   "loki",
			"access": "proxy",
			"url":    "http://127.0.0.1:1",
		},
	)
	suite.Change(w, dash, func() {
		dash.Spec.Source.JSON = new(strings.ReplaceAll(namesMetrics, `"metrics"`, `"by-hand"`))
	})
	untilResolved(w, dash, "True")
}

// By name and as the default a dashboard finds what is there, of whosever making; until then it stays as it is.
func TestAPIDashboardIsMappedByName(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{Version: "12.4.0"})
	org := suite.Ready(w, w.Organization("team")).Status.OrgID
	dash := suite.Ready(w, w.Dashboard("dash", "team",
		`{"title": "Both", "panels": [{"id": 1, "datasource": "Old"}, {"id": 2, "datasource": {"uid": "${DS_PROM}"}}]}`,
		mapped("Old", v1alpha1.DataSourceTarget{Default: true}),
		mapped("${DS_PROM}", v1alpha1.DataSourceTarget{Name: "Mimir"})))
	untilResolved(w, dash, "False", `"Old"`, `no data source named "Mimir"`, "default")
	mimir := suite.Ready(w, dataSource(w, "mimir", "team", func(o *v1alpha1.DataSource) {
		o.Spec.Name, o.Spec.IsDefault = "Mimir", new(true)
	}))
	untilInGrafana(w, org, dash, fmt.Sprintf(`"uid":%q`, mimir.Status.UID))
	untilInGrafana(w, org, dash, `"datasource":"Mimir"`)
	untilResolved(w, dash, "True")
	suite.Ready(w, dash)

	suite.Change(w, mimir, func() { mimir.Spec.Name = "Renamed" })
	untilInGrafana(w, org, dash, `"datasource":"Renamed"`)
	untilInGrafana(w, org, dash, `"uid":"${DS_PROM}"`)
	untilResolved(w, dash, "False", `no data source named "Mimir"`)
}

// A dashboard's title in its source gives way to the one in its spec.
func TestAPIDashboardTitle(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{Version: "12.4.0"})
	org := suite.Ready(w, w.Organization("team")).Status.OrgID
	dash := suite.Ready(
		w,
		w.Dashboard("dash", "team", `{"title": "Theirs"}`, func(o *v1alpha1.Dashboard) { o.Spec.Title = "Ours" }),
	)
	if d := w.Dash(org, dash.Status.UID); d.Title != "Ours" {
		t.Errorf("its title is %q", d.Title)
	}
	suite.Change(w, dash, func() { dash.Spec.Title = "" })
	suite.Ready(w, dash)
	if d := w.Dash(org, dash.Status.UID); d.Title != "Theirs" || d.Version != 2 {
		t.Errorf("it is %+v", d)
	}
}
