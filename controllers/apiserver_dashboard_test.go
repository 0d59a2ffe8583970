package controllers_test

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

// A dashboard comes from a ConfigMap and follows it.
func TestAPIDashboardFromConfigMap(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	w.organization("team")
	dash := w.dashboard("overview", "team", "", func(o *v1alpha1.Dashboard) {
		o.Spec.Source = v1alpha1.DashboardSource{
			ConfigMapRef: &v1alpha1.KeyReference{Name: "files", Key: "overview.json"},
		}
	})
	stalled(w, dash, v1alpha1.ReasonSourceNotFound, "ConfigMap "+w.ns+"/files does not exist")
	cm := w.configMap("files", map[string]string{"other.json": "{}"})
	w.eventually("the key is missed", func() error {
		if get(w, dash); !strings.Contains(messageOf(dash), `"overview.json"`) {
			return fmt.Errorf("it says: %s", messageOf(dash))
		}
		return nil
	})
	for _, title := range []string{"First", "Second"} {
		change(w, cm, func() { cm.Data["overview.json"] = `{"title": "` + title + `"}` })
		w.eventually(title, func() error {
			if d := w.dash(orgOf(w, "team"), get(w, dash).Status.UID); d == nil || d.Title != title {
				return fmt.Errorf("it is %+v", d)
			}
			return nil
		})
		ready(w, dash)
	}
	change(
		w,
		cm,
		func() { cm.Data, cm.BinaryData = nil, map[string][]byte{"overview.json": []byte(`{"title": "Third"}`)} },
	)
	w.eventually("Third", func() error {
		if d := w.dash(orgOf(w, "team"), dash.Status.UID); d.Title != "Third" {
			return fmt.Errorf("it is %+v", d)
		}
		return nil
	})
	w.delete(cm)
	stalled(w, dash, v1alpha1.ReasonSourceNotFound)
	if d := w.dash(orgOf(w, "team"), dash.Status.UID); d == nil || d.Title != "Third" {
		t.Errorf("without its source the dashboard became %+v", d)
	}
	w.delete(dash)
	w.gone(dash)
}

// driftPolicy Report lets an edit stand, says so, and overwrites it when the object changes.
func TestAPIDashboardReport(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, grafanatest.Options{Version: version})
			w.organization("team")
			dash := ready(
				w,
				w.dashboard(
					"overview",
					"team",
					overview,
					func(o *v1alpha1.Dashboard) { o.Spec.DriftPolicy = v1alpha1.DriftReport },
				),
			)
			org := orgOf(w, "team")
			w.ask(
				"POST",
				"/api/dashboards/db",
				org,
				map[string]any{
					"overwrite": true,
					"dashboard": map[string]any{"uid": dash.Status.UID, "title": "Edited"},
				},
			)
			w.grafana.ResetLog()
			visit(w, dash)
			until(w, dash, "Drifted", func(c metav1.Condition) bool {
				return c.Status == metav1.ConditionTrue && isTrue(dash, v1alpha1.ConditionDrifted)
			})
			if d := w.dash(org, dash.Status.UID); d.Title != "Edited" || len(w.writes()) > 0 {
				t.Errorf("it was not left to stand: %+v, %v", d, w.writes())
			}
			if drift := dash.Status.Drift; drift == nil || drift.Version != 2 || drift.By != "admin" {
				t.Errorf("drift: %+v", drift)
			}
			change(w, dash, func() { dash.Spec.Source.JSON = new(`{"title": "Next"}`) })
			until(w, dash, "not Drifted any more", func(c metav1.Condition) bool {
				return c.Status == metav1.ConditionTrue && !isTrue(dash, v1alpha1.ConditionDrifted) &&
					dash.Status.Drift == nil
			})
			if d := w.dash(org, dash.Status.UID); d.Title != "Next" {
				t.Errorf("dashboard: %+v", d)
			}
		})
	}
}

// An edit that is left to stand is no reason to forget a new folder, even if that could not be reached at first.
func TestAPIDashboardReportAndFolder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	w.organization("team")
	dash := ready(
		w,
		w.dashboard(
			"overview",
			"team",
			overview,
			func(o *v1alpha1.Dashboard) { o.Spec.DriftPolicy = v1alpha1.DriftReport },
		),
	)
	org := orgOf(w, "team")
	w.ask(
		"POST",
		"/api/dashboards/db",
		org,
		map[string]any{"overwrite": true, "dashboard": map[string]any{"uid": dash.Status.UID, "title": "Edited"}},
	)
	visit(w, dash)
	until(w, dash, "Drifted", func(metav1.Condition) bool { return isTrue(dash, v1alpha1.ConditionDrifted) })
	change(w, dash, func() { dash.Spec.Folder = &v1alpha1.DashboardFolder{UID: "later"} })
	stalled(w, dash, v1alpha1.ReasonFolderNotFound, "later")
	visit(w, dash)
	stalled(w, dash, v1alpha1.ReasonFolderNotFound)
	w.ask("POST", "/api/folders", org, map[string]any{"uid": "later", "title": "Later"})
	visit(w, dash)
	until(w, dash, "moved", func(c metav1.Condition) bool {
		d := w.dash(org, dash.Status.UID)
		return c.Status == metav1.ConditionTrue && d.FolderUID == "later" && d.Title == "Overview" &&
			!isTrue(dash, v1alpha1.ConditionDrifted)
	})
}

