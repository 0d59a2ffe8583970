package grafana_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"grafana-tenancy.dev/operator/internal/grafana"
)

// testEveryFolder makes and changes folders in each form, with and without a description, which only Grafana 12 keeps.
func (k contract) testEveryFolder(t *testing.T) {
	o := k.org(t)
	nested := have(k.client.Settings(t.Context()))(t).NestedFolders()
	text, none := "What it is for", ""
	told := func(uid string, want *string) {
		t.Helper()
		if k.major < 12 {
			want = nil
		}
		same(t, uid+": its description", want, have(o.FolderDescription(t.Context(), uid))(t))
	}
	for n, description := range []*string{nil, &text, &none} {
		for _, parent := range []string{"", "0"} {
			if n == 0 && parent == "" {
				have(o.CreateFolder(t.Context(), grafana.Folder{UID: "0", Title: "Folder 0"}))(t)
				continue
			}
			uid := fmt.Sprint(n, parent)
			want := grafana.Folder{UID: uid, Title: "Folder " + uid, ParentUID: parent}
			made := want
			made.Description = description
			made = have(o.CreateFolder(t.Context(), made))(t)
			if made.Version != 1 || made.Created.IsZero() {
				t.Errorf("made: %+v", made)
			}
			if !nested {
				want.ParentUID = ""
			}
			got := have(o.Folder(t.Context(), uid))(t)
			same(t, "got", want, got)
			if off := got.Created.Sub(made.Created).Abs(); off > 2*time.Second {
				t.Errorf("%s: made %s, and read %s", uid, made.Created, got.Created)
			}
			told(uid, cmp.Or(description, &none))
		}
	}
	change := grafana.FolderChange{Title: "Renamed", Version: 1}
	want := grafana.Folder{UID: "1", Title: "Renamed"}
	same(t, "renamed", want, have(o.UpdateFolder(t.Context(), "1", change))(t))
	told("1", &text)
	for n, description := range []string{"Another", ""} {
		change = grafana.FolderChange{Title: "Renamed", Description: &description, Version: int64(n + 2)}
		if got := have(o.UpdateFolder(t.Context(), "1", change))(t); got.Version != change.Version+1 {
			t.Errorf("version %d after %d", got.Version, change.Version)
		}
		told("1", &description)
	}
	expect(t, "an old version", errorOf(o.UpdateFolder(t.Context(), "1", change)), grafana.IsVersionMismatch)
	expect(t, "unknown folder", errorOf(o.UpdateFolder(t.Context(), "nosuch", change)), grafana.IsNotFound)
	must(t, errorOf(o.FolderDescription(t.Context(), "nosuch")))
	change = grafana.FolderChange{Title: "Folder 0", Version: 4}
	if _, err := o.UpdateFolder(t.Context(), "1", change); k.major < 12 {
		expect(t, "a title that is taken", err, grafana.IsTaken)
		if grafana.IsVersionMismatch(err) {
			t.Errorf("a title that is taken is taken for another version: %v", err)
		}
	} else {
		must(t, err)
	}
}

