package grafana_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"grafana-tenancy.dev/operator/internal/grafana"
)

// bare are panels as they were made, without what Grafana makes of them.
func bare(all []grafana.LibraryPanel) []grafana.LibraryPanel {
	panels := make([]grafana.LibraryPanel, len(all))
	for i, p := range all {
		panels[i] = grafana.LibraryPanel{UID: p.UID, Name: p.Name, FolderUID: p.FolderUID, Model: p.Model}
	}
	return panels
}

func (k contract) testLibraryPanels(t *testing.T) {
	o := k.org(t)
	same(t, "at first", []grafana.LibraryPanel{}, have(o.LibraryPanels(t.Context()))(t))
	have(o.CreateFolder(t.Context(), grafana.Folder{UID: "fold", Title: "Folder"}))(t)
	for uid, folder := range map[string]string{"a": "", "b": "fold"} {
		body := map[string]any{
			"uid":       uid,
			"name":      "Panel " + uid,
			"kind":      1,
			"folderUid": folder,
			"model":     map[string]string{"type": "text", "title": "Text"},
		}
		k.person(t, "POST", "/api/library-elements", o.ID(), body)
	}
	a, b := grafana.LibraryPanel{UID: "a", Name: "Panel a"}, grafana.LibraryPanel{
		UID: "b", Name: "Panel b", FolderUID: "fold",
	}
	all := have(o.LibraryPanels(t.Context()))(t)
	same(t, "panels", []grafana.LibraryPanel{a, b}, bare(all))
	for _, p := range all {
		if p.Meta.Created.IsZero() || p.Meta.Updated.Before(p.Meta.Created) {
			t.Errorf("%s: created %v, updated %v", p.UID, p.Meta.Created, p.Meta.Updated)
		}
	}
	same(t, "of another organization", 0, len(have(k.org(t).LibraryPanels(t.Context()))(t)))
}

// aPanel is one with what Grafana writes differently: numbers, and signs of HTML.
func aPanel(uid, name, folder, text string) grafana.LibraryPanel {
	model, _ := json.Marshal(
		map[string]any{"type": "text", "options": map[string]any{"content": "<b>" + text, "n": 1.5}},
	)
	return grafana.LibraryPanel{UID: uid, Name: name, FolderUID: folder, Model: model}
}

// listedPanel is a panel as the list has it.
func listedPanel(t *testing.T, o *grafana.OrgClient, uid string) grafana.LibraryPanel {
	t.Helper()
	for _, p := range have(o.LibraryPanels(t.Context()))(t) {
		if p.UID == uid {
			return p
		}
	}
	t.Fatalf("library panel %q is not listed", uid)
	return grafana.LibraryPanel{}
}

func (k contract) testKeptLibraryPanels(t *testing.T) {
	o := k.org(t)
	unified := k.major >= 12
	have(o.CreateFolder(t.Context(), grafana.Folder{UID: "fold", Title: "Folder"}))(t)
	_, err := o.LibraryPanel(t.Context(), "p")
	expect(t, "one that is missing", err, grafana.IsNotFound)
	for uid, folder := range map[string]string{"p": "fold", "root": ""} {
		made := have(o.CreateLibraryPanel(t.Context(), aPanel(uid, "Panel "+uid, folder, "first")))(t)
		_, err = o.CreateLibraryPanel(t.Context(), aPanel(uid, "Other", folder, "first"))
		expect(t, "the same uid", err, grafana.IsTaken)
		read := have(o.LibraryPanel(t.Context(), uid))(t)
		same(t, "what is told of the new one", []string{read.Digest, read.Digest},
			[]string{made.Digest, listedPanel(t, o, uid).Digest})
		same(t, "the folder that it is in", []string{folder, folder},
			[]string{read.FolderUID, listedPanel(t, o, uid).FolderUID})

		changed := aPanel(uid, "Panel "+uid, folder, "second")
		changed.Version = read.Version
		now := have(o.UpdateLibraryPanel(t.Context(), changed))(t)
		same(t, "its version", read.Version+1, now.Version)
		same(t, "what is told of the changed one", now.Digest, listedPanel(t, o, uid).Digest)
		same(t, "the folder after a change", []string{folder, folder},
			[]string{have(o.LibraryPanel(t.Context(), uid))(t).FolderUID, listedPanel(t, o, uid).FolderUID})
		_, err = o.UpdateLibraryPanel(t.Context(), changed)
		expect(t, "an old version", err, grafana.IsVersionMismatch)
	}
	_, err = o.CreateLibraryPanel(t.Context(), aPanel("same", "Panel p", "fold", "x"))
	if unified {
		must(t, err)
	} else {
		expect(t, "the same name", err, grafana.IsTaken)
	}
	_, err = o.CreateLibraryPanel(t.Context(), aPanel("q", "Panel q", "nowhere", "x"))
	if err == nil || grafana.IsTaken(err) {
		t.Errorf("in a folder that is missing: %v", err)
	}
}

