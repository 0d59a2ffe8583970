package controllers_test

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// A dashboard comes from a ConfigMap and follows it.
func TestAPIDashboardFromConfigMap(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	w.Organization("team")
	dash := w.Dashboard("overview", "team", "", func(o *v1alpha1.Dashboard) {
		o.Spec.Source = v1alpha1.DashboardSource{
			ConfigMapRef: &v1alpha1.KeyReference{Name: "files", Key: "overview.json"},
		}
	})
	suite.Stalled(w, dash, v1alpha1.ReasonSourceNotFound, "ConfigMap "+w.NS+"/files does not exist")
	cm := w.ConfigMap("files", map[string]string{"other.json": "{}"})
	w.Eventually("the key is missed", func() error {
		if suite.Get(w, dash); !strings.Contains(suite.MessageOf(dash), `"overview.json"`) {
			return fmt.Errorf("it says: %s", suite.MessageOf(dash))
		}
		return nil
	})
	for _, title := range []string{"First", "Second"} {
		suite.Change(w, cm, func() { cm.Data["overview.json"] = `{"title": "` + title + `"}` })
		w.Eventually(title, func() error {
			if d := w.Dash(orgOf(w, "team"), suite.Get(w, dash).Status.UID); d == nil || d.Title != title {
				return fmt.Errorf("it is %+v", d)
			}
			return nil
		})
		suite.Ready(w, dash)
	}
	suite.Change(w, cm,
		func() { cm.Data, cm.BinaryData = nil, map[string][]byte{"overview.json": []byte(`{"title": "Third"}`)} })
	w.Eventually("Third", func() error {
		if d := w.Dash(orgOf(w, "team"), dash.Status.UID); d.Title != "Third" {
			return fmt.Errorf("it is %+v", d)
		}
		return nil
	})
	w.Delete(cm)
	suite.Stalled(w, dash, v1alpha1.ReasonSourceNotFound)
	if d := w.Dash(orgOf(w, "team"), dash.Status.UID); d == nil || d.Title != "Third" {
		t.Errorf("without its source the dashboard became %+v", d)
	}
	w.Delete(dash)
	w.Gone(dash)
}

// driftPolicy Report lets an edit stand, says so, and overwrites it when the object changes.
func TestAPIDashboardReport(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{Version: version})
			dash, org := editedUnderReport(w)
			w.Grafana.ResetLog()
			suite.Visit(w, dash)
			suite.Until(w, dash, "Drifted", func(c metav1.Condition) bool {
				return c.Status == metav1.ConditionTrue && suite.IsTrue(dash, v1alpha1.ConditionDrifted)
			})
			if d := w.Dash(org, dash.Status.UID); d.Title != "Edited" || len(w.Writes()) > 0 {
				t.Errorf("it was not left to stand: %+v, %v", d, w.Writes())
			}
			if drift := dash.Status.Drift; drift == nil || drift.Version != 2 || drift.By != "admin" {
				t.Errorf("drift: %+v", drift)
			}
			suite.Change(w, dash, func() { dash.Spec.Source.JSON = new(`{"title": "Next"}`) })
			suite.Until(w, dash, "not Drifted any more", func(c metav1.Condition) bool {
				return c.Status == metav1.ConditionTrue && !suite.IsTrue(dash, v1alpha1.ConditionDrifted) &&
					dash.Status.Drift == nil
			})
			if d := w.Dash(org, dash.Status.UID); d.Title != "Next" {
				t.Errorf("dashboard: %+v", d)
			}
		})
	}
}

// An edit that is left to stand is no reason to forget a new folder, even if that could not be reached at first.
func TestAPIDashboardReportAndFolder(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	dash, org := editedUnderReport(w)
	suite.Visit(w, dash)
	suite.Until(w, dash, "Drifted",
		func(metav1.Condition) bool { return suite.IsTrue(dash, v1alpha1.ConditionDrifted) })
	suite.Change(w, dash, func() { dash.Spec.Folder = &v1alpha1.DashboardFolder{UID: "later"} })
	suite.Stalled(w, dash, v1alpha1.ReasonFolderNotFound, "later")
	suite.Visit(w, dash)
	suite.Stalled(w, dash, v1alpha1.ReasonFolderNotFound)
	w.Ask("POST", "/api/folders", org, map[string]any{"uid": "later", "title": "Later"})
	suite.Visit(w, dash)
	suite.Until(w, dash, "moved", func(c metav1.Condition) bool {
		d := w.Dash(org, dash.Status.UID)
		return c.Status == metav1.ConditionTrue && d.FolderUID == "later" && d.Title == "Overview" &&
			!suite.IsTrue(dash, v1alpha1.ConditionDrifted)
	})
}

// editedUnderReport makes a Dashboard with driftPolicy Report, and edits it in Grafana.
func editedUnderReport(w *suite.World) (dash *v1alpha1.Dashboard, org int64) {
	w.T.Helper()
	w.Organization("team")
	report := func(o *v1alpha1.Dashboard) { o.Spec.DriftPolicy = v1alpha1.DriftReport }
	dash = suite.Ready(w, w.Dashboard("overview", "team", overview, report))
	org = orgOf(w, "team")
	edited := map[string]any{"uid": dash.Status.UID, "title": "Edited"}
	w.Ask("POST", "/api/dashboards/db", org, map[string]any{"overwrite": true, "dashboard": edited})
	return dash, org
}

