package controllers_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// declareFolder applies a Folder of an Organization.
func declareFolder(w *suite.World, name, organization string, changes ...func(*v1alpha1.Folder)) *v1alpha1.Folder {
	w.T.Helper()
	obj := &v1alpha1.Folder{Spec: v1alpha1.FolderSpec{
		OrganizationRef: v1alpha1.ObjectReference{Name: organization},
	}}
	obj.Name = name
	return suite.Apply(w, obj, changes)
}

// below has a Folder be in another.
func below(parent string) func(*v1alpha1.Folder) {
	return func(o *v1alpha1.Folder) { o.Spec.ParentRef = &v1alpha1.LocalObjectReference{Name: parent} }
}

// withUID has a Folder have a uid.
func withUID(uid string) func(*v1alpha1.Folder) { return func(o *v1alpha1.Folder) { o.Spec.UID = uid } }

// inFolderOf has a Dashboard be in the folder of a Folder.
func inFolderOf(name string) func(*v1alpha1.Dashboard) {
	return func(o *v1alpha1.Dashboard) {
		o.Spec.Folder = &v1alpha1.DashboardFolder{Ref: &v1alpha1.LocalObjectReference{Name: name}}
	}
}

// folderIn is a folder in Grafana; nil if there is none of that uid.
func folderIn(w *suite.World, org int64, uid string) *grafanatest.Folder {
	return suite.Find(w.Grafana.Folders(org), func(f grafanatest.Folder) bool { return f.UID == uid })
}

// whereFolders are both versions, with nested folders.
func whereFolders(t *testing.T, test func(t *testing.T, w *suite.World)) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			test(t, suite.New(t, grafanatest.Options{Version: version, NestedFolders: version < "11"}))
		})
	}
}

// A folder is made, changed, put right, made again and deleted, always under one uid.
func TestAPIFolder(t *testing.T) {
	whereFolders(t, func(t *testing.T, w *suite.World) {
		org := suite.Ready(w, w.Organization("team")).Status.OrgID
		text := "What it is for"
		folder := declareFolder(w, "sales", "team", func(o *v1alpha1.Folder) { o.Spec.Description = &text })
		other := suite.Ready(w, declareFolder(w, "other", "team"))
		suite.Ready(w, folder)
		uid := string(folder.UID)
		check := func(title string) {
			t.Helper()
			f := folderIn(w, org, uid)
			if f == nil || f.Title != title || folder.Status.UID != uid || f.ParentUID != "" {
				t.Errorf("the folder is %+v, status %+v", f, folder.Status)
			}
		}
		check("sales")
		w.Grafana.ResetLog()
		suite.Visit(w, folder)
		suite.Change(w, folder, func() { folder.Spec.Title = "Sales and more" })
		suite.Ready(w, folder)
		check("Sales and more")
		if writes := w.Writes(); len(writes) != 1 || strings.Contains(writes[0], "overwrite") {
			t.Errorf("it was renamed by %v", writes)
		}
		w.Ask("PUT", "/api/folders/"+uid, org, map[string]any{"title": "Mine", "overwrite": true})
		suite.Visit(w, folder)
		w.Eventually("the title is put right", func() error {
			if f := folderIn(w, org, uid); f == nil || f.Title != "Sales and more" {
				return fmt.Errorf("it is %+v", f)
			}
			return nil
		})
		w.Ask("DELETE", "/api/folders/"+uid, org, nil)
		suite.Visit(w, folder)
		w.Eventually("the folder is made again", func() error {
			if folderIn(w, org, uid) == nil {
				return errors.New("it is not there")
			}
			return nil
		})
		check("Sales and more")
		w.Delete(folder, other)
		w.Gone(folder, other)
		if all := w.Grafana.Folders(org); len(all) != 0 {
			t.Errorf("left: %+v", all)
		}
	})
}

