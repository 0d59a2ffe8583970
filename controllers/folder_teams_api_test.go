package controllers_test

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// teamMayEdit lets Viewers view, and a Team edit.
func teamMayEdit(name string) func(*v1alpha1.Folder) {
	return lets(
		FolderPermission{Role: "Viewer", Permission: v1alpha1.PermissionView},
		FolderPermission{TeamRef: &v1alpha1.LocalObjectReference{Name: name}, Permission: v1alpha1.PermissionEdit},
	)
}

// A folder is open to a Team as soon as that is there, and again when it was made again; while the Team is unknown,
// what teams may do there stays. One of another organization is refused.
func TestAPIFolderPermissionsForATeam(t *testing.T) {
	whereFolders(t, func(t *testing.T, w *suite.World) {
		org := suite.Ready(w, w.Organization("team")).Status.OrgID
		folder := declareFolder(w, "shop", "team", teamMayEdit("dev"))
		suite.Waiting(w, folder, v1alpha1.ReasonSubjectNotFound, "Team dev")
		permitted(w, folder, "Viewer View")
		dev := suite.Ready(w, newTeam(w, "dev"))
		suite.Ready(w, folder)
		permitted(w, folder, "Viewer View", "dev Edit")

		was := dev.Status.ID
		w.Ask("DELETE", fmt.Sprintf("/api/teams/%d", was), org, nil)
		suite.Until(w, suite.Visit(w, dev), "another id", func(c metav1.Condition) bool {
			return c.Status == metav1.ConditionTrue && dev.Status.ID != 0 && dev.Status.ID != was
		})
		permitted(w, folder, "Viewer View", "dev Edit")

		suite.Change(w, dev, func() { dev.Spec.Suspend = true })
		suite.Until(w, dev, "suspended", func(c metav1.Condition) bool { return c.Reason == v1alpha1.ReasonSuspended })
		kept := dev.Status
		w.Eventually("its status is lost", func() error {
			suite.Get(w, dev)
			dev.Status = v1alpha1.TeamStatus{}
			return w.Client.Status().Update(t.Context(), dev)
		})
		suite.Change(w, folder, func() { folder.Spec.Permissions[0].Permission = v1alpha1.PermissionAdmin })
		suite.Waiting(w, folder, v1alpha1.ReasonSubjectNotFound, "Team dev")
		permitted(w, folder, "Viewer Admin", "dev Edit")
		w.Eventually("its status is back", func() error {
			suite.Get(w, dev)
			dev.Status.ID, dev.Status.UID, dev.Status.OrgID = kept.ID, kept.UID, kept.OrgID
			return w.Client.Status().Update(t.Context(), dev)
		})
		suite.Ready(w, folder)
		permitted(w, folder, "Viewer Admin", "dev Edit")
		suite.Change(w, dev, func() { dev.Spec.Suspend = false })
		suite.Ready(w, dev)

		suite.Ready(w, w.Organization("other"))
		theirs := newTeam(w, "theirs", func(o *v1alpha1.Team) { o.Spec.OrganizationRef.Name = "other" })
		suite.Ready(w, theirs)
		suite.Change(w, folder, func() { teamMayEdit("theirs")(folder) })
		suite.Stalled(w, folder, v1alpha1.ReasonInvalidSpec, "spec.permissions[1]", "Team theirs", "other")
	})
}

// A team that has by now the id of another is given nothing in its stead.
func TestAPIFolderPermissionsForAnotherTeam(t *testing.T) {
	whereFolders(t, func(_ *testing.T, w *suite.World) {
		org := suite.Ready(w, w.Organization("team")).Status.OrgID
		robbers := madeTeam(w, org, "Robbers")
		dev := suite.Ready(w, newTeam(w, "dev"))
		suite.Change(w, dev, func() { dev.Spec.Suspend = true })
		suite.Until(w, dev, "suspended", func(c metav1.Condition) bool { return c.Reason == v1alpha1.ReasonSuspended })
		w.Eventually("its status is wrong", func() error {
			suite.Get(w, dev).Status.ID = robbers
			return w.Client.Status().Update(w.T.Context(), dev)
		})
		folder := declareFolder(w, "shop", "team", teamMayEdit("dev"))
		suite.Waiting(w, folder, v1alpha1.ReasonSubjectNotFound, "Team dev")
		permitted(w, folder, "Viewer View")
	})
}

// While a Team is missing, whom else the list names has what it says, other Teams too, and what others had is taken
// off; only what teams have that it does not name stays, until it is known which one is meant.
func TestAPIFolderPermissionsWhileATeamIsMissing(t *testing.T) {
	whereFolders(t, func(_ *testing.T, w *suite.World) {
		org := suite.Ready(w, w.Organization("team")).Status.OrgID
		ann := signedUp(w, "ann")
		letIntoOrg(w, org, ann)
		ci := suite.Ready(w, w.Account("ci", "team"))
		ops := suite.Ready(w, newTeam(w, "ops"))
		guests := madeTeam(w, org, "Guests")
		dev := FolderPermission{
			TeamRef: &v1alpha1.LocalObjectReference{Name: "dev"}, Permission: v1alpha1.PermissionEdit,
		}
		people := declareFolder(w, "people", "team", lets(dev,
			FolderPermission{Role: "Viewer", Permission: v1alpha1.PermissionEdit},
			FolderPermission{User: ann, Permission: v1alpha1.PermissionEdit},
			FolderPermission{
				ServiceAccountRef: &v1alpha1.LocalObjectReference{Name: "ci"}, Permission: v1alpha1.PermissionView,
			},
		))
		suite.Waiting(w, people, v1alpha1.ReasonSubjectNotFound, "Team dev")
		permitted(w, people, "Viewer Edit", ann+" Edit", ci.Status.Login+" View")
		w.Delete(people)

		folder := declareFolder(w, "teams", "team", lets(dev,
			FolderPermission{Role: "Viewer", Permission: v1alpha1.PermissionEdit},
			FolderPermission{
				TeamRef: &v1alpha1.LocalObjectReference{Name: "ops"}, Permission: v1alpha1.PermissionAdmin,
			},
		))
		suite.Waiting(w, folder, v1alpha1.ReasonSubjectNotFound, "Team dev")
		permitted(w, folder, "Viewer Edit", "ops Admin")
		w.Ask("POST", "/api/folders/"+folder.Status.UID+"/permissions", org, map[string]any{"items": []any{
			map[string]any{"role": "Editor", "permission": 2},
			map[string]any{"teamId": guests, "permission": 1},
			map[string]any{"teamId": ops.Status.ID, "permission": 1},
		}})
		suite.Visit(w, folder)
		permitted(w, folder, "Viewer Edit", "ops Admin", "Guests View")
		w.Gone(people)
		suite.Ready(w, newTeam(w, "dev"))
		suite.Ready(w, folder)
		permitted(w, folder, "Viewer Edit", "ops Admin", "dev Edit")
	})
}
