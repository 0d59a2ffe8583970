package controllers_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// accountMayEdit gives a ServiceAccount a permission, and a role another.
func accountMayEdit(name string, role v1alpha1.PermissionLevel) func(*v1alpha1.Folder) {
	return lets(
		FolderPermission{Role: "Viewer", Permission: role},
		FolderPermission{
			ServiceAccountRef: &v1alpha1.LocalObjectReference{Name: name},
			Permission:        v1alpha1.PermissionEdit,
		},
	)
}

// suspended has a ServiceAccount stay as it is now, but for what is done to its status.
func suspended(w *suite.World, account *v1alpha1.ServiceAccount, status func(*v1alpha1.ServiceAccountStatus)) {
	w.T.Helper()
	suite.Change(w, account, func() { account.Spec.Suspend = true })
	suite.Until(w, account, "suspended", func(c metav1.Condition) bool { return c.Reason == v1alpha1.ReasonSuspended })
	w.Eventually("its status is changed", func() error {
		suite.Get(w, account)
		status(&account.Status)
		return w.Client.Status().Update(w.T.Context(), account)
	})
}

// While it is not known which service account is meant, none loses what it may do in the folder, and everything else is
// as it is asked for.
func TestAPIFolderPermissionsWhileAServiceAccountIsUnknown(t *testing.T) {
	whereFolders(t, func(_ *testing.T, w *suite.World) {
		org := suite.Ready(w, w.Organization("team")).Status.OrgID
		robot := foreign(w, org, "robot")
		ci := suite.Ready(w, w.Account("ci", "team"))
		id, login, theirs := ci.Status.ID, ci.Status.Login, w.SA(org, robot).Login
		folder := suite.Ready(w, declareFolder(w, "shop", "team", accountMayEdit("ci", v1alpha1.PermissionView)))
		permitted(w, folder, "Viewer View", login+" Edit")
		suspended(w, ci, func(s *v1alpha1.ServiceAccountStatus) { *s = v1alpha1.ServiceAccountStatus{} })
		w.Ask("POST", "/api/folders/"+folder.Status.UID+"/permissions", org, map[string]any{"items": []any{
			map[string]any{"userId": id, "permission": 2}, map[string]any{"userId": robot, "permission": 1},
		}})
		suite.Change(w, folder, func() { accountMayEdit("ci", v1alpha1.PermissionEdit)(folder) })
		suite.Waiting(w, folder, v1alpha1.ReasonSubjectNotFound, "ServiceAccount ci")
		permitted(w, folder, "Viewer Edit", login+" Edit", theirs+" View")
		suite.Change(w, ci, func() { ci.Spec.Suspend = false })
		suite.Ready(w, ci)
		suite.Ready(w, folder)
		permitted(w, folder, "Viewer Edit", login+" Edit")
	})
}

// A service account that has by now the id of another is given nothing in its stead.
func TestAPIFolderPermissionsForAnotherAccount(t *testing.T) {
	whereFolders(t, func(_ *testing.T, w *suite.World) {
		org := suite.Ready(w, w.Organization("team")).Status.OrgID
		robot := foreign(w, org, "robot")
		ci := suite.Ready(w, w.Account("ci", "team"))
		suspended(w, ci, func(s *v1alpha1.ServiceAccountStatus) { s.ID = robot })
		folder := declareFolder(w, "shop", "team", accountMayEdit("ci", v1alpha1.PermissionView))
		suite.Waiting(w, folder, v1alpha1.ReasonSubjectNotFound, "ServiceAccount ci")
		permitted(w, folder, "Viewer View")
		suite.Change(w, ci, func() { ci.Spec.Suspend = false })
		suite.Ready(w, folder)
		permitted(w, folder, "Viewer View", suite.Get(w, ci).Status.Login+" Edit")
	})
}