// testMovedFolders moves folders, and expects their permissions and contents to come along.
func (k contract) testMovedFolders(t *testing.T) {
	o := k.org(t)
	have(o.CreateFolder(t.Context(), grafana.Folder{UID: "a", Title: "A"}))(t)
	have(o.CreateFolder(t.Context(), grafana.Folder{UID: "b", Title: "B"}))(t)
	have(o.SaveDashboard(t.Context(), grafana.SaveDashboard{Model: model("dash", nil), FolderUID: "b"}))(t)
	must(
		t,
		o.SetFolderPermissions(t.Context(), "b", []grafana.Permission{{Role: "Viewer", Permission: grafana.MayEdit}}),
	)
	if !have(k.client.Settings(t.Context()))(t).NestedFolders() {
		for _, parent := range []string{"a", ""} {
			expect(t, "moving", o.MoveFolder(t.Context(), "b", parent), isStatus(404))
		}
		return
	}
	for _, parent := range []string{"a", ""} {
		must(t, o.MoveFolder(t.Context(), "b", parent))
		same(t, "moved", grafana.Folder{UID: "b", Title: "B", ParentUID: parent}, have(o.Folder(t.Context(), "b"))(t))
		same(t, "the dashboard's folder", "b", have(o.Dashboard(t.Context(), "dash"))(t).FolderUID)
		same(t, "permissions", []grafana.Permission{{Role: "Viewer", Permission: grafana.MayEdit}},
			have(o.FolderPermissions(t.Context(), "b"))(t))
	}
	expect(t, "into nothing", o.MoveFolder(t.Context(), "b", "nosuch"), grafana.IsNotFound)
	if err := o.MoveFolder(t.Context(), "nosuch", "a"); k.major < 12 {
		expect(t, "what is not there", err, isStatus(500))
	} else {
		expect(t, "what is not there", err, grafana.IsNotFound)
	}
}

// testAllFolders lists the folders at all levels, and the dashboards with the folder they are in.
func (k contract) testAllFolders(t *testing.T) {
	o := k.org(t)
	apis := apiVersion(t, k.client) != ""
	same(t, "at first", []grafana.Folder{}, have(o.AllFolders(t.Context(), apis))(t))
	text := "What it is for"
	have(o.CreateFolder(t.Context(), grafana.Folder{UID: "a", Title: "A", Description: &text}))(t)
	have(o.CreateFolder(t.Context(), grafana.Folder{UID: "b", Title: "B", ParentUID: "a"}))(t)
	have(o.SaveDashboard(t.Context(), grafana.SaveDashboard{Model: model("dash", nil), FolderUID: "b"}))(t)
	want := []grafana.Folder{{UID: "a", Title: "A"}, {UID: "b", Title: "B"}}
	if have(k.client.Settings(t.Context()))(t).NestedFolders() {
		want[1].ParentUID = "a"
	}
	for _, through := range []bool{apis, false} {
		if through {
			want[0].Description, want[1].Description = &text, new("")
		} else {
			want[0].Description, want[1].Description = nil, nil
		}
		eventually(t, "the list has them all", func() bool {
			return len(have(o.AllFolders(t.Context(), through))(t)) == len(want)
		})
		got := have(o.AllFolders(t.Context(), through))(t)
		slices.SortFunc(got, func(a, b grafana.Folder) int { return cmp.Compare(a.UID, b.UID) })
		same(t, "all", want, got)
		if read := have(o.Folder(t.Context(), "a"))(t); k.major < 12 && (got[0].ID == 0 || got[0].ID != read.ID) {
			t.Errorf("the search has id %d, and a read %d", got[0].ID, read.ID)
		}
		if through && (got[0].Created.IsZero() || got[0].Version != 1) {
			t.Errorf("through /apis: %+v", got[0])
		}
	}
	eventually(t, "the dashboard is found", func() bool { return len(have(o.Search(t.Context(), "dash-db"))(t)) == 1 })
	same(t, "dashboards", []grafana.Hit{{UID: "dash", Title: "Title of dash", Type: "dash-db", FolderUID: "b"}},
		have(o.Search(t.Context(), "dash-db"))(t))
}