// Somebody else's dashboard under the wanted uid is neither changed nor deleted; once it is gone, ours comes.
func TestAPIDashboardAlreadyExists(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{Version: version})
			org := suite.Ready(w, w.Organization("team")).Status.OrgID
			w.Ask("POST", "/api/dashboards/db", org,
				map[string]any{"dashboard": map[string]any{"uid": "wanted", "title": "Theirs"}})
			dash := w.Dashboard("overview", "team", overview, func(o *v1alpha1.Dashboard) { o.Spec.UID = "wanted" })
			suite.Stalled(w, dash, v1alpha1.ReasonAlreadyExists, `"wanted"`, "spec.uid")
			if d := w.Dash(org, "wanted"); d.Title != "Theirs" || d.Version != 1 {
				t.Errorf("theirs became %+v", d)
			}
			w.Ask("DELETE", "/api/dashboards/uid/wanted", org, nil)
			suite.Visit(w, dash)
			suite.Ready(w, dash)
			w.Delete(dash)
			w.Gone(dash)

			w.Ask("POST", "/api/dashboards/db", org,
				map[string]any{"dashboard": map[string]any{"uid": "named", "title": "Theirs"}})
			second := w.Dashboard("second", "team", `{"title": "Ours", "uid": "named"}`)
			suite.Stalled(w, second, v1alpha1.ReasonAlreadyExists)
			w.Delete(second)
			w.Gone(second)
			if d := w.Dash(org, "named"); d == nil || d.Title != "Theirs" {
				t.Errorf("theirs became %+v", d)
			}
		})
	}
}

// Two objects that want one uid: the first keeps it, and the other takes over when the first goes.
func TestAPIDashboardNameConflict(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	org := suite.Ready(w, w.Organization("team")).Status.OrgID
	first := suite.Ready(w, w.Dashboard("first", "team", `{"title": "First", "uid": "one"}`))
	second := w.Dashboard("second", "team", `{"title": "Second", "uid": "one"}`)
	suite.Until(w, second, "stalled",
		func(metav1.Condition) bool { return suite.IsTrue(second, v1alpha1.ConditionStalled) })
	if d := w.Dash(org, "one"); d.Title != "First" {
		t.Errorf("dashboard: %+v", d)
	}
	w.Delete(first)
	w.Gone(first)
	suite.Visit(w, second)
	suite.Ready(w, second)
	if d := w.Dash(org, "one"); d == nil || d.Title != "Second" {
		t.Errorf("dashboard: %+v", d)
	}
}

// The uid is the spec's, else the content's, else the object's own, and stays; the folder can change.
func TestAPIDashboardUIDAndFolder(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	org := suite.Ready(w, w.Organization("team")).Status.OrgID
	for _, uid := range []string{"one", "two"} {
		w.Ask("POST", "/api/folders", org, map[string]any{"uid": uid, "title": uid})
	}
	spec := w.Dashboard("spec", "team", `{"title": "a", "uid": "content"}`,
		func(o *v1alpha1.Dashboard) { o.Spec.UID = "spec" })
	content := w.Dashboard("content", "team", `{"title": "b", "uid": "content"}`)
	own := w.Dashboard("own", "team", `{"title": "c"}`,
		func(o *v1alpha1.Dashboard) { o.Spec.Folder = &v1alpha1.DashboardFolder{UID: "one"} })
	for dash, want := range map[*v1alpha1.Dashboard]string{spec: "spec", content: "content", own: string(own.UID)} {
		if suite.Ready(w, dash); dash.Status.UID != want || w.Dash(org, want) == nil {
			t.Errorf("%s has uid %q, not %q", dash.Name, dash.Status.UID, want)
		}
	}
	suite.Change(w, content, func() { content.Spec.Source.JSON = new(`{"title": "b", "uid": "other"}`) })
	suite.Change(w, own, func() { own.Spec.Folder.UID = "two" })
	suite.Ready(w, content)
	suite.Ready(w, own)
	if content.Status.UID != "content" || w.Dash(org, "other") != nil {
		t.Errorf("the uid followed the content to %q", content.Status.UID)
	}
	if d := w.Dash(org, own.Status.UID); d.FolderUID != "two" {
		t.Errorf("it is in folder %q", d.FolderUID)
	}
	suite.Change(w, own, func() { own.Spec.Folder = nil })
	suite.Ready(w, own)
	if d := w.Dash(org, own.Status.UID); d.FolderUID != "" {
		t.Errorf("it is in folder %q", d.FolderUID)
	}
	w.Ask("POST", "/api/dashboards/db", org, map[string]any{
		"overwrite": true,
		"folderUid": "one",
		"dashboard": map[string]any{"uid": own.Status.UID, "title": "c"},
	})
	suite.Visit(w, own)
	w.Eventually("out of the folder again", func() error {
		if d := w.Dash(org, own.Status.UID); d.FolderUID != "" {
			return fmt.Errorf("it is in folder %q", d.FolderUID)
		}
		return nil
	})
}