// A description is kept by Grafana 12 and put right there; an older one drops it, which is no drift, and is said.
func TestAPIFolderDescription(t *testing.T) {
	t.Parallel()
	for version, kept := range map[string]bool{"10.4.3": false, "12.4.0": true} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{Version: version})
			org := suite.Ready(w, w.Organization("team")).Status.OrgID
			text := "What it is for"
			folder := suite.Ready(
				w,
				declareFolder(w, "sales", "team", func(o *v1alpha1.Folder) { o.Spec.Description = &text }),
			)
			suite.Says(w, folder, map[bool]string{true: "Grafana holds what is asked for", false: "description"}[kept])
			description := func() string {
				var object struct{ Spec struct{ Description string } }
				_ = json.Unmarshal(w.Ask("GET", fmt.Sprintf(
					"/apis/folder.grafana.app/v1beta1/namespaces/org-%d/folders/%s",
					org,
					folder.Status.UID,
				), org, nil), &object)
				return object.Spec.Description
			}
			if !kept {
				w.Grafana.ResetLog()
				suite.Change(w, folder, func() { folder.Spec.Description = new("Another") })
				if suite.Ready(w, folder); len(w.Writes()) > 0 {
					t.Errorf("it was sent again: %v", w.Writes())
				}
				return
			}
			for _, wanted := range []string{"Another", ""} {
				suite.Change(w, folder, func() { folder.Spec.Description = &wanted })
				if suite.Ready(w, folder); description() != wanted {
					t.Errorf("it is %q, want %q", description(), wanted)
				}
			}
			suite.Change(w, folder, func() { folder.Spec.Description = nil })
			suite.Ready(w, folder)
			version := 3
			w.Ask("PUT", "/api/folders/"+folder.Status.UID, org,
				map[string]any{"title": "sales", "description": "Theirs", "version": version})
			suite.Change(w, folder, func() { folder.Spec.Title = "More sales" })
			if suite.Ready(w, folder); description() != "Theirs" {
				t.Errorf("without one in the spec it became %q", description())
			}
		})
	}
}

// A uid that is given is kept by whoever has it first; what people have made is taken over only by consent of both.
func TestAPIFolderUID(t *testing.T) {
	whereFolders(t, func(t *testing.T, w *suite.World) {
		team := suite.Ready(w, w.Organization("team"))
		org := team.Status.OrgID
		first := suite.Ready(w, declareFolder(w, "first", "team", withUID("Sales")))
		if f := folderIn(w, org, "Sales"); f == nil || f.Title != "first" || first.Status.CreatedAt == "" {
			t.Errorf("the folder is %+v, status %+v", f, first.Status)
		}
		second := declareFolder(w, "second", "team", withUID("Sales"))
		suite.Stalled(w, second, v1alpha1.ReasonNameConflict, `"Sales"`)
		w.Delete(second)
		w.Gone(second)

		w.Ask("POST", "/api/folders", org, map[string]any{"uid": "theirs", "title": "Theirs"})
		mine := declareFolder(w, "mine", "team", withUID("theirs"))
		suite.Stalled(w, mine, v1alpha1.ReasonAlreadyExists, `"theirs"`, "adoptionPolicy: Adopt")
		suite.Change(w, mine, func() { mine.Spec.AdoptionPolicy = v1alpha1.AdoptionAdopt })
		suite.Stalled(w, mine, v1alpha1.ReasonAdoptionNotPermitted, "spec.adoption")
		if f := folderIn(w, org, "theirs"); f.Title != "Theirs" {
			t.Errorf("without consent it became %+v", f)
		}
		suite.Change(w, team, func() { team.Spec.Adoption = v1alpha1.AdoptionAllow })
		suite.Ready(w, mine)
		if f := folderIn(w, org, "theirs"); f.Title != "mine" || !mine.Status.Adopted {
			t.Errorf("adopted it is %+v, status %+v", f, mine.Status)
		}
		w.Delete(mine, first)
		w.Gone(mine, first)
		if folderIn(w, org, "theirs") == nil || folderIn(w, org, "Sales") != nil {
			t.Errorf("left: %+v", w.Grafana.Folders(org))
		}
	})
}

