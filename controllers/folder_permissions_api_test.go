package controllers_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// lets gives a Folder permissions.
func lets(permissions ...FolderPermission) func(*v1alpha1.Folder) {
	return func(o *v1alpha1.Folder) { o.Spec.Permissions = append([]FolderPermission{}, permissions...) }
}

type FolderPermission = v1alpha1.FolderPermission

// permissionsIn are those of a folder in Grafana, in words.
func permissionsIn(w *suite.World, org int64, uid string) []string {
	w.T.Helper()
	var items []struct {
		Role, UserLogin, Team, PermissionName string
		Inherited                             bool
	}
	if err := json.Unmarshal(w.Ask("GET", "/api/folders/"+uid+"/permissions", org, nil), &items); err != nil {
		w.T.Fatal(err)
	}
	found := []string{}
	for _, i := range items {
		if !i.Inherited && i.UserLogin != "admin" {
			found = append(found, i.Role+i.UserLogin+i.Team+" "+i.PermissionName)
		}
	}
	slices.Sort(found)
	return found
}

// permitted waits until a folder has these permissions, beside the operator's.
func permitted(w *suite.World, folder *v1alpha1.Folder, want ...string) {
	w.T.Helper()
	slices.Sort(want)
	w.Eventually("the permissions of "+folder.Name, func() error {
		if is := permissionsIn(w, folder.Status.OrgID, folder.Status.UID); !slices.Equal(is, want) {
			return fmt.Errorf("they are %q, not %q", is, want)
		}
		return nil
	})
}

// signedUp makes a person in Grafana, and returns their login.
func signedUp(w *suite.World, name string) string {
	login := w.NS + "-" + name
	w.Ask("POST", "/api/admin/users", 1, map[string]any{
		"login": login, "email": login + "@example.org", "password": "not-a-secret",
	})
	return login
}

// Permissions are exclusive where they are given and left alone where not; those by what does not exist yet wait.
func TestAPIFolderPermissions(t *testing.T) {
	whereFolders(t, func(_ *testing.T, w *suite.World) {
		org := suite.Ready(w, w.Organization("team")).Status.OrgID
		open := suite.Ready(w, declareFolder(w, "open", "team"))
		permitted(w, open, "Viewer View", "Editor Edit")
		w.Ask("POST", "/api/folders/"+open.Status.UID+"/permissions", org, map[string]any{
			"items": []any{map[string]any{"role": "Viewer", "permission": 2}},
		})
		suite.Visit(w, open)
		suite.Ready(w, open)
		permitted(w, open, "Viewer Edit")

		ann, bob := signedUp(w, "ann"), signedUp(w, "bob")
		account := v1alpha1.LocalObjectReference{Name: "ci"}
		folder := declareFolder(w, "closed", "team", lets(
			FolderPermission{Role: "Editor", Permission: v1alpha1.PermissionView},
			FolderPermission{ServiceAccountRef: &account, Permission: v1alpha1.PermissionAdmin},
			FolderPermission{User: strings.ToUpper(ann), Permission: v1alpha1.PermissionEdit},
			FolderPermission{User: bob + "@example.org", Permission: v1alpha1.PermissionView},
		))
		suite.Waiting(w, folder, v1alpha1.ReasonSubjectNotFound, "ServiceAccount ci", strings.ToUpper(ann), bob)
		permitted(w, folder, "Editor View")
		for _, login := range []string{ann, bob} {
			letIntoOrg(w, org, login)
		}
		ci := suite.Ready(w, w.Account("ci", "team"))
		w.Eventually("the list of members is seen", func() error {
			suite.Visit(w, folder)
			if is := permissionsIn(w, org, folder.Status.UID); len(is) != 4 {
				return fmt.Errorf("they are %q", is)
			}
			return nil
		})
		suite.Ready(w, folder)
		all := []string{"Editor View", ci.Status.Login + " Admin", ann + " Edit", bob + " View"}
		permitted(w, folder, all...)
		w.Grafana.ResetLog()
		w.Ask("POST", "/api/folders/"+folder.Status.UID+"/permissions", org, map[string]any{"items": []any{
			map[string]any{"role": "Viewer", "permission": 4}, map[string]any{"userId": 1, "permission": 4},
		}})
		suite.Visit(w, folder)
		permitted(w, folder, all...)
		suite.Ready(w, folder)
		w.Ask("POST", "/api/folders/"+open.Status.UID+"/permissions", org, map[string]any{"items": []any{}})
		suite.Change(w, folder, func() { folder.Spec.Permissions = []FolderPermission{} })
		suite.Ready(w, folder)
		permitted(w, folder)
		suite.Change(w, folder, func() { folder.Spec.Title = "Renamed" })
		suite.Ready(w, folder)
		permitted(w, folder)
	})
}

// The operator's own login is no drift, and reads like nobody's; nobody has two permissions.
func TestAPIFolderPermissionsRefused(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{Version: "12.4.0"})
	org := suite.Ready(w, w.Organization("team")).Status.OrgID
	view := v1alpha1.PermissionView
	ann := signedUp(w, "ann")
	letIntoOrg(w, org, ann)
	own := declareFolder(w, "own", "team", lets(FolderPermission{User: "ADMIN", Permission: view}))
	suite.Waiting(w, own, v1alpha1.ReasonSubjectNotFound, "ADMIN", "no member") // as of anybody else
	twice := declareFolder(w, "twice", "team", lets(
		FolderPermission{User: ann, Permission: view},
		FolderPermission{User: ann + "@example.org", Permission: v1alpha1.PermissionEdit},
	))
	suite.Stalled(w, twice, v1alpha1.ReasonInvalidSpec, "spec.permissions[1]")
	if all := w.Grafana.Folders(org); len(all) != 1 {
		t.Errorf("made all the same: %+v", all)
	}
	folder := suite.Ready(
		w,
		declareFolder(w, "folder", "team", lets(FolderPermission{Role: "Viewer", Permission: view})),
	)
	w.Ask("POST", "/api/folders/"+folder.Status.UID+"/permissions", org, map[string]any{"items": []any{
		map[string]any{"role": "Viewer", "permission": 1}, map[string]any{"userId": w.Grafana.Admin(), "permission": 4},
	}})
	w.Grafana.ResetLog()
	suite.Visit(w, folder)
	suite.Change(w, folder, func() { folder.Spec.DeletionPolicy = v1alpha1.FolderDelete })
	if suite.Ready(w, folder); len(w.Writes()) > 0 {
		t.Errorf("the operator's own permission is taken for drift: %v", w.Writes())
	}
}
