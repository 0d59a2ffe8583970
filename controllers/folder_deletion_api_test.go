package controllers_test

import (
	"testing"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// What Dashboards and Folders that live have in a folder is not deleted with it, whatever the policy, however they were
// put there and at whatever depth.
func TestAPIFolderDeletionKeepsWhatObjectsHaveInIt(t *testing.T) {
	whereFolders(t, func(t *testing.T, w *suite.World) {
		other := w.Namespace(nil)
		org := suite.Ready(w, w.Organization("team", func(o *v1alpha1.Organization) {
			o.Spec.AllowedNamespaces.From = v1alpha1.FromAll
		})).Status.OrgID
		folder := suite.Ready(w, declareFolder(w, "sales", "team", func(o *v1alpha1.Folder) {
			o.Spec.UID, o.Spec.DeletionPolicy = "sales", v1alpha1.FolderDeleteWithContents
		}))
		w.Ask("POST", "/api/folders", org, map[string]any{"uid": "inner", "title": "Inner", "parentUid": "sales"})
		in := func(uid string) func(*v1alpha1.Dashboard) {
			return func(o *v1alpha1.Dashboard) { o.Spec.Folder = &v1alpha1.DashboardFolder{UID: uid} }
		}
		theirs := suite.Ready(w, w.Dashboard("theirs", "team", `{"title": "Their figures"}`, in("sales"),
			func(o *v1alpha1.Dashboard) {
				o.Namespace, o.Spec.OrganizationRef.Namespace = other, w.NS
			}))
		deep := suite.Ready(w, w.Dashboard("deep", "team", `{"title": "Deep figures"}`, in("inner")))
		adopted := suite.Ready(w, declareFolder(w, "moved", "team"))
		w.Ask("POST", "/api/folders/"+adopted.Status.UID+"/move", org, map[string]any{"parentUid": "sales"})
		w.Delete(folder)
		suite.Stalled(w, folder, v1alpha1.ReasonDeletionBlocked,
			`dashboard "Their figures" of another namespace`, "Dashboard deep", "Folder moved", "Orphan")
		if suite.Contains(suite.MessageOf(folder), "theirs") {
			t.Errorf("it tells the name of another namespace's: %v", suite.MessageOf(folder))
		}
		if w.Dash(org, theirs.Status.UID) == nil || w.Dash(org, deep.Status.UID) == nil {
			t.Error("something is lost")
		}
		suite.Visit(w, adopted)
		w.Delete(deep)
		w.Gone(deep)
		w.Delete(theirs, adopted)
		w.Gone(theirs, adopted, folder)
		if all := w.Grafana.Folders(org); len(all) != 0 {
			t.Errorf("left: %+v", all)
		}
	})
}

// A folder is not deleted with what others have put into it, at whatever depth, unless it is said so.
func TestAPIFolderDeletionBlocked(t *testing.T) {
	whereFolders(t, func(t *testing.T, w *suite.World) {
		org := suite.Ready(w, w.Organization("team")).Status.OrgID
		folder := suite.Ready(w, declareFolder(w, "sales", "team"))
		uid := folder.Status.UID
		w.Ask("POST", "/api/folders", org, map[string]any{"uid": "inner", "title": "Inner", "parentUid": uid})
		w.Ask("POST", "/api/dashboards/db", org, map[string]any{
			"dashboard": map[string]any{"uid": "theirs", "title": "Their dashboard"}, "folderUid": "inner",
		})
		w.Ask("POST", "/api/v1/provisioning/alert-rules", org, ruleIn("inner", org))
		w.Ask("POST", "/api/library-elements", org, map[string]any{
			"uid":       "panel",
			"name":      "Their panel",
			"kind":      1,
			"folderUid": "inner",
			"model":     map[string]string{"type": "text"},
		})
		w.Delete(folder)
		suite.Stalled(w, folder, v1alpha1.ReasonDeletionBlocked,
			`"Inner"`, `"Their dashboard"`, `"Their rule"`, `"Their panel"`, "DeleteWithContents")
		if len(w.Grafana.Folders(org)) != 2 || w.Dash(org, "theirs") == nil || len(w.Grafana.AlertRules(org)) != 1 {
			t.Error("something is lost")
		}
		for _, path := range []string{"/api/v1/provisioning/alert-rules/rule", "/api/library-elements/panel",
			"/api/dashboards/uid/theirs"} {
			w.Ask("DELETE", path, org, nil)
			suite.Visit(w, folder)
			suite.Stalled(w, folder, v1alpha1.ReasonDeletionBlocked, `"Inner"`)
		}
		w.Ask("POST", "/api/v1/provisioning/alert-rules", org, ruleIn("inner", org))
		suite.Change(w, folder, func() { folder.Spec.DeletionPolicy = v1alpha1.FolderDeleteWithContents })
		w.Gone(folder)
		if all := w.Grafana.Folders(org); len(all) != 0 || len(w.Grafana.AlertRules(org)) != 0 {
			t.Errorf("left: %+v", all)
		}
	})
}

func ruleIn(folder string, org int64) map[string]any {
	return map[string]any{
		"uid": "rule", "title": "Their rule", "ruleGroup": "group", "folderUID": folder, "noDataState": "OK",
		"execErrState": "OK", "for": "1m", "orgID": org, "condition": "A",
		"data": []any{map[string]any{
			"refId": "A", "datasourceUid": "__expr__", "relativeTimeRange": map[string]int{"from": 60, "to": 0},
			"model": map[string]string{"refId": "A", "type": "math", "expression": "1 > 0"},
		}},
	}
}

// Library panels that dashboards elsewhere use are looked at first: Grafana 12 would delete them.
func TestAPIFolderWithPanelsInUse(t *testing.T) {
	whereFolders(t, func(_ *testing.T, w *suite.World) {
		org := suite.Ready(w, w.Organization("team")).Status.OrgID
		folder := suite.Ready(w, declareFolder(w, "sales", "team"))
		w.Ask("POST", "/api/library-elements", org, map[string]any{
			"uid": "panel", "name": "Shared panel", "kind": 1, "folderUid": folder.Status.UID,
			"model": map[string]string{"type": "text"},
		})
		w.Ask("POST", "/api/dashboards/db", org, map[string]any{"dashboard": map[string]any{
			"uid":   "user",
			"title": "User of it",
			"panels": []any{
				map[string]any{"id": 1, "libraryPanel": map[string]string{"uid": "panel", "name": "Shared panel"}},
			},
		}})
		w.Delete(folder)
		suite.Stalled(w, folder, v1alpha1.ReasonDeletionBlocked, `"Shared panel"`)
		w.Ask("DELETE", "/api/dashboards/uid/user", org, nil)
		w.Ask("DELETE", "/api/library-elements/panel", org, nil)
		suite.Visit(w, folder)
		w.Gone(folder)
	})
}