// testDeletedFolders deletes folders with what is in them.
func (k contract) testDeletedFolders(t *testing.T) {
	o := k.org(t)
	for _, uid := range []string{"ruled", "shared", "full"} {
		have(o.CreateFolder(t.Context(), grafana.Folder{UID: uid, Title: "Folder " + uid}))(t)
	}
	have(o.SaveDashboard(t.Context(), grafana.SaveDashboard{Model: model("dash", nil), FolderUID: "full"}))(t)
	must(t, o.DeleteFolder(t.Context(), "full", false))
	expect(t, "deleted", errorOf(o.Folder(t.Context(), "full")), grafana.IsNotFound)
	expect(t, "deleting it again", o.DeleteFolder(t.Context(), "full", false), grafana.IsNotFound)
	expect(t, "the dashboard", errorOf(o.Dashboard(t.Context(), "dash")), grafana.IsNotFound)

	k.person(t, "POST", "/api/v1/provisioning/alert-rules", o.ID(), alertRule(o.ID(), "rule", "ruled"))
	err := o.DeleteFolder(t.Context(), "ruled", false)
	expect(t, "with an alert rule", err, grafana.IsFolderInUse)
	must(t, o.DeleteFolder(t.Context(), "ruled", true))
	same(t, "alert rules", 0, len(have(o.AlertRules(t.Context()))(t)))

	k.person(t, "POST", "/api/library-elements", o.ID(), map[string]any{
		"uid": "panel", "name": "Panel", "kind": 1, "folderUid": "shared", "model": map[string]string{"type": "text"},
	})
	panels := []any{map[string]any{"id": 1, "libraryPanel": map[string]string{"uid": "panel", "name": "Panel"}}}
	k.save(t, o, "user", map[string]any{"panels": panels})
	all := have(o.LibraryPanels(t.Context()))(t)
	same(t, "panels", []grafana.LibraryPanel{{UID: "panel", Name: "Panel", FolderUID: "shared"}}, bare(all))
	same(t, "how many use it is told before 12", k.major < 12, all[0].Meta.Users == 1)
	if err = o.DeleteFolder(t.Context(), "shared", false); k.major < 12 {
		expect(t, "with a panel in use", err, grafana.IsFolderInUse)
		if grafana.IsForbidden(err) {
			t.Errorf("taken for a lack of rights: %v", err)
		}
	} else {
		must(t, err)
	}
}

// alertRule is a rule as people make one.
func alertRule(org int64, uid, folder string) map[string]any {
	return map[string]any{
		"uid": uid, "title": "Rule", "ruleGroup": "group", "folderUID": folder, "noDataState": "OK",
		"execErrState": "OK", "for": "1m", "orgID": org, "condition": "A",
		"data": []any{map[string]any{
			"refId": "A", "datasourceUid": "__expr__", "relativeTimeRange": map[string]int{"from": 60, "to": 0},
			"model": map[string]string{"refId": "A", "type": "math", "expression": "1 > 0"},
		}},
	}
}

func (k contract) testFolders(t *testing.T) {
	o := k.org(t)
	top := have(o.CreateFolder(t.Context(), grafana.Folder{UID: "top", Title: "Top"}))(t)
	same(t, "made", grafana.Folder{UID: "top", Title: "Top"}, top)
	same(t, "got", top, have(o.Folder(t.Context(), "top"))(t))
	unnamed := have(o.CreateFolder(t.Context(), grafana.Folder{Title: "Other"}))(t)
	same(t, "got by the uid that Grafana chose", unnamed, have(o.Folder(t.Context(), unnamed.UID))(t))
	_, err := o.Folder(t.Context(), "nosuch")
	expect(t, "unknown folder", err, grafana.IsNotFound)
	_, err = k.org(t).Folder(t.Context(), "top")
	expect(t, "in another organization", err, grafana.IsNotFound)
	_, err = o.CreateFolder(t.Context(), grafana.Folder{UID: "top", Title: "Another"})
	expect(t, "a uid that is taken", err, grafana.IsTaken)
	_, err = o.CreateFolder(t.Context(), grafana.Folder{UID: "untitled"})
	expect(t, "no title", err, isStatus(400))

	_, err = o.UpdateFolder(t.Context(), "top", grafana.FolderChange{Title: "general", Version: top.Version})
	expect(t, "renamed to the title of the root", err, grafana.IsReservedTitle)
	_, err = o.CreateFolder(t.Context(), grafana.Folder{UID: "general2", Title: "general"})
	if k.major < 12 {
		expect(t, "the title of the root", err, grafana.IsReservedTitle)
	} else {
		must(t, err)
	}
}