// What somebody has put in the place of a folder of ours is neither changed nor deleted.
func TestAPIFolderReplaced(t *testing.T) {
	t.Parallel()
	clock := suite.NewClock()
	w := suite.New(t, grafanatest.Options{Version: "12.4.0", Now: clock.Now})
	org := suite.Ready(w, w.Organization("team")).Status.OrgID
	folder := suite.Ready(w, declareFolder(w, "sales", "team", withUID("sales")))
	clock.Advance(60e9)
	w.Ask("DELETE", "/api/folders/sales", org, nil)
	w.Ask("POST", "/api/folders", org, map[string]any{"uid": "sales", "title": "Theirs"})
	suite.Visit(w, folder)
	suite.Stalled(w, folder, v1alpha1.ReasonAlreadyExists, `"sales"`)
	w.Delete(folder)
	w.Gone(folder)
	if f := folderIn(w, org, "sales"); f == nil || f.Title != "Theirs" {
		t.Errorf("theirs is %+v", f)
	}
}

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
	suite.NotOnReal(t, "whether an old Grafana has folders in folders is a setting")
	w := suite.New(t, grafanatest.Options{Version: "10.4.3"})
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

// lets gives a Folder permissions.
func lets(permissions ...FolderPermission) func(*v1alpha1.Folder) {
	return func(o *v1alpha1.Folder) { o.Spec.Permissions = append([]FolderPermission{}, permissions...) }
}

type FolderPermission = v1alpha1.FolderPermission

// permissionsIn are those of a folder in Grafana, in words.
func permissionsIn(w *suite.World, org int64, uid string) []string {
	w.T.Helper()
	var items []struct {
		Role, UserLogin, PermissionName string
		Inherited                       bool
	}
	if err := json.Unmarshal(w.Ask("GET", "/api/folders/"+uid+"/permissions", org, nil), &items); err != nil {
		w.T.Fatal(err)
	}
	found := []string{}
	for _, i := range items {
		if !i.Inherited && i.UserLogin != "admin" {
			found = append(found, i.Role+i.UserLogin+" "+i.PermissionName)
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
			w.Ask(
				"POST",
				fmt.Sprintf("/api/orgs/%d/users", org),
				org,
				map[string]any{"loginOrEmail": login, "role": "Viewer"},
			)
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
	w.Ask("POST", fmt.Sprintf("/api/orgs/%d/users", org), org, map[string]any{"loginOrEmail": ann, "role": "Viewer"})
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

// A title that another folder has in the same place is told where Grafana does not allow two, and nothing is lost.
func TestAPIFolderTitles(t *testing.T) {
	t.Parallel()
	for title, theirs := range map[string]string{"Acme": "Acme", "acme": "Acme", "General": ""} {
		for version, both := range map[string]bool{"10.4.3": false, "12.4.0": true} {
			t.Run(version+" "+title+" "+theirs, func(t *testing.T) {
				t.Parallel()
				w := suite.New(t, grafanatest.Options{Version: version, Database: grafanatest.MariaDB})
				org := suite.Ready(w, w.Organization("team")).Status.OrgID
				if theirs != "" {
					w.Ask("POST", "/api/folders", org, map[string]any{"uid": "theirs", "title": theirs})
				}
				titled := func(o *v1alpha1.Folder) { o.Spec.Title = title }
				derived, given := declareFolder(w,
					"derived",
					"team",
					titled,
				), declareFolder(w,
					"given",
					"team",
					titled,
					withUID("given"),
				)
				if both {
					suite.Ready(w, derived)
					suite.Ready(w, given)
					return
				}
				for _, folder := range []*v1alpha1.Folder{derived, given} {
					if theirs == "" {
						suite.Until(w, folder, "refused", func(c metav1.Condition) bool {
							return c.Reason == v1alpha1.ReasonFolderRefused || folder == given
						})
						continue
					}
					suite.Stalled(w, folder, v1alpha1.ReasonAlreadyExists, fmt.Sprintf("%q", theirs), "another title")
					suite.Change(w, folder, func() { folder.Spec.Title = "Free " + folder.Name })
					suite.Ready(w, folder)
				}
				if f := folderIn(w, org, "theirs"); theirs != "" && (f == nil || f.Title != theirs) {
					t.Errorf("theirs is %+v", f)
				}
			})
		}
	}
}
