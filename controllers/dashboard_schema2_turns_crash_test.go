package controllers_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// visitedForHours is a world in which every object is looked at each hour.
func visitedForHours(w *crash.World, hours int) {
	for range hours {
		w.Clock = w.Clock.Add(time.Hour)
		w.Everybody()
		w.Briefly(time.Minute)
	}
}

func readyReason(d *v1alpha1.Dashboard) string {
	for _, c := range d.Status.Conditions {
		if c.Type == v1alpha1.ConditionReady {
			return c.Reason
		}
	}
	return ""
}

// A source that turns from one schema into the other in the very pass that looks for data sources in Grafana is saved
// by the route of the new one, and nothing is left by the way.
func TestASourceThatTurnsIntoAnotherSchema(t *testing.T) {
	classic := strings.Replace(crash.OneDashboard, "{", `{"uid":"schema-2",`, 1)
	other := strings.Replace(crash.Schema2("stat"), "Requests", "Other", 1)
	for name, c := range map[string]struct{ version, first, then, api, reason string }{
		"to v2":         {with12, classic, crash.Schema2("stat"), "v2beta1", v1alpha1.ReasonInSync},
		"to classic":    {with12, crash.Schema2("stat"), classic, "", v1alpha1.ReasonInSync},
		"to v2 on 10.4": {"10.4.3", classic, other, "", v1alpha1.ReasonUnsupportedVersion},
	} {
		t.Run(name, func(t *testing.T) {
			w := crash.New(t, c.version)
			w.Seed()
			w.Served = map[string]string{dashboardURL: c.first}
			d := crash.Dashboard("", "")
			fromURL(d)
			d.Spec.DataSources = []v1alpha1.DashboardDataSource{
				{From: "prometheus", To: v1alpha1.DataSourceTarget{Name: "Metrics"}},
			}
			w.Create(crash.Organization("Tenant"), d)
			w.Settle()
			w.Served[dashboardURL] = c.then
			visitedForHours(w, 6)
			w.Get(d)
			all := w.Grafana.Dashboards(3)
			if len(all) != 1 || all[0].UID != "schema-2" || all[0].API != c.api || readyReason(d) != c.reason {
				t.Errorf("there is %+v; it says %s", all, readyReason(d))
			}
		})
	}
}

// What Grafana would take for a resource is one, whatever else it has: under the uid of its object, or refused.
func TestAResourceWithATitleBesideIt(t *testing.T) {
	for name, text := range map[string]string{
		"v2":              strings.Replace(crash.Schema2("stat"), "{", `{"title":"Beside",`, 1),
		"of another kind": `{"title":"x","apiVersion":"v1","metadata":{"name":"victim"},"spec":{"title":"y"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			w := crash.New(t, with12)
			w.Seed()
			d := crash.Dashboard("mine", text)
			w.Create(crash.Organization("Tenant"), d)
			w.Settle()
			w.Get(d)
			all := w.Grafana.Dashboards(3)
			switch {
			case name == "v2" && (len(all) != 1 || all[0].UID != "mine" || all[0].API != "v2beta1"):
				t.Errorf("there is %+v", all)
			case name != "v2" && (len(all) > 0 || readyReason(d) != v1alpha1.ReasonInvalidSource):
				t.Errorf("there is %+v; it says %s", all, readyReason(d))
			}
		})
	}
}

// Nothing is made for a content that is refused.
func TestNoFoldersForAVersionThatWouldLoseSomething(t *testing.T) {
	w := crash.New(t, with12)
	w.Seed()
	d := crash.Dashboard("mine", in2("v2", `"later":{"a":1},`))
	d.Spec.Folder = &v1alpha1.DashboardFolder{Path: []string{"Made", "For it"}}
	w.Create(crash.Organization("Tenant"), d)
	w.Settle()
	w.Get(d)
	n := len(w.Grafana.Folders(3)) + len(w.Grafana.Dashboards(3))
	if reason := readyReason(d); n > 0 || reason != v1alpha1.ReasonUnsupportedVersion {
		t.Errorf("%d things were made; it says %s", n, reason)
	}
}

// An edit that is taken back is no drift, though Grafana says for good that the dashboard was in another schema once.
func TestAnEditOfSchema2ThatIsTakenBack(t *testing.T) {
	w := crash.New(t, with12)
	w.Seed()
	d := crash.Dashboard("schema-2", crash.OneDashboard)
	d.Spec.DriftPolicy = v1alpha1.DriftReport
	w.Create(crash.Organization("Tenant"), d)
	w.Settle()
	crash.Edit(w, d, withText(crash.Schema2("stat")))
	w.Settle()
	w.Grafana.Do(http.MethodPut, schema2Path+"/schema-2", 3, json.RawMessage(crash.Schema2("gauge")))
	visitedForHours(w, 1)
	if w.Get(d); d.Status.Drift == nil {
		t.Error("the edit is not told")
	}
	w.Grafana.Do(http.MethodPut, schema2Path+"/schema-2", 3, json.RawMessage(crash.Schema2("stat")))
	visitedForHours(w, 1)
	if w.Get(d); d.Status.Drift != nil {
		t.Errorf("an edit is told that was taken back: %+v", d.Status.Drift)
	}
}

// What a person saves in the classic model is put back into schema v2, also where it is converted to the very same.
func TestASaveInTheClassicModelThatLooksTheSame(t *testing.T) {
	w := crash.New(t, with12)
	w.Seed()
	w.Create(crash.Organization("Tenant"))
	w.Settle()
	byHand := func() {
		w.Grafana.Do(http.MethodPost, "/api/dashboards/db", 3, map[string]any{
			"dashboard": map[string]any{"uid": "schema-2", "title": "Requests"}, "overwrite": true,
		})
	}
	byHand()
	_, converted := w.Grafana.Do(http.MethodGet, schema2Path+"/schema-2", 3, nil)
	w.Grafana.Do(http.MethodDelete, schema2Path+"/schema-2", 3, nil)
	d := crash.Dashboard("schema-2", string(converted))
	w.Create(d)
	w.Settle()
	byHand()
	visitedForHours(w, 1)
	if err := storedIn("v2beta1", "Requests", 3)(w); err != nil {
		t.Error(err)
	}
}