func (k contract) testMovedLibraryPanels(t *testing.T) {
	o := k.org(t)
	unified := k.major >= 12
	for _, uid := range []string{"fold", "other"} {
		have(o.CreateFolder(t.Context(), grafana.Folder{UID: uid, Title: "Folder " + uid}))(t)
	}
	have(o.CreateLibraryPanel(t.Context(), aPanel("p", "Panel", "fold", "x")))(t)
	places := func() []string {
		return []string{have(o.LibraryPanel(t.Context(), "p"))(t).FolderUID, listedPanel(t, o, "p").FolderUID}
	}
	k.person(t, "PATCH", "/api/library-elements/p", o.ID(), map[string]any{"kind": 1, "version": 1})
	same(t, "no folder named", []string{"fold", "fold"}, places())
	k.person(t, "PATCH", "/api/library-elements/p", o.ID(), map[string]any{"kind": 1, "version": 2, "folderUid": ""})
	same(t, "none asked for", []string{"fold", "fold"}, places())
	k.person(
		t,
		"PATCH",
		"/api/library-elements/p",
		o.ID(),
		map[string]any{"kind": 1, "version": 3, "folderUid": "other"},
	)
	if unified {
		same(t, "another asked for", []string{"other", "fold"}, places())
	} else {
		same(t, "another asked for", []string{"other", "other"}, places())
	}
}

// testLibraryPanelsOfFoldersThatAreGone has one moved into a folder that is deleted then, and one in a folder in it.
func (k contract) testLibraryPanelsOfFoldersThatAreGone(t *testing.T) {
	o := k.org(t)
	unified := k.major >= 12
	for _, uid := range []string{"fold", "outer"} {
		have(o.CreateFolder(t.Context(), grafana.Folder{UID: uid, Title: "Folder " + uid}))(t)
	}
	made := have(o.CreateLibraryPanel(t.Context(), aPanel("moved", "Moved", "fold", "x")))(t)
	made.FolderUID = "outer"
	made = have(o.UpdateLibraryPanel(t.Context(), made))(t)
	nested := have(k.client.Settings(t.Context()))(t).NestedFolders()
	if nested {
		have(o.CreateFolder(t.Context(), grafana.Folder{UID: "inner", Title: "Inner", ParentUID: "outer"}))(t)
		have(o.CreateLibraryPanel(t.Context(), aPanel("inside", "Inside", "inner", "x")))(t)
	}
	must(t, o.DeleteFolder(t.Context(), "outer", false))

	_, err := o.LibraryPanel(t.Context(), "moved")
	if unified {
		expect(t, "one that was moved there", err, grafana.IsPanelFolderGone)
		same(t, "what the list says of it", made.Version, listedPanel(t, o, "moved").Version)
		made.FolderUID = "fold"
		have(o.UpdateLibraryPanel(t.Context(), made))(t)
		same(t, "its folder", "fold", have(o.LibraryPanel(t.Context(), "moved"))(t).FolderUID)
	} else {
		expect(t, "one that was moved there", err, grafana.IsNotFound)
	}
	_, err = o.LibraryPanel(t.Context(), "inside")
	expect(t, "one that was in a folder in it", err, grafana.IsNotFound)
	never := grafana.LibraryPanel{UID: "inside", Name: "Inside", Version: -1}
	_, err = o.UpdateLibraryPanel(t.Context(), never)
	if !nested {
		expect(t, "a version that none has of what is not there", err, grafana.IsNotFound)
		return
	}
	_, taken := o.CreateLibraryPanel(t.Context(), aPanel("inside", "Inside", "fold", "x"))
	if unified {
		must(t, taken)
		_, err = o.UpdateLibraryPanel(t.Context(), never)
	} else {
		expect(t, "making it again", taken, grafana.IsTaken)
	}
	expect(t, "a version that none has", err, grafana.IsVersionMismatch)
}