// testNestedFolders has folders below folders, as far down as Grafana lets them.
func (k contract) testNestedFolders(t *testing.T) {
	o := k.org(t)
	nested := have(k.client.Settings(t.Context()))(t).NestedFolders()
	parent := ""
	for _, uid := range []string{"a", "b", "c", "d", "e", "f"} {
		folder := grafana.Folder{UID: uid, Title: "Folder " + uid, ParentUID: parent}
		made, err := o.CreateFolder(t.Context(), folder)
		if uid == "f" {
			expect(t, "a sixth level", err, grafana.IsTooDeep)
			if grafana.IsUnavailable(err) || grafana.IsUnsure(err) || grafana.IsTaken(err) {
				t.Errorf("a sixth level is taken for more than that: %v", err)
			}
			break
		}
		must(t, err)
		same(t, "made", folder, made)
		if !nested {
			folder.ParentUID = ""
		}
		same(t, "got", folder, have(o.Folder(t.Context(), uid))(t))
		parent = uid
	}
	_, err := o.CreateFolder(t.Context(), grafana.Folder{UID: "lost", Title: "Lost", ParentUID: "nosuch"})
	if k.major < 12 {
		expect(t, "unknown parent", err, grafana.IsNotFound)
	} else {
		must(t, err)
	}
	_, err = o.Folders(t.Context(), "nosuch")
	if nested {
		expect(t, "folders below nothing", err, grafana.IsNotFound)
	} else {
		must(t, err)
	}
}

func (k contract) testFolderLists(t *testing.T) {
	o := k.org(t)
	same(t, "at first", []grafana.Folder{}, have(o.Folders(t.Context(), ""))(t))
	for _, folder := range []grafana.Folder{{UID: "b", Title: "Bee"}, {UID: "a", Title: "Ant"}, {UID: "ba", Title: "Below", ParentUID: "b"}} {
		have(o.CreateFolder(t.Context(), folder))(t)
	}
	ant, bee, below := grafana.Folder{
		UID:   "a",
		Title: "Ant",
	}, grafana.Folder{
		UID:   "b",
		Title: "Bee",
	}, grafana.Folder{
		UID:       "ba",
		Title:     "Below",
		ParentUID: "b",
	}
	top, under := []grafana.Folder{ant, bee}, []grafana.Folder{below}
	if !have(k.client.Settings(t.Context()))(t).NestedFolders() {
		top, under = []grafana.Folder{ant, bee, {UID: "ba", Title: "Below"}}, []grafana.Folder{}
	}
	eventually(t, "the list has them all", func() bool {
		return len(have(o.Folders(t.Context(), ""))(t)) == len(top) &&
			len(have(o.Folders(t.Context(), "b"))(t)) == len(under)
	})
	same(t, "in no other", top, have(o.Folders(t.Context(), ""))(t))
	same(t, "below one", under, have(o.Folders(t.Context(), "b"))(t))
	same(t, "below one without any", []grafana.Folder{}, have(o.Folders(t.Context(), "a"))(t))
	same(t, "of another organization", []grafana.Folder{}, have(k.org(t).Folders(t.Context(), ""))(t))
}

// testFolderTitles makes folders of one title: side by side before Grafana 12 never, under different parents always.
func (k contract) testFolderTitles(t *testing.T) {
	o := k.org(t)
	have(o.CreateFolder(t.Context(), grafana.Folder{UID: "a", Title: "Same"}))(t)
	_, err := o.CreateFolder(t.Context(), grafana.Folder{UID: "b", Title: "Same"})
	if k.major < 12 {
		expect(t, "a title that is taken", err, grafana.IsTaken)
		expect(t, "it was not made", errorOf(o.Folder(t.Context(), "b")), grafana.IsNotFound)
	} else {
		must(t, err)
	}
	if have(k.client.Settings(t.Context()))(t).NestedFolders() {
		have(o.CreateFolder(t.Context(), grafana.Folder{UID: "c", Title: "Same", ParentUID: "a"}))(t)
	}
}
