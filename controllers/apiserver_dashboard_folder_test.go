package controllers_test

import (
	"fmt"
	"strings"
	"testing"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

func inPath(titles ...string) func(*v1alpha1.Dashboard) {
	return func(o *v1alpha1.Dashboard) { o.Spec.Folder = &v1alpha1.DashboardFolder{Path: titles} }
}

// pathOf is where a dashboard is in Grafana.
func (w *world) pathOf(org int64, dash *v1alpha1.Dashboard) string {
	var titles []string
	for uid := w.dash(org, dash.Status.UID).FolderUID; uid != ""; {
		f := find(w.grafana.Folders(org), func(f grafanatest.Folder) bool { return f.UID == uid })
		titles = append([]string{f.Title}, titles...)
		uid = f.ParentUID
	}
	return strings.Join(titles, "/")
}

// Folders on a path are made once, shared, found again by title, and stay when the dashboards go; an organization with
// no others can be deleted.
func TestAPIDashboardFolderPath(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{Version: "12.4.0"})
	team := ready(w, w.organization("team"))
	org := team.Status.OrgID
	w.ask("POST", "/api/folders", org, map[string]any{"uid": "theirs", "title": "Business"})
	first := w.dashboard("first", "team", `{"title": "First"}`, inPath("Business", "Sales", "Europe"))
	second := w.dashboard("second", "team", `{"title": "Second"}`, inPath("Business", "Sales"))
	for dash, want := range map[*v1alpha1.Dashboard]string{first: "Business/Sales/Europe", second: "Business/Sales"} {
		if ready(w, dash); w.pathOf(org, dash) != want {
			t.Errorf("%s is in %q", dash.Name, w.pathOf(org, dash))
		}
	}
	if all := w.grafana.Folders(org); len(all) != 3 {
		t.Errorf("folders: %+v", all)
	}
	var crowd []*v1alpha1.Dashboard
	for n := range 8 {
		crowd = append(
			crowd,
			w.dashboard(
				fmt.Sprint("crowd-", n),
				"team",
				fmt.Sprintf(`{"title": "Number %d"}`, n),
				inPath("Crowd", "Inner"),
			),
		)
	}
	for _, dash := range crowd {
		if ready(w, dash); w.pathOf(org, dash) != "Crowd/Inner" {
			t.Errorf("%s is in %q", dash.Name, w.pathOf(org, dash))
		}
		w.delete(dash)
		w.gone(dash)
	}
	if all := w.grafana.Folders(org); len(all) != 5 {
		t.Errorf("folders: %+v", all)
	}
	change(w, second, func() { second.Spec.Folder.Path = []string{"Elsewhere"} })
	if ready(
		w,
		second,
	); w.pathOf(org, second) != "Elsewhere" ||
		w.dash(org, second.Status.UID).Version != 2 && w.dash(org, second.Status.UID).Title != "Second" {
		t.Errorf("it is in %q: %+v", w.pathOf(org, second), w.dash(org, second.Status.UID))
	}
	deep := w.dashboard("deep", "team", `{"title": "Deep"}`, inPath("1", "2", "3", "4", "5", "6", "7", "8"))
	stalled(w, deep, v1alpha1.ReasonFolderRefused, "1/2/3/4/5/6")
	w.delete(first, second, deep)
	w.gone(first, second, deep)
	if all := w.grafana.Folders(org); len(all) < 4 {
		t.Errorf("folders went with their dashboards: %+v", all)
	}
	w.ask("DELETE", "/api/folders/theirs", org, nil)
	w.delete(team)
	w.gone(team)
}

// Of two folders of one title none is guessed.
func TestAPIDashboardFolderAmbiguous(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{Version: "12.4.0"})
	org := ready(w, w.organization("team")).Status.OrgID
	for _, uid := range []string{"one", "two"} {
		w.ask("POST", "/api/folders", org, map[string]any{"uid": uid, "title": "Twins"})
	}
	dash := w.dashboard("dash", "team", overview, inPath("Twins", "Child"))
	stalled(w, dash, v1alpha1.ReasonFolderAmbiguous, `"Twins"`, "by its uid")
	w.ask("DELETE", "/api/folders/two", org, nil)
	visit(w, dash)
	if ready(w, dash); w.pathOf(org, dash) != "Twins/Child" {
		t.Errorf("it is in %q", w.pathOf(org, dash))
	}
}

// A folder that only the database takes for the one on the path is told, where there cannot be both.
func TestAPIDashboardFolderThatTheDatabaseTakesForAnother(t *testing.T) {
	t.Parallel()
	for version, both := range map[string]bool{"10.4.3": false, "12.4.0": true} {
		for title, theirs := range map[string]string{"acme": "Acme", "Team 🚀": "Team 🔥", "Straße": "strasse"} {
			t.Run(version+" "+title, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, grafanatest.Options{Version: version, Database: grafanatest.MariaDB})
				org := ready(w, w.organization("team")).Status.OrgID
				w.ask("POST", "/api/folders", org, map[string]any{"uid": "theirs", "title": theirs})
				dash := w.dashboard("d", "team", overview, inPath(title))
				if both {
					ready(w, dash)
				} else {
					stalled(w, dash, v1alpha1.ReasonFolderRefused, fmt.Sprintf("%q", theirs), fmt.Sprintf("%q", title))
					change(w, dash, func() { dash.Spec.Folder.Path = []string{theirs} })
					ready(w, dash)
					title = theirs
				}
				if is := w.pathOf(org, dash); is != title {
					t.Errorf("it is in %q", is)
				}
			})
		}
	}
}

// Grafana 10.4 has folders in folders only behind a flag, and one title once in a folder.
func TestAPIDashboardFolderOld(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{Version: "10.4.3"})
	org := ready(w, w.organization("team")).Status.OrgID
	flat := ready(w, w.dashboard("flat", "team", `{"title": "One"}`, inPath("Flat")))
	if w.pathOf(org, flat) != "Flat" {
		t.Errorf("it is in %q", w.pathOf(org, flat))
	}
	nested := w.dashboard("nested", "team", `{"title": "Two"}`, inPath("Flat", "Nested"))
	stalled(w, nested, v1alpha1.ReasonFolderRefused, "Grafana 11")
	twin := w.dashboard("twin", "team", `{"title": "One"}`, inPath("Flat"))
	stalled(w, twin, v1alpha1.ReasonAlreadyExists, "title")
	if d := w.dash(org, flat.Status.UID); d == nil || d.Version != 1 || len(w.grafana.Dashboards(org)) != 1 {
		t.Errorf("the first became %+v", d)
	}
	change(w, twin, func() { twin.Spec.Source.JSON = new(`{"title": "Another"}`) })
	ready(w, twin)
	if all := w.grafana.Folders(org); len(all) != 1 {
		t.Errorf("folders: %+v", all)
	}

	old := newWorld(t, grafanatest.Options{Version: "10.4.3", NestedFolders: true})
	org = ready(old, old.organization("team")).Status.OrgID
	dash := ready(old, old.dashboard("nested", "team", overview, inPath("A", "B")))
	if old.pathOf(org, dash) != "A/B" {
		t.Errorf("with the flag it is in %q", old.pathOf(org, dash))
	}
}