// testManyLibraryPanels has more than fit on a page, all of one name.
func (k contract) testManyLibraryPanels(t *testing.T) {
	o := k.org(t)
	for i := range 7 {
		uid := fmt.Sprint("fold", i)
		have(o.CreateFolder(t.Context(), grafana.Folder{UID: uid, Title: "Folder " + uid}))(t)
	}
	for i := range 105 {
		panel := aPanel(fmt.Sprint("p", i), fmt.Sprint("Panel ", i/7), fmt.Sprint("fold", i%7), "x")
		have(o.CreateLibraryPanel(t.Context(), panel))(t)
	}
	found := map[string]bool{}
	for _, p := range have(o.LibraryPanels(t.Context()))(t) {
		found[p.UID] = true
	}
	same(t, "all of them", 105, len(found))
}

// usingInSchema2 is a dashboard in schema v2 that uses library panel p.
const usingInSchema2 = `{"title":"Two","annotations":[],"cursorSync":"Off","editable":true,"elements":{"panel-1":{` +
	`"kind":"LibraryPanel","spec":{"id":1,"title":"Shared","libraryPanel":{"name":"Panel","uid":"p"}}}},"layout":{` +
	`"kind":"GridLayout","spec":{"items":[{"kind":"GridLayoutItem","spec":{"x":0,"y":0,"width":12,"height":8,` +
	`"element":{"kind":"ElementReference","name":"panel-1"}}}]}},"links":[],"preload":false,"tags":[],` +
	`"timeSettings":{"timezone":"browser","from":"now-6h","to":"now","autoRefresh":"","autoRefreshIntervals":["5s"],` +
	`"hideTimepicker":false,"fiscalYearStartMonth":0},"variables":[]}`

func (k contract) testUsedLibraryPanels(t *testing.T) {
	o := k.org(t)
	unified := k.major >= 12
	have(o.CreateLibraryPanel(t.Context(), aPanel("p", "Panel", "", "x")))(t)
	same(t, "users at first", []string{}, have(o.LibraryPanelUsers(t.Context(), "p"))(t))
	k.save(t, o, "user", map[string]any{"panels": []any{
		map[string]any{"id": 1, "libraryPanel": map[string]string{"uid": "p", "name": "Panel"}},
	}})
	k.save(t, o, "rows", map[string]any{"panels": []any{map[string]any{"id": 1, "type": "row", "collapsed": true,
		"panels": []any{map[string]any{"id": 2, "libraryPanel": map[string]string{"uid": "p", "name": "Panel"}}}}}})
	eventually(t, "both are told", func() bool { return len(have(o.LibraryPanelUsers(t.Context(), "p"))(t)) == 2 })
	if unified {
		content := ""
		keep := func(model []byte) { content = string(model) }
		have(o.SaveDashboardResource(t.Context(), "v2beta1", grafana.SaveDashboardResource{
			UID: "two", Message: "saved", Spec: json.RawMessage(usingInSchema2),
		}, keep))(t)
		have(o.ReadDashboard(t.Context(), "two", keep))(t)
		same(t, "the panel is in the content of one in schema v2", true, strings.Contains(content, `"uid":"p"`))
		same(t, "which is not told", 2, len(have(o.LibraryPanelUsers(t.Context(), "p"))(t)))
		must(t, o.DeleteDashboard(t.Context(), "two"))
	} else {
		expect(t, "in use", o.DeleteLibraryPanel(t.Context(), "p"), grafana.IsPanelInUse)
	}
	for _, uid := range []string{"user", "rows"} {
		must(t, o.DeleteDashboard(t.Context(), uid))
	}
	eventually(t, "none is told", func() bool { return len(have(o.LibraryPanelUsers(t.Context(), "p"))(t)) == 0 })
	must(t, o.DeleteLibraryPanel(t.Context(), "p"))
	gone := func(err error) bool { return grafana.IsNotFound(err) || unified && grafana.IsForbidden(err) }
	expect(t, "deleting it again", o.DeleteLibraryPanel(t.Context(), "p"), gone)
	_, err := o.LibraryPanelUsers(t.Context(), "p")
	expect(t, "users of none", err, gone)
	change := aPanel("p", "Panel", "", "x")
	change.Version = 1
	_, err = o.UpdateLibraryPanel(t.Context(), change)
	expect(t, "changing none", err, gone)
}
