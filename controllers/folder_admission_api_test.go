package controllers_test

import (
	"fmt"
	"strings"
	"testing"
)

// What no Folder can be is refused when it is applied, with a word on what to do.
func TestAPIFolderAdmission(t *testing.T) {
	t.Parallel()
	a := newAdmission(t)
	permission := func(fields spec) spec { return spec{"permissions": []any{fields}} }
	for _, test := range []struct {
		words  string
		fields spec
	}{
		{"", nil},
		{"", spec{"uid": "Shop_1-a", "title": "Übersicht / a", "description": "", "parentRef": spec{"name": "p"}}},
		{"", spec{"permissions": []any{}, "deletionPolicy": "DeleteWithContents"}},
		{"", spec{"uid": "a", "adoptionPolicy": "Adopt"}},
		{"adoptionPolicy: Adopt needs uid", spec{"adoptionPolicy": "Adopt"}},
		{"choose another uid", spec{"uid": "general"}},
		{"spec.uid", spec{"uid": strings.Repeat("a", 41)}},
		{"spec.uid", spec{"uid": "a/b"}},
		{"spec.title", spec{"title": " a"}},
		{"spec.title", spec{"title": strings.Repeat("a", 179)}},
		{"bracketed 8-digit", spec{"title": "Shop [0123abcd]"}},
		{"spec.description", spec{"description": strings.Repeat("a", 1001)}},
		{"spec.parentRef.name", spec{"parentRef": spec{}}},
		{`"Delete", "DeleteWithContents", "Orphan"`, spec{"deletionPolicy": "Keep"}},
		{"", permission(spec{"role": "Viewer", "permission": "View"})},
		{"", permission(spec{"user": "ann@example.org", "permission": "Edit"})},
		{"", permission(spec{"serviceAccountRef": spec{"name": "ci"}, "permission": "Admin"})},
		{"", permission(spec{"teamRef": spec{"name": "dev"}, "permission": "Admin"})},
		{"give exactly one of role, teamRef, user and serviceAccountRef",
			permission(spec{"teamRef": spec{"name": "dev"}, "role": "Viewer", "permission": "Admin"})},
		{"give exactly one of role, teamRef, user and serviceAccountRef", permission(spec{"permission": "View"})},
		{"give exactly one of role, teamRef, user and serviceAccountRef",
			permission(spec{"role": "Viewer", "user": "ann", "permission": "View"})},
		{`"Viewer", "Editor"`, permission(spec{"role": "Admin", "permission": "View"})},
		{`"View", "Edit", "Admin"`, permission(spec{"role": "Viewer", "permission": "3"})},
		{"permission", permission(spec{"role": "Viewer"})},
		{"unknown field", permission(spec{"teamId": 1, "role": "Viewer", "permission": "View"})},
	} {
		t.Run(shorten(fmt.Sprint(test.fields)), func(t *testing.T) {
			err := a.create(a.object("Folder", test.fields))
			if test.words != "" {
				refused(t, err, test.words)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	long := a.object("Folder", nil)
	long.SetGenerateName("")
	long.SetName(strings.Repeat("a", 179))
	refused(t, a.create(long), "spec.title is needed")
	for words, folder := range map[string]spec{"": {"ref": spec{"name": "shop"}}, "spec.folder.ref.name": {"ref": spec{}},
		"give exactly one of uid, path and ref": {"uid": "a", "ref": spec{"name": "shop"}}} {
		if err := a.create(a.object("Dashboard", spec{"folder": folder})); words != "" {
			refused(t, err, words)
		} else if err != nil {
			t.Error(err)
		}
	}
}
