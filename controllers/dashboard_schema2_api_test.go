package controllers_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/crash"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// in2 is a content in a version of schema v2, with members that stand before the others in its spec.
func in2(version, members string) string {
	text := strings.Replace(crash.Schema2("stat"), "/v2beta1", "/"+version, 1)
	return strings.Replace(text, `"spec":{`, `"spec":{`+members, 1)
}

// path2 is where the dashboard is in /apis.
func path2(org int64) string {
	return fmt.Sprintf("/apis/dashboard.grafana.app/v2beta1/namespaces/org-%d/dashboards/schema-2", org)
}

// A dashboard in schema v2 is made in it, keeps its panels, and comes to rest; a person's edit in either schema is
// overwritten.
func TestAPIDashboardOfSchema2(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{Version: with12})
	w.Organization("team")
	dash := suite.Ready(w, w.Dashboard("two", "team", crash.Schema2("stat")))
	org := orgOf(w, "team")
	isStored := func(title string) func(metav1.Condition) bool {
		return func(c metav1.Condition) bool {
			d := w.Dash(org, "schema-2")
			return c.Status == metav1.ConditionTrue && d != nil && d.API == "v2beta1" && d.Title == title &&
				strings.Contains(string(d.Model), `"panel-1"`) && d.Version == dash.Status.Version
		}
	}
	suite.Until(w, dash, "stored", isStored("Requests"))
	if !strings.Contains(dash.Status.URL, "/d/schema-2/requests") || dash.Status.StoredHash != "" {
		t.Errorf("its status is %+v", dash.Status)
	}
	w.Grafana.ResetLog()
	visitTwice(w, dash, path2(org))
	if writes := w.Writes(); len(writes) > 0 {
		t.Errorf("it was written at rest: %v", writes)
	}

	w.Ask("POST", "/api/dashboards/db", org, map[string]any{
		"dashboard": map[string]any{"uid": "schema-2", "title": "Classic"}, "overwrite": true,
	})
	suite.Visit(w, dash)
	suite.Until(w, dash, "put right", isStored("Requests"))
	w.Ask("PUT", path2(org), org, json.RawMessage(strings.Replace(crash.Schema2("stat"), "Requests", "Edited", 1)))
	suite.Visit(w, dash)
	suite.Until(w, dash, "put right", isStored("Requests"))
	suite.Change(
		w,
		dash,
		func() { *dash.Spec.Source.JSON = strings.Replace(crash.Schema2("stat"), "Requests", "Next", 1) },
	)
	suite.Until(w, dash, "changed", isStored("Next"))
	suite.Change(w, dash, func() { *dash.Spec.Source.JSON = `{"title": "Classic"}` })
	suite.Until(w, dash, "in the classic model", func(c metav1.Condition) bool {
		d := w.Dash(org, "schema-2")
		return c.Status == metav1.ConditionTrue && d != nil && d.API == "" && d.Title == "Classic"
	})
	w.Delete(dash)
	w.Gone(dash)
	if d := w.Dash(org, "schema-2"); d != nil {
		t.Errorf("it is left: %+v", d)
	}
}

// By driftPolicy Report an edit stays, and it is said who made it.
func TestAPIDashboardOfSchema2Report(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{Version: with12})
	w.Organization("team")
	dash := suite.Ready(w, w.Dashboard("two", "team", crash.Schema2("stat"), func(d *v1alpha1.Dashboard) {
		d.Spec.DriftPolicy = v1alpha1.DriftReport
	}))
	org := orgOf(w, "team")
	w.Ask("POST", "/api/dashboards/db", org, map[string]any{
		"dashboard": map[string]any{"uid": "schema-2", "title": "Classic"}, "overwrite": true,
	})
	suite.Visit(w, dash)
	suite.Until(w, dash, "Drifted",
		func(metav1.Condition) bool { return suite.IsTrue(dash, v1alpha1.ConditionDrifted) })
	if d := dash.Status.Drift; d == nil || d.Version != 2 || d.By != "admin" {
		t.Errorf("the drift is %+v", d)
	}
	if d := w.Dash(org, "schema-2"); d == nil || d.Title != "Classic" {
		t.Errorf("it was not left to stand: %+v", d)
	}
}

// What Grafana leaves out is no difference.
func TestAPIDashboardOfSchema2KeptInAnotherForm(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{Version: with12})
	w.Organization("team")
	dash := suite.Ready(w, w.Dashboard("two", "team", in2("v2beta1", `"later":{"a":1},`)))
	if dash.Status.StoredHash == "" {
		t.Errorf("its status is %+v", dash.Status)
	}
	suite.Says(w, dash, "a form of its own")
	w.Grafana.ResetLog()
	visitTwice(w, dash, path2(orgOf(w, "team")))
	if writes := w.Writes(); len(writes) > 0 {
		t.Errorf("it was written at rest: %v", writes)
	}
}

// A version that this Grafana does not have goes by the one that is like it, if that loses nothing.
func TestAPIDashboardOfSchema2InAnotherVersion(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{Version: with12})
	w.Organization("team")
	dash := suite.Ready(w, w.Dashboard("two", "team", in2("v2", "")))
	org := orgOf(w, "team")
	if d := w.Dash(org, "schema-2"); d == nil || d.API != "v2beta1" || d.Version != 1 {
		t.Errorf("it is %+v", d)
	}
	suite.Change(w, dash, func() { *dash.Spec.Source.JSON = in2("v2", `"later":{"a":1},`) })
	suite.Stalled(w, dash, v1alpha1.ReasonUnsupportedVersion, ".later", "v2beta1")
	suite.Change(w, dash, func() { *dash.Spec.Source.JSON = in2("v2gamma1", "") })
	suite.Stalled(w, dash, v1alpha1.ReasonInvalidSource, "v2gamma1")
	suite.Change(w, dash, func() { *dash.Spec.Source.JSON = in2("v2beta7", "") })
	suite.Stalled(w, dash, v1alpha1.ReasonUnsupportedVersion, "v2beta7", "v2beta1")
	if d := w.Dash(org, "schema-2"); d == nil || d.API != "v2beta1" || d.Version != 1 {
		t.Errorf("it was touched: %+v", d)
	}
}

// Where /apis is not to be had, what is in Grafana stays.
func TestAPIDashboardOfSchema2WithoutAPIs(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{Version: "10.4.3"})
	w.Organization("team")
	dash := suite.Ready(w, w.Dashboard("two", "team", `{"title": "Classic"}`))
	suite.Change(w, dash, func() { *dash.Spec.Source.JSON = crash.Schema2("stat") })
	suite.Stalled(w, dash, v1alpha1.ReasonUnsupportedVersion, "does not have dashboards in /apis", "Grafana 12")
	if d := w.Dash(orgOf(w, "team"), dash.Status.UID); d == nil || d.Title != "Classic" || d.Version != 1 {
		t.Errorf("it was touched: %+v", d)
	}
}

func TestAPIDashboardOfSchema2BehindAProxy(t *testing.T) {
	t.Parallel()
	w, _ := suite.NewProxied(t, grafanatest.Options{Version: with12}, suite.Rule{
		Path: "/apis/", Status: http.StatusNotFound, Answer: "<html>404</html>",
	})
	w.Organization("team")
	dash := w.Dashboard("two", "team", crash.Schema2("stat"))
	suite.Stalled(w, dash, v1alpha1.ReasonUnsupportedVersion, "does not show them")
	if d := w.Grafana.Dashboards(orgOf(w, "team")); len(d) > 0 {
		t.Errorf("something was made: %+v", d)
	}
}
