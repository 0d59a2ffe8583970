package controllers_test

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// badDashboard is a source that is none, and what must be said of it.
var badDashboards = map[string]struct {
	source, reason string
	texts          []string
}{
	"not JSON":          {`title: "YAML"`, v1alpha1.ReasonInvalidSource, []string{"not JSON"}},
	"a comma too many":  {"{\n\"title\": \"T\",\n}", v1alpha1.ReasonInvalidSource, []string{"line 3"}},
	"cut off":           {`{"title": "T", "panels": [`, v1alpha1.ReasonInvalidSource, []string{"ends too early"}},
	"blank":             {"  ", v1alpha1.ReasonInvalidSource, []string{"ends too early"}},
	"null":              {"null", v1alpha1.ReasonInvalidSource, []string{"null"}},
	"a list":            {`[{"title": "T"}]`, v1alpha1.ReasonInvalidSource, []string{"array", "not a JSON object"}},
	"two":               {`{"title": "T"}{"title": "U"}`, v1alpha1.ReasonInvalidSource, []string{"behind"}},
	"no title":          {`{"panels": []}`, v1alpha1.ReasonInvalidSource, []string{`"title"`}},
	"an empty title":    {`{"title": ""}`, v1alpha1.ReasonInvalidSource, []string{`"title"`}},
	"a title of blanks": {`{"title": "   "}`, "", nil},
	"a title that is 5": {`{"title": 5}`, v1alpha1.ReasonInvalidSource, []string{`"title"`}},
	"a uid that is none": {`{"title": "T", "uid": "not a uid"}`, v1alpha1.ReasonInvalidSource,
		[]string{`"uid"`, "not a uid"}},
	"a uid that is 5":     {`{"title": "T", "uid": 5}`, v1alpha1.ReasonInvalidSource, []string{`"uid"`}},
	"a number too large":  {`{"title": "T", "n": 1e999}`, v1alpha1.ReasonInvalidSource, []string{"number"}},
	"more than 4 kB":      {`{"title": "T", "pad": "` + strings.Repeat("x", 5000) + `"}`, v1alpha1.ReasonTooLarge, nil},
	"panels that are one": {`{"title": "T", "panels": "none"}`, "", nil},
}

// Dashboards that are none say what is wrong with them, harm no other, and recover when put right.
func TestAPIBadDashboard(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{Version: version, MaxDashboardBytes: 4096})
			org := suite.Ready(w, w.Organization("team")).Status.OrgID
			made := map[string]*v1alpha1.Dashboard{}
			for name, test := range badDashboards {
				made[name] = w.Dashboard(strings.ToLower(strings.NewReplacer(" ", "-", "'", "").Replace(name)),
					"team", test.source)
			}
			good := w.Dashboard("good", "team", overview)
			for name, test := range badDashboards {
				dash := made[name]
				suite.Until(w, dash, name, func(c metav1.Condition) bool {
					return test.reason == "" &&
						(c.Status == metav1.ConditionTrue || suite.IsTrue(dash, v1alpha1.ConditionStalled)) ||
						c.Status == metav1.ConditionFalse && c.Reason == test.reason &&
							suite.IsTrue(dash, v1alpha1.ConditionStalled)
				})
				suite.Says(w, dash, test.texts...)
			}
			suite.Ready(w, good)
			for name, dash := range made {
				suite.Change(w, dash, func() { dash.Spec.Source.JSON = new(`{"title": "` + name + `"}`) })
			}
			for name, dash := range made {
				if d := w.Dash(org, suite.Ready(w, dash).Status.UID); d == nil || d.Title != name {
					t.Errorf("%s became %+v", name, d)
				}
			}
		})
	}
}

// A folder that is missing is told, and waited for at the resync.
func TestAPIMissingFolder(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{Version: version})
			org := suite.Ready(w, w.Organization("team")).Status.OrgID
			dash := w.Dashboard("overview", "team", overview,
				func(o *v1alpha1.Dashboard) { o.Spec.Folder = &v1alpha1.DashboardFolder{UID: "missing"} })
			suite.Stalled(w, dash, v1alpha1.ReasonFolderNotFound, `"missing"`, "create it")
			w.Ask("POST", "/api/folders", org, map[string]any{"uid": "missing", "title": "Found"})
			suite.Visit(w, dash)
			suite.Ready(w, dash)
			suite.Change(w, dash, func() { dash.Spec.Folder.UID = "gone" })
			suite.Stalled(w, dash, v1alpha1.ReasonFolderNotFound, `"gone"`)
			if d := w.Dash(org, dash.Status.UID); d == nil || d.FolderUID != "missing" {
				t.Errorf("dashboard: %+v", d)
			}
			suite.Change(w, dash, func() { dash.Spec.Folder = nil })
			suite.Ready(w, dash)
		})
	}
}
