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
