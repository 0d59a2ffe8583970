package controllers_test

import (
	"fmt"
	"testing"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// Folders are in folders whatever the order of apply, move with what is in them, and go in order.
func TestAPIFolderParent(t *testing.T) {
	whereFolders(t, func(t *testing.T, w *suite.World) {
		org := suite.Ready(w, w.Organization("team")).Status.OrgID
		child := declareFolder(w, "child", "team", below("parent"))
		suite.Waiting(w, child, v1alpha1.ReasonParentNotFound, "parent")
		dash := w.Dashboard("dash", "team", overview, inFolderOf("child"))
		suite.Waiting(w, dash, v1alpha1.ReasonParentNotAvailable, "Folder", "child")
		parent := suite.Ready(w, declareFolder(w, "parent", "team"))
		suite.Ready(w, child)
		suite.Ready(w, dash)
		if path := pathOf(w, org, dash); path != "parent/child" {
			t.Errorf("the dashboard is in %q", path)
		}
		suite.Change(w, child, func() { child.Spec.ParentRef = nil })
		if suite.Ready(w, child); pathOf(w, org, dash) != "child" {
			t.Errorf("moved up it is in %q", pathOf(w, org, dash))
		}
		suite.Change(w, child, func() { child.Spec.ParentRef = &v1alpha1.LocalObjectReference{Name: "parent"} })
		suite.Ready(w, child)
		w.Ask("POST", "/api/folders/"+child.Status.UID+"/move", org, map[string]any{"parentUid": ""})
		suite.Visit(w, child)
		w.Eventually("it is put back", func() error {
			if path := pathOf(w, org, dash); path != "parent/child" {
				return fmt.Errorf("it is in %q", path)
			}
			return nil
		})
		suite.Change(w, parent, func() { parent.Spec.ParentRef = &v1alpha1.LocalObjectReference{Name: "child"} })
		suite.Stalled(w, parent, v1alpha1.ReasonInvalidSpec, "parent is in child is in parent")
		if !suite.IsTrue(suite.Get(w, parent), v1alpha1.ConditionAvailable) {
			t.Error("a wrong parentRef makes a folder that is there unavailable")
		}
		suite.Change(w, parent, func() { parent.Spec.ParentRef = nil })
		suite.Ready(w, parent)
		suite.Ready(w, child)
		w.Delete(parent)
		suite.Stalled(w, parent, v1alpha1.ReasonDeletionBlocked, "Folder child")
		w.Delete(child, dash)
		w.Gone(dash, child, parent)
		if all := w.Grafana.Folders(org); len(all) != 0 {
			t.Errorf("left: %+v", all)
		}
	})
}

// A Grafana without folders in folders says so.
func TestAPIFolderParentUnsupported(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{Version: "10.4.3"})
	w.Grafana.WantFlatFolders()
	w.Organization("team")
	suite.Ready(w, declareFolder(w, "parent", "team"))
	suite.Stalled(
		w,
		declareFolder(w, "child", "team", below("parent")),
		v1alpha1.ReasonUnsupportedVersion,
		"Grafana 11",
	)
}

// What is in another organization is no parent, and nobody's to be permitted anything.
func TestAPIFolderParentRefused(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{Version: "12.4.0"})
	w.Organization("team")
	w.Organization("rivals")
	suite.Ready(w, declareFolder(w, "theirs", "rivals"))
	suite.Stalled(w, declareFolder(w, "child", "team", below("theirs")), v1alpha1.ReasonInvalidSpec, "rivals")
	suite.Stalled(w, w.Dashboard("dash", "team", overview, inFolderOf("theirs")), v1alpha1.ReasonInvalidSpec, "rivals")
	suite.Ready(w, declareFolder(w, "own", "team"))
	theirs := suite.Ready(w, w.Account("theirs", "rivals"))
	folder := declareFolder(w, "f", "team", lets(v1alpha1.FolderPermission{
		ServiceAccountRef: &v1alpha1.LocalObjectReference{Name: theirs.Name}, Permission: v1alpha1.PermissionEdit,
	}))
	suite.Stalled(w, folder, v1alpha1.ReasonInvalidSpec, "rivals")
	a := declareFolder(w, "a", "team", below("b"))
	declareFolder(w, "b", "team", below("a"))
	suite.Stalled(w, a, v1alpha1.ReasonInvalidSpec, "a is in b is in a")
}

// A Dashboard waits for its Folder, follows it where that is made again, and keeps it from being deleted.
func TestAPIDashboardFolderRef(t *testing.T) {
	whereFolders(t, func(t *testing.T, w *suite.World) {
		org := suite.Ready(w, w.Organization("team")).Status.OrgID
		dash := w.Dashboard("dash", "team", overview, inFolderOf("sales"))
		suite.Waiting(w, dash, v1alpha1.ReasonParentNotFound, "Folder", "sales")
		sales := suite.Ready(w, declareFolder(w, "sales", "team"))
		if suite.Ready(w, dash); pathOf(w, org, dash) != "sales" {
			t.Errorf("it is in %q", pathOf(w, org, dash))
		}
		w.Ask("DELETE", "/api/folders/"+sales.Status.UID, org, nil)
		suite.Visit(w, dash)
		w.Eventually("folder and dashboard are made again", func() error {
			if d := w.Dash(org, dash.Status.UID); d == nil || d.FolderUID != sales.Status.UID {
				return fmt.Errorf("the dashboard is %+v", d)
			}
			return nil
		})
		suite.Ready(w, dash)
		more := suite.Ready(w, declareFolder(w, "more", "team"))
		suite.Change(w, dash, func() { dash.Spec.Folder.Ref.Name = "more" })
		if suite.Ready(w, dash); pathOf(w, org, dash) != "more" {
			t.Errorf("moved it is in %q", pathOf(w, org, dash))
		}
		w.Delete(more)
		suite.Stalled(w, more, v1alpha1.ReasonDeletionBlocked, "Dashboard dash")
		suite.Change(w, dash, func() { dash.Spec.Folder.Ref.Name = "sales" })
		suite.Ready(w, dash)
		w.Gone(more)
		w.Delete(sales, dash)
		w.Gone(sales, dash)
	})
}