// Somebody else's dashboard under the wanted uid is neither changed nor deleted; once it is gone, ours comes.
func TestAPIDashboardAlreadyExists(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, grafanatest.Options{Version: version})
			org := ready(w, w.organization("team")).Status.OrgID
			w.ask(
				"POST",
				"/api/dashboards/db",
				org,
				map[string]any{"dashboard": map[string]any{"uid": "wanted", "title": "Theirs"}},
			)
			dash := w.dashboard("overview", "team", overview, func(o *v1alpha1.Dashboard) { o.Spec.UID = "wanted" })
			stalled(w, dash, v1alpha1.ReasonAlreadyExists, `"wanted"`, "spec.uid")
			if d := w.dash(org, "wanted"); d.Title != "Theirs" || d.Version != 1 {
				t.Errorf("theirs became %+v", d)
			}
			w.ask("DELETE", "/api/dashboards/uid/wanted", org, nil)
			visit(w, dash)
			ready(w, dash)
			w.delete(dash)
			w.gone(dash)

			w.ask(
				"POST",
				"/api/dashboards/db",
				org,
				map[string]any{"dashboard": map[string]any{"uid": "named", "title": "Theirs"}},
			)
			second := w.dashboard("second", "team", `{"title": "Ours", "uid": "named"}`)
			stalled(w, second, v1alpha1.ReasonAlreadyExists)
			w.delete(second)
			w.gone(second)
			if d := w.dash(org, "named"); d == nil || d.Title != "Theirs" {
				t.Errorf("theirs became %+v", d)
			}
		})
	}
}

// Two objects that want one uid: the first keeps it, and the other takes over when the first goes.
func TestAPIDashboardNameConflict(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	org := ready(w, w.organization("team")).Status.OrgID
	first := ready(w, w.dashboard("first", "team", `{"title": "First", "uid": "one"}`))
	second := w.dashboard("second", "team", `{"title": "Second", "uid": "one"}`)
	until(w, second, "stalled", func(metav1.Condition) bool { return isTrue(second, v1alpha1.ConditionStalled) })
	if d := w.dash(org, "one"); d.Title != "First" {
		t.Errorf("dashboard: %+v", d)
	}
	w.delete(first)
	w.gone(first)
	visit(w, second)
	ready(w, second)
	if d := w.dash(org, "one"); d == nil || d.Title != "Second" {
		t.Errorf("dashboard: %+v", d)
	}
}

// The uid is the spec's, else the content's, else the object's own, and stays; the folder can change.
func TestAPIDashboardUIDAndFolder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	org := ready(w, w.organization("team")).Status.OrgID
	for _, uid := range []string{"one", "two"} {
		w.ask("POST", "/api/folders", org, map[string]any{"uid": uid, "title": uid})
	}
	spec := w.dashboard(
		"spec",
		"team",
		`{"title": "a", "uid": "content"}`,
		func(o *v1alpha1.Dashboard) { o.Spec.UID = "spec" },
	)
	content := w.dashboard("content", "team", `{"title": "b", "uid": "content"}`)
	own := w.dashboard(
		"own",
		"team",
		`{"title": "c"}`,
		func(o *v1alpha1.Dashboard) { o.Spec.Folder = &v1alpha1.DashboardFolder{UID: "one"} },
	)
	for dash, want := range map[*v1alpha1.Dashboard]string{spec: "spec", content: "content", own: string(own.UID)} {
		if ready(w, dash); dash.Status.UID != want || w.dash(org, want) == nil {
			t.Errorf("%s has uid %q, not %q", dash.Name, dash.Status.UID, want)
		}
	}
	change(w, content, func() { content.Spec.Source.JSON = new(`{"title": "b", "uid": "other"}`) })
	change(w, own, func() { own.Spec.Folder.UID = "two" })
	ready(w, content)
	ready(w, own)
	if content.Status.UID != "content" || w.dash(org, "other") != nil {
		t.Errorf("the uid followed the content to %q", content.Status.UID)
	}
	if d := w.dash(org, own.Status.UID); d.FolderUID != "two" {
		t.Errorf("it is in folder %q", d.FolderUID)
	}
	change(w, own, func() { own.Spec.Folder = nil })
	ready(w, own)
	if d := w.dash(org, own.Status.UID); d.FolderUID != "" {
		t.Errorf("it is in folder %q", d.FolderUID)
	}
	w.ask(
		"POST",
		"/api/dashboards/db",
		org,
		map[string]any{
			"overwrite": true,
			"folderUid": "one",
			"dashboard": map[string]any{"uid": own.Status.UID, "title": "c"},
		},
	)
	visit(w, own)
	w.eventually("out of the folder again", func() error {
		if d := w.dash(org, own.Status.UID); d.FolderUID != "" {
			return fmt.Errorf("it is in folder %q", d.FolderUID)
		}
		return nil
	})
}
