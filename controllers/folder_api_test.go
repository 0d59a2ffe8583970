package controllers_test

import (
	"encoding/json"
	"errors"
	"fmt"
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
					if theirs == "" { // it can be made as that, and not renamed to it
						suite.Stalled(w, given, v1alpha1.ReasonFolderRefused, "another title")
						return
					}
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
